using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sealift.Disks;
using Sealift.Guests.Boot;
using Sealift.Guests.Lint;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Seals;

/// <summary>
/// The page beside a seal: what the signed statement says, for a person. It stands alone: no script, nothing loaded from
/// anywhere, and a content security policy that would refuse both.
/// </summary>
public static class SealPage
{
    private const int RangesShown = 24;

    /// <summary>The page of a predicate, as a whole HTML document that is also well-formed XML.</summary>
    public static string Render(SealPredicate predicate, SealPageContext context)
    {
        var p = predicate;
        var style = $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(SealPageStyle.Css)))}'";
        return Markup.Of($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src {new Markup(style)};{(p.Boot?.Screen is null ? Markup.Empty : new Markup(" img-src data:;"))} base-uri 'none'; form-action 'none'"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="referrer" content="no-referrer"/>
            <title>{p.Machine.Name}: {p.Verdict.ToString().ToLowerInvariant()}</title>
            <style>{new Markup(SealPageStyle.Css)}</style>
            </head>
            <body class="tone-{p.Verdict.ToString().ToLowerInvariant()}">
            <svg class="defs" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0v6"/></pattern></defs></svg>
            <main>
            {Head(p, context)}
            {Custody(p)}
            {Passes(p)}
            {Filesystems(p)}
            {Points(p)}
            {Findings(p)}
            {FileChanges(p)}
            {Boot(p)}
            {Limits(p)}
            {Machine(p)}
            {Source(p)}
            {Timings(p)}
            {Tools(p)}
            {HandedOver(p)}
            {Verify(p, context)}
            <footer><p>This page repeats what the signed statement <code>{context.SealFile}</code> says; the signature covers the statement, not the page. Statement SHA-256 <code>{Convert.ToHexStringLower(SHA256.HashData(context.Payload))}</code>, signed by key <code>{context.KeyId}</code>.</p></footer>
            </main>
            </body>
            </html>

            """).Html;
    }

    private static Markup Head(SealPredicate p, SealPageContext context) => Markup.Of($"""
        <header>
        <div class="head"><div>
        <p class="kicker">Sealift · Migration seal</p>
        <h1><bdi>{p.Machine.Name}</bdi></h1>
        <p class="quiet">From <bdi>{p.Source.Location}</bdi><br/>Finished {Measures.Instant(p.FinishedAt)}, after {Measures.Elapsed((p.FinishedAt - p.StartedAt).TotalSeconds)}</p>
        </div>{SealEmblem.Draw(p.Verdict, context.Payload)}</div>
        <div class="verdict" role="region" aria-label="Verdict">
        <p class="word">{p.Verdict.ToString()}</p>
        <p>{Gloss(p.Verdict)}</p>
        {List(p.Reasons)}
        {(p.NextSteps.Count == 0 ? Markup.Empty : Markup.Of($"<h3>What to do next</h3>{List(p.NextSteps)}"))}
        </div>
        <dl>
        {Fact("Disks", $"{Measures.Count(p.Disks.Count, "disk")}, {Measures.Size(p.Disks.Sum(d => d.VirtualBytes))}")}
        {Fact("Read back from storage", ReadBackFact(p))}
        {Fact("Damage found", $"{Damage(p.FindingsBefore, p.FilesystemsBefore)} before, {Damage(p.FindingsAfter, p.FilesystemsAfter)} after")}
        {(p.Boot is { } boot ? Fact("Seen to boot", BootFact(boot)) : Markup.Empty)}
        {Fact("Proof lowered by options", p.ReducedProof.Count == 0 ? "no" : string.Join(", ", p.ReducedProof.Select(o => o.Option)))}
        {Fact("Migration", p.MigrationId)}
        </dl>
        </header>
        """);

    private static string Gloss(Verdict verdict) => verdict switch
    {
        Verdict.Sealed => "Everything that the plan requires was proven, and the machine was handed over.",
        Verdict.Degraded => "The machine was handed over with less than everything proven; what is missing was accepted in the plan, by name, and is listed here.",
        Verdict.Failed => "Nothing was handed over. The source was not changed.",
        _ => "Somebody stopped the migration. Nothing was handed over. The source was not changed.",
    };

    private static string ReadBackFact(SealPredicate p)
    {
        var equal = p.Disks.Count(d => d.TargetRoot is not null && d.TargetRoot == d.SourceRoot);
        return $"{equal} of {Measures.Count(p.Disks.Count, "disk")} equal to the source";
    }

    // "0" is said only where somebody looked.
    private static string Damage(IReadOnlyList<SealedFinding> findings, IReadOnlyList<SealedFilesystem> looked) =>
        findings.Count + looked.Count == 0 ? "not looked at" : findings.Count(f => f.Standing is not (FindingStanding.Note or FindingStanding.Warning) && !f.Class.StartsWith(PreflightClasses.Prefix, StringComparison.Ordinal)).ToString(System.Globalization.CultureInfo.InvariantCulture);

    private static Markup Custody(SealPredicate p) => Section("Chain of custody", Markup.Of($"""
        <p>Each disk is followed by its <em>root</em>: one digest over the digests of all its blocks and its length (blkhash). Equal roots mean equal bytes, holes included.{(p.Disks.Any(d => d.Changed is { TotalCount: > 0 }) ? " What the conversion changed (D) counts the files that it wrote and the free space that it discarded, which now reads as zeros." : "")}</p>
        {(p.Disks.Any(d => d.Picture is not null) ? DiskStrip.Legend() : Markup.Empty)}
        {p.Disks.Select(Disk)}
        """));

    private static Markup Disk(SealedDisk d)
    {
        var copied = d.SourceRoot is not null;
        var readBack = d.TargetRoot is not null;
        var equal = copied && d.SourceRoot == d.TargetRoot;
        var proven = d.FinalRoot is not null && d.FinalRoot == d.FinalReadBackRoot;
        var changed = d.Changed is { TotalCount: > 0 } c ? $"changed {Measures.Size(c.TotalBytes)} in {Measures.Count(c.TotalCount, "range")}" : "";
        return Markup.Of($"""
            <article class="disk">
            <h3>{d.Key} · <bdi>{d.Identity}</bdi></h3>
            <p class="quiet">{Measures.Size(d.VirtualBytes)} ({Measures.Exact(d.VirtualBytes)}), {d.SourceFormat}{(d.SourceSubformat.Length > 0 ? " " + d.SourceSubformat : "")} to {d.TargetFormat}{(d.TargetFile.Length > 0 ? Markup.Of($", now <code>{d.TargetFile}</code>{((d.TargetExport ?? d.TargetVolume) is { } place ? Markup.Of($", which names <code>{place}</code>") : Markup.Empty)}") : Markup.Empty)}. Roots: blkhash, {d.Algorithm} over blocks of {Measures.Size(d.BlockBytes)}.</p>
            <ol class="chain">
            {Link("S", "Source, as read", d.SourceRoot, copied ? "hashed while it was copied" : "not read to its end", copied ? LinkState.Neutral : LinkState.Off)}
            {Link("T", "Target, read back", d.TargetRoot, !readBack ? "not read back to its end" : equal ? d.ReadBack is { EarlierBytes: > 0 } ? "✓ equal to S, every block, in parts" : "✓ equal to S, every block" : "✕ differs from S", !readBack ? LinkState.Off : equal ? LinkState.Good : LinkState.Broken)}
            {Link("D", "Conversion", null, changed.Length > 0 ? changed : "nothing was converted", changed.Length > 0 ? LinkState.Neutral : LinkState.Off)}
            {Link("F", "Finished disk", d.FinalRoot, d.FinalReadBackRoot is null ? "not proven" : proven ? d.FinalRoot == d.SourceRoot ? "✓ still equal to S" : "✓ reads back as S with D" : "✕ does not read back as expected", d.FinalReadBackRoot is null ? LinkState.Off : proven ? LinkState.Good : LinkState.Broken)}
            </ol>
            {DiskStrip.Draw(d)}
            {(d.Picture is null ? Markup.Empty : Markup.Of($"<dl>{Facts(d)}</dl>"))}
            {ThroughputChart.Draw("Reading the source and writing the target", d.Performance)}
            {ThroughputChart.Draw("Reading the target back", d.ReadBackPerformance)}
            {Mismatches(d)}
            {Ranges(d)}
            </article>
            """);
    }

    private static Markup Facts(SealedDisk d) => Markup.Of($"""
        {Fact("Source: data", Measures.Size(d.DataBytes))}{Fact("Source: zeros that were read", Measures.Size(d.ZeroBytes))}{Fact("Source: holes, by its own map", Measures.Size(d.HoleBytes))}{(d.ReadBack is { EarlierBytes: > 0, Since: { } since } parts ? Fact("Target read back", $"{Measures.Size(parts.EndBytes)} when the machine was off; {Measures.Size(parts.EarlierBytes)} before, none of it before {Measures.Instant(since)}") : Markup.Empty)}{Fact("Page cache bypassed by", d.CacheBypass.Length == 0 ? "–" : d.CacheBypass)}{(d.Transfer is { } transfer ? Fact("Copied by", CopiedBy(transfer)) : Markup.Empty)}
        """);

    private static string CopiedBy(TransferReport transfer) => transfer switch
    {
        { IsOffload: false } => "sealift (stream)",
        { Declined: { } declined } => $"the storage ({transfer}; it said: {declined})",
        { How: { } how } => $"the storage ({transfer}: {how})",
        _ => $"the storage ({transfer})",
    };

    private enum LinkState
    {
        Neutral,
        Good,
        Broken,
        Off,
    }

    private static Markup Link(string letter, string title, string? root, string line, LinkState state) => Markup.Of($"""
        <li class="link-{state.ToString().ToLowerInvariant()}"><span class="knot" aria-hidden="true">{letter}</span><strong>{title}</strong>
        {(root is null ? Markup.Empty : Markup.Of($"<span class=\"hex short\"><abbr title=\"{root}\">{Measures.Short(root)}</abbr></span><span class=\"hex full\">{root}</span>"))}
        <span class="line {(state switch { LinkState.Good => "good", LinkState.Broken => "bad", _ => "" })}">{line}</span></li>
        """);

    private static Markup Mismatches(SealedDisk d) => d.Mismatches.Count == 0 ? Markup.Empty : Markup.Of($"""
        <table><caption>Ranges of {d.Key} that did not read back as they were written</caption>
        <thead><tr><th scope="col">Offset</th><th scope="col">Length</th><th scope="col">Seen in</th><th scope="col">First block's digest: expected, found</th><th scope="col">What became of it</th></tr></thead>
        <tbody>{d.Mismatches.Select(m => Markup.Of($"""
        <tr><th scope="row" class="nobreak">{m.Offset}</th><td data-label="Length">{m.LengthBytes}</td><td data-label="Seen in">{m.Stage}</td><td data-label="Digests" class="hex">{Measures.Short(m.ExpectedLeaf)}, {Measures.Short(m.FoundLeaf)}</td><td data-label="Outcome">{(m.Repaired ? Mark("warn", "✓ copied again, then equal") : Mark("bad", "✕ not repaired"))}</td></tr>
        """))}</tbody></table>
        """);

    private static Markup Ranges(SealedDisk d)
    {
        if (d.Changed is not { Ranges.Count: > 0 } changed) return Markup.Empty;
        var shown = changed.Ranges.Take(RangesShown).Select(r => $"{r.Offset}+{r.LengthBytes}");
        var more = changed.TotalCount - Math.Min(changed.Ranges.Count, RangesShown);
        return Markup.Of($"""
            <details open="open"><summary>D: the ranges that the conversion changed (offset+length, bytes)</summary>
            <p class="hex">{string.Join(", ", shown)}</p>{(more > 0 ? Markup.Of($"<p class=\"quiet\">and {Measures.Count(more, "range")} more; the seal lists up to {SealedRanges.ListLimit}.</p>") : Markup.Empty)}</details>
            """);
    }

    private static Markup Filesystems(SealPredicate p)
    {
        var before = p.FilesystemsBefore.GroupBy(f => f.Identity).ToDictionary(g => g.Key, g => g.First());
        var after = p.FilesystemsAfter.GroupBy(f => f.Identity).ToDictionary(g => g.Key, g => g.First());
        var all = p.FilesystemsBefore.Select(f => f.Identity).Concat(p.FilesystemsAfter.Select(f => f.Identity)).Distinct().ToList();
        if (all.Count == 0) return Section("File systems", Markup.Of($"<p>Nobody looked at the file systems.</p>"));
        return Section("File systems", Markup.Of($"""
            <table><caption>What is on the disks, and what its checker says of it before and after</caption>
            <thead><tr><th scope="col">Where</th><th scope="col">Type</th><th scope="col">Size</th><th scope="col">Mounted at</th><th scope="col">Before</th><th scope="col">After</th><th scope="col">Checked by</th></tr></thead>
            <tbody>{all.Select(id =>
            {
                var was = before.GetValueOrDefault(id);
                var now = after.GetValueOrDefault(id);
                var f = now ?? was!;
                return Markup.Of($"""
                    <tr><th scope="row">{f.Device}</th><td data-label="Type">{f.Type}</td><td data-label="Size" class="nobreak">{Measures.Size(f.LengthBytes)}</td><td data-label="Mounted at">{Dash(f.Mountpoint)}</td><td data-label="Before">{Health(was, before.Count > 0)}</td><td data-label="After">{Health(now, after.Count > 0)}</td><td data-label="Checked by">{Dash(f.CheckedBy)}{(f.CheckedVia.Length > 0 ? Markup.Of($" <span class=\"quiet\">({f.CheckedVia}: {f.Why})</span>") : Markup.Empty)}</td></tr>
                    """);
            })}</tbody></table>
            """));
    }

    private static Markup Points(SealPredicate p) => p.Points is null ? Markup.Empty : Section("Where they were checked", Markup.Of($"""
        <table><caption>Four points on the way of the disks: at each, the file systems were checked, or every byte is proven to be what was checked</caption>
        <thead><tr><th scope="col">Point</th><th scope="col">How it stands</th><th scope="col">Checked there</th><th scope="col">Identical to</th></tr></thead>
        <tbody>{p.Points.Select(t => Markup.Of($"""
        <tr><th scope="row" class="nobreak">{t.Name}</th><td data-label="How it stands">{Standing(t.Standing)}</td><td data-label="Checked there">{(t.Step.Length == 0 ? "–" : $"{t.CheckedCount} of {t.CheckedCount + t.UncheckedCount}, by {t.Step}")}</td><td data-label="Identical to">{(t.SameAs.Length == 0 ? Markup.Of($"–") : Markup.Of($"{t.SameAs} <span class=\"quiet\">({t.ProvenBy})</span>"))}</td></tr>
        """))}</tbody></table>
        """));

    private static Markup Standing(PointStanding standing) => standing switch
    {
        PointStanding.Checked => Mark("good", "✓ checked"),
        PointStanding.Identical => Mark("good", "✓ identical"),
        PointStanding.Absent => Mark("quiet", "– nothing was converted"),
        _ => Mark("warn", "! not checked"),
    };

    private static Markup Health(SealedFilesystem? f, bool looked) => f switch
    {
        null => Mark("quiet", looked ? "– not seen" : "– not looked at"),
        { CheckedBy.Length: 0 } => Mark("quiet", "– not checked"),
        { Clean: true } => Mark("good", "✓ clean"),
        _ => Mark("warn", "! findings"),
    };

    private static Markup Findings(SealPredicate p)
    {
        if (p.FindingsBefore.Count + p.FindingsAfter.Count == 0)
        {
            var looked = p.FilesystemsBefore.Count + p.FilesystemsAfter.Count > 0;
            return Section("Findings", Markup.Of($"<p>{(looked ? "No checker reported anything, neither before nor after." : "None: no checker was run.")}</p>"));
        }

        return Section("Findings", Markup.Of($"{FindingTable("Before: the source, at the point in time that was copied", p.FindingsBefore, p.FilesystemsBefore.Count > 0)}{FindingTable("After: the disks as the new machine sees them", p.FindingsAfter, p.FilesystemsAfter.Count > 0)}"));
    }

    private static Markup FindingTable(string caption, IReadOnlyList<SealedFinding> findings, bool looked) => findings.Count == 0
        ? Markup.Of($"<p class=\"quiet\">{caption}: {(looked ? "none" : "not looked at")}.</p>")
        : Markup.Of($"""
            <table><caption>{caption}</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">Standing</th><th scope="col">What was said, and where</th></tr></thead>
            <tbody>{findings.Select(f => Markup.Of($"""
            <tr><th scope="row" class="class"><code>{f.Class}</code></th><td data-label="Standing">{Standing(f.Standing)}</td><td><bdi>{f.Device}</bdi>{(f.Text.Length > 0 ? Markup.Of($"<pre>{f.Text}</pre>") : Markup.Empty)}{(f.Waiver is null ? Markup.Empty : Markup.Of($"<p>Waived in the plan, because: <bdi>{f.Waiver}</bdi></p>"))}</td></tr>
            """))}</tbody></table>
            """);

    private static Markup Standing(FindingStanding standing) => standing switch
    {
        FindingStanding.Note => Mark("quiet", "i note"),
        FindingStanding.Warning => Mark("warn", "! warning"),
        FindingStanding.Inherited => Mark("bad", "✕ inherited"),
        FindingStanding.Waived => Mark("warn", "! waived"),
        _ => Mark("bad", "✕ new"),
    };

    private static Markup FileChanges(SealPredicate p) => p.FileChanges is null ? Markup.Empty : Section("Files that the conversion changed", FileChangesTable.Draw(p.FileChanges));

    private static string BootFact(SealedBoot boot) => boot.Outcome switch
    {
        BootOutcome.Booted => "yes",
        BootOutcome.Failed => "no: it failed",
        BootOutcome.Untried => "not tried",
        _ => "not proven",
    };

    private static Markup Boot(SealPredicate p)
    {
        if (p.Boot is not { } b) return Markup.Empty;
        var mark = b.Outcome switch
        {
            BootOutcome.Booted => Mark("good", "✓ it booted"),
            BootOutcome.Failed => Mark("bad", "✕ it did not boot"),
            BootOutcome.Untried => Mark("quiet", "– not tried"),
            _ => Mark("warn", "! not proven"),
        };
        return Section("Boot", Markup.Of($"""
            <p>{mark}: <bdi>{b.Said}</bdi></p>
            {(b.Accelerator.Length == 0 ? Markup.Empty : Markup.Of($"<p class=\"quiet\">Tried before the hand-over on throwaway overlays over the proven disks, without a network, in {b.Hypervisor} ({(b.Accelerator == "kvm" ? "KVM" : "emulated")}) for {Measures.Elapsed(b.ElapsedSeconds)}. Class <code>{b.Class}</code>. What the guest says of itself is believed here, and nowhere else.</p>"))}
            {(b.Notes.Count == 0 ? Markup.Empty : List(b.Notes))}
            {(b.Screen is not { } s ? Markup.Empty : Markup.Of($"<figure class=\"screen\"><img alt=\"The last screen of the machine\" width=\"{s.Width}\" height=\"{s.Height}\" src=\"data:image/png;base64,{Convert.ToBase64String(s.Png)}\"/><figcaption>Its last screen</figcaption></figure>"))}
            {(b.ConsoleTail.Length == 0 ? Markup.Empty : Markup.Of($"<h3>The end of its serial console</h3><pre>{b.ConsoleTail}</pre>"))}
            """));
    }

    private static Markup Limits(SealPredicate p) => Section("What was not checked, and what is not proven", Markup.Of($"""
        {(p.ReducedProof.Count == 0 ? Markup.Empty : Markup.Of($"<h3>Options that lower the proof</h3><ul>{p.ReducedProof.Select(o => Markup.Of($"<li><code>{o.Option}</code>: {o.Meaning}</li>"))}</ul>"))}
        <h3>Not checked</h3>{(p.NotChecked.Count == 0 ? Markup.Of($"<p>Every content that was found has a checker.</p>") : List(p.NotChecked))}
        <h3>Not proven by any seal</h3>{List(p.NotProven)}
        """));

    private static Markup Machine(SealPredicate p)
    {
        var m = p.Machine;
        var guest = m.Guest is { } g ? $"{GuestName(g)}, {g.Architecture}" : "not inspected";
        return Section("Machine", Markup.Of($"""
            <dl>
            {Fact("CPUs", Measures.Count(m.Cpus, "CPU"))}{Fact("Memory", Measures.Size(m.MemoryBytes))}{Fact("Firmware", m.Firmware.ToUpperInvariant() + (m.SecureBoot ? ", secure boot" : ""))}{Fact("Guest", guest)}{Fact("Host name", Or(m.Guest?.Hostname))}
            </dl>
            <table><caption>Network interfaces</caption><thead><tr><th scope="col">MAC address</th><th scope="col">Model at the source</th><th scope="col">Network at the source</th></tr></thead>
            <tbody>{m.NetworkInterfaces.Select(n => Markup.Of($"<tr><th scope=\"row\">{(n.MacAddress is null ? Markup.Of($"chosen by the hypervisor") : Markup.Of($"<span class=\"hex\">{n.MacAddress}</span>"))}</th><td data-label=\"Model\">{n.Model}</td><td data-label=\"Network\">{Dash(n.Network)}</td></tr>"))}</tbody></table>
            {(m.Concerns.Count == 0 ? Markup.Empty : Markup.Of($"<h3>What the new machine does not have</h3>{List(m.Concerns)}"))}
            """));
    }

    // Inspection knows some systems only by their number, and some names hold the version already.
    private static string GuestName(SealedGuest g)
    {
        var name = g.ProductName.Length > 0 && g.ProductName != g.Version ? g.ProductName : g.Distro.Length > 0 ? g.Distro : g.OsType;
        return g.Version.Length == 0 || name.Contains(g.Version, StringComparison.Ordinal) ? name : $"{name} {g.Version}";
    }

    private static Markup Source(SealPredicate p) => Section("Source", Markup.Of($"""
        <dl>{Fact("Kind", p.Source.Kind)}{(p.Source.ManifestVerification.Length > 0 ? Fact("Its own digests", p.Source.ManifestVerification) : Markup.Empty)}</dl>
        <table><caption>Files that were read; the same size and identity before, during and after</caption><thead><tr><th scope="col">File</th><th scope="col">Length</th><th scope="col">Last changed</th><th scope="col">Device, inode</th></tr></thead>
        <tbody>{p.Source.Files.Select(f => Markup.Of($"<tr><th scope=\"row\">{f.Path}</th><td data-label=\"Length\" class=\"nobreak\">{Measures.Exact(f.LengthBytes)}</td><td data-label=\"Last changed\">{Measures.Instant(f.ModifiedAt)}</td><td data-label=\"Device, inode\" class=\"hex\">{f.Device.ToString("x", System.Globalization.CultureInfo.InvariantCulture)}, {f.Inode.ToString(System.Globalization.CultureInfo.InvariantCulture)}</td></tr>"))}</tbody></table>
        {(p.Source.Notes.Count == 0 ? Markup.Empty : Markup.Of($"<h3>Noted while reading it</h3>{List(p.Source.Notes)}"))}
        """));

    private static Markup Passes(SealPredicate p)
    {
        if (p.Passes.Count == 0) return Markup.Empty;
        return Section("Passes over the running machine", Markup.Of($"""
            <table><caption>Each copies what changed since the one before; the last was made when the machine was off</caption>
            <thead><tr><th scope="col">Pass</th><th scope="col">Of</th><th scope="col">Disk</th><th scope="col" class="number">Named as changed</th><th scope="col" class="number">Read</th><th scope="col" class="number">Took</th><th scope="col">Change tracker</th></tr></thead>
            <tbody>{p.Passes.SelectMany(pass => pass.Disks.Select(d => Markup.Of($"""
                <tr><th scope="row" class="nobreak">{pass.Number}{(pass.IsFinal ? ", cutover" : string.Empty)}</th><td data-label="Of">{Measures.Instant(pass.PointInTime)}</td><td data-label="Disk" class="nobreak">{d.Key}</td><td data-label="Named as changed" class="number">{(d.FullBecause is null ? Measures.Size(d.ClaimedBytes) : "–")}</td><td data-label="Read" class="number">{Measures.Size(d.ReadBytes)}</td><td data-label="Took" class="number">{Measures.Elapsed(pass.ElapsedSeconds)}</td><td data-label="Change tracker">{TrackerOf(pass, d)}</td></tr>
                """)))}</tbody></table>
            """));

        static Markup TrackerOf(SealedPass pass, SealedPassDisk d) =>
            d.LieBytes > 0 ? Mark("bad", $"✕ lied: {Measures.Exact(d.LieBytes)} that it called unchanged had changed, the first at offset {d.Lies[0].Offset}; they were copied")
            : d.FullBecause is { } because ? Markup.Of($"not used: {because}")
            : pass.Audit switch
            {
                AuditScope.Full => Mark("good", "✓ all that it called unchanged was compared"),
                AuditScope.Sample => Markup.Of($"a sample of what it called unchanged was compared"),
                _ => Markup.Of($"believed"),
            };
    }

    private static Markup Timings(SealPredicate p)
    {
        var total = Math.Max(0.001, (p.FinishedAt - p.StartedAt).TotalSeconds);
        return Section("Timings", Markup.Of($"""
            <table><caption>Steps over {Measures.Elapsed(total)}, from {Measures.Instant(p.StartedAt)}</caption>
            <thead><tr><th scope="col">Step</th><th scope="col">Disk</th><th scope="col">When</th><th scope="col" class="number">Took</th><th scope="col">Outcome</th></tr></thead>
            <tbody>{p.Steps.Select(s =>
            {
                var start = Math.Clamp((s.StartedAt - p.StartedAt).TotalSeconds / total, 0, 1) * 200;
                var width = Math.Clamp(s.ElapsedSeconds / total * 200, 1, Math.Max(1, 200 - start));
                return Markup.Of($"""
                    <tr><th scope="row" class="nobreak">{s.Name}</th><td data-label="Disk" class="nobreak">{Dash(s.Disk)}</td><td class="bar"><svg viewBox="0 0 200 10" preserveAspectRatio="none" aria-hidden="true"><rect class="bed" width="200" height="10"/><rect class="{(s.Outcome == StepOutcome.Failed ? "mismatch" : "data")}" x="{Math.Min(start, 199)}" width="{width}" height="10"/></svg></td><td data-label="Took" class="number">{Measures.Elapsed(s.ElapsedSeconds)}</td><td data-label="Outcome">{Outcome(s.Outcome)}{(s.Detail.Length > 0 ? Markup.Of($"<br/>{s.Detail}") : Markup.Empty)}</td></tr>
                    """);
            })}</tbody></table>
            """));
    }

    private static Markup Outcome(StepOutcome outcome) => outcome switch
    {
        StepOutcome.Passed => Mark("good", "✓ passed"),
        StepOutcome.Skipped => Mark("quiet", "– skipped"),
        StepOutcome.Cancelled => Mark("warn", "! cancelled"),
        _ => Mark("bad", "✕ failed"),
    };

    private static Markup Tools(SealPredicate p) => Section("Tools", Markup.Of($"""
        <table><caption>What took part, on <bdi>{p.HostKernel}</bdi></caption><thead><tr><th scope="col">Program</th><th scope="col">Version</th></tr></thead>
        <tbody>{p.Tools.Select(t => Markup.Of($"<tr><th scope=\"row\">{t.Name}</th><td>{t.Version}</td></tr>"))}</tbody></table>
        """));

    private static Markup HandedOver(SealPredicate p)
    {
        var files = p.HandedOver.Concat(p.Disks.Where(d => d.BlockMap is not null).Select(d => d.BlockMap!)).ToList();
        return files.Count == 0 ? Markup.Empty : Section("Files beside the disks", Markup.Of($"""
            {(p.Target is not { } target ? Markup.Empty : Markup.Of($"<dl>{Fact("Domain", $"{target.Domain}, {target.Uuid}")}{Fact("Defined in", target.Uri)}{Fact("Storage pool", target.Pool)}{Fact("Volumes", string.Join(", ", target.Volumes))}</dl>"))}
            <table><caption>Each is named in the signed statement</caption><thead><tr><th scope="col">File</th><th scope="col">What it is</th><th scope="col">Length</th><th scope="col">SHA-256</th></tr></thead>
            <tbody>{files.Select(f => Markup.Of($"<tr><th scope=\"row\">{f.Name}</th><td data-label=\"What\">{f.Role}</td><td data-label=\"Length\" class=\"nobreak\">{Measures.Size(f.LengthBytes)}</td><td data-label=\"SHA-256\" class=\"hex\">{f.Sha256}</td></tr>"))}</tbody></table>
            """));
    }

    private static Markup Verify(SealPredicate p, SealPageContext context)
    {
        var handedOver = p.Verdict is Verdict.Sealed or Verdict.Degraded;
        var image = p.Disks.Any(d => d.TargetFormat != "raw");
        // Of a seal that does not say which export it is, the file beside it is all there is to go by.
        var exports = p.Disks.Where(d => d.TargetFile.EndsWith($".{TargetMachine.ExportExtension}", StringComparison.Ordinal)).Select(d => Markup.Of($"""
            <pre>nbdcopy "{d.TargetExport ?? $"$(cat {d.TargetFile})"}" ELSEWHERE/{d.TargetFile}
            truncate --size={d.VirtualBytes.ToString(CultureInfo.InvariantCulture)} ELSEWHERE/{d.TargetFile}</pre>
            """)).ToList();
        var volumes = p.Disks.Where(d => d.TargetVolume is not null).Select(d => (Disk: d, Place: FarDisks.Parse(d.TargetVolume!))).Where(v => v.Place is not null).Select(v => Markup.Of($"""
            <pre>ssh {LibvirtHost.LoginOf(v.Place!.Value.Uri)} {ShellWord.Quoted($"dd if={ShellWord.Quoted(v.Place!.Value.Path)} iflag=direct bs=1M")} &gt; ELSEWHERE/{v.Disk.TargetFile}</pre>{(v.Disk.TargetFormat == "raw" ? Markup.Empty : Markup.Of($"<pre>mv ELSEWHERE/{v.Disk.TargetFile} ELSEWHERE/image && qemu-img convert -f qcow2 -O raw ELSEWHERE/image ELSEWHERE/{v.Disk.TargetFile}</pre>"))}
            """)).ToList();
        return Section("How to verify", Markup.Of($"""
            <p>{(handedOver ? "Before the machine is started for the first time: a guest that runs changes its disks, and then they rightly differ." : "The signature shows that nobody changed this report; there is no disk to verify.")}</p>
            <h3>With Sealift, where it was signed</h3>
            <pre>sealift verify {context.SealFile}</pre>
            <h3>With Sealift, anywhere, given the public key</h3>
            <pre>sealift verify {context.SealFile} --key seal.pub</pre>
            <p class="quiet">Compare the key's fingerprint with one that you have from its owner: <code>openssl pkey -pubin -in seal.pub -outform DER | sha256sum</code> must print <code>{context.KeyId}</code>.</p>
            <h3>Without Sealift, with Python and openssl</h3>
            <p class="quiet">Save as <code>verify.py</code> and run <code>python3 verify.py {context.SealFile} seal.pub</code>.{(image ? " It reads raw disks; turn a qcow2 into raw first, under the same name in another directory: qemu-img convert -O raw." : "")} <code>blksum</code> and <code>nbdcopy --blkhash</code> print the same roots.</p>
            {(exports.Count == 0 ? Markup.Empty : Markup.Of($"""<p class="quiet">A file that ends in <code>.{TargetMachine.ExportExtension}</code> only names the NBD export that its disk is on, and <code>verify.py</code> would hash the name. Bring what the export holds to a raw file of that name first, in another directory, with copies of the seal and the files beside it, and cut it to the length of the disk:</p>{exports}"""))}
            {(volumes.Count == 0 ? Markup.Empty : Markup.Of($"""<p class="quiet">A file that ends in <code>.{TargetMachine.VolumeExtension}</code> only names the volume of another host that its disk is. Bring that to a raw file of its name first, in another directory, with copies of the seal and the files beside it:</p>{volumes}"""))}
            <pre>{VerifyByHand.Script}</pre>
            """));
    }

    private static Markup Section(string title, Markup content) => Markup.Of($"<section><h2>{title}</h2>{content}</section>\n");

    private static Markup Fact(string name, string value) => Markup.Of($"<div><dt>{name}</dt><dd>{value}</dd></div>");

    private static Markup List(IReadOnlyList<string> items) => items.Count == 0 ? Markup.Empty : Markup.Of($"<ul>{items.Select(i => Markup.Of($"<li>{i}</li>"))}</ul>");

    private static Markup Mark(string tone, string text) => Markup.Of($"<span class=\"mark {tone}\">{text}</span>");

    private static string Dash(string text) => text.Length == 0 ? "–" : text;

    private static string Or(string? text, string otherwise = "–") => string.IsNullOrEmpty(text) ? otherwise : text;
}

/// <summary>What the page must know besides the predicate.</summary>
/// <param name="SealFile">The name of the seal beside it.</param>
/// <param name="Payload">The statement that was signed.</param>
/// <param name="KeyId">Which key signed it.</param>
public sealed record SealPageContext(string SealFile, byte[] Payload, string KeyId);
