using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// Storage that copies one disk by itself, beside the copy engine: that one reads and hashes the source, and where it would write it waits
/// until the storage says that it has copied so far. What is declined is written by the engine.
/// </summary>
public sealed class Offload
{
    private readonly ITransferProvider? provider;
    private readonly TransferEnds ends;
    private readonly TransferReport chosen;
    private readonly bool mayFallBack;
    private readonly FlushedPart copied = new();
    private readonly BlockSet differing = new();
    private long offloadedBytes;
    private long repairedBytes;
    private long declinedAt = long.MaxValue;
    private string? declined;
    private string? how;
    private int isOver;

    private Offload(ITransferProvider? provider, TransferEnds ends, TransferReport chosen, bool mayFallBack)
    {
        this.provider = provider;
        this.ends = ends;
        this.chosen = chosen;
        this.mayFallBack = mayFallBack;
    }

    /// <summary>A copy that was made before, whose target is still to be proven.</summary>
    /// <param name="report">What became of it.</param>
    /// <param name="ends">The two places.</param>
    /// <param name="mayFallBack">Whether what differs may be repaired.</param>
    public static Offload Finished(TransferReport report, TransferEnds ends, bool mayFallBack) => new(null, ends, report, mayFallBack) { isOver = 1 };

    /// <summary>Chooses who copies: of the plan's, or the fastest that can.</summary>
    /// <param name="plan">Who is wanted.</param>
    /// <param name="ends">The two places; both exist.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">The one that is wanted cannot (SL4281), or is unknown (SL4282).</exception>
    public static Task<Offload> ChooseAsync(TransferPlan plan, TransferEnds ends, CancellationToken cancel) => ChooseAsync(plan, TransferPlan.Providers, ends, cancel);

    /// <summary>The same of other providers, the fastest first.</summary>
    internal static async Task<Offload> ChooseAsync(TransferPlan plan, IReadOnlyList<ITransferProvider> providers, TransferEnds ends, CancellationToken cancel)
    {
        var passedOver = new List<TransferPassedOver>();
        if (plan.Name == TransferPlan.Stream) return new Offload(null, ends, new TransferReport(TransferPlan.Stream, [.. providers.Select(p => new TransferPassedOver(p.Name, "stream was asked for"))]), plan.MayFallBack);
        if (plan.Name != TransferPlan.Auto && providers.All(p => p.Name != plan.Name)) throw TransferErrors.Unknown(plan.Name);
        foreach (var provider in providers)
        {
            if (plan.Name != TransferPlan.Auto && provider.Name != plan.Name)
            {
                passedOver.Add(new TransferPassedOver(provider.Name, $"{plan.Name} was asked for"));
                continue;
            }

            var fitness = await provider.LookAsync(ends, cancel);
            if (plan.Name != TransferPlan.Auto && fitness.WhyNot is { } impossible) throw TransferErrors.Cannot(plan.Name, ends, impossible);
            var why = fitness.WhyNot ?? (plan.Name == TransferPlan.Auto ? fitness.WhyNotUnasked : null);
            if (why is null) return new Offload(provider, ends, new TransferReport(provider.Name, passedOver), plan.MayFallBack);
            passedOver.Add(new TransferPassedOver(provider.Name, why));
        }

        return new Offload(null, ends, new TransferReport(TransferPlan.Stream, passedOver), plan.MayFallBack);
    }

    /// <summary>Who copies, and so far what became of it.</summary>
    public TransferReport Report => chosen with
    {
        How = how ?? chosen.How,
        OffloadedBytes = chosen.OffloadedBytes + Interlocked.Read(ref offloadedBytes),
        DeclinedAt = declined is null ? chosen.DeclinedAt : declinedAt,
        Declined = declined ?? chosen.Declined,
        RepairedBytes = chosen.RepairedBytes + repairedBytes,
    };

    /// <summary>Whether the storage is asked to copy, or has copied.</summary>
    internal bool IsNeeded => chosen.IsOffload;

    /// <summary>Whether the storage makes a file of its own, which is to be the target: <see cref="MakeAsync"/> comes before the target is opened.</summary>
    public bool MakesFile => provider is IFileMaker;

    /// <summary>
    /// Whether nothing is copied by the storage any more. Before, nothing is read back: a storage that writes to the wrong place would
    /// spoil what was proven.
    /// </summary>
    internal bool IsOver => !IsNeeded || Volatile.Read(ref isOver) != 0;

    /// <summary>The blocks that a read-back found different, however many.</summary>
    internal BlockSet Differing => differing;

    /// <summary>Demands that what differs may be repaired.</summary>
    /// <exception cref="SealiftException">SL4284.</exception>
    internal void DemandRepair(ReadBackResult found)
    {
        if (IsNeeded && !mayFallBack) throw TransferErrors.Lied(chosen.Used, ends.Target.Name ?? "the target", found.MismatchedBytes, found.Mismatches[0].Range);
    }

