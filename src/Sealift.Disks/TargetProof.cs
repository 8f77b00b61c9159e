using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>What a proof established.</summary>
/// <param name="Found">The last read-back of the whole target: equal.</param>
/// <param name="Repaired">The ranges that the first read-back found different, and that were copied once more.</param>
/// <param name="RewrittenBytes">Bytes that were copied once more.</param>
public sealed record TargetProofResult(ReadBackResult Found, IReadOnlyList<Mismatch> Repaired, long RewrittenBytes);

/// <summary>
/// Proves a target against the map of its copy: all of it is read back, what differs is copied once more and all of it is read
/// again. A second difference fails the target.
/// </summary>
public static class TargetProof
{
    /// <summary>Reads back, repairs at most once, and returns only where every block is as it was copied.</summary>
    /// <param name="openSource">Opens the source at the same point in time; called only where something differs.</param>
    /// <param name="openTarget">Opens the target for writing; likewise.</param>
    /// <param name="openUncached">Opens the target for a read-back.</param>
    /// <param name="map">The complete map of the copy.</param>
    /// <param name="options">How.</param>
    /// <param name="onDifference">Told of each range that differs, before it is copied again.</param>
    /// <param name="progress">Told about ten times a second.</param>
    /// <param name="cancel">Cancels it; the target is not proven then.</param>
    /// <exception cref="SecondMismatchException">A range differs again (SL4234).</exception>
    /// <exception cref="DiskAccessException">A side failed (SL4211 to SL4214).</exception>
    /// <exception cref="SealiftException">Another range differs after the repair (SL4235), too many do (SL4232), or the source reads differently (SL4233) or changed (SL4201).</exception>
    public static Task<TargetProofResult> RunAsync(
        Func<CancellationToken, Task<IDiskReader>> openSource,
        Func<CancellationToken, Task<IDiskWriter>> openTarget,
        Func<CancellationToken, Task<IUncachedReader>> openUncached,
        BlockMap map,
        CopyOptions options,
        Action<Mismatch> onDifference,
        IProgress<DiskProgress>? progress,
        CancellationToken cancel) => RunAsync(openSource, openTarget, openUncached, map, null, null, options, onDifference, progress, cancel);

    /// <summary>The same after a first read-back that was made while the disk was copied; null where none was.</summary>
    /// <param name="openSource">As above.</param>
    /// <param name="openTarget">As above.</param>
    /// <param name="openUncached">As above.</param>
    /// <param name="map">As above.</param>
    /// <param name="found">What the first read-back found; null where none was made.</param>
    /// <param name="proven">
    /// What has been read back before and is not read again; what is read now is added. A repair voids all of it, durably, before it
    /// writes. Null: the whole target is read.
    /// </param>
    /// <param name="options">As above.</param>
    /// <param name="onDifference">As above.</param>
    /// <param name="progress">As above.</param>
    /// <param name="cancel">As above.</param>
    public static async Task<TargetProofResult> RunAsync(
        Func<CancellationToken, Task<IDiskReader>> openSource,
        Func<CancellationToken, Task<IDiskWriter>> openTarget,
        Func<CancellationToken, Task<IUncachedReader>> openUncached,
        BlockMap map,
        ReadBackResult? found,
        BlockMap? proven,
        CopyOptions options,
        Action<Mismatch> onDifference,
        IProgress<DiskProgress>? progress,
        CancellationToken cancel)
    {
        var name = string.Empty;
        var first = found ?? await ReadBackAsync();
        if (first.IsEqual) return new TargetProofResult(first, [], 0);
        options.Offload?.DemandRepair(first);
        RepairResult repair;
        await using (var source = LimitedDisk.Of(await openSource(cancel), options.Bandwidth))
        {
            first = first with { Mismatches = await MismatchPlace.LocateAsync(source, openUncached, map, first.Mismatches, cancel) };
            foreach (var mismatch in first.Mismatches) onDifference(mismatch);
            proven?.SetUnknown(0, proven.BlockCount);
            proven?.Checkpoint();
            repair = options.Offload is { IsNeeded: true } offload
                ? await RepairOffloadAsync(offload, source)
                : await DiskRepair.RunAsync(source, openTarget, openUncached, map, first, options, cancel);
        }

        // The proof is about the whole disk: a repair in one place may have disturbed another.
        var second = await ReadBackAsync();
        if (!second.IsEqual) throw CopyErrors.StillDifferent(name, second.MismatchedBytes, second.Mismatches[0].Range);
        return new TargetProofResult(second, first.Mismatches, repair.RewrittenBytes);

        // However many ranges: storage that did not copy what it said it had is no failing disk.
        async Task<RepairResult> RepairOffloadAsync(Offload offload, IDiskReader source)
        {
            var (bytes, bypass) = await DiskRepair.RunAsync(source, openTarget, openUncached, map, offload.Differing.Ranges(map.BlockBytes, map.LengthBytes), options, cancel);
            offload.Repaired(bytes);
            return new RepairResult(first.Mismatches, bytes, bypass);
        }

        async Task<ReadBackResult> ReadBackAsync()
        {
            await using var target = await openUncached(cancel);
            name = target.Name;
            return await ReadBack.RunAsync(target, map, proven, options, progress, cancel);
        }
    }
}
