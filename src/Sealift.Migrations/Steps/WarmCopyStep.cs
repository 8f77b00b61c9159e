using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>What the passes have copied of a disk is its copy: its root is S, known from the map without reading the source again.</summary>
internal sealed class WarmCopyStep(string disk) : Step(StepName.Copy, disk)
{
    public override Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var passes = context.Journal.Passes(context.Id);
        var last = passes[^1];
        var root = last is { IsFinal: true, IsDone: true } ? last.Disks.Single(d => d.Key == Disk).Root : null;
        if (root is null) throw MigrationErrors.EvidenceMissing($"the last pass over {Disk}");
        context.Files.Verify(context.DiskPath(Disk));
        using var map = context.OpenMap(context.SourceMapPath(Disk), root);
        var result = CopyStepResult.Of(Convert.FromHexString(root), map, FileFacts.OfPath(context.DiskPath(Disk))) with
        {
            // That of the last pass that began it anew.
            Transfer = passes.Where(p => p.IsDone).Select(p => p.Disks.FirstOrDefault(d => d.Key == Disk)?.Transfer).LastOrDefault(t => t is not null),
        };
        return Task.FromResult(MigrationContext.Done(
            $"{MigrationContext.Size(result.DataBytes)} of data, {MigrationContext.Size(result.HoleBytes + result.ZeroBytes)} of zeros, by {passes.Count(p => p.IsDone)} passes, S = {root}",
            result,
            JournalJson.Default.CopyStepResult));
    }
}