    /// <summary>Tells what was repaired.</summary>
    internal void Repaired(long bytes) => repairedBytes += bytes;

    /// <summary>Lets the storage make the file that is to be the target. Where it does not, the engine copies into the one that is there.</summary>
    /// <param name="keeper">Writes down what is made.</param>
    /// <param name="progress">Told of it.</param>
    /// <param name="cancel">Stops it; what was planned and not gone is taken back when it is gone on with.</param>
    /// <exception cref="DiskAccessException">It failed (SL4215).</exception>
    /// <exception cref="SealiftException">It declined, and nobody may do it instead (SL4283).</exception>
    public async Task MakeAsync(IMadeFileKeeper keeper, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(keeper);
        if (provider is not IFileMaker maker) return;
        var file = maker.Plan(ends);
        var (target, whole) = (ends.Target.Path ?? "the target", new DiskRange(0, ends.Target.LengthBytes));
        keeper.Planned(file);
        string? said;
        try
        {
            said = await maker.MakeAsync(ends, file, progress is null ? null : new Share(progress, whole.LengthBytes), cancel);
        }
        catch (PosixException e)
        {
            throw TransferErrors.Failed(chosen.Used, target, whole, e);
        }
        catch (OperationCanceledException)
        {
            // Nobody listens to it any more, and so it ends; that is waited for. It stays written down: whoever goes on looks again, and begins anew.
            _ = await maker.EndAsync(file, CancellationToken.None); // that it could not be seen to end is found then
            throw;
        }

        if (said is null)
        {
            keeper.Adopt(file);
            keeper.Gone(file);
            return;
        }

        var left = await maker.EndAsync(file, cancel);
        if (!mayFallBack) throw TransferErrors.Declined(chosen.Used, target, whole, said);
        // What cannot be ended now stays written down. It has another file open than the one that is copied to.
        if (left is null) keeper.Gone(file);
        DeclineAll(left is null ? said : $"{said}; what it made may still be there, as {file.There}: {left}");
    }

    /// <summary>
    /// Lets the storage copy a disk that somebody still writes to. What arrives is of no one point in time: it is worth what the copy
    /// engine finds in it (<see cref="CopyOptions.Prefilled"/>), and that says what of it was of use.
    /// </summary>
    /// <param name="target">What errors call the target.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>What it said where it did not copy all of it; null where it has.</returns>
    /// <exception cref="SealiftException">It failed (SL4215), or declined and nobody may do it instead (SL4283).</exception>
    public async Task<string?> PrefillAsync(string target, CancellationToken cancel)
    {
        await RunAsync(WholeAsync(), target, cancel);
        return declined;

        // In pieces: one call cannot be stopped, and holds up whoever writes to the source.
        async IAsyncEnumerable<DiskRange> WholeAsync()
        {
            await Task.CompletedTask;
            const long Piece = 1L << 30;
            for (long at = 0; at < ends.Source.LengthBytes; at += Piece) yield return new DiskRange(at, Math.Min(Piece, ends.Source.LengthBytes - at));
        }
    }

    /// <summary>Goes on with a copy of an earlier run, which was not made by the storage: the engine copies what is left.</summary>
    /// <exception cref="SealiftException">Nobody may copy it but the storage (SL4283).</exception>
    public void GoOnWithout()
    {
        const string Said = "an earlier run has copied a part of the disk by stream";
        if (!mayFallBack) throw TransferErrors.Declined(chosen.Used, ends.Target.Path ?? "the target", new DiskRange(0, ends.Target.LengthBytes), Said);
        DeclineAll(Said);
    }

    /// <summary>Sees that nobody works any more on a file that an earlier run planned, and removes it at its maker's.</summary>
    /// <param name="file">What that run wrote down.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Why that cannot be said; null where it can.</returns>
    public static Task<string?> EndAsync(MadeFile file, CancellationToken cancel) => EndAsync(file, TransferPlan.Providers, cancel);

    /// <summary>The same by other providers.</summary>
    internal static async Task<string?> EndAsync(MadeFile file, IReadOnlyList<ITransferProvider> providers, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(file);
        return providers.FirstOrDefault(p => p.Name == file.Provider) is IFileMaker maker ? await maker.EndAsync(file, cancel) : $"there is no {file.Provider} in this version";
    }

    /// <summary>The same, where it has to be said before anything else is done.</summary>
    /// <exception cref="SealiftException">SL4293.</exception>
    public static Task TakeBackAsync(MadeFile file, CancellationToken cancel) => TakeBackAsync(file, TransferPlan.Providers, cancel);

