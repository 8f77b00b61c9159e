using System.Diagnostics;
using System.Runtime.CompilerServices;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Reads a target back and compares all of it leaf by leaf with a map.</summary>
public static class ReadBack
{
    // As much as is read of a file's holes before they are believed.
    private const long FewBytes = 64L << 20;

    /// <summary>
    /// Reads the target and compares. Not read is only what was copied as zeros and lies in a hole of the target whose allocation map
    /// was checked and is believed (<see cref="IUncachedReader.HoleDoubtAsync"/>). A mismatch is a result, not an error.
    /// </summary>
    /// <param name="target">From <see cref="DiskImage.OpenUncachedAsync"/>; the result says so where it is not.</param>
    /// <param name="expected">A complete map.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">The target could not be read (SL4214).</exception>
    /// <exception cref="SealiftException">The map is not complete, or of another disk (SL4207); somebody wrote to the target meanwhile (SL4201).</exception>
    public static Task<ReadBackResult> RunAsync(IDiskReader target, BlockMap expected, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (!expected.IsComplete) throw DiskErrors.WrongMap(target.Name, $"{expected.UnknownBlocks} of its blocks are unknown");
        return RunAsync(target, expected, null, null, options, progress, cancel);
    }

    /// <summary>The same, but for what has been read back before.</summary>
    /// <param name="target">As above.</param>
    /// <param name="expected">A complete map.</param>
    /// <param name="proven">What the target was read back as before; null: all of it is read. What is read now and found equal is added; making that durable is up to the caller.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it.</param>
    public static Task<ReadBackResult> RunAsync(IDiskReader target, BlockMap expected, BlockMap? proven, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (!expected.IsComplete) throw DiskErrors.WrongMap(target.Name, $"{expected.UnknownBlocks} of its blocks are unknown");
        return RunAsync(target, expected, null, proven, options, progress, cancel);
    }

