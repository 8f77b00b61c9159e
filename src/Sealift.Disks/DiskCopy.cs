using System.Diagnostics;
using System.Runtime.CompilerServices;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Copies a disk and hashes it on the way.</summary>
/// <remarks>
/// Each chunk is read once and hashed and written while it is hot in the cache. Proven holes are never read. Blocks of zeros are not
/// written where the target reads zeros already. Memory is <see cref="CopyOptions.Workers"/> chunks, whatever the disk's length.
/// </remarks>
public static class DiskCopy
{
    /// <summary>Copies every byte of the source that is not a proven hole, fills the map with its leaves, flushes the target and checkpoints the map.</summary>
    /// <param name="source">Read only where its allocation map does not prove a hole.</param>
    /// <param name="target">Of the same length; flushed at the end and at each checkpoint, not closed.</param>
    /// <param name="map">Of the same length. With <see cref="CopyOptions.Resume"/>, what it knows is believed.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Stops it; what the map's last checkpoint claims is on the target.</param>
    /// <exception cref="DiskAccessException">The first failure, with side, offset and length: the source (SL4211), the target (SL4212), its flush (SL4213).</exception>
    /// <exception cref="SealiftException">The source changed meanwhile (SL4201); its allocation map contradicts itself (SL4203); lengths differ (SL4206, SL4207).</exception>
    public static Task<CopyResult> RunAsync(IDiskReader source, IDiskWriter target, BlockMap map, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel) =>
        RunAsync(source, target, map, null, options, progress, cancel);

    /// <summary>The same, and tells how far the target has been flushed, so that it can be read back meanwhile.</summary>
    internal static async Task<CopyResult> RunAsync(IDiskReader source, IDiskWriter target, BlockMap map, FlushedPart? flushed, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (source.LengthBytes != target.LengthBytes) throw DiskErrors.LengthsDiffer(source.Name, source.LengthBytes, target.Name, target.LengthBytes);
        if (source.LengthBytes != map.LengthBytes) throw DiskErrors.WrongMap(source.Name, $"the map is of a disk of {map.LengthBytes} bytes, this one has {source.LengthBytes}");
        var startedAt = Stopwatch.GetTimestamp();
        if (!options.Resume) map.SetUnknown(0, map.BlockCount);
        var run = new Run(LimitedDisk.Of(source, options.Bandwidth), target, map, flushed, options, progress);
        await run.CopyAsync(cancel);
        if (!map.IsComplete) throw DiskErrors.WrongMap(source.Name, $"{map.UnknownBlocks} blocks are still unknown after the copy");
        return run.Result(Stopwatch.GetElapsedTime(startedAt));
    }

    private sealed class Run(IDiskReader source, IDiskWriter target, BlockMap map, FlushedPart? flushed, CopyOptions options, IProgress<DiskProgress>? progress)
    {
        private readonly ProgressMeter meter = new(source.LengthBytes, progress);
        private readonly LeafHasher hasher = new(map.Parameters);
        private readonly Lock written = new();
        private long writtenEnd; // everything before it was written
        private long unflushedBytes;
        private bool isFlushing;
        private long dataBytes;
        private long zeroBytes;
        private long holeBytes;
        private long resumedBytes;

        public async Task CopyAsync(CancellationToken cancel)
        {
            using var window = new OrderedWindow<DiskExtent>(options.WindowChunks, Written);
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
            using var buffers = new BufferPool(BlockRuns.ChunkBytes(map.BlockBytes, options));
            await using var chunks = BlockRuns.ChunksAsync(source, map.BlockBytes, BlockRuns.ChunkBytes(map.BlockBytes, options), cancel).GetAsyncEnumerator(cancel);
            var more = true;
            while (more)
            {
                // One segment, then a stop: nothing is in flight when the target is flushed and the map made durable, so the map
                // never claims a block that a power cut could take back.
                await Parallel.ForEachAsync(Segment(cancel), parallel, async (chunk, stop) =>
                {
                    if (chunk.Extent.IsHole) await PassHoleAsync(chunk.Extent, stop);
                    else await CopyChunkAsync(chunk.Extent, buffers, stop);
                    window.Complete(chunk.Number, chunk.Extent);
                    await FlushWhatIsDueAsync(stop);
                });
                await FlushAsync(cancel);
                flushed?.Advance(writtenEnd);
                await source.VerifyUnchangedAsync(cancel);
                map.Checkpoint();
            }

            meter.Report();

            async IAsyncEnumerable<(long Number, DiskExtent Extent)> Segment([EnumeratorCancellation] CancellationToken stop = default)
            {
                long handedOut = 0;
                while (options.CheckpointBytes == 0 || handedOut < options.CheckpointBytes)
                {
                    if (!(more = await chunks.MoveNextAsync())) yield break;
                    // A hole costs nothing to do again.
                    if (!chunks.Current.IsHole) handedOut += chunks.Current.LengthBytes;
                    yield return (await window.ReserveAsync(stop), chunks.Current);
                }
            }
        }

