using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A copy of one disk as it was asked for.</summary>
/// <param name="Source">What is copied.</param>
/// <param name="Target">Where to.</param>
/// <param name="Parameters">Of the blkhash.</param>
public sealed record CopyRequest(CopySource Source, CopyTarget Target, BlkhashParameters Parameters)
{
    /// <summary>Whether the target is read back.</summary>
    public bool Prove { get; init; } = true;

    /// <summary>Where the block map is kept in the end; null: nowhere.</summary>
    public string? MapPath { get; init; }

    /// <summary>What is done about an earlier copy to the same target that was not finished.</summary>
    public CopyStart Start { get; init; }

    /// <summary>Who copies it.</summary>
    public TransferPlan Transfer { get; init; } = TransferPlan.Default;

    /// <summary>Who can be asked, the fastest first.</summary>
    internal IReadOnlyList<ITransferProvider> Providers { get; init; } = TransferPlan.Providers;

    /// <summary>How the bytes are copied.</summary>
    public CopyOptions Options { get; init; } = CopyOptions.Default;
}

/// <summary>What a finished copy established.</summary>
/// <param name="Root">S, the blkhash of the source as it was read, in lower-case hex.</param>
/// <param name="LengthBytes">The disk's length in bytes.</param>
/// <param name="Copied">What was copied; null where an interrupted copy had only to be tidied up.</param>
/// <param name="CacheBypass">How the page cache was bypassed in the read-back; null where nothing was read back, and the target is not proven.</param>
/// <param name="Repaired">The ranges that read back different once and were copied again.</param>
/// <param name="NotRemoved">Why the directory of the copy stayed behind, where it did: the target stands all the same.</param>
public sealed record CopyReport(string Root, long LengthBytes, CopyResult? Copied, string? CacheBypass, IReadOnlyList<Mismatch> Repaired, string? NotRemoved)
{
    /// <summary>Where the time went; null where an interrupted copy had only to be tidied up.</summary>
    public StageReport? Performance { get; init; }

    /// <summary>Who copied it; null where an interrupted copy had only to be tidied up.</summary>
    public TransferReport? Transfer { get; init; }
}

/// <summary>Who is told how a copy goes on.</summary>
public interface ICopyObserver
{
    /// <summary>From here on the target is written, and a failure leaves something that can be resumed.</summary>
    void Begun(CopyTarget target, bool resumed, long lengthBytes);

    /// <summary>Who copies, and why nobody faster does; right after <see cref="Begun"/>.</summary>
    void Transfers(TransferReport chosen)
    {
    }

    /// <summary>Who is told the progress of a stage: <c>copy</c> or <c>read-back</c>.</summary>
    IProgress<DiskProgress>? Progress(string stage);

    /// <summary>A range read back different and is copied again.</summary>
    void Differs(Mismatch mismatch);
}

/// <summary>
/// One disk from source to proven target: copied with its hash, flushed, read back past the page cache, closed, and only then
/// given its name. It can be killed at any instant: what it leaves is continued by <see cref="CopyStart.Resume"/>.
/// </summary>
public static class ProvenCopy
{
    /// <summary>Runs it to its end.</summary>
    /// <param name="request">What and how.</param>
    /// <param name="observer">Told how it goes on.</param>
    /// <param name="cancel">Stops it; it can be resumed.</param>
    /// <exception cref="SealiftException">Before <see cref="ICopyObserver.Begun"/>: nothing was changed. After it: the target is not proven, and has not got its name.</exception>
    public static async Task<CopyReport> RunAsync(CopyRequest request, ICopyObserver observer, CancellationToken cancel)
    {
        var (source, target) = (request.Source, request.Target);
        await using var reader = await source.OpenAsync(cancel);
        await target.IdentifyAsync(cancel);
        var record = CopyRecord.Of(source, reader.LengthBytes, target, request.Parameters);
        if (source.Name == target.Name) throw CopyErrors.TargetIsSource(target.Name, source.Name);
        if (target.Existing is { } existing && source.Files.FirstOrDefault(existing.Overlaps) is { } same) throw CopyErrors.TargetIsSource(target.Name, same.Path);
        if (source.Unit is { } from && target.Unit is { } to && from.MayBe(to)) throw CopyErrors.SameUnit(target.Name, source.Name, to.Identity.Name);
        if (request.MapPath is { } map && request.Start != CopyStart.Resume && FileFacts.OfPathIfExists(map) is not null)
            throw CopyErrors.TargetRefused(map, "the file for the block map exists", "Name a new file with --map");

        using var work = CopyWork.Open(target, request.Start, clears: false);
        var run = new Run(request, work, observer);
        if (request.Start == CopyStart.Restart) await run.ThrowAwayAsync(cancel);
        try
        {
            if (await run.PrepareAsync(record, cancel) is { } finished) return finished;
            await run.LookAtTargetAsync(reader.LengthBytes, cancel);
            await run.ChooseTransferAsync(reader.LengthBytes, cancel);
        }
        catch when (request.Start != CopyStart.Resume)
        {
            // Nothing was copied: nothing is left either.
            try
            {
                work.Remove();
            }
            catch (PosixException)
            {
                // What is reported is why the copy could not begin; what is left of it, --resume and --restart find and remove.
            }

            throw;
        }

        observer.Begun(target, run.IsResumed, reader.LengthBytes);
        observer.Transfers(run.Transfer);
        return await run.CopyAsync(reader, cancel);
    }

