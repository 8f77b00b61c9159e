using System.Globalization;
using System.Text;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Support;

/// <summary>SUMMARY.md: what whoever opens a bundle reads first.</summary>
internal static class BundleSummary
{
    private const int MostListed = 200, MostCharacters = 2000;

    /// <summary>Writes it; secrets are taken out afterwards.</summary>
    public static string Write(JournalExtract journal, BundleFacts facts, BundleContent content, int knownSecrets, DateTimeOffset at)
    {
        var text = new StringBuilder();
        Line(text, $"# Support bundle of migration {Cell(journal.Id)}\n");
        Line(text, $"Made {Measures.Instant(at)} by Sealift {ToolVersions.Sealift}. Sections on the host and its tools are as they were then, all others as they were when the migration ran. No content of a disk is in here.\n");
        Head(text, journal, facts);
        Failures(text, facts);
        Steps(text, facts);
        Disks(text, facts);
        Findings(text, "Findings at the source, before anything was copied", facts.Before);
        Findings(text, "Findings in the converted machine", facts.After);
        Findings(text, "Findings on the committed disks", facts.Committed);
        ConversionFindings(text, facts);
        Mismatches(text, facts);
        Passes(text, facts);
        Boot(text, facts);
        Tools(text, facts);
        Gaps(text, content, knownSecrets);
        Line(text, "## Files\n");
        Line(text, "`MANIFEST.json`, the last of them, has the SHA-256 of each.\n");
        foreach (var file in content.Files) Line(text, $"- `{file.Name}`, {Measures.Exact(file.LengthBytes)}");
        return text.ToString();
    }

    private static void Head(StringBuilder text, JournalExtract journal, BundleFacts facts)
    {
        var row = journal.Migration;
        var last = facts.Steps.LastOrDefault(s => s.State != StepState.Planned);
        var verdict = facts.Outcome is { } outcome ? outcome.Verdict.ToString().ToLowerInvariant()
            : row.Count == 0 ? "unknown: the journal does not tell" : last is null ? "none yet" : $"none yet: it is at {Name(last)}, or was interrupted there";
        Line(text, $"**Verdict: {verdict}**\n");
        Table(text, "what", "value");
        Row(text, "machine", facts.Source?.Machine.Name ?? JournalExtract.Text(row, "machine"));
        Row(text, "source", facts.Source?.Kind ?? "unknown");
        foreach (var source in facts.Request?.Sources ?? []) Row(text, "from", source);
        if (facts.Request is { } request)
        {
            Row(text, "to", $"{request.TargetDirectory} ({request.Format.ToString().ToLowerInvariant()}){(request.Target.Libvirt is { } libvirt ? $", libvirt {libvirt.Uri}, pool {libvirt.Pool}" : string.Empty)}");
            Row(text, "plan", $"convert {Yes(request.Convert)}, check {Yes(request.Check)}, boot check {request.BootCheck.ToString().ToLowerInvariant()}, accept degraded {Yes(request.AcceptDegraded)}, {(request.Warm is null ? "powered off" : "while it ran")}");
            foreach (var waiver in request.Waivers) Row(text, "waived", $"{waiver.Class}:{waiver.Filesystem}={waiver.Reason}");
        }

        Row(text, "created", BundleFacts.Time(row, "created_at") is { } created ? Measures.Instant(created) : "unknown");
        Row(text, "ended", BundleFacts.Time(row, "ended_at") is { } ended ? Measures.Instant(ended) : "not");
        Row(text, "seal", facts.Outcome?.SealPath ?? "none");
        if (row.GetValueOrDefault("cancel_requested") is 1L) Row(text, "cancellation", "was asked for");
        if (row.GetValueOrDefault("commit_decided") is 1L) Row(text, "commit", "was decided");
        if (facts.Source is { } described)
        {
            var machine = described.Machine;
            Row(text, "hardware", string.Create(CultureInfo.InvariantCulture, $"{machine.Cpus} CPUs, {Measures.Size(machine.MemoryBytes)}, {machine.Firmware.ToString().ToLowerInvariant()}, {machine.Disks.Count} disks, {machine.NetworkInterfaces.Count} network interfaces"));
            foreach (var concern in machine.Concerns) Row(text, "concern", concern);
            foreach (var note in described.Notes.Take(MostListed)) Row(text, "note", note);
        }

        if ((facts.After ?? facts.Before)?.Inspection is { } inside) Row(text, "guest", $"{inside.ProductName} ({inside.OsType}, {inside.Distro} {inside.Version}, {inside.Architecture}), boots by {(inside.BootsByUefi ? "UEFI" : "BIOS")}");
        Line(text, string.Empty);
    }

