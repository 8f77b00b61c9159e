using Sealift.Guests;

namespace Sealift.Migrations.Steps;

/// <summary>Collects the evidence out of the journal and weighs it.</summary>
internal sealed class GateStep() : Step(StepName.Gate, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        context.Source.VerifyUnchanged();
        if (context.Request.Warm is not null) await WarmMachine.VerifyOffAsync(context, cancel);
        foreach (var disk in context.Source.Machine.Disks) await VerifyProvenAsync(context, disk.Key, cancel);
        var decision = Gate.Weigh(Evidence(context));
        if (decision.Verdict == Verdict.Failed) throw MigrationErrors.GateClosed(string.Join(" ", decision.Reasons).TrimEnd('.'));
        return MigrationContext.Done(
            decision.Verdict == Verdict.Sealed ? "every required check passed" : string.Join(" ", decision.Reasons),
            decision,
            JournalJson.Default.GateDecision);
    }

    /// <summary>What the journal holds, as evidence; what it does not hold stays null.</summary>
    public static GateEvidence Evidence(MigrationContext context)
    {
        var source = context.Source;
        var convert = context.Find(StepName.Convert, string.Empty, JournalJson.Default.ConvertStepResult);
        var disks = source.Machine.Disks.Select(d => new DiskEvidence(
            d.Key,
            context.Find(StepName.Copy, d.Key, JournalJson.Default.CopyStepResult)?.Root,
            context.Find(StepName.ReadBack, d.Key, JournalJson.Default.ReadBackStepResult)?.Root,
            convert?.Disks.FirstOrDefault(c => c.Key == d.Key)?.ExpectedRoot,
            context.Find(StepName.Commit, d.Key, JournalJson.Default.CommitStepResult)?.Root,
            context.Find(StepName.Prove, d.Key, JournalJson.Default.ReadBackStepResult)?.Root));
        return new GateEvidence(
            [.. source.Machine.Disks.Select(d => d.Key)],
            context.Request.Check,
            context.Request.Convert,
            context.Request.Waivers,
            context.Request.AcceptDegraded,
            [.. disks],
            SourceUnchanged: true, // measured by the copies, and by the caller just now: it throws otherwise
            Check(context.Find(StepName.CheckSource, string.Empty, JournalJson.Default.GuestReport)),
            Check(context.Find(StepName.CheckTarget, string.Empty, JournalJson.Default.GuestReport)),
            convert is null ? null : true)
        {
            Committed = Check(context.Find(StepName.CheckCommitted, string.Empty, JournalJson.Default.GuestReport)),
            BootPlanned = context.Request.BootCheck.IsPlanned(context.Request.Convert),
            BootRequired = context.Request.BootCheck == BootCheck.Required,
            Boot = context.Find(StepName.BootCheck, string.Empty, JournalJson.Default.BootReport) is { } boot ? new BootEvidence(boot.Outcome, boot.Said.TrimEnd('.')) : null,
        };
    }

    private static CheckEvidence? Check(GuestReport? report) =>
        report is null ? null : new(report.Findings, [.. report.Inspection.Filesystems.Where(f => f.CheckedBy.Length > 0).Select(f => f.Identity)]);

    /// <summary>Throws unless a disk, in the work directory or under its final name, is the file that was proven, and was not written to since.</summary>
    public static async Task VerifyProvenAsync(MigrationContext context, string key, CancellationToken cancel)
    {
        var final = new TargetNames(context.Request, context.Source.Machine).Disk(key);
        var path = context.Files.IsOurs(final) ? final : context.DiskPath(key);
        context.Files.Verify(path);
        await TargetPlaces.VerifyAsync(context, key, cancel);
        var proven = context.Result(context.Request.Convert ? StepName.Prove : StepName.ReadBack, key, JournalJson.Default.ReadBackStepResult);
        // The proof was about the bytes at that time: a write since then voids it.
        if (await TargetPlaces.ModifiedAsync(context, key, path, cancel) != proven.ModifiedNanoseconds) throw MigrationErrors.FileReplaced(path);
    }
}