        private void Written(DiskExtent chunk)
        {
            lock (written)
            {
                writtenEnd = chunk.End;
                if (!chunk.IsHole) unflushedBytes += chunk.LengthBytes;
            }
        }

        /// <summary>Flushes for the read-back, while the other workers go on. What was written before is on storage then, and is told.</summary>
        private async ValueTask FlushWhatIsDueAsync(CancellationToken stop)
        {
            if (flushed is null) return;
            long upTo;
            lock (written)
            {
                if (isFlushing || unflushedBytes < options.FlushBytes) return;
                (isFlushing, unflushedBytes, upTo) = (true, 0, writtenEnd);
            }

            await FlushAsync(stop);
            flushed.Advance(upTo);
            lock (written) isFlushing = false;
        }

        public CopyResult Result(TimeSpan elapsed) => new(map.Root(), dataBytes, zeroBytes, holeBytes, resumedBytes, elapsed) { MapDoubt = source.MapDoubt };

        private async ValueTask PassHoleAsync(DiskExtent hole, CancellationToken stop)
        {
            if (!options.TargetReadsZeroes) await WriteAsync(hole.Offset, hole.LengthBytes, null, stop);
            map.SetZeroes(hole.Offset / map.BlockBytes, map.Parameters.BlockCount(hole.LengthBytes), BlockState.Hole);
            Interlocked.Add(ref holeBytes, hole.LengthBytes);
            meter.Add(hole.LengthBytes, 0);
        }

        private async ValueTask CopyChunkAsync(DiskExtent chunk, BufferPool buffers, CancellationToken stop)
        {
            var known = options.Resume && IsKnown(chunk);
            if (known && !options.CompareKnown)
            {
                Interlocked.Add(ref resumedBytes, chunk.LengthBytes);
                meter.Add(chunk.LengthBytes, 0);
                return;
            }

            var buffer = buffers.Rent();
            try
            {
                var bytes = buffer.Memory[..(int)chunk.LengthBytes];
                await source.ReadAsSourceAsync(chunk.Offset, bytes, stop);
                var leaves = HashedChunk.Of(bytes.Span, hasher);
                if (known)
                {
                    if (ReadBack.Compare(leaves, bytes.Span, chunk.Offset, map) is [var first, ..])
                        throw DiskErrors.Changed(source.Name, $"block {first.Number} of {map.BlockBytes} bytes reads differently from when it was copied before the interruption");
                    Interlocked.Add(ref resumedBytes, chunk.LengthBytes);
                    meter.Add(chunk.LengthBytes, chunk.LengthBytes);
                    return;
                }

                foreach (var run in leaves.Runs(bytes.Length))
                {
                    if (!run.IsHole) await WriteAsync(chunk.Offset + run.Offset, run.LengthBytes, bytes.Slice((int)run.Offset, (int)run.LengthBytes), stop);
                    else if (!options.TargetReadsZeroes) await WriteAsync(chunk.Offset + run.Offset, run.LengthBytes, null, stop);
                    Interlocked.Add(ref run.IsHole ? ref zeroBytes : ref dataBytes, run.LengthBytes);
                }

                leaves.Record(map, chunk.Offset / map.BlockBytes);
                meter.Add(chunk.LengthBytes, chunk.LengthBytes);
            }
            finally
            {
                buffers.Return(buffer);
            }
        }

        private async ValueTask WriteAsync(long offset, long lengthBytes, ReadOnlyMemory<byte>? bytes, CancellationToken stop)
        {
            try
            {
                if (bytes is { } content) await target.WriteAsync(offset, content, stop);
                else await target.WriteZeroesAsync(offset, lengthBytes, stop);
            }
            catch (SealiftException e)
            {
                throw DiskErrors.TargetFailed(target.Name, offset, lengthBytes, e);
            }
        }

        private async Task FlushAsync(CancellationToken cancel)
        {
            try
            {
                await target.FlushAsync(cancel);
            }
            catch (SealiftException e)
            {
                throw DiskErrors.FlushFailed(target.Name, target.LengthBytes, e);
            }
        }

        private bool IsKnown(DiskExtent chunk)
        {
            Span<byte> leaf = stackalloc byte[map.Parameters.DigestBytes];
            var first = chunk.Offset / map.BlockBytes;
            for (var block = first; block < first + map.Parameters.BlockCount(chunk.LengthBytes); block++)
                if (map.Read(block, leaf) == BlockState.Unknown) return false;
            return true;
        }
    }
}