    private static void Failures(StringBuilder text, BundleFacts facts)
    {
        var failed = facts.Steps.Where(s => s.State == StepState.Failed).ToList();
        var reasons = facts.Outcome?.Reasons ?? [];
        Line(text, "## What failed\n");
        if (failed.Count == 0 && reasons.Count == 0) Line(text, facts.Steps.Count == 0 ? "The journal does not tell." : "Nothing: no step failed, and the verdict is without reservation.");
        // Each has its code, what was attempted, on what, what was said, and what to do next.
        foreach (var step in failed) Line(text, $"- step **{Cell(Name(step))}**: {Cell(step.Summary)}");
        foreach (var reason in reasons.Where(r => failed.All(s => s.Summary != r))) Line(text, $"- reason of the verdict: {Cell(reason)}");
        Line(text, string.Empty);
    }

    private static void Steps(StringBuilder text, BundleFacts facts)
    {
        Line(text, "## Steps\n");
        Table(text, "step", "state", "started (UTC)", "ended (UTC)", "took", "what came out");
        foreach (var step in facts.Steps)
            Row(text, Name(step), step.State.ToString().ToLowerInvariant(), Clock(step.StartedAt), Clock(step.EndedAt), step.ElapsedSeconds > 0 ? Measures.Elapsed(step.ElapsedSeconds) : string.Empty, step.Summary);
        Line(text, string.Empty);
    }

    private static void Disks(StringBuilder text, BundleFacts facts)
    {
        if (facts.Source is null) return;
        Line(text, "## Disks\n");
        Line(text, "S is the root of what was read from the source, T of what was read back from the target, D what the conversion changed, F what the disk must be with that, and F' what was read back of it.\n");
        foreach (var disk in facts.Source.Machine.Disks)
        {
            var copy = facts.Copies.GetValueOrDefault(disk.Key);
            var readBack = facts.ReadBacks.GetValueOrDefault(disk.Key);
            var prove = facts.Proofs.GetValueOrDefault(disk.Key);
            var converted = facts.Conversion?.Disks.FirstOrDefault(d => d.Key == disk.Key);
            Table(text, Cell(disk.Key), "value");
            Row(text, "source", $"{disk.Image.Location} ({disk.Image.Format.ToString().ToLowerInvariant()} {disk.Image.Subformat})");
            Row(text, "length", $"{Measures.Exact(disk.Image.VirtualLengthBytes)} ({Measures.Size(disk.Image.VirtualLengthBytes)})");
            if (copy is not null) Row(text, "copied", $"{Measures.Exact(copy.DataBytes)} of data, {Measures.Exact(copy.ZeroBytes)} of zeros, {Measures.Exact(copy.HoleBytes)} of holes");
            Row(text, "S", copy?.Root ?? "unknown");
            Row(text, "T", readBack is null ? "unknown" : $"{readBack.Root} ({(copy is null ? "S is unknown" : copy.Root == readBack.Root ? "T = S" : "**T is not S**")})");
            if (converted is not null) Row(text, "D", $"{Measures.Count(converted.Changed.Count, "range")}, {Measures.Exact(converted.Changed.Sum(r => r.LengthBytes))}");
            if (converted is not null) Row(text, "F", converted.ExpectedRoot);
            if (prove is not null) Row(text, "F'", $"{prove.Root} ({(converted is null ? "F is unknown" : prove.Root == converted.ExpectedRoot ? "F' = F" : "**F' is not F**")})");
            if ((prove ?? readBack) is { } last) Row(text, "read back", last.CacheBypass);
            if ((readBack?.Transfer ?? copy?.Transfer) is { } transfer)
            {
                Row(text, "copied by", transfer.ToString());
                foreach (var passed in transfer.PassedOver) Row(text, "not by", $"{passed.Name}: {passed.Why}");
                if (transfer.Declined is { } declined) Row(text, "declined", declined);
            }

            Line(text, string.Empty);
        }
    }

