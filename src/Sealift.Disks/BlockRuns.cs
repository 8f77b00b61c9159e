using System.Runtime.CompilerServices;

namespace Sealift.Disks;

/// <summary>
/// A disk's allocation map in whole blocks: a block is a hole only when all of it is. What is not a hole is cut into chunks.
/// </summary>
internal static class BlockRuns
{
    /// <summary>
    /// 1 MiB: sixteen leaves of 64 KiB. Large enough that a request costs little against its bytes (a disk of 200 MB/s takes 5 ms for it),
    /// small enough that a chunk is still in the processor's L2 cache when it is hashed and written.
    /// </summary>
    public const int PreferredChunkBytes = 1 << 20;

    // How much data is gathered from neighbouring extents before it is passed on.
    private const long GatherBytes = 64L << 20;

    /// <summary>The chunk for a block size: both are powers of two, so that chunks consist of whole blocks.</summary>
    public static int ChunkBytes(int blockBytes, CopyOptions options) => Math.Max(options.RequestBytes, blockBytes);

    /// <summary>The disk from its start to its end: data in chunks that do not cross chunk boundaries, holes as long as they are.</summary>
    public static IAsyncEnumerable<DiskExtent> ChunksAsync(IDiskReader disk, int blockBytes, int chunkBytes, CancellationToken cancel) =>
        ChunksAsync(disk, blockBytes, chunkBytes, new DiskRange(0, disk.LengthBytes), cancel);

    /// <summary>The same of a range, which begins with a block, and ends with one or with the disk.</summary>
    public static async IAsyncEnumerable<DiskExtent> ChunksAsync(IDiskReader disk, int blockBytes, int chunkBytes, DiskRange range, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var run in OfAsync(disk, blockBytes, range, cancel))
        {
            if (run.IsHole)
            {
                yield return run;
                continue;
            }

            foreach (var chunk in Cut(run.Offset, run.End, chunkBytes)) yield return new DiskExtent(chunk.Offset, chunk.LengthBytes, IsHole: false);
        }
    }

    /// <summary>A range cut at the multiples of the chunk size.</summary>
    public static IEnumerable<DiskRange> Cut(long offset, long end, int chunkBytes)
    {
        while (offset < end)
        {
            var next = Math.Min(end, (offset / chunkBytes * chunkBytes) + chunkBytes);
            yield return new DiskRange(offset, next - offset);
            offset = next;
        }
    }

    /// <summary>The disk from its start to its end, in runs of whole blocks that are holes or are not.</summary>
    public static IAsyncEnumerable<DiskExtent> OfAsync(IDiskReader disk, int blockBytes, CancellationToken cancel) => OfAsync(disk, blockBytes, new DiskRange(0, disk.LengthBytes), cancel);

    private static async IAsyncEnumerable<DiskExtent> OfAsync(IDiskReader disk, int blockBytes, DiskRange range, [EnumeratorCancellation] CancellationToken cancel)
    {
        var length = range.End;
        var position = range.Offset; // everything before it was described
        var emitted = range.Offset;  // everything before it was passed on; a multiple of the block size
        long holeStart = -1; // where the hole began that reaches up to the position
        await foreach (var extent in disk.ExtentsAsync(range.Offset, range.LengthBytes, cancel))
        {
            // A map with gaps or overlaps would make blocks vanish: it is checked here, whoever made it.
            if (extent.Offset != position || extent.LengthBytes <= 0 || extent.LengthBytes > length - position)
                throw DiskErrors.BadExtents(disk.Name, position, $"it goes on with {extent.LengthBytes} bytes at {extent.Offset} in a range that ends at {length}");
            position = extent.End;
            if (extent.IsHole)
            {
                if (holeStart < 0) holeStart = extent.Offset;
                continue;
            }

            if (holeStart >= 0)
            {
                var first = RoundUp(holeStart, blockBytes);
                var last = extent.Offset / blockBytes * blockBytes;
                holeStart = -1;
                if (last > first)
                {
                    if (first > emitted) yield return new DiskExtent(emitted, first - emitted, IsHole: false);
                    yield return new DiskExtent(first, last - first, IsHole: true);
                    emitted = last;
                }
            }

            var whole = extent.End / blockBytes * blockBytes;
            if (whole - emitted >= GatherBytes)
            {
                yield return new DiskExtent(emitted, whole - emitted, IsHole: false);
                emitted = whole;
            }
        }

        if (position != length) throw DiskErrors.BadExtents(disk.Name, position, $"it ends there, and was asked for up to {length}");
        if (holeStart >= 0 && RoundUp(holeStart, blockBytes) is var tail && tail < length)
        {
            if (tail > emitted) yield return new DiskExtent(emitted, tail - emitted, IsHole: false);
            yield return new DiskExtent(tail, length - tail, IsHole: true);
            emitted = length;
        }

        if (emitted < length) yield return new DiskExtent(emitted, length - emitted, IsHole: false);
    }

    private static long RoundUp(long offset, int blockBytes) => (offset + blockBytes - 1) / blockBytes * blockBytes;
}