    /// <summary>The same while the disk is still copied: each part is read once it was flushed, and its leaves are in the map by then.</summary>
    internal static async Task<ReadBackResult> RunAsync(IDiskReader target, BlockMap expected, FlushedPart? flushed, BlockMap? proven, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (target.LengthBytes != expected.LengthBytes) throw DiskErrors.WrongMap(target.Name, $"the map is of a disk of {expected.LengthBytes} bytes, this one has {target.LengthBytes}");
        var uncached = target as IUncachedReader;
        // Where little is left to be read, its holes are read as well: asking for them looks at the whole disk.
        var asksForHoles = uncached is { CanProveHoles: true } && (proven is null || proven.UnknownBlocks * proven.BlockBytes > FewBytes);
        // While a disk is written, nobody can say yet; it is asked at the end.
        var believesHoles = asksForHoles && (flushed is not null || await uncached!.HoleDoubtAsync(cancel) is null);
        if (asksForHoles && !believesHoles) ForgetHoles(proven);
        long holeBytes = 0, provenBytes = 0;
        var startedAt = Stopwatch.GetTimestamp();
        var meter = new ProgressMeter(target.LengthBytes, progress, options.Stages);
        var stages = options.Stages ?? new StageMeter(options.Workers);
        var hasher = new LeafHasher(expected.Parameters);
        var chunkBytes = BlockRuns.ChunkBytes(expected.BlockBytes, options);
        using var root = new RootHasher(expected.Parameters);
        using var buffers = new BufferPool(chunkBytes);
        var found = new MismatchList(target.LengthBytes, expected.BlockBytes, options.MismatchLimit);
        using var window = new OrderedWindow<(HashedChunk? Leaves, long HoleBytes, DiskRange? Proven, List<DifferingBlock> Differing)>(options.WindowChunks, piece =>
        {
            if (piece.Proven is { } before)
            {
                AppendProven(root, proven!, before);
                provenBytes += before.LengthBytes;
                return;
            }

            if (piece.Leaves is null)
            {
                root.AppendZeroes(piece.HoleBytes);
                holeBytes += piece.HoleBytes;
                return;
            }

            piece.Leaves.AppendTo(root);
            foreach (var block in piece.Differing)
            {
                found.Add(block);
                options.OnDifferingBlock?.Invoke(block.Number);
                options.Offload?.Differing.Add(block.Number);
            }
        });

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(Chunks(cancel), parallel, async (chunk, stop) =>
        {
            if (chunk.IsProven)
            {
                window.Complete(chunk.Number, (null, 0, new DiskRange(chunk.Range.Offset, chunk.Range.LengthBytes), []));
                meter.Add(chunk.Range.LengthBytes, 0);
                return;
            }

            if (chunk.Range.IsHole)
            {
                proven?.SetZeroes(chunk.Range.Offset / expected.BlockBytes, expected.Parameters.BlockCount(chunk.Range.LengthBytes), BlockState.Hole);
                window.Complete(chunk.Number, (null, chunk.Range.LengthBytes, null, []));
                meter.Add(chunk.Range.LengthBytes, 0);
                return;
            }

            var buffer = buffers.Rent();
            try
            {
                var bytes = buffer.Memory[..(int)chunk.Range.LengthBytes];
                var enteredAt = stages.Enter();
                await target.ReadBackAsync(chunk.Range.Offset, bytes, stop);
                stages.Leave(CopyStage.ReadBack, enteredAt, bytes.Length);
                var leaves = HashedChunk.Of(bytes.Span, hasher, stages);
                var differing = Compare(leaves, bytes.Span, chunk.Range.Offset, expected);
                if (proven is not null) Prove(proven, leaves, chunk.Range.Offset / expected.BlockBytes, differing);
                window.Complete(chunk.Number, (leaves, 0, null, differing));
                meter.Add(chunk.Range.LengthBytes, chunk.Range.LengthBytes);
            }
            finally
            {
                buffers.Return(buffer);
            }
        });
        await target.VerifyUnchangedAsync(cancel);
        meter.Report();
        // The disk is complete now, and with it its map. Where that is not believed, all of it is read.
        if (flushed is not null && holeBytes > 0 && await uncached!.HoleDoubtAsync(cancel) is not null)
        {
            ForgetHoles(proven);
            return await RunAsync(target, expected, null, proven, options, progress, cancel);
        }

        var bypass = uncached?.CacheBypass is { Length: > 0 } how ? how : "the page cache was not bypassed";
        // Whoever reads the verdict is told what was taken from the map.
        if (holeBytes > 0) bypass += $"; {holeBytes} bytes of zeros lie in holes by its allocation map, which was checked, and were not read";
        if (provenBytes > 0) bypass += $"; {provenBytes} bytes had been read back before, and were not read again";
        return new ReadBackResult(root.Finish(target.LengthBytes), found.Ranges, found.TotalBytes, found.Omitted, bypass, Stopwatch.GetElapsedTime(startedAt)) { HoleBytes = holeBytes, ProvenBytes = provenBytes };

        async IAsyncEnumerable<(long Number, DiskExtent Range, bool IsProven)> Chunks([EnumeratorCancellation] CancellationToken stop = default)
        {
            for (long from = 0; from < target.LengthBytes;)
            {
                var to = flushed is null ? target.LengthBytes : await flushed.WaitBeyondAsync(from, stop);
                if (flushed is not null && uncached is not null) await uncached.DropCacheAsync(from, to - from, stop);
                foreach (var (part, isProven) in Parts(from, to))
                {
                    if (isProven) yield return (await window.ReserveAsync(stop), new DiskExtent(part.Offset, part.LengthBytes, IsHole: false), true);
                    else await foreach (var piece in Pieces(part, stop)) yield return (await window.ReserveAsync(stop), piece, false);
                }

                from = to;
            }
        }

        IEnumerable<(DiskRange Range, bool IsProven)> Parts(long from, long to)
        {
            for (var at = from; at < to;)
            {
                var (first, most) = (at / expected.BlockBytes, expected.Parameters.BlockCount(to - at));
                var known = proven?.CountKnown(first, most) ?? 0;
                var count = known > 0 ? known : proven?.CountUnknown(first, most) ?? most;
                var end = Math.Min(to, at + (count * expected.BlockBytes));
                yield return (new DiskRange(at, end - at), known > 0);
                at = end;
            }
        }

        async IAsyncEnumerable<DiskExtent> Pieces(DiskRange range, [EnumeratorCancellation] CancellationToken stop)
        {
            if (!believesHoles)
            {
                foreach (var chunk in BlockRuns.Cut(range.Offset, range.End, chunkBytes)) yield return new DiskExtent(chunk.Offset, chunk.LengthBytes, IsHole: false);
                yield break;
            }

            await foreach (var extent in BlockRuns.ChunksAsync(target, expected.BlockBytes, chunkBytes, range, stop))
            {
                for (var at = extent.Offset; at < extent.End;)
                {
                    // A hole where there should be data is read as well, and found different.
                    var zeroBlocks = extent.IsHole ? expected.CountZeroes(at / expected.BlockBytes, expected.Parameters.BlockCount(extent.End - at)) : 0;
                    var end = zeroBlocks > 0 ? Math.Min(extent.End, at + (zeroBlocks * expected.BlockBytes)) : Math.Min(extent.End, at + chunkBytes - (at % chunkBytes));
                    yield return new DiskExtent(at, end - at, zeroBlocks > 0);
                    at = end;
                }
            }
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

    /// <summary>Notes what was read back as it should be.</summary>
    private static void Prove(BlockMap proven, HashedChunk leaves, long firstBlock, List<DifferingBlock> differing)
    {
        leaves.Record(proven, firstBlock);
        foreach (var block in differing) proven.SetUnknown(block.Number, 1);
    }

    /// <summary>Takes back what was proven by an allocation map that is not believed any more.</summary>
    private static void ForgetHoles(BlockMap? proven)
    {
        if (proven is null) return;
        foreach (var run in proven.Runs())
            if (run.State == BlockState.Hole) proven.SetUnknown(run.First, run.Count);
    }

    private static void AppendProven(RootHasher root, BlockMap proven, DiskRange range)
    {
        Span<byte> leaf = stackalloc byte[proven.Parameters.DigestBytes];
        var first = range.Offset / proven.BlockBytes;
        for (var block = first; block < first + proven.Parameters.BlockCount(range.LengthBytes); block++)
        {
            _ = proven.Read(block, leaf); // the leaf of zeros too
            root.Append(leaf);
        }
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