    private static void Findings(StringBuilder text, string title, GuestReport? report)
    {
        if (report is null) return;
        Line(text, $"## {title}\n");
        var filesystems = report.Inspection.Filesystems;
        Line(text, $"{Measures.Count(filesystems.Count(f => f.CheckedBy.Length > 0), "file system")} checked, {filesystems.Count(f => f.CheckedBy.Length == 0)} not.\n");
        List(text, report.Findings);
    }

    private static void ConversionFindings(StringBuilder text, BundleFacts facts)
    {
        if (facts.Conversion is null) return;
        Line(text, "## What the conversion reported\n");
        List(text, facts.Conversion.Conversion.Findings);
    }

    private static void List(StringBuilder text, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0) Line(text, "No findings.");
        foreach (var finding in findings.Take(MostListed)) Line(text, $"- {finding.Severity.ToString().ToLowerInvariant()} `{Cell(finding.Class)}` on {Cell(finding.Filesystem)} ({Cell(finding.Device)}): {Cell(finding.Text)}");
        if (findings.Count > MostListed) Line(text, $"- … and {findings.Count - MostListed} more: journal.json has all of them");
        Line(text, string.Empty);
    }

    private static void Mismatches(StringBuilder text, BundleFacts facts)
    {
        var found = new List<(string Disk, SealedMismatch Mismatch)>();
        foreach (var disk in facts.Passes.Where(p => p.IsDone).SelectMany(p => p.Disks)) found.AddRange(disk.Mismatches.Select(m => (disk.Key, m)));
        foreach (var key in facts.Source?.Machine.Disks.Select(d => d.Key) ?? [])
        {
            foreach (var readBack in new[] { facts.ReadBacks.GetValueOrDefault(key), facts.Proofs.GetValueOrDefault(key) })
                found.AddRange((readBack?.Mismatches ?? []).Select(m => (key, m)));
        }

        Line(text, "## Mismatches and repairs\n");
        if (found.Count == 0) Line(text, "None is journaled: whatever was read back was what it had to be.");
        foreach (var (disk, m) in found.Take(MostListed))
            Line(text, $"- {Cell(disk)}: offset {m.Offset}, {Measures.Exact(m.LengthBytes)}, at {Cell(m.Stage)}: {(m.Repaired ? "copied again, and then right" : "**not repaired**")}");
        if (found.Count > MostListed) Line(text, $"- … and {found.Count - MostListed} more: journal.json has all of them");
        Line(text, string.Empty);
    }

    private static void Passes(StringBuilder text, BundleFacts facts)
    {
        if (facts.Passes.Count == 0) return;
        Line(text, "## Passes over the running machine\n");
        Table(text, "pass", "disk", "point in time (UTC)", "state", "changed by the tracker", "read", "compared", "changed though the tracker did not say so", "read back", "why everything was read");
        foreach (var pass in facts.Passes)
        {
            foreach (var disk in pass.Disks)
                Row(text, pass.Number.ToString(CultureInfo.InvariantCulture) + (pass.IsFinal ? " (off)" : string.Empty), disk.Key, Clock(pass.PointInTime), pass.IsDone ? "done" : "not done", Measures.Size(disk.ClaimedBytes), Measures.Size(disk.ReadBytes), Measures.Size(disk.ComparedBytes), Measures.Exact(disk.LieBytes), Measures.Size(disk.ProvenBytes), disk.FullBecause ?? string.Empty);
        }

        var lies = facts.Passes.Sum(p => p.Disks.Sum(d => d.LieBytes));
        Line(text, $"\nTracker audit: {(facts.Passes.All(p => p.Disks.All(d => d.ComparedBytes == 0)) ? "nothing was compared" : lies == 0 ? "what was compared was as the tracker said" : $"**{Measures.Exact(lies)} had changed that the tracker called unchanged**; they were copied")}.");
        foreach (var consistency in facts.Passes.Select(p => p.Consistency).OfType<string>().Distinct()) Line(text, $"- consistency of the guest: {Cell(consistency)}");
        if (facts.Cutover is { } cutover) Line(text, $"- cutover: shut down in {Measures.Elapsed(cutover.ShutdownSeconds)}{(cutover.Forced ? " (**forced off**)" : string.Empty)}, last difference in {Measures.Elapsed(cutover.CopySeconds)}, audit {cutover.Audit.ToString().ToLowerInvariant()}");
        Line(text, string.Empty);
    }

    private static void Boot(StringBuilder text, BundleFacts facts)
    {
        if (facts.Boot is not { } boot) return;
        Line(text, "## Boot proof\n");
        Line(text, $"{boot.Outcome.ToString().ToLowerInvariant()}, `{Cell(boot.Class)}`: {Cell(boot.Said)}{(boot.Outcome == BootOutcome.Untried ? string.Empty : $" ({Cell(boot.Accelerator)}, {Cell(boot.Hypervisor)}, {Measures.Elapsed(boot.Seconds)})")}\n");
        foreach (var note in boot.Notes) Line(text, $"- {Cell(note)}");
        if (boot.ConsoleTail.Length == 0) return;
        Line(text, "\nThe end of its console:\n");
        foreach (var line in boot.ConsoleTail.Split('\n').TakeLast(40)) Line(text, $"    {line}");
        Line(text, string.Empty);
    }

    private static void Tools(StringBuilder text, BundleFacts facts)
    {
        Line(text, "## Tools, as the migration used them\n");
        var tools = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var versions in new[] { facts.Tools, facts.Before?.Tools, facts.After?.Tools, facts.Committed?.Tools })
            foreach (var (tool, version) in versions ?? new Dictionary<string, string>()) tools[tool] = version;
        if (tools.Count == 0) Line(text, "The journal does not tell; the seal, where there is one, has Sealift's own version and the kernel's.");
        foreach (var (tool, version) in tools) Line(text, $"- {Cell(tool)} {Cell(version)}");
        if (facts.Conversion is { } conversion) Line(text, $"- converter: {Cell(conversion.Conversion.Tool)}");
        Line(text, "\n`host.txt` and `doctor.txt` tell what this host has now.\n");
    }

    private static void Gaps(StringBuilder text, BundleContent content, int knownSecrets)
    {
        Line(text, "## What is missing here, and why\n");
        if (content.Missing.Count == 0) Line(text, "Nothing that was there to be taken.");
        foreach (var missing in content.Missing) Line(text, $"- {Cell(missing)}");
        foreach (var remark in content.Remarks) Line(text, $"- {Cell(remark)}");
        Line(text, "\nNever taken: the disks, the signing key, passwords, keys of encrypted volumes, the lists of the guest's files, and variables of the environment but those that steer Sealift.\n");
        Line(text, "## What was removed\n");
        Line(text, $"{Measures.Count(knownSecrets, "secret")} of this host were looked for by value, and what looks like a secret by pattern. In the place of each stands a word in brackets.\n");
        foreach (var (kind, count) in content.Redaction.Counts) Line(text, $"- {kind}: {count}");
        if (content.Redaction.Counts.Count == 0) Line(text, "Nothing had to be removed.");
        Line(text, string.Empty);
    }

    private static string Name(StepRow step) => step.Step.Disk.Length == 0 ? step.Step.Step : $"{step.Step.Step} {step.Step.Disk}";

    private static string Clock(DateTimeOffset? at) => at?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? string.Empty;

    private static string Yes(bool value) => value ? "yes" : "no";

    private static void Table(StringBuilder text, params ReadOnlySpan<string> columns)
    {
        Line(text, $"| {string.Join(" | ", columns)} |");
        Line(text, $"|{string.Concat(Enumerable.Repeat("---|", columns.Length))}");
    }

    private static void Row(StringBuilder text, params ReadOnlySpan<string> cells)
    {
        _ = text.Append('|');
        foreach (var cell in cells) _ = text.Append(' ').Append(Cell(cell)).Append(" |");
        _ = text.Append('\n');
    }

    /// <summary>Text from outside, on one line, that means nothing to a reader of Markdown.</summary>
    private static string Cell(string text)
    {
        var cut = text.Length > MostCharacters ? text[..MostCharacters] + "…" : text;
        return string.Concat(cut.Select(c => c is '\n' or '\r' or '\t' ? " " : char.IsControl(c) ? "?" : c switch { '|' => "\\|", '<' => "&lt;", '`' => "'", _ => c.ToString() }));
    }

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');
}
