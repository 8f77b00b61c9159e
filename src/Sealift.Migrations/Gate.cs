using Sealift.Guests.Boot;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations;

/// <summary>The one place that decides whether a machine may be handed over. It looks at evidence only, and missing evidence is a failure.</summary>
public static class Gate
{
    /// <summary>Weighs the evidence.</summary>
    public static GateDecision Weigh(GateEvidence evidence)
    {
        var failures = new List<string>();
        var reservations = new List<string>();

        if (evidence.DiskKeys.Count == 0) failures.Add("The machine has no disk: nothing was proven.");
        foreach (var key in evidence.DiskKeys.Distinct(StringComparer.Ordinal))
        {
            var disks = evidence.Disks.Where(d => d.Key == key).ToList();
            if (disks.Count == 1) WeighDisk(disks[0], evidence.ConversionRequired, failures);
            else failures.Add($"{key}: there is {(disks.Count == 0 ? "no" : "contradictory")} evidence about it.");
        }

        if (evidence.SourceUnchanged != true)
            failures.Add(evidence.SourceUnchanged is null ? "The source was not measured again: whether it changed is unknown." : "The source changed while it was copied.");

        if (evidence.ConversionRequired && evidence.Converted != true) failures.Add("The plan asks for conversion, and it was not done.");

        WeighBoot(evidence, failures);
        if (evidence.CheckRequired) WeighChecks(evidence, failures, reservations);
        else reservations.Add("File systems were not checked, as the plan asked.");

        if (failures.Count > 0) return new GateDecision(Verdict.Failed, failures);
        if (reservations.Count == 0) return new GateDecision(Verdict.Sealed, []);
        return evidence.AcceptDegraded
            ? new GateDecision(Verdict.Degraded, reservations)
            : new GateDecision(Verdict.Failed, [.. reservations, "The plan does not accept a degraded machine."]);
    }

    private static void WeighDisk(DiskEvidence disk, bool converted, List<string> failures)
    {
        if (string.IsNullOrEmpty(disk.SourceRoot)) failures.Add($"{disk.Key}: the copy's hash S is missing.");
        if (string.IsNullOrEmpty(disk.TargetRoot)) failures.Add($"{disk.Key}: it was not read back after the copy.");
        else if (disk.TargetRoot != disk.SourceRoot) failures.Add($"{disk.Key}: what was read back ({disk.TargetRoot}) is not what was copied ({disk.SourceRoot}).");
        if (!converted) return;
        if (string.IsNullOrEmpty(disk.ExpectedRoot)) failures.Add($"{disk.Key}: the root to expect after conversion is missing.");
        if (string.IsNullOrEmpty(disk.CommittedRoot)) failures.Add($"{disk.Key}: the conversion was not committed.");
        else if (disk.CommittedRoot != disk.ExpectedRoot) failures.Add($"{disk.Key}: what was committed ({disk.CommittedRoot}) is not what was expected ({disk.ExpectedRoot}).");
        if (string.IsNullOrEmpty(disk.FinalRoot)) failures.Add($"{disk.Key}: it was not read back after the commit.");
        else if (disk.FinalRoot != disk.ExpectedRoot) failures.Add($"{disk.Key}: the finished disk reads back as {disk.FinalRoot} and not as {disk.ExpectedRoot}.");
    }

    private static void WeighBoot(GateEvidence evidence, List<string> failures)
    {
        if (!evidence.BootPlanned && !evidence.BootRequired) return;
        if (evidence.Boot is not { } boot) failures.Add("The plan asks for a proof that the machine boots, and there is none.");
        else if (boot.Outcome == BootOutcome.Failed) failures.Add($"The machine does not boot: {boot.Said}.");
        else if (evidence.BootRequired && boot.Outcome != BootOutcome.Booted) failures.Add($"The machine was not seen to boot: {boot.Said}.");
    }

    private static void WeighChecks(GateEvidence evidence, List<string> failures, List<string> reservations)
    {
        if (evidence.Before is null) failures.Add("The file systems of the source were not checked.");
        if (evidence.After is null) failures.Add("The file systems of the target were not checked.");
        if (evidence is { ConversionRequired: true, Committed: null }) failures.Add("The file systems of the committed disks were not checked.");

        var before = evidence.Before is null ? [] : DamageWeighing.Before(evidence.Before.Findings, evidence.Waivers);
        var after = evidence.After is null ? [] : DamageWeighing.After(evidence.Before?.Findings, evidence.After.Findings, evidence.Waivers);
        var committed = evidence.Committed is null ? [] : DamageWeighing.After(evidence.After?.Findings, evidence.Committed.Findings, evidence.Waivers);
        foreach (var weighed in before.Concat(after).Concat(committed))
        {
            var finding = $"{weighed.Finding.Class} on {weighed.Finding.Device} ({weighed.Finding.Filesystem})";
            if (weighed.Standing == FindingStanding.New) failures.Add($"New damage: {finding}.");
            else if (weighed.Standing == FindingStanding.Inherited) failures.Add($"Damage that was there before and is not waived: {finding}.");
            else if (weighed.Standing == FindingStanding.Waived) AddOnce(reservations, $"Waived: {finding}: {weighed.Waiver}.");
        }

        if (evidence.Before is null || evidence.After is null) return;
        foreach (var lost in evidence.Before.CheckedFilesystems.Except(evidence.After.CheckedFilesystems, StringComparer.Ordinal))
            failures.Add($"The file system {lost} was checked at the source and not seen by the check of the target.");
    }

    private static void AddOnce(List<string> list, string text)
    {
        if (!list.Contains(text)) list.Add(text);
    }
}
