using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Writes what an overlay holds into the target below it.</summary>
/// <remarks>
/// The overlay is never changed, and outside D the target is never written: whatever a crash left half done, running it again from the
/// start gives the same bytes.
/// </remarks>
public static class OverlayCommit
{
    /// <summary>F: the root to expect after the commit. Replaces the leaves of D in a map that starts as a copy of S's, and checkpoints it; nothing is written to any disk.</summary>
    /// <param name="overlayView">From <see cref="Overlay.OpenViewAsync(string, CopiedDisk, string, CancellationToken)"/>.</param>
    /// <param name="changed">D, from <see cref="Overlay.ChangedRangesAsync(string, CopiedDisk, string, CancellationToken)"/>.</param>
    /// <param name="finalMap">A copy of S's map (<see cref="BlockMap.CreateCopy"/>).</param>
    /// <param name="options">How.</param>
    /// <param name="cancel">Cancels it.</param>
    public static async Task<byte[]> ExpectedRootAsync(IDiskReader overlayView, IReadOnlyList<DiskRange> changed, BlockMap finalMap, CopyOptions options, CancellationToken cancel)
    {
        var hasher = new LeafHasher(finalMap.Parameters);
        await ForEachChunkAsync(overlayView.Name, changed, finalMap, options, async (chunk, bytes, stop) =>
        {
            await overlayView.ReadAsSourceAsync(chunk.Offset, bytes, stop);
            HashedChunk.Of(bytes.Span, hasher).Record(finalMap, chunk.Offset / finalMap.BlockBytes);
        }, cancel);
        finalMap.Checkpoint();
        return finalMap.Root();
    }

    /// <summary>Writes D into the target, replaces its leaves in the map, flushes the target, then checkpoints the map. May be run again from the start after a crash: the result is the same.</summary>
    /// <param name="overlay">From <see cref="Overlay.OpenAloneAsync"/>; only D is read of it.</param>
    /// <param name="changed">D.</param>
    /// <param name="target">The base, open for writing; flushed, not closed.</param>
    /// <param name="finalMap">A copy of S's map, or what <see cref="ExpectedRootAsync"/> or an interrupted run left of it.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told about bytes of D.</param>
    /// <param name="cancel">Cancels it; run it again to finish.</param>
    /// <returns>F, from the map: the root that the target must read back as.</returns>
    /// <exception cref="DiskAccessException">A side failed (SL4211 to SL4213).</exception>
    public static async Task<byte[]> RunAsync(IDiskReader overlay, IReadOnlyList<DiskRange> changed, IDiskWriter target, BlockMap finalMap, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        if (target.LengthBytes != finalMap.LengthBytes) throw DiskErrors.WrongMap(target.Name, $"the map is of a disk of {finalMap.LengthBytes} bytes, this one has {target.LengthBytes}");
        if (overlay.LengthBytes != target.LengthBytes) throw DiskErrors.LengthsDiffer(overlay.Name, overlay.LengthBytes, target.Name, target.LengthBytes);
        var hasher = new LeafHasher(finalMap.Parameters);
        var meter = new ProgressMeter(changed.Sum(range => range.LengthBytes), progress);
        await ForEachChunkAsync(target.Name, changed, finalMap, options, async (chunk, bytes, stop) =>
        {
            var pieces = Within(changed, chunk);
            // A block that D covers in part keeps the target's bytes elsewhere; those the commit never writes.
            if (pieces.Sum(piece => piece.LengthBytes) != chunk.LengthBytes) await target.ReadBackAsync(chunk.Offset, bytes, stop);
            foreach (var piece in pieces)
            {
                var content = bytes.Slice((int)(piece.Offset - chunk.Offset), (int)piece.LengthBytes);
                await overlay.ReadAsSourceAsync(piece.Offset, content, stop);
                try
                {
                    if (LeafHasher.IsZero(content.Span)) await target.WriteZeroesAsync(piece.Offset, piece.LengthBytes, stop);
                    else await target.WriteAsync(piece.Offset, content, stop);
                }
                catch (SealiftException e)
                {
                    throw DiskErrors.TargetFailed(target.Name, piece.Offset, piece.LengthBytes, e);
                }

                meter.Add(piece.LengthBytes, piece.LengthBytes);
            }

            HashedChunk.Of(bytes.Span, hasher).Record(finalMap, chunk.Offset / finalMap.BlockBytes);
        }, cancel);
        try
        {
            await target.FlushAsync(cancel);
        }
        catch (SealiftException e)
        {
            throw DiskErrors.FlushFailed(target.Name, target.LengthBytes, e);
        }

        finalMap.Checkpoint();
        meter.Report();
        return finalMap.Root();
    }

    private static async Task ForEachChunkAsync(string disk, IReadOnlyList<DiskRange> changed, BlockMap map, CopyOptions options, Func<DiskRange, Memory<byte>, CancellationToken, ValueTask> work, CancellationToken cancel)
    {
        var chunkBytes = BlockRuns.ChunkBytes(map.BlockBytes, options);
        using var buffers = new BufferPool(chunkBytes);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Workers, CancellationToken = cancel };
        await Parallel.ForEachAsync(WholeBlocks(disk, changed, map.LengthBytes, map.BlockBytes).SelectMany(range => BlockRuns.Cut(range.Offset, range.End, chunkBytes)), parallel, async (chunk, stop) =>
        {
            var buffer = buffers.Rent();
            try
            {
                await work(chunk, buffer.Memory[..(int)chunk.LengthBytes], stop);
            }
            finally
            {
                buffers.Return(buffer);
            }
        });
    }

    /// <summary>The blocks that D touches, as merged ranges.</summary>
    private static IEnumerable<DiskRange> WholeBlocks(string disk, IReadOnlyList<DiskRange> changed, long lengthBytes, int blockBytes)
    {
        long start = 0, end = 0, previousEnd = 0;
        foreach (var range in changed)
        {
            if (range.Offset < previousEnd || range.LengthBytes <= 0 || range.LengthBytes > lengthBytes - range.Offset) throw DiskErrors.BadRange(disk, range, "the ranges must be in order, without overlaps, and on the disk");
            previousEnd = range.End;
            var first = range.Offset / blockBytes * blockBytes;
            var last = Math.Min(lengthBytes, (range.End + blockBytes - 1) / blockBytes * blockBytes);
            if (first > end)
            {
                yield return new DiskRange(start, end - start); // nothing yet at the first range: that is cut into no chunks
                start = first;
            }

            end = last;
        }

        yield return new DiskRange(start, end - start); // nothing where D is empty
    }

    /// <summary>The parts of D inside a chunk.</summary>
    private static List<DiskRange> Within(IReadOnlyList<DiskRange> changed, DiskRange chunk)
    {
        // The first range that ends after the chunk's start, by bisection.
        int low = 0, high = changed.Count;
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            if (changed[middle].End <= chunk.Offset) low = middle + 1;
            else high = middle;
        }

        var pieces = new List<DiskRange>();
        for (; low < changed.Count && changed[low].Offset < chunk.End; low++)
        {
            var offset = Math.Max(chunk.Offset, changed[low].Offset);
            pieces.Add(new DiskRange(offset, Math.Min(chunk.End, changed[low].End) - offset));
        }

        return pieces;
    }
}
