using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>Makes the guest fit for KVM in overlays; the copied disks are not touched. D and the root to expect (F) are known after it.</summary>
internal sealed class ConvertStep() : Step(StepName.Convert, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var machine = context.Source.Machine;
        var drives = new List<GuestDrive>();
        foreach (var disk in machine.Disks)
        {
            var overlay = context.OverlayPath(disk.Key);
            await VerifyBaseAsync(context, disk.Key, cancel);
            context.Files.Claim(overlay, Artefacts.Overlay);
            await Overlay.CreateAsync(overlay, context.CopiedDisk(disk.Key), disk.Image.VirtualLengthBytes, cancel);
            context.Files.Own(overlay, Artefacts.Overlay);
            drives.Add(new GuestDrive(disk.Key, null, overlay, ImageFormat.Qcow2));
        }

        var options = new GuestOptions { WorkDirectory = context.Scratch, LogPath = context.LogPath(StepName.Convert), Deadline = TimeSpan.FromHours(1), Keys = Examination.Keys(context) };
        var inspection = context.Find(StepName.CheckSource, string.Empty, JournalJson.Default.GuestReport)?.Inspection;
        var conversion = await context.Store.Converter(
            new ConversionRequest(machine.Name, drives, machine.Firmware == Firmware.Uefi, machine.Cpus, machine.MemoryBytes, options) { OpenedVolumes = inspection?.OpenedVolumes ?? [], StaticAddresses = [.. machine.StaticAddresses.Select(a => a.ToString())], AddFallbackLoader = inspection is { BootsByUefi: true, HasFallbackLoader: false } }, context.Events.Log(Planned), cancel);
        foreach (var finding in conversion.Findings) context.Events.Send(new FindingReported(StepName.Convert, finding));

        var disks = new List<ConvertedDisk>();
        foreach (var disk in machine.Disks) disks.Add(await MeasureAsync(context, disk.Key, cancel));
        // Damage that the converter itself reports was certainly not there before.
        var damage = conversion.Findings.Where(f => f.Severity == FindingSeverity.Damage).ToList();
        if (damage.Count > 0) throw MigrationErrors.NewDamage(damage.Count, $"{damage[0].Class}: {damage[0].Text}");
        return MigrationContext.Done(
            $"{MigrationContext.Size(disks.Sum(d => d.Changed.Sum(r => r.LengthBytes)))} changed, {Measures.Count(conversion.Findings.Count, "warning")}, {conversion.BlockBus}",
            new ConvertStepResult(conversion, disks),
            JournalJson.Default.ConvertStepResult);
    }

    private static async Task<ConvertedDisk> MeasureAsync(MigrationContext context, string key, CancellationToken cancel)
    {
        var (overlay, below, mapPath) = (context.OverlayPath(key), context.CopiedDisk(key), context.FinalMapPath(key));
        context.Files.Verify(overlay);
        // The converter is not trusted to have flushed, nor to have left the base alone.
        using (var file = PosixFile.Open(overlay, OpenMode.Read)) file.Sync();
        await VerifyBaseAsync(context, key, cancel);

        var changed = await Overlay.ChangedRangesAsync(overlay, below, context.Scratch, cancel);
        var copy = context.Result(StepName.Copy, key, JournalJson.Default.CopyStepResult);
        context.Files.Claim(mapPath, Artefacts.BlockMap);
        using var sourceMap = context.OpenMap(context.SourceMapPath(key), copy.Root);
        using var finalMap = BlockMap.CreateCopy(mapPath, sourceMap);
        context.Files.Own(mapPath, Artefacts.BlockMap);
        byte[] root;
        await using (var view = await Overlay.OpenViewAsync(overlay, below, context.Scratch, cancel))
            root = await OverlayCommit.ExpectedRootAsync(view, changed, finalMap, context.Copying, cancel);
        finalMap.Close();
        return new ConvertedDisk(key, changed, MigrationContext.Hex(root));
    }

    /// <summary>A copied disk that was written to after its read-back is not what was proven.</summary>
    private static async Task VerifyBaseAsync(MigrationContext context, string key, CancellationToken cancel)
    {
        var path = context.DiskPath(key);
        context.Files.Verify(path);
        await TargetPlaces.VerifyAsync(context, key, cancel);
        var proven = context.Result(StepName.ReadBack, key, JournalJson.Default.ReadBackStepResult);
        if (await TargetPlaces.ModifiedAsync(context, key, path, cancel) != proven.ModifiedNanoseconds) throw MigrationErrors.FileReplaced(path);
    }
}

/// <summary>What a conversion established.</summary>
/// <param name="Conversion">What the converter said.</param>
/// <param name="Disks">What it changed, disk by disk.</param>
internal sealed record ConvertStepResult(ConversionResult Conversion, IReadOnlyList<ConvertedDisk> Disks)
{
    public ConvertedDisk Of(string key) => Disks.FirstOrDefault(d => d.Key == key) ?? throw MigrationErrors.EvidenceMissing($"what the conversion changed of {key}");
}

/// <summary>A disk after conversion.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Changed">D.</param>
/// <param name="ExpectedRoot">F.</param>
internal sealed record ConvertedDisk(string Key, IReadOnlyList<DiskRange> Changed, string ExpectedRoot);
