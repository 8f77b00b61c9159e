using Sealift.Disks;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Steps;

/// <summary>Shuts the running machine down, sees that it is off, and copies the last difference. The downtime begins here.</summary>
internal sealed class CutoverStep() : Step(StepName.Cutover, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var plan = context.Request.Warm!;
        var precopy = context.Result(StepName.Precopy, string.Empty, JournalJson.Default.PrecopyStepResult);
        await using var machine = await WarmMachine.ConnectAsync(context, cancel);
        var begun = context.Time.GetUtcNow();
        var forced = false;
        if (precopy.Passes > 0)
        {
            context.Events.Send(new Note(StepName.Cutover, "the guest was asked to shut down") { IsPassing = true });
            forced = await machine.ShutDownAsync(cancel);
        }
        else if (!await machine.IsOffAsync(cancel)) throw MigrationErrors.SourceStirred(context.Source.Machine.Name, "it was off when the migration began, and runs now");

        if (forced) context.Events.Send(new Note(StepName.Cutover, $"the guest did not shut down within {plan.ShutdownDeadline.TotalSeconds:0} seconds and was stopped where it was, as the plan allows"));
        var off = context.Time.GetUtcNow();
        // Audited in the pass before, a sample is enough to see that the tracker has not begun to lie since.
        var audit = precopy.Audited && plan.Audit == AuditScope.Full ? AuditScope.Sample : plan.Audit;
        var pass = await machine.PassAsync(isFinal: true, audit, StepName.Cutover, cancel);
        if (await machine.StirredAsync(cancel) is { } stirred) throw MigrationErrors.SourceStirred(context.Source.Machine.Name, stirred);
        var result = new CutoverStepResult(forced, (off - begun).TotalSeconds, pass.Seconds, audit, precopy.Audited);
        var lies = pass.Disks.Sum(d => d.LieBytes);
        return MigrationContext.Done(
            $"off after {Measures.Elapsed(result.ShutdownSeconds)}{(forced ? ", by force" : string.Empty)}; {MigrationContext.Size(pass.Disks.Sum(d => d.ReadBytes))} read in {Measures.Elapsed(pass.Seconds)}; audit: {audit.ToString().ToLowerInvariant()}{(lies > 0 ? $", {MigrationContext.Size(lies)} of lies" : string.Empty)}",
            result,
            JournalJson.Default.CutoverStepResult);
    }
}

/// <summary>What the cutover came to.</summary>
/// <param name="Forced">Whether the guest was stopped rather than shut down: its disks are as after a power cut.</param>
/// <param name="ShutdownSeconds">How long the guest took to be off.</param>
/// <param name="CopySeconds">How long the last difference and its audit took.</param>
/// <param name="Audit">How much of what the tracker called unchanged was looked at with the machine off.</param>
/// <param name="AuditedBefore">Whether all of it was looked at in the pass before.</param>
internal sealed record CutoverStepResult(bool Forced, double ShutdownSeconds, double CopySeconds, AuditScope Audit, bool AuditedBefore);
