using Sealift.Disks;
using Sealift.Guests;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Checks the file systems of the committed disks, as they are handed over, by what needs no appliance: that takes seconds. Every byte
/// of them was proven to be what was checked before the commit; this is a second look by other means, and what it finds is fatal.
/// </summary>
internal sealed class CheckCommittedStep() : Step(StepName.CheckCommitted, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var after = context.Result(StepName.CheckTarget, string.Empty, JournalJson.Default.GuestReport);
        await using var shown = await ShownExports.ShowAsync(context, overlays: false, cancel);
        var drives = new List<GuestDrive>();
        foreach (var disk in context.Source.Machine.Disks)
        {
            await GateStep.VerifyProvenAsync(context, disk.Key, cancel);
            drives.Add(shown.Drive(disk.Key, context.DiskPath(disk.Key), context.Request.Format));
        }

        var options = Examination.Options(context, Planned) with { Way = CheckWay.Host, Inspect = false };
        var report = await context.Store.Examiner(drives, options, context.Events.Log(Planned), cancel);
        // They were opened for reading only: a write would be somebody else's, or our own mistake, and voids the proof either way.
        foreach (var disk in context.Source.Machine.Disks) await GateStep.VerifyProvenAsync(context, disk.Key, cancel);
        var weighed = DamageWeighing.After(after.Findings, report.Findings, context.Request.Waivers);
        Examination.Tell(context, Planned, [.. weighed.Where(w => IsNews(after, w.Finding))]);
        var fatal = weighed.Where(w => w.IsFatal).ToList();
        if (fatal.Count > 0) throw new StepRefused(MigrationErrors.CommittedDamage(fatal.Count, Examination.Describe(fatal[0])), Examination.Json(report));
        return new StepResult(Examination.Summary(report, weighed), Examination.Json(report));
    }

    /// <summary>Whether a finding about the committed disks is not one that the check before the commit had; what only the appliance could check is no news.</summary>
    public static bool IsNews(GuestReport after, Finding finding) => finding.Class != "not-checked" && after.Findings.All(f => f.Identity != finding.Identity || f.Severity != finding.Severity);
}
