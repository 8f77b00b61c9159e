using System.Diagnostics;
using System.Runtime.CompilerServices;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Reads a whole target, holes included, and compares it leaf by leaf with a map.</summary>
public static class ReadBack
{
    // Results wait here for an older chunk that is slow: a few for each worker keep all of them busy.
    private const int WindowPerWorker = 4;

    /// <summary>Reads every byte of the target, whatever its allocation map says, and compares. A mismatch is a result, not an error.</summary>
    /// <param name="target">From <see cref="DiskImage.OpenUncachedAsync"/>; the result says so where it is not.</param>
    /// <param name="expected">A complete map.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">The target could not be read (SL4214).</exception>
    /// <exception cref="SealiftException">The map is not complete, or of another disk (SL4207); somebody wrote to the target meanwhile (SL4201).</exception>
    public static async Task<ReadBackResult> RunAsync(IDiskReader target, BlockMap expected, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (target.LengthBytes != expected.LengthBytes) throw DiskErrors.WrongMap(target.Name, $"the map is of a disk of {expected.LengthBytes} bytes, this one has {target.LengthBytes}");
        if (!expected.IsComplete) throw DiskErrors.WrongMap(target.Name, $"{expected.UnknownBlocks} of its blocks are unknown");
        var startedAt = Stopwatch.GetTimestamp();
        var meter = new ProgressMeter(target.LengthBytes, progress);
        var hasher = new LeafHasher(expected.Parameters);
        var chunkBytes = BlockRuns.ChunkBytes(expected.BlockBytes, options);
        using var root = new RootHasher(expected.Parameters);
        using var buffers = new BufferPool(chunkBytes);
        var found = new MismatchList(target.LengthBytes, expected.BlockBytes, options.MismatchLimit);
        using var window = new OrderedWindow<(HashedChunk Leaves, List<DifferingBlock> Differing)>(options.Workers * WindowPerWorker, piece =>
        {
            for (var i = 0; i < piece.Leaves.Count; i++) root.Append(piece.Leaves.Leaf(i));
            foreach (var block in piece.Differing)
            {
                found.Add(block);
                options.OnDifferingBlock?.Invoke(block.Number);
            }
        });

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(Chunks(cancel), parallel, async (chunk, stop) =>
        {
            var buffer = buffers.Rent();
            try
            {
                var bytes = buffer.Memory[..(int)chunk.Range.LengthBytes];
                await target.ReadBackAsync(chunk.Range.Offset, bytes, stop);
                var leaves = HashedChunk.Of(bytes.Span, hasher);
                window.Complete(chunk.Number, (leaves, Compare(leaves, bytes.Span, chunk.Range.Offset, expected)));
                meter.Add(chunk.Range.LengthBytes, chunk.Range.LengthBytes);
            }
            finally
            {
                buffers.Return(buffer);
            }
        });
        await target.VerifyUnchangedAsync(cancel);
        meter.Report();
        var bypass = (target as IUncachedReader)?.CacheBypass is { Length: > 0 } how ? how : "the page cache was not bypassed";
        return new ReadBackResult(root.Finish(target.LengthBytes), found.Ranges, found.TotalBytes, found.Omitted, bypass, Stopwatch.GetElapsedTime(startedAt));

        async IAsyncEnumerable<(long Number, DiskRange Range)> Chunks([EnumeratorCancellation] CancellationToken stop = default)
        {
            foreach (var range in BlockRuns.Cut(0, target.LengthBytes, chunkBytes)) yield return (await window.ReserveAsync(stop), range);
        }
    }

    /// <summary>The blocks of a chunk whose leaves are not the map's.</summary>
    internal static List<DifferingBlock> Compare(HashedChunk leaves, ReadOnlySpan<byte> bytes, long offset, BlockMap expected)
    {
        var differing = new List<DifferingBlock>();
        Span<byte> leaf = stackalloc byte[expected.Parameters.DigestBytes];
        for (var i = 0; i < leaves.Count; i++)
        {
            var block = (offset / expected.BlockBytes) + i;
            expected.Read(block, leaf);
            if (leaf.SequenceEqual(leaves.Leaf(i))) continue;
            var at = i * expected.BlockBytes;
            differing.Add(new DifferingBlock(block, Convert.ToHexStringLower(leaf), Convert.ToHexStringLower(leaves.Leaf(i)), Convert.ToHexStringLower(bytes[at..Math.Min(bytes.Length, at + 16)])));
        }

        return differing;
    }

    internal readonly record struct DifferingBlock(long Number, string ExpectedLeaf, string ActualLeaf, string FirstBytes);

    /// <summary>Merges neighbouring blocks, in order; beyond the limit it only counts.</summary>
    private sealed class MismatchList(long lengthBytes, int blockBytes, int limit)
    {
        private readonly List<Mismatch> ranges = [];
        private long lastBlock = -2;

        public IReadOnlyList<Mismatch> Ranges => ranges;

        public long TotalBytes { get; private set; }

        public bool Omitted { get; private set; }

        public void Add(DifferingBlock block)
        {
            var offset = block.Number * blockBytes;
            var bytes = Math.Min(blockBytes, lengthBytes - offset);
            TotalBytes += bytes;
            var continues = block.Number == lastBlock + 1;
            lastBlock = block.Number;
            if (continues && !Omitted) ranges[^1] = ranges[^1] with { Range = ranges[^1].Range with { LengthBytes = ranges[^1].Range.LengthBytes + bytes } };
            else if (ranges.Count < limit) ranges.Add(new Mismatch(new DiskRange(offset, bytes), block.Number, block.ExpectedLeaf, block.ActualLeaf, block.FirstBytes));
            else Omitted = true;
        }
    }
}
