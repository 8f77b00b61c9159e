using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>What was done about the ranges that did not read back.</summary>
/// <param name="Repaired">The ranges that were copied once more and now read back right: T equals S from here on.</param>
/// <param name="RewrittenBytes">Bytes that were read from the source and written again.</param>
/// <param name="CacheBypass">How the page cache was bypassed when they were verified.</param>
public sealed record RepairResult(IReadOnlyList<Mismatch> Repaired, long RewrittenBytes, string CacheBypass);

/// <summary>A range read back wrong for the second time (SL4234): this target is not to be trusted.</summary>
public sealed class SecondMismatchException : SealiftException
{
    internal SecondMismatchException(string disk, DiskRange range, FirstDifference first)
        : base(
            "SL4234",
            $"repair {range.LengthBytes} bytes at offset {range.Offset}",
            disk,
            $"after they were copied once more they still read back wrong; the first difference is at offset {first.Offset}: {first.ActualBytes} instead of {first.ExpectedBytes}",
            "Do not use this target: check the storage below it, then migrate to another one")
    {
        Range = range;
        FirstDifferingOffset = first.Offset;
        ExpectedBytes = first.ExpectedBytes;
        ActualBytes = first.ActualBytes;
    }

    /// <summary>The chunk of the mismatched range that was compared; its ends are those of blocks.</summary>
    public DiskRange Range { get; }

    /// <summary>The first byte that differs, from the start of the disk.</summary>
    public long FirstDifferingOffset { get; }

    /// <summary>Up to 16 bytes of the source from there, in lower-case hex.</summary>
    public string ExpectedBytes { get; }

    /// <summary>Up to 16 bytes of the target from there, in lower-case hex.</summary>
    public string ActualBytes { get; }
}

/// <summary>Copies the ranges that did not read back once more; a range that differs again fails the disk.</summary>
public static class DiskRepair
{
    /// <summary>Reads the mismatched ranges from the source again, writes them, flushes, closes, and verifies them through a new uncached reader.</summary>
    /// <param name="source">The source, at the same point in time.</param>
    /// <param name="openTarget">Opens the target for writing; it is closed before <paramref name="openUncached"/> is called.</param>
    /// <param name="openUncached">Opens the target for the read-back.</param>
    /// <param name="expected">The map of the copy.</param>
    /// <param name="found">What the read-back found.</param>
    /// <param name="options">How.</param>
    /// <param name="cancel">Cancels it; the target is not proven then.</param>
    /// <exception cref="SecondMismatchException">A range differs again (SL4234).</exception>
    /// <exception cref="DiskAccessException">A side failed (SL4211 to SL4214).</exception>
    /// <exception cref="SealiftException">Too many ranges differ for a repair to mean anything (SL4232); the source reads differently now (SL4233) or changed (SL4201).</exception>
    public static async Task<RepairResult> RunAsync(
        IDiskReader source,
        Func<CancellationToken, Task<IDiskWriter>> openTarget,
        Func<CancellationToken, Task<IUncachedReader>> openUncached,
        BlockMap expected,
        ReadBackResult found,
        CopyOptions options,
        CancellationToken cancel)
    {
        if (found.IsEqual) return new RepairResult([], 0, found.CacheBypass);
        if (found.MismatchesOmitted) throw DiskErrors.TooManyMismatches(source.Name, found.MismatchedBytes, options.MismatchLimit);
        var (rewritten, bypass) = await RunAsync(source, openTarget, openUncached, expected, found.Mismatches.Select(m => m.Range), options, cancel);
        return new RepairResult(found.Mismatches, rewritten, bypass);
    }

    /// <summary>The same for any number of ranges, in order, whose ends are those of blocks; they are gone through twice.</summary>
    /// <returns>The bytes that were written again, and how the page cache was bypassed when they were verified.</returns>
    internal static async Task<(long RewrittenBytes, string CacheBypass)> RunAsync(
        IDiskReader source,
        Func<CancellationToken, Task<IDiskWriter>> openTarget,
        Func<CancellationToken, Task<IUncachedReader>> openUncached,
        BlockMap expected,
        IEnumerable<DiskRange> ranges,
        CopyOptions options,
        CancellationToken cancel)
    {
        var chunkBytes = BlockRuns.ChunkBytes(expected.BlockBytes, options);
        var chunks = ranges.SelectMany(range => BlockRuns.Cut(range.Offset, range.End, chunkBytes));
        var hasher = new LeafHasher(expected.Parameters);
        using var fromSource = new AlignedBuffer(chunkBytes);
        using var fromTarget = new AlignedBuffer(chunkBytes);

        long rewritten = 0;
        await using (var target = await openTarget(cancel))
        {
            foreach (var chunk in chunks)
            {
                var bytes = fromSource.Memory[..(int)chunk.LengthBytes];
                await ReadSourceAsync(chunk, bytes);
                try
                {
                    // Zeros too are written as bytes: what was done before did not make them read as zeros.
                    await target.WriteAsync(chunk.Offset, bytes, cancel);
                }
                catch (SealiftException e)
                {
                    throw DiskErrors.TargetFailed(target.Name, chunk.Offset, chunk.LengthBytes, e);
                }

                rewritten += chunk.LengthBytes;
            }

            try
            {
                await target.FlushAsync(cancel);
                await target.CloseAsync(cancel);
            }
            catch (SealiftException e)
            {
                throw DiskErrors.FlushFailed(target.Name, target.LengthBytes, e);
            }
        }

        await using var uncached = await openUncached(cancel);
        foreach (var chunk in chunks)
        {
            var actual = fromTarget.Memory[..(int)chunk.LengthBytes];
            await uncached.ReadBackAsync(chunk.Offset, actual, cancel);
            if (ReadBack.Compare(HashedChunk.Of(actual.Span, hasher), actual.Span, chunk.Offset, expected).Count == 0) continue;
            var wanted = fromSource.Memory[..(int)chunk.LengthBytes];
            await ReadSourceAsync(chunk, wanted);
            // Source and map agree, target and map do not: there is a difference.
            throw new SecondMismatchException(uncached.Name, chunk, FirstDifference.Between(chunk.Offset, wanted.Span, actual.Span)!);
        }

        await source.VerifyUnchangedAsync(cancel);
        return (rewritten, uncached.CacheBypass);

        async ValueTask ReadSourceAsync(DiskRange chunk, Memory<byte> bytes)
        {
            await source.ReadAsSourceAsync(chunk.Offset, bytes, cancel);
            // The map holds the leaves of what was read the first time. A source that answers differently now gives no ground to stand on.
            var differing = ReadBack.Compare(HashedChunk.Of(bytes.Span, hasher), bytes.Span, chunk.Offset, expected);
            if (differing.Count > 0) throw DiskErrors.SourceUnstable(source.Name, chunk.Offset, chunk.LengthBytes, differing[0].ExpectedLeaf, differing[0].ActualLeaf);
        }
    }
}
