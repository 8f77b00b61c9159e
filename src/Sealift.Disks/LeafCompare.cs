using System.Runtime.CompilerServices;
using Sealift.Blkhash;

namespace Sealift.Disks;

/// <summary>Compares by leaves: a disk with a block map, of which only the disk is read, or two block maps.</summary>
public static class LeafCompare
{
    // A hole is compared in pieces of so many blocks, 4 GiB where they have 64 KiB: what they find must not grow with the hole.
    private const int HoleBlocks = 65536;

    private const int ShownBytes = 16;

    /// <summary>Hashes a disk, but for its proven holes, and tells which of its blocks are not as the map says.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="map">The map; of a block that it does not know nothing is equal. It may be of a longer or a shorter disk.</param>
    /// <param name="mapIsFirst">Whether the map stands for the first of the two disks in what is told.</param>
    /// <param name="options">How.</param>
    /// <param name="onDifference">Told of the first <see cref="CopyOptions.MismatchLimit"/> differing ranges, in order.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">The disk could not be read (SL4211).</exception>
    /// <exception cref="Posix.SealiftException">It changed meanwhile (SL4201); the map is damaged (SL2106).</exception>
    public static async Task<DiskComparison> DiskWithMapAsync(IDiskReader disk, BlockMap map, bool mapIsFirst, CopyOptions options, Action<DiskDifference> onDifference, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        disk = LimitedDisk.Of(disk, options.Bandwidth);
        var meter = new ProgressMeter(disk.LengthBytes, progress);
        var hasher = new LeafHasher(map.Parameters);
        var chunkBytes = BlockRuns.ChunkBytes(map.BlockBytes, options);
        var rest = RestOf(map, disk.LengthBytes);
        var (restHasData, restIsUnknown) = (0, 0);
        var found = new DifferenceList(1, options.MismatchLimit, onDifference);
        using var buffers = new BufferPool(chunkBytes);
        using var window = new OrderedWindow<List<DiskDifference>>(options.WindowChunks, differences => differences.ForEach(found.Add));

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(Chunks(cancel), parallel, async (chunk, stop) =>
        {
            var (offset, length) = (chunk.Extent.Offset, chunk.Extent.LengthBytes);
            if (chunk.Extent.IsHole)
            {
                window.Complete(chunk.Number, OfHole(offset, length));
                meter.Add(length, 0);
                return;
            }

            var buffer = buffers.Rent();
            try
            {
                await disk.ReadAsSourceAsync(offset, buffer.Memory[..(int)length], stop);
                var differences = OfBytes(offset, buffer.GetSpan(), (int)length);
                window.Complete(chunk.Number, differences);
                meter.Add(length, length);
            }
            finally
            {
                buffers.Return(buffer);
            }
        });
        found.Finish();
        await disk.VerifyUnchangedAsync(cancel);
        meter.Report();
        if (restHasData != 0) rest = LongerEnd.Data;
        else if (restIsUnknown != 0 && rest == LongerEnd.Zeros) rest = LongerEnd.Unknown;
        var (lengthA, lengthB) = mapIsFirst ? (map.LengthBytes, disk.LengthBytes) : (disk.LengthBytes, map.LengthBytes);
        return new DiskComparison(lengthA, lengthB, found.Ranges, found.Bytes, found.Listed, rest);

        List<DiskDifference> OfBytes(long offset, Span<byte> buffer, int length)
        {
            // As many bytes as the map's leaves are of: fewer where the map ends first, and zeros behind the end of a disk whose last
            // block is longer in the map.
            var hashed = (int)Math.Clamp(map.LengthBytes - offset, 0, RoundUp(length));
            if (hashed > length) buffer[length..hashed].Clear();
            else if (!LeafHasher.IsZero(buffer[hashed..length])) Volatile.Write(ref restHasData, 1);
            return Compared(offset, buffer[..hashed], hashed, length, HashedChunk.Of(buffer[..hashed], hasher));
        }

        List<DiskDifference> OfHole(long offset, long length)
        {
            var hashed = Math.Clamp(map.LengthBytes - offset, 0, RoundUp(length));
            return Compared(offset, default, hashed, length, null);
        }

        List<DiskDifference> Compared(long offset, ReadOnlySpan<byte> bytes, long hashed, long length, HashedChunk? leaves)
        {
            var differences = new List<DiskDifference>();
            Span<byte> wanted = stackalloc byte[map.Parameters.DigestBytes];
            for (long at = 0, i = 0; at < hashed; at += map.BlockBytes, i++)
            {
                var blockBytes = (int)Math.Min(map.BlockBytes, hashed - at);
                var state = map.Read((offset + at) / map.BlockBytes, wanted);
                if (state != BlockState.Unknown && wanted.SequenceEqual(leaves is null ? hasher.ZeroLeafOf(blockBytes) : leaves.Leaf((int)i))) continue;
                var common = Math.Min(blockBytes, length - at);
                if (common < blockBytes && state == BlockState.Data)
                {
                    // The disk ends within this block, and a leaf does not say on which side of the end the difference is.
                    Volatile.Write(ref restIsUnknown, 1);
                    continue;
                }

                var isZeros = state is BlockState.Zero or BlockState.Hole;
                var first = isZeros && leaves is not null && differences.Count < options.MismatchLimit ? FirstByte(offset + at, bytes.Slice((int)at, (int)common), mapIsFirst) : null;
                differences.Add(new DiskDifference(offset + at, common, state == BlockState.Unknown ? BlockDifferenceKind.Unknown : BlockDifferenceKind.Content, first));
            }

            return differences;
        }

        long RoundUp(long lengthBytes) => map.Parameters.BlockCount(lengthBytes) * map.BlockBytes;

        async IAsyncEnumerable<(long Number, DiskExtent Extent)> Chunks([EnumeratorCancellation] CancellationToken stop = default)
        {
            await foreach (var extent in BlockRuns.ChunksAsync(disk, map.BlockBytes, chunkBytes, stop))
            {
                for (var at = extent.Offset; at < extent.End;)
                {
                    var length = extent.IsHole ? Math.Min(extent.End - at, (long)HoleBlocks * map.BlockBytes) : extent.LengthBytes;
                    yield return (await window.ReserveAsync(stop), new DiskExtent(at, length, extent.IsHole));
                    at += length;
                }
            }
        }
    }