    private sealed class Run(CopyRequest request, CopyWork work, ICopyObserver observer) : IMadeFileKeeper
    {
        private readonly CopySource source = request.Source;
        private readonly CopyTarget target = request.Target;
        private readonly StageMeter stages = new(request.Options.Workers);
        private CopyRecord record = null!;
        private Offload offload = null!;
        private IProgress<DiskProgress>? readBackProgress;

        public bool IsResumed { get; private set; }

        public TransferReport Transfer => offload.Report;

        private FileTarget? NewFile => target as FileTarget;

        // Asked for once: the target may be read more than once.
        private IProgress<DiskProgress>? ReadBackProgress => readBackProgress ??= observer.Progress("read-back");

        /// <summary>Makes what the copy needs, or finds what an interrupted one left. Returns a report where that one was finished but for its tidying up.</summary>
        public async Task<CopyReport?> PrepareAsync(CopyRecord now, CancellationToken cancel)
        {
            if (CopyRecord.Read(work.RecordPath) is { } before)
            {
                before.DemandSame(now, work.RecordPath);
                record = before;
                if (IsFinished(before) is { } proof) return new CopyReport(proof.Root, before.SourceBytes, null, proof.CacheBypass, [], await TidyUpAsync());
                var begun = before.Making is null;
                if (before.Making is { } file)
                {
                    // Whoever still works on it comes before anything else.
                    await Offload.TakeBackAsync(file, request.Providers, cancel);
                    begun = HasBegun(before);
                    Gone(file);
                }

                // Without its map, or without the file, there is nothing to go on with: it is begun anew.
                IsResumed = begun && FileFacts.OfPathIfExists(work.MapPath) is not null && IsMade(before);
            }
            else if (request.Start == CopyStart.Resume && NewFile is { Replace: false } && FileFacts.OfPathIfExists(target.Name) is not null && work.IsEmpty)
            {
                // Killed between its very last two calls: the file has its name, and an empty directory was left.
                work.Remove();
                throw CopyErrors.NothingToResume(target.Name);
            }

            if (NewFile is { Replace: false } && FileFacts.OfPathIfExists(target.Name) is not null)
                throw CopyErrors.TargetRefused(target.Name, "a file of this name exists", "Choose another name, or pass --overwrite: it is then replaced after the copy is proven");
            if (!IsResumed) await MakeAsync(now, cancel);
            return null;
        }

        /// <summary>Refuses a target that is a part of something larger, once: before the first byte is written to it.</summary>
        public async Task LookAtTargetAsync(long lengthBytes, CancellationToken cancel)
        {
            if (!target.IsInPlace || record.IsLookedAt) return;
            await StorageMembership.DemandNoneAsync(c => target.OpenUncachedAsync(work, lengthBytes, c), cancel);
            Write(record with { IsLookedAt = true });
        }

        /// <summary>Chooses who copies, or refuses the one who was asked for, before anything is written.</summary>
        public async Task ChooseTransferAsync(long lengthBytes, CancellationToken cancel)
        {
            var ends = new TransferEnds(source.PlaceOf(lengthBytes), target.PlaceOf(work, lengthBytes), request.Parameters.BlockBytes, request.Options.Bandwidth is not null) { Esxi = request.Transfer.Esxi };
            offload = await Offload.ChooseAsync(request.Transfer, request.Providers, ends, cancel);
        }

