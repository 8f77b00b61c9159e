using Sealift.Disks;
using Sealift.Guests;

namespace Sealift.Migrations.Steps;

/// <summary>Checks the file systems as the new machine will see them: the overlays where the guest was converted, the copied disks otherwise.</summary>
internal sealed class CheckTargetStep() : Step(StepName.CheckTarget, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var before = context.Result(StepName.CheckSource, string.Empty, JournalJson.Default.GuestReport);
        await using var shown = await ShownExports.ShowAsync(context, overlays: context.Request.Convert, cancel);
        var drives = new List<GuestDrive>();
        foreach (var disk in context.Source.Machine.Disks)
        {
            var path = context.Request.Convert ? context.OverlayPath(disk.Key) : context.DiskPath(disk.Key);
            context.Files.Verify(path);
            drives.Add(shown.Drive(disk.Key, path, context.Request.Convert ? ImageFormat.Qcow2 : context.Request.Format));
        }

        var compares = context.Request.Convert && before.FileLists.Count > 0;
        var options = Examination.Options(context, Planned) with { Keys = Examination.Keys(context), FileListDirectory = compares ? FileListing.Begin(context.FilesAfter) : null };
        var report = LostFilesystems.AddTo(before, await context.Store.Examiner(drives, options, context.Events.Log(Planned), cancel));
        if (compares) report = report with { FileLists = [], FileChanges = FileListing.Compare(context, before, report, cancel) };
        var weighed = DamageWeighing.After(before.Findings, report.Findings, context.Request.Waivers);
        Examination.Tell(context, Planned, weighed);
        var fatal = weighed.Where(w => w.IsFatal).ToList();
        if (fatal.Count > 0) throw new StepRefused(MigrationErrors.NewDamage(fatal.Count, Examination.Describe(fatal[0])), Examination.Json(report));
        return new StepResult(Examination.Summary(report, weighed), Examination.Json(report));
    }
}
