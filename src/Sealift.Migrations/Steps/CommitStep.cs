using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Writes a disk's overlay into the copied disk. Before the first byte of the first disk the journal decides it for all of them;
/// after that it is run to its end whatever happens, and run again from its start after a crash: it writes the same bytes.
/// </summary>
internal sealed class CommitStep(string disk) : Step(StepName.Commit, disk)
{
    public override bool IsCancellable => false;

    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var converted = context.Result(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult);
        foreach (var other in context.Source.Machine.Disks)
        {
            // Nothing is decided on overlays or disks that are not there: each of them, before the first byte of any.
            context.Files.Verify(context.OverlayPath(other.Key));
            context.Files.Verify(context.DiskPath(other.Key));
            await TargetPlaces.VerifyAsync(context, other.Key, cancel);
            TargetPlaces.DemandUnused(context, other.Key);
            _ = converted.Of(other.Key); // throws where the evidence lacks this disk
        }

        context.Journal.DecideCommit(context.Id);

        var mine = converted.Of(Disk);
        var copy = context.Result(StepName.Copy, Disk, JournalJson.Default.CopyStepResult);
        var mapPath = context.FinalMapPath(Disk);
        context.Files.Claim(mapPath, Artefacts.BlockMap);
        using var sourceMap = context.OpenMap(context.SourceMapPath(Disk), copy.Root);
        using var finalMap = BlockMap.CreateCopy(mapPath, sourceMap);
        context.Files.Own(mapPath, Artefacts.BlockMap);
        // What the passes over a running machine and the read-back after them have read counts on, but for what is written now.
        var left = context.Result(StepName.ReadBack, Disk, JournalJson.Default.ReadBackStepResult).Target;
        using var proven = left is null ? null : CopyTargets.Proofs(context, Disk, sourceMap, left, StepName.Commit);
        if (proven is not null) Forget(proven, mine.Changed);
        byte[] root;
        await using (var overlay = await Overlay.OpenAloneAsync(context.OverlayPath(Disk), context.Scratch, cancel))
        await using (var target = await context.CopiedDisk(Disk).OpenWriteAsync(copy.LengthBytes, context.Scratch, cancel))
        {
            root = await OverlayCommit.RunAsync(overlay, mine.Changed, target, finalMap, context.Copying, context.Events.Progress(Planned), cancel);
            await target.CloseAsync(cancel);
        }

        left = proven is null ? null : TargetState.Of(context.DiskPath(Disk));
        proven?.Close();
        finalMap.Close();
        var hex = MigrationContext.Hex(root);
        if (hex != mine.ExpectedRoot) throw MigrationErrors.RootsDiffer(Disk, "what was committed", mine.ExpectedRoot, hex);
        return MigrationContext.Done(
            $"{Measures.Count(mine.Changed.Count, "range")}, {MigrationContext.Size(mine.Changed.Sum(r => r.LengthBytes))}, F = {hex}",
            new CommitStepResult(hex) { Target = left },
            JournalJson.Default.CommitStepResult);
    }

    /// <summary>Durably, before anything is written.</summary>
    private static void Forget(BlockMap proven, IReadOnlyList<DiskRange> changed)
    {
        foreach (var range in changed)
        {
            var first = range.Offset / proven.BlockBytes;
            proven.SetUnknown(first, proven.Parameters.BlockCount(range.End) - first);
        }

        proven.Checkpoint();
    }
}

/// <summary>What a commit established.</summary>
/// <param name="Root">The root of what it wrote, over S's leaves.</param>
internal sealed record CommitStepResult(string Root)
{
    /// <summary>The disk as it was left, where what was read back of it before counts on; otherwise null.</summary>
    public TargetState? Target { get; init; }
}
