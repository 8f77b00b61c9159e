using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// Decides what the next pass may believe. Points in time are a chain: each begins a bitmap, and the next copies what the bitmaps since
/// the last pass that was done have recorded. A link that is missing, or a disk that is not what it was, means a full pass, with the
/// reason, and never a guess.
/// </summary>
internal static class WarmChain
{
    // They are read at once, beside the allocation, and an NBD connection asks for at most 16 such contexts: NbdOptions.MetaContexts.
    private const int LongestChain = 15;

    /// <summary>The next pass over each disk.</summary>
    /// <param name="described">The disks as the migration began with them.</param>
    /// <param name="now">The disks as they are.</param>
    /// <param name="passes">All passes so far, in order, those that were not done among them.</param>
    /// <param name="useTracker">Whether the plan uses trackers.</param>
    /// <exception cref="Posix.SealiftException">SL7301: a disk was added or removed.</exception>
    public static IReadOnlyList<PassDisk> Next(IReadOnlyList<SourceDisk> described, IReadOnlyList<RunningDisk> now, IReadOnlyList<PassRecord> passes, bool useTracker)
    {
        if (now.FirstOrDefault(d => described.All(s => s.Identity != d.Identity)) is { } added) throw MigrationErrors.DisksChanged(added.Identity, "it was added after the migration began");
        return [.. described.Select(d => Next(d, now.FirstOrDefault(n => n.Identity == d.Identity) ?? throw MigrationErrors.DisksChanged(d.Identity, "it is no longer there"), passes, useTracker))];
    }

    private static PassDisk Next(SourceDisk described, RunningDisk now, IReadOnlyList<PassRecord> passes, bool useTracker)
    {
        var last = -1;
        for (var i = 0; i < passes.Count; i++)
            if (passes[i].IsDone) last = i;
        var before = last < 0 ? null : passes[last].Disks.FirstOrDefault(d => d.Key == described.Key);
        var (since, broken) = last < 0 ? ([], "it is the first pass")
            : before?.Mark is { } mark ? Since(mark, now.Record)
            : now.Record is not null ? ([], "its changes were not kept track of in the last pass")
            : Since(passes.Skip(last).Select(p => p.Bitmap).ToList(), now.Bitmaps);
        var lied = passes.FirstOrDefault(p => p.Disks.Any(d => d.Key == described.Key && d.LieBytes > 0));
        var was = before?.LengthBytes ?? described.Image.VirtualLengthBytes;
        var because = was != now.LengthBytes ? $"it had {was} bytes, and has {now.LengthBytes} now: it is copied anew"
            : last < 0 ? broken
            : !useTracker ? "the plan uses no change tracker"
            : lied is not null ? $"the change tracker lied in pass {lied.Number}"
            : now.Untracked is not null ? now.Untracked
            : before is null ? "the last pass did not have this disk"
            : before.File != now.File ? $"it lay in {before.File}, and lies in {now.File} now"
            : before.Node != now.Node ? $"it was behind the block node {before.Node}, and is behind {now.Node} now: it was restarted, or a snapshot was taken or reverted"
            : broken;
        return new PassDisk(described.Key, described.Identity, now.Node, now.File, now.LengthBytes, because is null ? since : [], because);
    }

    /// <summary>The mark of the last pass that was done, whatever passes were begun since: a tracker that knows instants can be asked for any of them.</summary>
    private static (IReadOnlyList<string> Since, string? Broken) Since(TrackerMark mark, string? record) =>
        record is null ? ([], "its changes are no longer kept track of")
        : record != mark.Record ? ([], "the tracking of its changes began anew: it was reverted, resized, moved, or the tracking was switched off")
        : ([mark.Id], null);

    /// <summary>
    /// The bitmaps that together hold every change since the first of them began. That of a pass that was killed may not have been begun;
    /// then the one before it still records. The last one must record: otherwise there were changes that nobody saw.
    /// </summary>
    private static (IReadOnlyList<string> Since, string? Broken) Since(List<string> names, IReadOnlyList<DirtyBitmap> bitmaps)
    {
        var found = names.ConvertAll(n => bitmaps.FirstOrDefault(b => b.Name == n));
        if (found[0] is null) return ([], $"its change tracker {names[0]} is gone: QEMU was restarted, or somebody removed it");
        var end = found.FindLastIndex(b => b is not null) + 1;
        var chain = found[..end];
        if (chain.FindIndex(b => b is null) is >= 0 and var gap) return ([], $"there is a gap in the chain of its change trackers: {names[gap]} is missing");
        if (chain.Find(b => b!.IsInconsistent) is { } inconsistent) return ([], $"its change tracker {inconsistent.Name} is inconsistent");
        if (!chain[^1]!.IsRecording) return ([], $"its change tracker {chain[^1]!.Name} no longer records");
        if (end > LongestChain) return ([], $"{end - 1} passes in a row did not come to their end, and so many change trackers are not asked at once");
        return ([.. names[..end]], null);
    }
}
