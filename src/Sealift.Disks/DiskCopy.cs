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

    /// <summary>Copies a disk and closes the target; meanwhile each part of it that was flushed is read back and compared.</summary>
    /// <param name="source">What is copied.</param>
    /// <param name="target">Where to; it is closed here.</param>
    /// <param name="proving">The target again, opened to be read past the page cache while it is written; null where it cannot be: then nothing is read back.</param>
    /// <param name="map">As in <see cref="RunAsync(IDiskReader, IDiskWriter, BlockMap, CopyOptions, IProgress{DiskProgress}, CancellationToken)"/>.</param>
    /// <param name="proven">What of the target was read back before; what is read back now is added. Null where nobody keeps that.</param>
    /// <param name="options">How.</param>
    /// <param name="onClosed">Called when nobody writes to the target any more, and the read-back goes on.</param>
    /// <param name="copyProgress">Told of the copying.</param>
    /// <param name="readBackProgress">Told of the reading back.</param>
    /// <param name="cancel">Stops both.</param>
    /// <returns>What was copied, and what was found when it was read back: null where nothing was.</returns>
    /// <exception cref="SealiftException">The first failure of either.</exception>
    public static Task<(CopyResult Copied, ReadBackResult? Found)> RunBesideReadBackAsync(
        IDiskReader source,
        IDiskWriter target,
        IUncachedReader? proving,
        BlockMap map,
        BlockMap? proven,
        CopyOptions options,
        Action onClosed,
        IProgress<DiskProgress>? copyProgress,
        IProgress<DiskProgress>? readBackProgress,
        CancellationToken cancel)
    {
        var flushed = proving is null ? null : new FlushedPart();
        return TwoHalves.RunAsync(
            async stop =>
            {
                var result = await RunAsync(source, target, map, flushed, options, copyProgress, stop);
                try
                {
                    await target.CloseAsync(stop);
                }
                catch (SealiftException e)
                {
                    throw DiskErrors.FlushFailed(target.Name, target.LengthBytes, e);
                }

                onClosed();
                return result;
            },
            async stop => proving is null ? null : await ReadBack.RunAsync(proving, map, flushed, proven, options, readBackProgress, stop),
            cancel);
    }

    /// <summary>The same, and tells how far the target has been flushed, so that it can be read back meanwhile.</summary>
    internal static async Task<CopyResult> RunAsync(IDiskReader source, IDiskWriter target, BlockMap map, FlushedPart? flushed, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (source.LengthBytes != target.LengthBytes) throw DiskErrors.LengthsDiffer(source.Name, source.LengthBytes, target.Name, target.LengthBytes);
        if (source.LengthBytes != map.LengthBytes) throw DiskErrors.WrongMap(source.Name, $"the map is of a disk of {map.LengthBytes} bytes, this one has {source.LengthBytes}");
        var startedAt = Stopwatch.GetTimestamp();
        if (!options.Resume) map.SetUnknown(0, map.BlockCount);
        using var run = new Run(source, target, map, flushed, options, progress);
        if (options.Offload is { IsNeeded: true } offload)
        {
            _ = await TwoHalves.RunAsync(
                async stop =>
                {
                    await offload.RunAsync(run.OffloadedAsync(stop), target.Name, stop);
                    return true;
                },
                async stop =>
                {
                    await run.CopyAsync(stop);
                    return true;
                },
                cancel); // neither half has a result
        }
        else
        {
            await run.CopyAsync(cancel);
        }

        if (!map.IsComplete) throw DiskErrors.WrongMap(source.Name, $"{map.UnknownBlocks} blocks are still unknown after the copy");
        return run.Result(Stopwatch.GetElapsedTime(startedAt));
    }

    private sealed class Run(IDiskReader source, IDiskWriter target, BlockMap map, FlushedPart? flushed, CopyOptions options, IProgress<DiskProgress>? progress) : IDisposable
    {
        private readonly StageMeter stages = options.Stages ?? new StageMeter(options.Workers);
        private readonly ProgressMeter meter = new(source.LengthBytes, progress, options.Stages);
        private readonly LeafHasher hasher = new(map.Parameters);
        private readonly RootHasher root = new(map.Parameters); // from the leaves in order, as they come: a sparse disk has many
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
            using var window = new OrderedWindow<(DiskExtent Chunk, HashedChunk? Leaves)>(options.WindowChunks, piece => Written(piece.Chunk, piece.Leaves));
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
            using var buffers = new BufferPool(BlockRuns.ChunkBytes(map.BlockBytes, options));
            await using var chunks = ChunksAsync(cancel).GetAsyncEnumerator(cancel);
            var more = true;
            while (more)
            {
                // One segment, then a stop: nothing is in flight when the target is flushed and the map made durable, so the map
                // never claims a block that a power cut could take back.
                await Parallel.ForEachAsync(Segment(cancel), parallel, async (chunk, stop) =>
                {
                    HashedChunk? leaves = null;
                    if (chunk.IsKnown) PassKnown(chunk.Extent);
                    else if (chunk.Extent.IsHole) await PassHoleAsync(chunk.Extent, stop);
                    else leaves = await CopyChunkAsync(chunk.Extent, buffers, stop);
                    window.Complete(chunk.Number, (chunk.Extent, leaves));
                    await FlushWhatIsDueAsync(stop);
                });
                // Storage that copies by itself has to be through before the disk is read back: it may write to any place.
                if (!more && options.Offload is { } offload) await offload.WaitUntilOverAsync(cancel);
                var isOver = options.Offload?.IsOver ?? true;
                await FlushAsync(everybody: true, cancel);
                if (isOver) flushed?.Advance(writtenEnd);
                await source.VerifyUnchangedAsync(cancel);
                map.Checkpoint();
            }

            meter.Report();

            async IAsyncEnumerable<(long Number, DiskExtent Extent, bool IsKnown)> Segment([EnumeratorCancellation] CancellationToken stop = default)
            {
                long handedOut = 0;
                while (options.CheckpointBytes == 0 || handedOut < options.CheckpointBytes)
                {
                    if (!(more = await chunks.MoveNextAsync())) yield break;
                    // A hole costs nothing to do again.
                    var (extent, isKnown) = chunks.Current;
                    if (!extent.IsHole && !isKnown) handedOut += extent.LengthBytes;
                    yield return (await window.ReserveAsync(stop), extent, isKnown);
                }
            }
        }

        /// <summary>
        /// The disk from its start to its end. Where only what the map does not know is wanted, the rest is not even asked for in the
        /// source's allocation map: the cost grows with what is wanted, and not with the disk.
        /// </summary>
        private async IAsyncEnumerable<(DiskExtent Extent, bool IsKnown)> ChunksAsync([EnumeratorCancellation] CancellationToken cancel)
        {
            var chunkBytes = BlockRuns.ChunkBytes(map.BlockBytes, options);
            if (!options.OnlyUnknown)
            {
                await foreach (var chunk in BlockRuns.ChunksAsync(source, map.BlockBytes, chunkBytes, cancel)) yield return (chunk, false);
                yield break;
            }

            // A page of the map is looked at when its turn comes, and only blocks before it change meanwhile.
            foreach (var run in map.Runs())
            {
                var range = new DiskRange(run.First * map.BlockBytes, map.BytesOf(run));
                if (run.State != BlockState.Unknown)
                {
                    yield return (new DiskExtent(range.Offset, range.LengthBytes, run.State is BlockState.Hole or BlockState.Zero), true);
                    continue;
                }

                await foreach (var chunk in BlockRuns.ChunksAsync(source, map.BlockBytes, chunkBytes, range, cancel)) yield return (chunk, false);
            }
        }

        /// <summary>What storage that copies by itself is asked for: all that is read below and is not known yet. No two blocks of the map are looked at at once here and there: this one is always ahead.</summary>
        public async IAsyncEnumerable<DiskRange> OffloadedAsync([EnumeratorCancellation] CancellationToken cancel)
        {
            await foreach (var (extent, isKnown) in ChunksAsync(cancel))
                if (!extent.IsHole && !isKnown && !(options.Resume && IsKnown(extent))) yield return new DiskRange(extent.Offset, extent.LengthBytes);
        }

        private void Written(DiskExtent chunk, HashedChunk? leaves)
        {
            if (chunk.IsHole) root.AppendZeroes(chunk.LengthBytes);
            else if (leaves is not null) leaves.AppendTo(root);
            else AppendKnown(chunk);
            lock (written)
            {
                writtenEnd = chunk.End;
                if (!chunk.IsHole) unflushedBytes += chunk.LengthBytes;
            }
        }

        /// <summary>Flushes for the read-back, while the other workers go on. What was written before is on storage then, and is told.</summary>
        private async ValueTask FlushWhatIsDueAsync(CancellationToken stop)
        {
            if (flushed is null || options.Offload is { IsOver: false }) return;
            long upTo;
            lock (written)
            {
                if (isFlushing || unflushedBytes < options.FlushBytes) return;
                (isFlushing, unflushedBytes, upTo) = (true, 0, writtenEnd);
            }

            await FlushAsync(everybody: false, stop);
            flushed.Advance(upTo);
            lock (written) isFlushing = false;
        }

        public void Dispose() => root.Dispose();

        public CopyResult Result(TimeSpan elapsed) => new(root.Finish(source.LengthBytes), dataBytes, zeroBytes, holeBytes, resumedBytes, elapsed) { MapDoubt = source.MapDoubt, Transfer = options.Offload?.Report };

        private void PassKnown(DiskExtent known)
        {
            if (known.IsHole) Interlocked.Add(ref holeBytes, known.LengthBytes);
            else Interlocked.Add(ref resumedBytes, known.LengthBytes);
            meter.Add(known.LengthBytes, 0);
        }

        private async ValueTask PassHoleAsync(DiskExtent hole, CancellationToken stop)
        {
            if (!options.TargetReadsZeroes) await WriteAsync(hole.Offset, hole.LengthBytes, null, stop);
            map.SetZeroes(hole.Offset / map.BlockBytes, map.Parameters.BlockCount(hole.LengthBytes), BlockState.Hole);
            Interlocked.Add(ref holeBytes, hole.LengthBytes);
            meter.Add(hole.LengthBytes, 0);
        }

        /// <returns>The leaves; null where the map knows them and nothing was read.</returns>
        private async ValueTask<HashedChunk?> CopyChunkAsync(DiskExtent chunk, BufferPool buffers, CancellationToken stop)
        {
            var known = options is { Resume: true, OnlyUnknown: false } && IsKnown(chunk);
            if (known && !options.CompareKnown)
            {
                Interlocked.Add(ref resumedBytes, chunk.LengthBytes);
                meter.Add(chunk.LengthBytes, 0);
                return null;
            }

            var buffer = buffers.Rent();
            try
            {
                var bytes = buffer.Memory[..(int)chunk.LengthBytes];
                await ReadAsync(chunk.Offset, bytes, stop);
                var leaves = HashedChunk.Of(bytes.Span, hasher, stages);
                if (known)
                {
                    if (ReadBack.Compare(leaves, bytes.Span, chunk.Offset, map) is [var first, ..])
                        throw DiskErrors.Changed(source.Name, $"block {first.Number} of {map.BlockBytes} bytes reads differently from when it was copied before the interruption");
                    Interlocked.Add(ref resumedBytes, chunk.LengthBytes);
                    meter.Add(chunk.LengthBytes, chunk.LengthBytes);
                    return leaves;
                }

                var isThere = await HasStorageCopiedAsync(chunk, stop);
                // Where storage has tried and not come to an end, nobody knows what is there.
                var readsZeroes = options.TargetReadsZeroes && options.Offload is not { IsNeeded: true };
                if (!isThere && options.Prefilled is { } prefilled) isThere = await WriteWhatDiffersAsync(chunk, bytes, prefilled, stop);
                foreach (var run in leaves.Runs(bytes.Length))
                {
                    Interlocked.Add(ref run.IsHole ? ref zeroBytes : ref dataBytes, run.LengthBytes);
                    if (isThere) continue;
                    if (!run.IsHole) await WriteAsync(chunk.Offset + run.Offset, run.LengthBytes, bytes.Slice((int)run.Offset, (int)run.LengthBytes), stop);
                    else if (!readsZeroes) await WriteAsync(chunk.Offset + run.Offset, run.LengthBytes, null, stop);
                }

                leaves.Record(map, chunk.Offset / map.BlockBytes);
                meter.Add(chunk.LengthBytes, chunk.LengthBytes);
                return leaves;
            }
            finally
            {
                buffers.Return(buffer);
            }
        }

        private async ValueTask<bool> HasStorageCopiedAsync(DiskExtent chunk, CancellationToken stop)
        {
            if (options.Offload is not { IsNeeded: true } offload) return false;
            var enteredAt = stages.Enter();
            var isThere = await offload.HasCopiedAsync(chunk, stop);
            stages.Leave(CopyStage.Target, enteredAt, isThere ? chunk.LengthBytes : 0);
            return isThere;
        }

        /// <summary>Looks what the target has there, and writes the blocks that are not as the source has them.</summary>
        /// <returns>True: it is there then.</returns>
        private async ValueTask<bool> WriteWhatDiffersAsync(DiskExtent chunk, ReadOnlyMemory<byte> bytes, PrefilledDisk prefilled, CancellationToken stop)
        {
            var enteredAt = stages.Enter();
            var buffer = prefilled.Rent();
            try
            {
                var there = buffer.Memory[..bytes.Length];
                await prefilled.ReadAsync(chunk.Offset, there, stop);
                stages.Leave(CopyStage.Target, enteredAt, bytes.Length);
                for (var at = 0; at < bytes.Length; at += map.BlockBytes)
                {
                    var block = bytes.Slice(at, Math.Min(map.BlockBytes, bytes.Length - at));
                    var isSame = block.Span.SequenceEqual(there.Span.Slice(at, block.Length));
                    prefilled.Compared(block.Length, isSame);
                    if (!isSame) await WriteAsync(chunk.Offset + at, block.Length, block, stop);
                }
            }
            finally
            {
                prefilled.Return(buffer);
            }

            return true;
        }

        private async ValueTask ReadAsync(long offset, Memory<byte> bytes, CancellationToken stop)
        {
            var enteredAt = stages.Enter();
            if (options.Bandwidth is { } limit)
            {
                await limit.TakeAsync(bytes.Length, stop);
                stages.Leave(CopyStage.BandwidthLimit, enteredAt, bytes.Length);
                enteredAt = stages.Enter();
            }

            await source.ReadAsSourceAsync(offset, bytes, stop);
            stages.Leave(CopyStage.Source, enteredAt, bytes.Length);
        }

        private async ValueTask WriteAsync(long offset, long lengthBytes, ReadOnlyMemory<byte>? bytes, CancellationToken stop)
        {
            var enteredAt = stages.Enter();
            try
            {
                if (bytes is { } content) await target.WriteAsync(offset, content, stop);
                else await target.WriteZeroesAsync(offset, lengthBytes, stop);
                stages.Leave(CopyStage.Target, enteredAt, bytes?.Length ?? 0);
            }
            catch (SealiftException e)
            {
                throw DiskErrors.TargetFailed(target.Name, offset, lengthBytes, e);
            }
        }

        /// <param name="everybody">Whether all workers wait for it.</param>
        /// <param name="cancel">Cancels it.</param>
        private async Task FlushAsync(bool everybody, CancellationToken cancel)
        {
            var enteredAt = stages.Enter();
            try
            {
                await target.FlushAsync(cancel);
                stages.Leave(CopyStage.Target, enteredAt, 0, everybody);
            }
            catch (SealiftException e)
            {
                throw DiskErrors.FlushFailed(target.Name, target.LengthBytes, e);
            }
        }

        private void AppendKnown(DiskExtent chunk)
        {
            Span<byte> leaf = stackalloc byte[map.Parameters.DigestBytes];
            var first = chunk.Offset / map.BlockBytes;
            for (var block = first; block < first + map.Parameters.BlockCount(chunk.LengthBytes); block++)
            {
                _ = map.Read(block, leaf); // the leaf of zeros too
                root.Append(leaf);
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
