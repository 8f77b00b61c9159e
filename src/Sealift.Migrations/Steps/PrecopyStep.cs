using Sealift.Disks;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Follows a running machine: a first pass over everything, then passes over what changed, until it is time to cut over. It may be killed
/// at any instant: the next run takes a new point in time and copies what was left and what changed since.
/// </summary>
internal sealed class PrecopyStep() : Step(StepName.Precopy, string.Empty)
{
    // Another process steers by the journal; so often is it looked at.
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var plan = context.Request.Warm!;
        await using var source = new PatientMachine(context, StepName.Precopy);
        if (context.Journal.Passes(context.Id).Count == 0 && await source.AskAsync(m => m.IsOffAsync(cancel), cancel))
            return MigrationContext.Done("the machine is off: it is copied in one pass", new PrecopyStepResult(0, false) { ReadBack = ReadBackScope.Full }, JournalJson.Default.PrecopyStepResult);
        var previous = TimeSpan.MaxValue;
        while (true)
        {
            await WhilePausedAsync(context, cancel);
            var pass = await source.AskAsync(m => m.PassAsync(isFinal: false, AuditScope.None, StepName.Precopy, cancel), cancel);
            // Without a tracker, or with a gap in its chain, the last pass reads everything.
            var estimate = await source.AskAsync(async m => await m.ChangedBytesAsync(cancel) is { } changed ? m.Estimate(changed) : m.EstimateAudit(), cancel);
            Tell(context, pass, estimate);
            context.Events.Send(new CutoverEstimated(StepName.Precopy, estimate.TotalSeconds, plan.Downtime is not { } downtime || estimate < downtime));
            if (await IsDueAsync(context, plan, estimate, gains: estimate < 0.8 * previous, cancel)) break;
            previous = estimate;
        }

        // Where the audit would keep the machine off for too long, it is made now, and what changes after it is copied as ever.
        var audited = false;
        if (plan is { Audit: AuditScope.Full, Downtime: { } budget } && await source.AskAsync(async m => m.EstimateAudit() + m.Estimate(await m.ChangedBytesAsync(cancel) ?? 0), cancel) > budget)
        {
            var pass = await source.AskAsync(m => m.PassAsync(isFinal: false, AuditScope.Full, StepName.Precopy, cancel), cancel);
            Tell(context, pass, null);
            audited = true;
        }

        var scope = await source.AskAsync(m => ReadBackOfAsync(context, plan, m, audited, cancel), cancel);
        var passes = context.Journal.Passes(context.Id).Where(p => p.IsDone).ToList();
        var read = passes.Sum(p => p.Disks.Sum(d => d.ReadBytes));
        return MigrationContext.Done(
            $"{passes.Count} {(passes.Count == 1 ? "pass" : "passes")}, {MigrationContext.Size(read)} read{(audited ? "; what the change tracker calls unchanged was audited in the last one" : string.Empty)}",
            new PrecopyStepResult(passes.Count, audited) { ReadBack = scope },
            JournalJson.Default.PrecopyStepResult);
    }

    /// <summary>How much is read back with the machine off: all of it, unless that would keep it off for longer than it may be.</summary>
    private static async Task<ReadBackScope> ReadBackOfAsync(MigrationContext context, WarmPlan plan, WarmMachine machine, bool audited, CancellationToken cancel)
    {
        if (plan.ReadBack is { } asked) return asked;
        if (plan.Downtime is not { } budget || !WarmMachine.ShowsWrites(context)) return ReadBackScope.Full;
        // A read-back of the target and an audit of the source both read whatever is not a hole.
        var (whole, rest) = (machine.EstimateAudit(), machine.Estimate(await machine.ChangedBytesAsync(cancel) ?? 0));
        if (rest + whole + (plan.Audit == AuditScope.Full && !audited ? whole : TimeSpan.Zero) <= budget) return ReadBackScope.Full;
        context.Events.Send(new Note(
            StepName.Precopy,
            $"to read all of the target back takes about {Measures.Elapsed(whole.TotalSeconds)}, which is more than the machine may be off for; what the passes have read back is not read again"));
        return ReadBackScope.Changed;
    }

    private static void Tell(MigrationContext context, PassRecord pass, TimeSpan? estimate)
    {
        var because = pass.Disks.Select(d => d.FullBecause).FirstOrDefault(b => b is not null);
        var what = because is null ? $"{MigrationContext.Size(pass.Disks.Sum(d => d.ClaimedBytes))} had changed" : $"everything: {because}";
        var proven = pass.Disks.Sum(d => d.ProvenBytes);
        context.Events.Send(new Note(
            StepName.Precopy,
            $"pass {pass.Number}: {what}; {MigrationContext.Size(pass.Disks.Sum(d => d.ReadBytes))} read in {Measures.Elapsed(pass.Seconds)}{(proven > 0 ? $", {MigrationContext.Size(proven)} read back" : string.Empty)}{(estimate is { } time ? $"; cut over now, the last difference takes about {Measures.Elapsed(time.TotalSeconds)}" : string.Empty)}"));
    }

    /// <summary>Waits for the next pass, or for the cutover.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="estimate">How long the last difference would take now.</param>
    /// <param name="gains">Whether that is clearly less than after the pass before: then another one, at once, may bring it below the limit.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>Whether it is time to cut over.</returns>
    private static async Task<bool> IsDueAsync(MigrationContext context, WarmPlan plan, TimeSpan estimate, bool gains, CancellationToken cancel)
    {
        var endedAt = context.Time.GetUtcNow();
        while (true)
        {
            var asked = context.Journal.Steering(context.Id);
            var now = context.Time.GetUtcNow();
            if ((asked.CutoverAt ?? plan.CutoverAt) is { } at && now >= at) return true;
            if (!asked.IsPaused)
            {
                if (plan.Downtime is { } downtime && estimate < downtime && asked.CutoverAt is null && plan.CutoverAt is null) return true;
                if (now - endedAt >= (plan.Downtime is not null && asked.Interval is null && gains ? TimeSpan.Zero : asked.Interval ?? plan.Interval)) return false;
            }

            await Task.Delay(LookInterval, context.Time, cancel);
        }
    }

    private static async Task WhilePausedAsync(MigrationContext context, CancellationToken cancel)
    {
        while (context.Journal.Steering(context.Id) is { IsPaused: true } asked && !(asked.CutoverAt <= context.Time.GetUtcNow())) await Task.Delay(LookInterval, context.Time, cancel);
    }
}

/// <summary>What following a machine came to.</summary>
/// <param name="Passes">How many passes were done.</param>
/// <param name="Audited">Whether the last of them had a full audit.</param>
internal sealed record PrecopyStepResult(int Passes, bool Audited)
{
    /// <summary>How much of the target is read back with the machine off.</summary>
    public ReadBackScope ReadBack { get; init; }
}