    /// <summary>Compares two maps; no disk is read.</summary>
    /// <param name="a">The map of the first disk.</param>
    /// <param name="b">The map of the second disk.</param>
    /// <param name="options">How many ranges are told.</param>
    /// <param name="onDifference">Told of the first <see cref="CopyOptions.MismatchLimit"/> differing ranges, in order.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="Posix.SealiftException">SL2109: they differ in digest or block size; SL2106: one is damaged.</exception>
    public static DiskComparison Maps(BlockMap a, BlockMap b, CopyOptions options, Action<DiskDifference> onDifference, CancellationToken cancel)
    {
        var found = new DifferenceList(1, options.MismatchLimit, onDifference);
        foreach (var range in BlockMap.Diff(a, b))
        {
            cancel.ThrowIfCancellationRequested();
            if (range.Kind != BlockDifferenceKind.Length) found.Add(new DiskDifference(range.Offset, range.LengthBytes, range.Kind));
        }

        found.Finish();
        var (shorter, longer) = a.LengthBytes < b.LengthBytes ? (a, b) : (b, a);
        var rest = RestOf(longer, shorter.LengthBytes);
        if (rest == LongerEnd.Zeros && shorter.LengthBytes % shorter.BlockBytes != 0)
        {
            // Both leaves of the block in which the shorter disk ends must be those of zeros; others cannot be compared.
            Span<byte> leaf = stackalloc byte[a.Parameters.DigestBytes];
            var last = shorter.BlockCount - 1;
            if (shorter.Read(last, leaf) is BlockState.Data or BlockState.Unknown || longer.Read(last, leaf) is BlockState.Data or BlockState.Unknown) rest = LongerEnd.Unknown;
        }

        return new DiskComparison(a.LengthBytes, b.LengthBytes, found.Ranges, found.Bytes, found.Listed, rest);
    }

    /// <summary>What a map knows of the blocks that begin behind the end of another disk.</summary>
    private static LongerEnd RestOf(BlockMap map, long otherBytes)
    {
        if (map.LengthBytes == otherBytes) return LongerEnd.None;
        var first = map.Parameters.BlockCount(otherBytes);
        var rest = LongerEnd.Zeros;
        foreach (var run in map.Runs().Where(run => run.First + run.Count > first))
        {
            if (run.State == BlockState.Data) return LongerEnd.Data;
            if (run.State == BlockState.Unknown) rest = LongerEnd.Unknown;
        }

        return rest;
    }

    private static FirstDifference? FirstByte(long offset, ReadOnlySpan<byte> bytes, bool zerosAreFirst)
    {
        var at = bytes.IndexOfAnyExcept((byte)0);
        if (at < 0) return null; // of a block that is not as the map says because it ends elsewhere
        var shown = bytes[at..Math.Min(bytes.Length, at + ShownBytes)];
        var (read, zeros) = (Convert.ToHexStringLower(shown), new string('0', 2 * shown.Length));
        return zerosAreFirst ? new FirstDifference(offset + at, zeros, read) : new FirstDifference(offset + at, read, zeros);
    }
}
