using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>Reads the whole finished disk back past the page cache: it must be F.</summary>
internal sealed class ProveStep(string disk) : Step(StepName.Prove, disk)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var expected = context.Result(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult).Of(Disk).ExpectedRoot;
        var path = context.DiskPath(Disk);
        context.Files.Verify(path);
        using var map = context.OpenMap(context.FinalMapPath(Disk), expected);
        // Before the first byte is read: a write during the reading, or right after it, is not covered by the proof.
        var modified = FileFacts.OfPath(path).ModifiedNanoseconds;
        await using var target = await DiskImage.OpenUncachedAsync(path, context.Request.Format, context.Scratch, cancel);
        var found = await ReadBack.RunAsync(target, map, context.Copying, context.Events.Progress(Planned), cancel);
        var root = MigrationContext.Hex(found.Root);
        if (!found.IsEqual || root != expected)
        {
            foreach (var m in found.Mismatches)
                context.Events.Send(new Note(StepName.Prove, $"{Disk}: {m}"));
            throw MigrationErrors.RootsDiffer(Disk, path, expected, root);
        }

        return MigrationContext.Done(
            $"F read back ({found.CacheBypass})",
            new ReadBackStepResult(root, [], found.CacheBypass, modified),
            JournalJson.Default.ReadBackStepResult);
    }
}
