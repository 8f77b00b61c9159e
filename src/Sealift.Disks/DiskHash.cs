using System.Runtime.CompilerServices;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Hashes a disk without copying it.</summary>
public static class DiskHash
{
    /// <summary>The blkhash of a disk. Proven holes are not read: a sparse terabyte takes seconds.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="parameters">Digest and block size.</param>
    /// <param name="map">Receives the leaves where it is given: same length, same parameters. It is not checkpointed.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">The disk could not be read (SL4211).</exception>
    /// <exception cref="SealiftException">It changed meanwhile (SL4201), or the map is of another disk (SL4207).</exception>
    public static async Task<byte[]> RunAsync(IDiskReader disk, BlkhashParameters parameters, BlockMap? map, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (map is not null && (map.LengthBytes != disk.LengthBytes || map.Parameters != parameters))
            throw DiskErrors.WrongMap(disk.Name, $"the map is {map.Parameters} of a disk of {map.LengthBytes} bytes, wanted is {parameters} of {disk.LengthBytes} bytes");
        disk = LimitedDisk.Of(disk, options.Bandwidth);
        var chunkBytes = BlockRuns.ChunkBytes(parameters.BlockBytes, options);
        var meter = new ProgressMeter(disk.LengthBytes, progress);
        var hasher = new LeafHasher(parameters);
        using var root = new RootHasher(parameters);
        using var buffers = new BufferPool(chunkBytes);
        using var window = new OrderedWindow<(HashedChunk? Leaves, long HoleBytes)>(options.WindowChunks, piece =>
        {
            if (piece.Leaves is null) root.AppendZeroes(piece.HoleBytes);
            else piece.Leaves.AppendTo(root);
        });

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(Chunks(cancel), parallel, async (chunk, stop) =>
        {
            var firstBlock = chunk.Extent.Offset / parameters.BlockBytes;
            if (chunk.Extent.IsHole)
            {
                map?.SetZeroes(firstBlock, parameters.BlockCount(chunk.Extent.LengthBytes), BlockState.Hole);
                window.Complete(chunk.Number, (null, chunk.Extent.LengthBytes));
                meter.Add(chunk.Extent.LengthBytes, 0);
                return;
            }

            var buffer = buffers.Rent();
            try
            {
                var bytes = buffer.Memory[..(int)chunk.Extent.LengthBytes];
                await disk.ReadAsSourceAsync(chunk.Extent.Offset, bytes, stop);
                var leaves = HashedChunk.Of(bytes.Span, hasher);
                if (map is not null) leaves.Record(map, firstBlock);
                window.Complete(chunk.Number, (leaves, 0));
                meter.Add(chunk.Extent.LengthBytes, chunk.Extent.LengthBytes);
            }
            finally
            {
                buffers.Return(buffer);
            }
        });
        await disk.VerifyUnchangedAsync(cancel);
        meter.Report();
        return root.Finish(disk.LengthBytes);

        async IAsyncEnumerable<(long Number, DiskExtent Extent)> Chunks([EnumeratorCancellation] CancellationToken stop = default)
        {
            await foreach (var extent in BlockRuns.ChunksAsync(disk, parameters.BlockBytes, chunkBytes, stop)) yield return (await window.ReserveAsync(stop), extent);
        }
    }
}
