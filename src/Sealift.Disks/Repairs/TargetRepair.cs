using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A repair of one disk as it was asked for.</summary>
/// <param name="Target">What is repaired, in place.</param>
/// <param name="Source">What the target is a copy of.</param>
/// <param name="Map">The complete block map of that copy.</param>
public sealed record RepairRequest(RepairTarget Target, CopySource Source, BlockMap Map)
{
    /// <summary>Whether nothing is written: what differs is told, and whether the source could repair it.</summary>
    public bool CheckOnly { get; init; }

    /// <summary>How the bytes are read and written; <see cref="CopyOptions.MismatchLimit"/> is how many ranges are told one by one, not how many are repaired.</summary>
    public CopyOptions Options { get; init; } = CopyOptions.Default;
}

/// <summary>What a repair established.</summary>
/// <param name="Root">The blkhash of the target as it was read back last, in lower-case hex.</param>
/// <param name="LengthBytes">The disk's length in bytes.</param>
/// <param name="DifferingBytes">The bytes in blocks that differed at first.</param>
/// <param name="RewrittenBytes">Bytes that were copied once more; 0 where it was only looked.</param>
/// <param name="IsEqual">Whether the target, as it was read back last, is what the map says.</param>
/// <param name="CacheBypass">How the page cache was bypassed.</param>
public sealed record RepairReport(string Root, long LengthBytes, long DifferingBytes, long RewrittenBytes, bool IsEqual, string CacheBypass);

/// <summary>Who is told how a repair goes on.</summary>
public interface IRepairObserver
{
    /// <summary>The target is of the right length and can be written; now it is read back.</summary>
    void Begun(long lengthBytes);

    /// <summary>Who is told the progress of a read-back of the target.</summary>
    IProgress<DiskProgress>? Progress(string stage);

    /// <summary>A range differs.</summary>
    void Differs(Mismatch mismatch);

    /// <summary>More ranges differ than were told one by one: so many bytes in all.</summary>
    void DiffersMore(long differingBytes);

    /// <summary>The source has everything that is needed; from here on the target is written.</summary>
    void Writing(long differingBytes);
}

/// <summary>
/// Copies those ranges of a target once more that are not what the map of its copy says, and proves the whole target. It keeps no
/// record: the map says what is right, so whatever a kill left half done is found and repaired by the next run.
/// </summary>
public static class TargetRepair
{
    /// <summary>Reads the target back, copies what differs, and returns only where the whole target reads back as the map says, or where it was only to be looked.</summary>
    /// <param name="request">What and how.</param>
    /// <param name="observer">Told how it goes on.</param>
    /// <param name="cancel">Stops it; it can be run again.</param>
    /// <exception cref="SealiftException">Before <see cref="IRepairObserver.Writing"/>: nothing was changed. After it: the target is not proven.</exception>
    public static async Task<RepairReport> RunAsync(RepairRequest request, IRepairObserver observer, CancellationToken cancel)
    {
        var (target, source, map, options) = (request.Target, request.Source, request.Map, request.Options);
        if (source.Name == target.Name) throw CopyErrors.TargetIsSource(target.Name, source.Name);
        if (target.Identity is { } identity && source.Files.FirstOrDefault(identity.IsSameFileAs) is { } same) throw CopyErrors.TargetIsSource(target.Name, same.Path);
        target.DemandLength(map.Path, map.LengthBytes);
        await using var reader = LimitedDisk.Of(await source.OpenAsync(cancel), options.Bandwidth);
        if (reader.LengthBytes != map.LengthBytes) throw RepairErrors.SourceLength(source.Name, reader.LengthBytes, map.Path, map.LengthBytes);

        using var held = request.CheckOnly ? null : target.Hold();
        if (!request.CheckOnly) await DemandWritableAsync();
        observer.Begun(map.LengthBytes);
        var differing = new BlockSet();
        var first = await ReadBackAsync(options with { OnDifferingBlock = differing.Add });
        if (first.IsEqual) return Report(first, 0);

        var told = first.Mismatches.Count == 0 ? [] : await MismatchPlace.LocateAsync(reader, OpenUncachedAsync, map, first.Mismatches, cancel);
        foreach (var mismatch in told) observer.Differs(mismatch);
        if (first.MismatchesOmitted) observer.DiffersMore(first.MismatchedBytes);
        var ranges = differing.Ranges(map.BlockBytes, map.LengthBytes);
        await DemandSourceAsync(reader, map, ranges, options, cancel);
        if (request.CheckOnly) return Report(first, 0);

        observer.Writing(first.MismatchedBytes);
        var (rewritten, _) = await DiskRepair.RunAsync(reader, OpenWriteAsync, OpenUncachedAsync, map, ranges, options, cancel);
        // The proof is about the whole disk: a repair in one place may have disturbed another.
        var second = await ReadBackAsync(options);
        if (!second.IsEqual) throw CopyErrors.StillDifferent(target.Name, second.MismatchedBytes, second.Mismatches[0].Range);
        return Report(second, rewritten);

        Task<IDiskWriter> OpenWriteAsync(CancellationToken stop) => target.OpenWriteAsync(map.LengthBytes, stop);

        Task<IUncachedReader> OpenUncachedAsync(CancellationToken stop) => target.OpenUncachedAsync(map.LengthBytes, stop);

        // Too short, in use, read-only, no flush: said before an hour of reading, not after it.
        async Task DemandWritableAsync()
        {
            await using var writer = await OpenWriteAsync(cancel);
            await writer.CloseAsync(cancel);
        }

        async Task<ReadBackResult> ReadBackAsync(CopyOptions how)
        {
            var progress = observer.Progress("read-back");
            await using var uncached = await OpenUncachedAsync(cancel);
            return await ReadBack.RunAsync(uncached, map, how, progress, cancel);
        }

        RepairReport Report(ReadBackResult last, long rewrittenBytes) =>
            new(Convert.ToHexStringLower(last.Root), map.LengthBytes, first.MismatchedBytes, rewrittenBytes, last.IsEqual, last.CacheBypass);
    }

    /// <summary>
    /// Reads all that a repair will need before its first byte is written: where the map or the source are of another disk, by a slip of
    /// whoever typed their names, not even a block on which the two happen to agree may reach the target.
    /// </summary>
    private static async Task DemandSourceAsync(IDiskReader source, BlockMap map, IEnumerable<DiskRange> ranges, CopyOptions options, CancellationToken cancel)
    {
        var chunkBytes = BlockRuns.ChunkBytes(map.BlockBytes, options);
        var hasher = new LeafHasher(map.Parameters);
        using var buffers = new BufferPool(chunkBytes);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(ranges.SelectMany(range => BlockRuns.Cut(range.Offset, range.End, chunkBytes)), parallel, async (chunk, stop) =>
        {
            var buffer = buffers.Rent();
            try
            {
                var bytes = buffer.Memory[..(int)chunk.LengthBytes];
                await source.ReadAsSourceAsync(chunk.Offset, bytes, stop);
                if (ReadBack.Compare(HashedChunk.Of(bytes.Span, hasher), bytes.Span, chunk.Offset, map) is [var other, ..])
                    throw RepairErrors.SourceIsOther(source.Name, new DiskRange(other.Number * map.BlockBytes, Math.Min(map.BlockBytes, map.LengthBytes - (other.Number * map.BlockBytes))), map.Path, other.ExpectedLeaf, other.ActualLeaf);
            }
            finally
            {
                buffers.Return(buffer);
            }
        });
        await source.VerifyUnchangedAsync(cancel);
    }
}
