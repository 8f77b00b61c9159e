using System.Runtime.CompilerServices;
using Sealift.Blkhash;

namespace Sealift.Disks;

/// <summary>Compares two disks byte by byte. Memory is two chunks for each worker, whatever the disks' length.</summary>
public static class DiskCompare
{
    /// <summary>Two differences with fewer equal bytes than this between them are told as one: what differs is mostly pages.</summary>
    internal const int GapBytes = 4096;

    private static readonly List<DiskDifference> Nothing = [];

    /// <summary>Reads both disks, but for holes that both prove, and tells where they differ.</summary>
    /// <param name="a">The first disk.</param>
    /// <param name="b">The second disk; it may be longer or shorter.</param>
    /// <param name="options">How; a limit of the bandwidth holds for each of the two.</param>
    /// <param name="onDifference">Told of the first <see cref="CopyOptions.MismatchLimit"/> differing ranges, in order.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">One of them could not be read (SL4211).</exception>
    /// <exception cref="Posix.SealiftException">One of them changed meanwhile (SL4201).</exception>
    public static async Task<DiskComparison> RunAsync(IDiskReader a, IDiskReader b, CopyOptions options, Action<DiskDifference> onDifference, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        a = LimitedDisk.Of(a, options.Bandwidth);
        b = LimitedDisk.Of(b, options.Bandwidth?.Another());
        var shorter = Math.Min(a.LengthBytes, b.LengthBytes);
        var meter = new ProgressMeter(Math.Max(a.LengthBytes, b.LengthBytes), progress);
        var chunkBytes = BlockRuns.ChunkBytes(SideBySide.BlockBytes, options);
        var restHasData = 0;
        var found = new DifferenceList(GapBytes, options.MismatchLimit, onDifference);
        using var buffers = new BufferPool(chunkBytes);
        using var window = new OrderedWindow<List<DiskDifference>>(options.WindowChunks, differences => differences.ForEach(found.Add));

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(Chunks(cancel), parallel, async (chunk, stop) =>
        {
            var (offset, length) = (chunk.Extent.Offset, chunk.Extent.LengthBytes);
            var common = Math.Clamp(shorter - offset, 0, length);
            // Behind the shorter disk one byte that is not zero says all there is to say.
            if (chunk.Extent.IsHole || (common == 0 && Volatile.Read(ref restHasData) != 0))
            {
                window.Complete(chunk.Number, Nothing);
                meter.Add(length, 0);
                return;
            }

            var (bufferA, bufferB) = (buffers.Rent(), buffers.Rent());
            try
            {
                var bytesA = bufferA.Memory[..(int)Math.Clamp(a.LengthBytes - offset, 0, length)];
                var bytesB = bufferB.Memory[..(int)Math.Clamp(b.LengthBytes - offset, 0, length)];
                if (bytesA.Length > 0) await a.ReadAsSourceAsync(offset, bytesA, stop);
                if (bytesB.Length > 0) await b.ReadAsSourceAsync(offset, bytesB, stop);
                var rest = (bytesA.Length > bytesB.Length ? bytesA : bytesB)[(int)common..];
                if (!LeafHasher.IsZero(rest.Span)) Volatile.Write(ref restHasData, 1);
                window.Complete(chunk.Number, Differences(offset, bytesA.Span[..(int)common], bytesB.Span[..(int)common], options.MismatchLimit));
                meter.Add(length, bytesA.Length + bytesB.Length);
            }
            finally
            {
                buffers.Return(bufferA);
                buffers.Return(bufferB);
            }
        });
        found.Finish();
        await a.VerifyUnchangedAsync(cancel);
        await b.VerifyUnchangedAsync(cancel);
        meter.Report();
        var end = a.LengthBytes == b.LengthBytes ? LongerEnd.None : restHasData != 0 ? LongerEnd.Data : LongerEnd.Zeros;
        return new DiskComparison(a.LengthBytes, b.LengthBytes, found.Ranges, found.Bytes, found.Listed, end);

        async IAsyncEnumerable<(long Number, DiskExtent Extent)> Chunks([EnumeratorCancellation] CancellationToken stop = default)
        {
            await foreach (var extent in SideBySide.ChunksAsync(a, b, chunkBytes, stop)) yield return (await window.ReserveAsync(stop), extent);
        }
    }

    /// <summary>The differences of two equally long pieces, each from its first to its last differing byte; the bytes of the first ones are shown.</summary>
    internal static List<DiskDifference> Differences(long offset, ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int shown)
    {
        var at = a.CommonPrefixLength(b);
        if (at == a.Length) return Nothing;
        var found = new List<DiskDifference>();
        while (at < a.Length)
        {
            var (start, end) = (at, at + 1);
            // From one differing byte to the last one of the next page, until a page has none.
            while (LastDifference(a[end..Math.Min(a.Length, end + GapBytes)], b[end..]) is var last and >= 0) end += last + 1;
            var first = found.Count < shown ? FirstDifference.Between(offset + start, a[start..], b[start..]) : null;
            found.Add(new DiskDifference(offset + start, end - start, BlockDifferenceKind.Content, first));
            at = end + a[end..].CommonPrefixLength(b[end..]);
        }

        return found;
    }

    private static int LastDifference(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        const int Step = 64; // one comparison of vectors
        for (var end = a.Length; end > 0; end = (end - 1) / Step * Step)
        {
            var start = (end - 1) / Step * Step;
            if (a[start..end].SequenceEqual(b[start..end])) continue;
            for (var i = end - 1; i >= start; i--)
                if (a[i] != b[i]) return i;
        }

        return -1;
    }
}