        public async Task<CopyReport> CopyAsync(IDiskReader reader, CancellationToken cancel)
        {
            CopyResult copied;
            ReadBackResult? found = null;
            FileIdentity? closed = null;
            if (offload.MakesFile) await MakeFileAsync(cancel);
            using (var map = BlockMap.OpenForUpdate(work.MapPath))
            {
                if (map.LengthBytes != record.SourceBytes || map.Parameters != request.Parameters) throw CopyErrors.BadRecord(work.MapPath, "the block map is of another disk");
                var options = request.Options with
                {
                    Resume = IsResumed,
                    // Only a file that was just made reads as zeros where nothing was written; what an interrupted copy wrote last is not known.
                    TargetReadsZeroes = !IsResumed && !target.IsInPlace,
                    // A source that does not show its changes is read again where it was copied before, and compared with the map.
                    CompareKnown = !source.ShowsChanges,
                    Offload = offload,
                    Stages = stages,
                };
                await using var writer = await target.OpenWriteAsync(work, reader.LengthBytes, cancel);
                // Where the target can be read by somebody else while it is written, its flushed parts are proven meanwhile.
                await using var proving = request.Prove ? await target.OpenUncachedWhileWrittenAsync(work, reader.LengthBytes, cancel) : null;
                (copied, found) = await DiskCopy.RunBesideReadBackAsync(
                    reader,
                    writer,
                    proving,
                    map,
                    null,
                    options,
                    () => closed = NewFile is null ? null : FileIdentity.Of(work.DiskPath),
                    observer.Progress("copy"),
                    proving is null ? null : ReadBackProgress,
                    cancel);
                map.Close();
            }

            // What closing the source says comes before the target has its name: afterwards there would be nothing left to go on with.
            await reader.DisposeAsync();
            source.VerifyUnchanged();
            var root = Convert.ToHexStringLower(copied.Root);
            var proof = request.Prove ? await ProveAsync(found, closed, cancel) : null;
            source.VerifyUnchanged();
            if (request.MapPath is { } mapPath) Keep(mapPath, copied.Root);
            if (NewFile is { } file) PosixPath.Rename(work.DiskPath, target.Name, file.Replace);
            return new CopyReport(root, record.SourceBytes, copied, proof?.Found.CacheBypass, proof?.Repaired ?? [], await TidyUpAsync()) { Performance = stages.Report(), Transfer = offload.Report };
        }

        /// <inheritdoc/>
        public void Planned(MadeFile file) => Write(record with { Making = file });

        /// <inheritdoc/>
        public void Adopt(MadeFile file)
        {
            // Before it has the name: whichever of the two a crash leaves there, the record says whether it is the one that is meant.
            Write(record with { Made = FileIdentity.Of(file.Path), IsMadeByStorage = true });
            PosixPath.Rename(file.Path, work.DiskPath, replace: true);
        }

        /// <inheritdoc/>
        public void Gone(MadeFile file)
        {
            foreach (var path in file.All) _ = PosixPath.RemoveFile(path); // false: its maker has removed it, or never made it
            Write(record with { Making = null });
        }

        /// <summary>Ends what an earlier run asked the storage to make, and throws away all that it left.</summary>
        public async Task ThrowAwayAsync(CancellationToken cancel)
        {
            if (MakingOfDamaged() is { } file) await Offload.TakeBackAsync(file, request.Providers, cancel);
            work.Clear();
        }

        /// <summary>What a record says that is thrown away; null where it says nothing, or cannot be read, which is why it may be thrown away.</summary>
        private MadeFile? MakingOfDamaged()
        {
            try
            {
                return CopyRecord.Read(work.RecordPath)?.Making;
            }
            catch (SealiftException e) when (e is not PosixException)
            {
                return null; // a damaged record says nothing of it, and to begin anew is the way out of that
            }
        }

        /// <summary>Whether anything was copied into the file of a copy for which the storage was asked to make one.</summary>
        private bool HasBegun(CopyRecord before)
        {
            if (before.Made is not { } made || FileFacts.OfPathIfExists(work.MapPath) is null || FileFacts.OfPathIfExists(work.DiskPath) is null || !FileIdentity.Of(work.DiskPath).IsSameFileAs(made)) return false;
            using var map = BlockMap.Open(work.MapPath);
            return map.UnknownBlocks < map.BlockCount;
        }

        /// <summary>Lets the storage make the file, unless that was done, or the engine has begun to.</summary>
        private async Task MakeFileAsync(CancellationToken cancel)
        {
            if (!IsResumed) await offload.MakeAsync(this, observer.Progress("clone"), cancel);
            else if (!record.IsMadeByStorage) offload.GoOnWithout();
        }

        private void Write(CopyRecord now)
        {
            now.Write(work.RecordPath);
            record = now;
        }

        /// <summary>Removes the directory of the copy. The target is whole, proven and has its name by now: what cannot be removed does not undo that, and is told.</summary>
        private async Task<string?> TidyUpAsync()
        {
            try
            {
                if (record.Making is { } file)
                {
                    if (await Offload.EndAsync(file, request.Providers, CancellationToken.None) is { } why)
                        return $"{ImageErrors.Printable(file.Host)} may still hold a clone that was not used, {file.There}: {why}. The same command with --resume looks for it again; {work.Directory} stays until it is gone";
                    Gone(file);
                }

                work.Remove();
                return null;
            }
            catch (SealiftException e)
            {
                return $"{work.Directory} could not be removed and may be removed by hand ({e.Code}: cannot {e.Attempt}: {e.Subject}: {e.Said})";
            }
        }

