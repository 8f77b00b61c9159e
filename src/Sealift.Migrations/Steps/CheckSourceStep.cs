using Sealift.Guests;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>Checks the source's file systems before anything is copied, and looks the guest over for what would stop its conversion: through read-only exports, so nothing can be written to it.</summary>
internal sealed class CheckSourceStep() : Step(StepName.CheckSource, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        // What the conversion will change is told by file as well: this is how they were.
        var options = Examination.Options(context, Planned) with
        {
            Keys = Examination.Keys(context),
            FileListDirectory = context.Request.Convert ? FileListing.Begin(context.FilesBefore) : null,
            LintScope = context.Request.Convert ? LintScope.Conversion : LintScope.AsItIs,
        };
        var report = await SourceExamination.RunAsync(context.Source, context.Store.Servers, options, context.Store.Examiner, context.Request.Warm?.ScratchDirectory ?? context.Scratch, WarmMachine.OwnerOf(context.Id), context.Events.Log(Planned), cancel);
        var weighed = DamageWeighing.Before(report.Findings, context.Request.Waivers);
        Examination.Tell(context, Planned, weighed);
        var fatal = weighed.Where(w => w.IsFatal).ToList();
        if (fatal.Count > 0) throw new StepRefused(Examination.Refusal(fatal), Examination.Json(report));
        var waived = weighed.FirstOrDefault(w => w.Waiver is not null);
        if (waived is not null && !context.Request.AcceptDegraded) throw new StepRefused(MigrationErrors.DegradedNotAccepted($"{(waived.Finding.Severity == FindingSeverity.Damage ? "damage" : "an obstacle")} is waived: {Examination.Describe(waived)}"), Examination.Json(report));
        // Disk images do not say how their machine boots: BIOS is assumed until the disks themselves say otherwise.
        if (context.Source.Machine.Firmware == Firmware.Bios && report.Inspection is { BootsByUefi: true, HasBiosBootCode: false })
            throw new StepRefused(MigrationErrors.FirmwareCannotBoot(context.Source.Machine.Name), Examination.Json(report));
        return new StepResult(Examination.Summary(report, weighed), Examination.Json(report));
    }
}
