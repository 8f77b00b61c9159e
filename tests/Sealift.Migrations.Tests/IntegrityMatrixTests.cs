using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Sealift.Disks;
using Sealift.Migrations.Steps;
using Sealift.Providers;

namespace Sealift.Migrations.Tests;

/// <summary>docs/integrity/matrix.md says of each path what the code does on it.</summary>
public sealed partial class IntegrityMatrixTests
{
    private const int Plan = 1;

    private static readonly string[] Off = ["https"];

    // What each column of the first table is about, by the steps that do it.
    private static readonly (int Column, Type[] Steps)[] Roles =
    [
        (2, [typeof(CopyStep), typeof(PrecopyStep), typeof(CutoverStep)]),
        (3, [typeof(ReadBackStep), typeof(ProveStep)]),
        (4, [typeof(CheckSourceStep)]),
        (5, [typeof(ConvertStep), typeof(CommitStep)]),
        (6, [typeof(CheckTargetStep), typeof(CheckCommittedStep)]),
        (7, [typeof(PrecopyStep), typeof(CutoverStep)]),
    ];

    [Fact]
    public void Each_cell_of_a_path_names_the_steps_that_its_plan_has()
    {
        var rows = Table("By path");
        Assert.NotEmpty(rows);
        foreach (var row in rows)
        {
            // Whose one pass reads everything has nothing to be followed before, and nothing that a tracker could call unchanged.
            var onePass = row[Plan] == "one pass";
            var steps = Steps(row[Plan] == "cold" ? Request(null) : Request(new WarmPlan())).Where(s => !onePass || s is not PrecopyStep).ToList();
            foreach (var (column, types) in Roles)
            {
                var expected = column == 7 && onePass ? [] : steps.Where(s => types.Contains(s.GetType())).Select(s => s.Planned.Step).Distinct().ToList();
                Assert.True(row[column] == Cell(expected), $"{row[0]}: the page has {row[column]}, the code {Cell(expected)}");
            }
        }
    }

    [Fact]
    public void Every_step_is_in_the_matrix_or_decides_nothing_about_bytes()
    {
        string[] others = [StepName.Describe, StepName.Preflight, StepName.BootCheck, StepName.Gate, StepName.HandOver, StepName.Seal];
        var named = Table("By path").SelectMany(r => r.Skip(2)).SelectMany(c => Word().Matches(c).Select(m => m.Groups[1].Value)).ToHashSet(StringComparer.Ordinal);
        Assert.Equal(StepName.All.Except(others).Order(StringComparer.Ordinal), named.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_way_of_copying_and_of_reading_has_a_row()
    {
        var paths = string.Join('\n', Table("By path").Concat(Table("One disk alone")).Select(r => r[0]));
        foreach (var way in TransferPlan.Names.Except([TransferPlan.Auto])) Assert.Contains($"`{way}`", paths, StringComparison.Ordinal);
        // Of a migration, all but the one between units of an array: its targets are files.
        foreach (var way in TransferPlan.Names.Except([TransferPlan.Auto, "xcopy"])) Assert.Contains(Table("By path"), r => r[0].EndsWith($"by `{way}`", StringComparison.Ordinal));
        var reading = VSphereWay().Matches(File.ReadAllText(InRepository("src/Sealift.Providers/VSphere/DataPaths/VSphereDisk.cs"))).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(3, reading.Count);
        foreach (var way in reading) Assert.Contains($"vSphere, off, read by `{way}`", paths, StringComparison.Ordinal);
        // The one that needs the machine to be off is not a way to follow one that runs.
        Assert.Equal(reading.Except(Off), reading.Where(w => paths.Contains($"vSphere, running, read by `{w}`", StringComparison.Ordinal)));
        foreach (var name in new[] { "qmp:/run/vm.qmp", "qemu:///system/vm", "qemu+ssh://host/system/vm", "vsphere://vc1/vm" }) Assert.True(RunningSource.Is(name), name);
        foreach (var scheme in new[] { "`qmp:`", "`qemu://`", "`qemu+ssh://`" }) Assert.Contains(scheme, paths, StringComparison.Ordinal);
    }

    [Fact]
    public void An_option_takes_out_the_steps_that_the_page_says()
    {
        var rows = Table("By option").ToDictionary(r => r[0].Trim('`'), StringComparer.Ordinal);
        var warm = new WarmPlan();
        foreach (var (option, plan) in new[]
        {
            ("--no-convert", Request(null) with { Convert = false }),
            ("--no-check", Request(null) with { Check = false }),
            ("--no-boot-check", Request(null) with { BootCheck = BootCheck.Never }),
            ("--audit sample", Request(warm with { Audit = AuditScope.Sample })),
            ("--audit none", Request(warm with { Audit = AuditScope.None })),
            ("--read-back changed", Request(warm with { ReadBack = ReadBackScope.Changed })),
        })
        {
            var away = Names(Request(plan.Warm)).Except(Names(plan)).ToList();
            Assert.True(rows.Remove(option, out var row), $"{option} is not on the page");
            Assert.True(row![1] == (away.Count == 0 ? "none" : Cell(away)), $"{option}: the page has {row[1]}, the code {Cell(away)}");
        }

        Assert.Empty(rows);
    }

    private static MigrationRequest Request(WarmPlan? warm) => new() { Sources = ["/web01.raw"], TargetDirectory = "/srv/vms", Warm = warm };

    private static IReadOnlyList<Step> Steps(MigrationRequest request) => MigrationSteps.For(
        request,
        new VirtualMachine
        {
            Name = "web01",
            Cpus = 1,
            MemoryBytes = 1 << 30,
            Firmware = Firmware.Bios,
            NetworkInterfaces = [],
            Disks = [new SourceDisk("disk1", "id", new ImageReference(new ImageLocation("/web01.raw"), ImageFormat.Raw, string.Empty, 1 << 20, 0, null, []), DiskBus.Sata, string.Empty)],
        });

    private static IEnumerable<string> Names(MigrationRequest request) => Steps(request).Select(s => s.Planned.Step).Distinct();

    private static string Cell(List<string> names) => names.Count == 0 ? "–" : string.Join(", ", names.Select(n => $"`{n}`"));

    private static List<string[]> Table(string heading)
    {
        var lines = File.ReadAllLines(InRepository("docs/integrity/matrix.md")).SkipWhile(l => l != $"## {heading}").Skip(1).TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal));
        return [.. lines.Where(l => l.StartsWith('|')).Skip(2).Select(l => l.Trim('|').Split('|').Select(c => c.Trim()).ToArray())];
    }

    private static string InRepository(string path, [CallerFilePath] string thisFile = "") => Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", path);

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Word();

    [GeneratedRegex("cancel\\), \"(\\w+)\", notes\\)")]
    private static partial Regex VSphereWay();
}
