using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Reads the finished disk back past the page cache: it must be F. Of a machine that ran, what was read back before the commit and not
/// written by it may be left out.
/// </summary>
internal sealed class ProveStep(string disk) : Step(StepName.Prove, disk)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var expected = context.Result(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult).Of(Disk).ExpectedRoot;
        var path = context.DiskPath(Disk);
        context.Files.Verify(path);
        await TargetPlaces.VerifyAsync(context, Disk, cancel);
        using var map = context.OpenMap(context.FinalMapPath(Disk), expected);
        var left = context.Result(StepName.Commit, Disk, JournalJson.Default.CommitStepResult).Target;
        using var proven = left is null ? null : CopyTargets.Proofs(context, Disk, map, left, StepName.Prove);
        if (proven is not null) WarmPass.ForgetProofs(proven, map);
        if (context.Far is not null) await context.Far.RenewAsync(Disk, cancel);
        // Before the first byte is read: a write during the reading, or right after it, is not covered by the proof; nor is one since it was read before.
        var modified = proven is not null && proven.UnknownBlocks < proven.BlockCount ? left!.ModifiedNanoseconds : await TargetPlaces.ModifiedAsync(context, Disk, path, cancel);
        await using var target = await context.CopiedDisk(Disk).OpenUncachedAsync(map.LengthBytes, context.Scratch, cancel);
        var found = await ReadBack.RunAsync(target, map, proven, context.Copying, context.Events.Progress(Planned), cancel);
        var root = MigrationContext.Hex(found.Root);
        if (!found.IsEqual || root != expected)
        {
            foreach (var m in found.Mismatches)
                context.Events.Send(new Note(StepName.Prove, $"{Disk}: {m}"));
            throw MigrationErrors.RootsDiffer(Disk, path, expected, root);
        }

        proven?.Close();
        var before = context.Result(StepName.ReadBack, Disk, JournalJson.Default.ReadBackStepResult);
        return MigrationContext.Done(
            $"F read back ({found.CacheBypass})",
            new ReadBackStepResult(root, [], found.CacheBypass, modified) { Parts = proven is null ? null : SealedReadBack.Of(ReadBackScope.Changed, map.LengthBytes, found, before.ProvenSince!.Value) },
            JournalJson.Default.ReadBackStepResult);
    }
}