    /// <summary>The same by other providers.</summary>
    internal static async Task TakeBackAsync(MadeFile file, IReadOnlyList<ITransferProvider> providers, CancellationToken cancel)
    {
        if (await EndAsync(file, providers, cancel) is { } why) throw EsxiErrors.StillThere(file, why);
    }

    /// <summary>Lets the storage copy, piece by piece, until all is copied, or one is declined.</summary>
    /// <param name="pieces">What is to be copied, in order.</param>
    /// <param name="target">What errors call the target.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">It failed (SL4215).</exception>
    /// <exception cref="SealiftException">It declined, and nobody may do it instead (SL4283).</exception>
    internal async Task RunAsync(IAsyncEnumerable<DiskRange> pieces, string target, CancellationToken cancel)
    {
        if (IsOver) return; // it has declined all of it
        try
        {
            await using var transfer = await provider!.OpenAsync(ends, cancel);
            try
            {
                await CopyAsync(transfer, pieces, target, cancel);
            }
            finally
            {
                how = transfer.How;
            }
        }
        catch (PosixException e) when (e.Call == SystemCalls.Close.Name)
        {
            throw DiskErrors.FlushFailed(target, ends.Target.LengthBytes, e); // of the target it may tell of lost writes
        }

        Volatile.Write(ref isOver, 1);
        copied.Advance(long.MaxValue);
    }

    /// <summary>Waits until the storage has copied a range, or will not.</summary>
    /// <returns>Whether it has.</returns>
    internal async ValueTask<bool> HasCopiedAsync(DiskExtent range, CancellationToken cancel)
    {
        if (!IsNeeded) return false;
        _ = await copied.WaitBeyondAsync(range.End - 1, cancel); // how far it goes by now is of no interest
        return range.End <= Interlocked.Read(ref declinedAt);
    }

    /// <summary>Waits until the storage copies nothing any more.</summary>
    internal async ValueTask WaitUntilOverAsync(CancellationToken cancel)
    {
        if (IsNeeded) _ = await copied.WaitBeyondAsync(long.MaxValue - 1, cancel); // it goes to the end
    }

    private void DeclineAll(string said)
    {
        Interlocked.Exchange(ref declinedAt, 0);
        declined = said;
        Volatile.Write(ref isOver, 1);
        copied.Advance(long.MaxValue);
    }

    private async Task CopyAsync(ITransfer transfer, IAsyncEnumerable<DiskRange> pieces, string target, CancellationToken cancel)
    {
        DiskRange? waiting = null;
        await foreach (var piece in pieces.WithCancellation(cancel))
        {
            if (waiting is { } range && range.End == piece.Offset && range.LengthBytes + piece.LengthBytes <= transfer.RangeBytes)
            {
                waiting = range with { LengthBytes = range.LengthBytes + piece.LengthBytes };
                continue;
            }

            if (waiting is { } whole && !await CopyAsync(transfer, whole, target, cancel)) return;
            waiting = piece;
        }

        if (waiting is { } last) _ = await CopyAsync(transfer, last, target, cancel); // false: the engine does it, as it does the rest of any other
    }

    /// <returns>Whether the storage goes on.</returns>
    private async Task<bool> CopyAsync(ITransfer transfer, DiskRange range, string target, CancellationToken cancel)
    {
        string? said;
        var reached = new Reached(copied, range.Offset);
        try
        {
            // On another thread: a call may take minutes.
            said = await Task.Run(async () => await transfer.CopyAsync(range, reached, cancel), cancel);
        }
        catch (SealiftException e)
        {
            throw TransferErrors.Failed(chosen.Used, target, range, e);
        }

        if (said is null)
        {
            Interlocked.Add(ref offloadedBytes, range.LengthBytes);
            copied.Advance(range.End);
            return true;
        }

        if (!mayFallBack) throw TransferErrors.Declined(chosen.Used, target, range, said);
        Interlocked.Add(ref offloadedBytes, reached.End - range.Offset);
        Interlocked.Exchange(ref declinedAt, reached.End);
        declined = said;
        return false;
    }

    /// <summary>Bytes of the disk, told as progress of it.</summary>
    private sealed class Share(IProgress<DiskProgress> progress, long totalBytes) : IProgress<long>
    {
        public void Report(long value) => progress.Report(new DiskProgress(value, totalBytes, value));
    }

    /// <summary>How far a range was copied for sure: who waits for that goes on, whatever becomes of the rest.</summary>
    private sealed class Reached(FlushedPart copied, long start) : IProgress<long>
    {
        private long bytes;

        public long End => start + Interlocked.Read(ref bytes);

        public void Report(long value)
        {
            Interlocked.Exchange(ref bytes, value);
            copied.Advance(End);
        }
    }
}
