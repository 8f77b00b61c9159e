using System.Text.RegularExpressions;
using System.Xml.Linq;
using Sealift.Guests.Files;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations.Tests.Seals;

public sealed class SealPageTests
{
    public static TheoryData<string> Verdicts => ["sealed", "degraded", "failed"];

    private static SealPredicate Example(string verdict) => verdict switch
    {
        "sealed" => ExampleSeals.Sealed(),
        "degraded" => ExampleSeals.Degraded(),
        _ => ExampleSeals.Failed(),
    };

    private static string Render(SealPredicate p) => SealPage.Render(p, new SealPageContext("web-01.seal.json", "{}"u8.ToArray(), ExampleSeals.Digest("key")));

    // The page is XML too, but for its doctype: a parser that forgives nothing reads it.
    private static XElement Parse(string page) => XElement.Parse(page[page.IndexOf("<html", StringComparison.Ordinal)..]);

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void Page_is_well_formed_and_loads_nothing(string verdict)
    {
        var page = Render(Example(verdict));
        if (Environment.GetEnvironmentVariable("SEALIFT_KEEP_PAGES") is { } keep) File.WriteAllText(Path.Combine(keep, verdict + ".html"), page);
        var html = Parse(page);

        string[] loaders = ["script", "img", "link", "iframe", "object", "embed", "image", "use", "audio", "video", "source", "form", "base"];
        Assert.DoesNotContain(html.Descendants(), e => loaders.Contains(e.Name.LocalName));
        Assert.DoesNotContain(html.Descendants().Attributes(), a => a.Name.LocalName is "src" or "href" or "style" or "srcset" or "action" || a.Name.LocalName.StartsWith("on", StringComparison.Ordinal));
        Assert.DoesNotMatch(new Regex("https?://|@import|url\\((?!#)"), page);
        var policy = html.Descendants("meta").Single(m => (string?)m.Attribute("http-equiv") == "Content-Security-Policy").Attribute("content")!.Value;
        Assert.StartsWith("default-src 'none'; style-src 'sha256-", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void Page_says_what_the_predicate_says(string verdict)
    {
        var p = Example(verdict);
        var html = Parse(Render(p));
        var text = html.Element("body")!.Value;

        Assert.Equal(verdict, html.Descendants("p").Single(e => (string?)e.Attribute("class") == "word").Value.ToLowerInvariant());
        foreach (var expected in p.Reasons.Concat(p.NextSteps).Concat(p.NotChecked).Concat(p.NotProven).Concat(p.FindingsAfter.Select(f => f.Text)).Concat(p.FindingsAfter.Select(f => f.Waiver ?? "")).Concat(p.Tools.Select(t => t.Version)))
            Assert.Contains(expected, text, StringComparison.Ordinal);
        foreach (var root in p.Disks.SelectMany(d => new[] { d.SourceRoot, d.TargetRoot, d.FinalRoot }).OfType<string>())
            Assert.Contains(root, text, StringComparison.Ordinal);
        Assert.Equal(p.Steps.Count, html.Descendants("table").Single(t => t.Element("caption")!.Value.StartsWith("Steps", StringComparison.Ordinal)).Element("tbody")!.Elements("tr").Count());
        Assert.All(html.Descendants("table"), t => Assert.NotNull(t.Element("caption")));
        Assert.All(html.Descendants("svg"), s => Assert.True(s.Attribute("aria-hidden") is not null || s.Attribute("aria-label") is not null));
    }

    [Fact]
    public void A_target_that_differs_is_said_in_words_and_drawn()
    {
        var html = Parse(Render(ExampleSeals.Failed()));
        Assert.Contains("✕ differs from S", html.Value, StringComparison.Ordinal);
        Assert.Contains("✕ not repaired", html.Value, StringComparison.Ordinal);
        Assert.True(html.Descendants("figure").Descendants("rect").Count(r => (string?)r.Attribute("class") == "mismatch") >= 2);
    }

    [Fact]
    public void A_copy_is_drawn_with_what_it_waited_for()
    {
        var p = ExampleSeals.Sealed();
        var html = Parse(Render(p));
        var charts = html.Descendants("figure").Where(f => ((string?)f.Attribute("class"))!.Contains("chart", StringComparison.Ordinal)).ToList();
        Assert.Equal(2 * p.Disks.Count, charts.Count);
        Assert.Contains("45 s, limited by the target.", charts[0].Element("figcaption")!.Value, StringComparison.Ordinal);
        Assert.Contains("source 328 MiB/s · target 99.9 MiB/s", charts[0].Element("figcaption")!.Value, StringComparison.Ordinal);
        Assert.Contains("limited by reading the target back", charts[1].Element("figcaption")!.Value, StringComparison.Ordinal);
        Assert.Equal(["line-source", "line-target"], charts[0].Element("svg")!.Elements("polyline").Select(l => (string?)l.Attribute("class")));
        Assert.Equal(["line-back"], charts[1].Element("svg")!.Elements("polyline").Select(l => (string?)l.Attribute("class")));
        // Every stretch is drawn, left to right, and the highest of both lines touches the top of the chart.
        var points = charts[0].Descendants("polyline").Where(l => l.Parent!.Attribute("viewBox")!.Value == "0 0 1024 64")
            .Select(l => ((string)l.Attribute("points")!).Split(' ').Select(t => t.Split(',').Select(n => double.Parse(n, System.Globalization.CultureInfo.InvariantCulture)).ToArray()).ToList()).ToList();
        Assert.All(points, line => Assert.Equal(180, line.Count));
        Assert.Equal((0, 1024), (points[0][0][0], points[0][^1][0]));
        Assert.Equal(1, points.SelectMany(line => line).Min(point => point[1]));
    }

    [Fact]
    public void Each_point_is_shown_with_how_it_stands()
    {
        var rows = Parse(Render(ExampleSeals.Sealed())).Descendants("table").Single(t => t.Element("caption")!.Value.StartsWith("Four points", StringComparison.Ordinal)).Element("tbody")!.Elements("tr").Select(r => string.Join('|', r.Elements().Select(c => c.Value))).ToList();
        Assert.Equal(
            [
                "source|✓ checked|3 of 4, by check-source|–",
                "copied-target|✓ identical|–|source (read-back: T = S, every block)",
                "converted-overlay|✓ checked|3 of 4, by check-target|–",
                "committed-target|✓ checked|3 of 4, by check-committed|converted-overlay (prove: the whole disk reads back as F)",
            ],
            rows);
        Assert.DoesNotContain("Four points", Parse(Render(ExampleSeals.Sealed() with { Points = null })).Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_the_conversion_changed_are_named_by_file_system()
    {
        var text = Parse(Render(ExampleSeals.Sealed())).Value;
        foreach (var expected in new[] { "/etc/fstab", "changed file: inode, size, modified", @"/etc/\xff", "changed file: status", "removed file", "added file", "Of 41,233 files: 2 changed, 1 removed, 1 added.", "Not told: it has more than 1,000,000 files.", "web-01-changes.jsonl" })
            Assert.Contains(expected, text, StringComparison.Ordinal);
        Assert.DoesNotContain("Files that the conversion changed", Parse(Render(ExampleSeals.Sealed() with { FileChanges = null })).Value, StringComparison.Ordinal);

        var many = ExampleSeals.Files("") with { Filesystems = [new SealedFilesystemChanges("9c0f-root", "d", "/", 9, 300_000, 1, 1, "")], Listed = 100_000 };
        text = Parse(Render(ExampleSeals.Sealed() with { FileChanges = many })).Value;
        Assert.Contains("300,002 files in all; the list has 100,000 files.", text, StringComparison.Ordinal);
        Assert.Contains("and 299,998 files more.", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_drawn_of_what_was_not_measured()
    {
        var p = ExampleSeals.Sealed();
        var html = Parse(Render(p with { Disks = [.. p.Disks.Select(d => d with { Performance = null, ReadBackPerformance = new Disks.StageReport(0, []) { Throughput = new Disks.ThroughputSeries(0.05, [0], [0], [0]) } })] }));
        Assert.DoesNotContain(html.Descendants("figure"), f => ((string?)f.Attribute("class"))!.Contains("chart", StringComparison.Ordinal));
    }

    [Fact]
    public void Names_from_the_guest_stay_text()
    {
        const string hostile = "<script>alert(1)</script>\"' onload=x &amp; \u202Eexe.gpj\u2066 \0 \uD800 שלום";
        var p = ExampleSeals.Sealed();
        p = p with
        {
            MigrationId = hostile, Reasons = [hostile], NextSteps = [hostile], HostKernel = hostile, NotChecked = [hostile], NotProven = [hostile],
            Machine = p.Machine with { Name = hostile, Concerns = [hostile], Firmware = hostile, Guest = new SealedGuest(hostile, hostile, hostile, hostile, hostile, hostile), NetworkInterfaces = [new SealedNic(hostile, hostile, hostile)] },
            Source = p.Source with { Kind = hostile, Location = hostile, ManifestVerification = hostile, Notes = [hostile], Files = [p.Source.Files[0] with { Path = hostile }] },
            Disks = [p.Disks[0] with { Key = hostile, Identity = hostile, SourceFormat = hostile, SourceSubformat = hostile, TargetFile = hostile, CacheBypass = hostile, SourceRoot = hostile, Mismatches = [new SealedMismatch(0, 1, hostile, hostile, hostile, hostile, true)], BlockMap = new SealedFile(hostile, hostile, 1, hostile) }],
            FilesystemsBefore = [new SealedFilesystem(hostile, hostile, hostile, hostile, 1, hostile, hostile, true) { CheckedVia = hostile, Why = hostile }],
            FindingsBefore = [new SealedFinding(hostile, FindingStanding.Waived, hostile, hostile, hostile, hostile)],
            Points = [new SealedPoint(hostile, PointStanding.Checked, hostile, 1, 1, hostile, hostile)],
            FileChanges = new SealedFileChanges { Filesystems = [new SealedFilesystemChanges(hostile, hostile, hostile, 1, 1, 0, 0, ""), new SealedFilesystemChanges(hostile, hostile, hostile, 0, 0, 0, 0, hostile)], First = [new SealedFileChange(hostile, FileChangeKind.Changed, hostile, hostile, 1, 2, [hostile])], Listed = 1, List = hostile },
            Steps = [p.Steps[0] with { Name = hostile, Disk = hostile, Detail = hostile }],
            Tools = [new SealedTool(hostile, hostile)],
            ReducedProof = [new SealedOption(hostile, hostile)],
            HandedOver = [new SealedFile(hostile, hostile, 1, hostile)],
        };
        var page = Render(p);
        var clean = Parse(Render(ExampleSeals.Sealed() with { Machine = p.Machine with { Name = "x" } }));
        var html = Parse(page);

        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain('\u202E', page);
        Assert.DoesNotContain('\0', page);
        Assert.Contains("⟦U+202E⟧exe.gpj", page, StringComparison.Ordinal);
        Assert.Contains("שלום", page, StringComparison.Ordinal);
        Assert.Subset(clean.Descendants().Attributes().Select(a => a.Name).ToHashSet(), html.Descendants().Attributes().Select(a => a.Name).ToHashSet());
        Assert.Contains("<script>alert(1)</script>\"' onload=x &amp; ", html.Descendants("h1").Single().Value, StringComparison.Ordinal);
    }
}
