using System.Globalization;
using Sealift.Bench.FileSystems;
using Sealift.Bench.FileSystems.Kinds;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Guests.Lint;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

/// <summary>A converter that breaks what it was given, in the overlay and by all that there is in bench/Zoo: the check after it finds each time that this is new.</summary>
public sealed class BrokenConversionTests : IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly SampleFiles files;

    public BrokenConversionTests() => files = SampleFiles.Make(Path.Combine(rig.Root, "files"), 1);

    private static CancellationToken Cancel => MigrationRig.Cancel;

    /// <summary>What is checked without the appliance, so that a check takes less than a second.</summary>
    public static TheoryData<string> Kinds => [.. Checked.Select(k => k.Name)];

    private static IEnumerable<Kind> Checked => Collection.All.Where(k => k is { IsDirty: false, NeedsAppliance: false, IsNotCovered: false });

    public void Dispose() => rig.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Whatever_structure_it_breaks_is_new_damage(string name)
    {
        var (kind, disk) = await BuildAsync(name, 1);
        var before = await CheckAsync(new GuestDrive("disk1", null, disk, ImageFormat.Raw));
        Assert.Empty(before.Findings);
        Assert.Empty(LostFilesystems.AddTo(before, before).Findings);
        foreach (var (i, damage) in (await DamagesAsync(kind, disk)).Index())
        {
            var overlay = Path.Combine(rig.Root, $"overlay{i}.qcow2");
            await Overlay.CreateAsync(overlay, disk, ImageFormat.Raw, FileFacts.OfPath(disk).LengthBytes, Cancel);
            await BreakAsync(overlay, damage);
            var after = await CheckAsync(new GuestDrive("disk1", null, overlay, ImageFormat.Qcow2));
            after = LostFilesystems.AddTo(before, after);
            Assert.True(DamageWeighing.After(before.Findings, after.Findings, []).Any(w => w is { Standing: FindingStanding.New, IsFatal: true }), $"{kind}: {damage} by a conversion is passed over");
        }
    }

    /// <summary>The whole way, with one disk of each: nothing is handed over, and the report names each of them.</summary>
    [Fact]
    public async Task A_migration_whose_conversion_breaks_the_disks_hands_nothing_over()
    {
        var kinds = Checked.ToList();
        var damages = new List<Damage>();
        var sources = new List<string>();
        foreach (var (i, kind) in kinds.Index())
        {
            var (_, disk) = await BuildAsync(kind.Name, i + 2);
            var possible = await DamagesAsync(kind, disk);
            damages.Add(possible[i % possible.Count]);
            sources.Add(disk);
        }

        using var store = new MigrationStore(rig.State)
        {
            Converter = async (request, _, _) =>
            {
                foreach (var (drive, damage) in request.Drives.Zip(damages)) await BreakAsync(drive.ImagePath!, damage);
                return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
            },
        };
        var recorder = new Recorder();
        var request = rig.Request with { Sources = sources, SourceFormat = ImageFormat.Raw, Convert = true, Check = true, Waivers = [new Waiver(PreflightClasses.NoOperatingSystem, "machine", "they hold nothing but file systems")] };
        var outcome = await MigrationRunner.StartAsync(store, request, recorder, Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7202", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        var found = recorder.Events.OfType<FindingReported>().Where(f => f is { Step: StepName.CheckTarget, Finding.Severity: FindingSeverity.Damage }).Select(f => f.Finding.Device.Split(' ', ',')[0]).ToHashSet();
        for (var i = 0; i < kinds.Count; i++) Assert.True(found.Contains($"disk{i + 1}"), $"{kinds[i]}: {damages[i]} is passed over");
        Assert.DoesNotContain(recorder.Events, e => e is FindingReported { Step: StepName.CheckSource, Finding.Severity: FindingSeverity.Damage });
    }

    private async Task<(Kind Kind, string Disk)> BuildAsync(string name, int number)
    {
        var kind = Checked.Single(k => k.Name == name);
        var disk = Path.Combine(rig.SourceDirectory, string.Create(CultureInfo.InvariantCulture, $"zoo{number}.raw"));
        await kind.BuildAsync([disk], number, files, Cancel);
        return (kind, disk);
    }

    /// <summary>Every structure scrambled; not the content of files, in which no check can see whether it is right: that the conversion changed it stands in the seal.</summary>
    private static async Task<IReadOnlyList<Damage>> DamagesAsync(Kind kind, string disk)
    {
        var random = new Random(7);
        var structures = (await kind.PlacesAsync([disk], Cancel)).Where(p => p.Structure != Damage.FileData).GroupBy(p => p.Structure);
        return [.. structures.Select(s => Damage.At(s.First(), "noise", random, disk)!)];
    }

    private async Task BreakAsync(string overlay, Damage damage)
    {
        var bytes = Path.Combine(rig.Root, "bytes");
        await File.WriteAllBytesAsync(bytes, damage.Bytes, Cancel);
        await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", $"write -s {bytes} {damage.Offset} {damage.Bytes.Length}", overlay), Cancel);
    }

    private async Task<GuestReport> CheckAsync(GuestDrive drive)
    {
        var work = Directory.CreateDirectory(Path.Combine(rig.Root, "check")).FullName;
        return await Visit.AskHereAsync([drive], new GuestOptions { WorkDirectory = work, LogPath = Path.Combine(work, "log") }, Cancel) ?? throw new InvalidOperationException("Only the appliance can answer");
    }
}