        /// <param name="found">What was read back while the disk was copied; null where nothing was.</param>
        /// <param name="closed">The file as it was when its last byte had been written.</param>
        /// <param name="cancel">Cancels it.</param>
        private async Task<TargetProofResult> ProveAsync(ReadBackResult? found, FileIdentity? closed, CancellationToken cancel)
        {
            if (closed is not null && found is not null && FileIdentity.Of(work.DiskPath).ChangeSince(closed) is { } change)
            {
                // A server of SMB may say some time after a write, and when the file is closed, that it was written to.
                // Whether that was our write cannot be told: nothing of it counts as read back, and all of it is read once more.
                if (!FileSystemKind.Of(work.DiskPath).IsOfSmb) throw DiskErrors.Changed(target.Name, $"it {change} while it was read back");
                found = null;
            }

            // Measured before the first byte is read: a write during the reading, or after it, is not covered by the proof.
            var proven = closed;
            using var map = BlockMap.Open(work.MapPath);
            var proof = await TargetProof.RunAsync(
                source.OpenAsync,
                c => target.OpenWriteAsync(work, record.SourceBytes, c),
                c =>
                {
                    proven = NewFile is null ? null : FileIdentity.Of(work.DiskPath);
                    return target.OpenUncachedAsync(work, record.SourceBytes, c);
                },
                map,
                found,
                null,
                request.Options with { Offload = offload, Stages = stages },
                observer.Differs,
                ReadBackProgress,
                cancel);
            record = record with { Proof = new CopyProof(Convert.ToHexStringLower(proof.Found.Root), proof.Found.CacheBypass, proven) };
            record.Write(work.RecordPath);
            return proof;
        }

        private async Task MakeAsync(CopyRecord now, CancellationToken cancel)
        {
            work.Clear();
            record = now;
            record.Write(work.RecordPath); // before anything else: what is found here later is ours
            if (NewFile is not null) await DiskImage.CreateAsync(work.DiskPath, target.Format, record.SourceBytes, cancel);
            else await (await target.OpenWriteAsync(work, record.SourceBytes, cancel)).DisposeAsync(); // too short, in use, read-only: said before anything is written
            using (var map = BlockMap.Create(work.MapPath, record.SourceBytes, request.Parameters)) map.Close();
            record = record with { Made = NewFile is null ? target.Existing : FileIdentity.Of(work.DiskPath) };
            record.Write(work.RecordPath);
        }

        /// <summary>Whether the file or the device that a record names is still the one that the copy was writing to.</summary>
        private bool IsMade(CopyRecord before)
        {
            // Of a unit, the record says who it was. Nothing of such a target is made; that it was looked at was written down when the map was whole.
            if (target is NbdTarget or ScsiTarget) return before.IsLookedAt;
            if (before.Made is not { } made) return false;
            var path = NewFile is null ? target.Name : work.DiskPath;
            if (FileFacts.OfPathIfExists(path) is null) return false;
            if (!FileIdentity.Of(path).IsSameFileAs(made)) throw CopyErrors.BadRecord(path, "it is not the file that the copy made");
            return true;
        }

        /// <summary>The proof, where the file has its final name and was not touched since it was proven. Of devices and exports a proof names no file.</summary>
        private CopyProof? IsFinished(CopyRecord before) =>
            before.Proof is { Proven: { } proven } proof && FileFacts.OfPathIfExists(work.DiskPath) is null && FileFacts.OfPathIfExists(target.Name) is not null
            && FileIdentity.Of(target.Name).ChangeSince(proven) is null ? proof : null;

        /// <summary>Puts the map where it was asked for, durably; it may be there from an earlier run that was killed right after.</summary>
        private void Keep(string mapPath, byte[] root)
        {
            if (FileFacts.OfPathIfExists(mapPath) is not null)
            {
                using var there = BlockMap.Open(mapPath);
                if (there.IsComplete && there.Root().AsSpan().SequenceEqual(root)) return;
                throw CopyErrors.TargetRefused(mapPath, "the file for the block map exists, and is of another disk", "Move it away, then resume");
            }

            var half = mapPath + CopyWork.Suffix;
            using var map = BlockMap.Open(work.MapPath);
            _ = PosixPath.RemoveFile(half); // false: no earlier run was killed right here
            using (var copy = BlockMap.CreateCopy(half, map)) copy.Close();
            PosixPath.Rename(half, mapPath, replace: false);
        }
    }
}
