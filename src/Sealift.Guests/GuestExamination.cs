using Sealift.Guests.Checks;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>What an examination of a machine's disks found.</summary>
/// <param name="Inspection">What is inside.</param>
/// <param name="Findings">Everything that a checker reported, in the order of the disks.</param>
/// <param name="Tools">Name and version of every tool that took part, the appliance's kernel and libguestfs among them.</param>
public sealed record GuestReport(GuestInspection Inspection, IReadOnlyList<Finding> Findings, IReadOnlyDictionary<string, string> Tools);

/// <summary>Looks into the disks of a machine without writing to them: file system checks and inspection in one boot of the libguestfs appliance.</summary>
/// <remarks>
/// Classes of findings: <c>TYPE.errors</c> for ext2, ext3, ext4, xfs, btrfs, fat, exfat, ntfs, lvm and partition-table (damage);
/// <c>TYPE.dirty-journal</c>, <c>xfs.dirty-log</c>, <c>btrfs.dirty-log</c>, <c>TYPE.not-unmounted</c>, <c>fat.dirty</c>, <c>ntfs.dirty</c>,
/// <c>partition-table.backup-not-at-end</c>, <c>not-checked</c>, <c>multi-boot</c>, <c>inspection</c> (notes).
/// </remarks>
public static class GuestExamination
{
    private static readonly ContentCheck[] Checks = [new ExtCheck(), new XfsCheck(), new BtrfsCheck(), new FatCheck(), new ExfatCheck(), new NtfsCheck(), new LvmCheck()];
    private static readonly PartitionTableCheck PartitionTables = new();

    /// <summary>Examines the disks of one machine.</summary>
    /// <param name="drives">All disks of the machine, in order. They are opened read-only.</param>
    /// <param name="options">Where to work and how long it may take.</param>
    /// <param name="log">Receives one line for each step, fit for a progress display; null for none.</param>
    /// <param name="cancel">Stops the appliance.</param>
    /// <exception cref="SealiftException">
    /// SL5001 the drives cannot be shown; SL5002 the appliance did not start; SL5003 it hung or died, with its last words; SL5004 it
    /// answered what it cannot answer; SL1xxx the log could not be written.
    /// </exception>
    public static Task<GuestReport> RunAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, IProgress<string>? log, CancellationToken cancel) =>
        RunAsync(drives, options, inspectOperatingSystems: true, log, cancel);

    internal static async Task<GuestReport> RunAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, bool inspectOperatingSystems, IProgress<string>? log, CancellationToken cancel)
    {
        using var toolLog = new ToolLog(options.LogPath);
        using var scratch = new ScratchDirectory(options.WorkDirectory);
        log?.Report("starting the appliance");
        await using var appliance = await Appliance.StartAsync(drives, options, toolLog, scratch, cancel);
        var tools = await ApplianceTools.VersionsAsync(appliance, cancel);
        var devices = await BlockDevices.FindAsync(appliance, drives, options.LogPath, cancel);
        var identities = Identities(devices);

        var findings = new List<Finding>();
        var checkedBy = new Dictionary<BlockDevice, string>();
        foreach (var device in devices)
        {
            log?.Report($"checking {device.Description}");
            var (observations, tool) = await CheckAsync(appliance, device, tools, cancel);
            // What could not be checked was not checked, whatever else was seen of it.
            checkedBy[device] = observations.Any(o => o.Class == "not-checked") ? string.Empty : tool;
            findings.AddRange(observations.Select(o => new Finding(o.Class, o.Severity, identities[device], device.Description, GuestText.Finding(o.Text))));
        }

        log?.Report("inspecting the operating system");
        var systems = inspectOperatingSystems ? await OperatingSystems.FindAsync(appliance, cancel) : OperatingSystems.None([]);
        if (systems.Remarks.Count > 0) findings.Add(new Finding("inspection", FindingSeverity.Note, "machine", "operating system", GuestText.Finding(string.Join('\n', systems.Remarks))));
        if (systems.Roots > 1) findings.Add(new Finding("multi-boot", FindingSeverity.Note, "machine", "operating system", $"{systems.Roots} operating systems were found; the first is described"));
        var fallback = await FallbackLoader.IsThereAsync(appliance, devices, cancel);
        await appliance.CloseAsync(cancel);
        toolLog.ThrowIfLost();

        var filesystems = devices.Where(d => !d.IsPartitioned).Select(d => new GuestFilesystem(
            identities[d],
            d.Description,
            GuestText.Name(d.Type),
            d.Label,
            d.LengthBytes,
            systems.MountpointOfUuid.GetValueOrDefault(d.Uuid, string.Empty),
            checkedBy[d],
            checkedBy[d].Length > 0 && !findings.Any(f => f.Filesystem == identities[d] && f.Severity == FindingSeverity.Damage)));
        return new GuestReport(
            new GuestInspection(systems.OsType, systems.Distro, systems.ProductName, systems.Version, systems.Architecture, systems.Hostname, devices.Any(d => d.IsEfiSystemPartition), [.. filesystems]) { HasBiosBootCode = devices.Any(d => d is { Kind: "disk", HasBootCode: true }), HasFallbackLoader = fallback },
            findings,
            tools);
    }

    private static async Task<(IReadOnlyList<Observation> Observations, string Tool)> CheckAsync(Appliance appliance, BlockDevice device, IReadOnlyDictionary<string, string> tools, CancellationToken cancel)
    {
        if (device.IsPartitioned) return device.PartitionTable.Length > 0 && device.Kind == "disk" ? (await PartitionTables.RunAsync(appliance, device, cancel), With(PartitionTables)) : ([], string.Empty);
        if (device.IsAmbiguous) return ([new Observation("not-checked", FindingSeverity.Note, "More than one signature was found on it: nobody can say which of them is in use")], string.Empty);
        if (Checks.FirstOrDefault(c => c.Types.Contains(device.Type)) is { } check)
        {
            if (tools.ContainsKey(check.Tool)) return (await check.RunAsync(appliance, device, cancel), With(check));
            return ([new Observation("not-checked", FindingSeverity.Note, $"The appliance lacks {check.Tool}, which would check it")], string.Empty);
        }

        if (device.Type == "unknown" && await LostSuperblock.FindAsync(appliance, device, cancel) is { } lost)
            return ([new Observation((lost == "vfat" ? "fat" : lost) + ".errors", FindingSeverity.Damage, $"Its superblock is not recognised, but there is a backup of an {lost} superblock where that file system keeps one")], string.Empty);
        return ([new Observation("not-checked", FindingSeverity.Note, device.Type == "unknown" ? "Nothing is known that has this content" : $"No checker for {GuestText.Name(device.Type)}")], string.Empty);

        string With(ContentCheck c) => $"{c.Tool} {tools.GetValueOrDefault(c.Tool, string.Empty)}".TrimEnd();
    }

    /// <summary>The UUID where it is there and nobody else has it (members of an array share theirs); otherwise the place.</summary>
    private static Dictionary<BlockDevice, string> Identities(IReadOnlyList<BlockDevice> devices)
    {
        var count = devices.Where(d => d.Uuid.Length > 0).GroupBy(d => d.Uuid).ToDictionary(g => g.Key, g => g.Count());
        return devices.ToDictionary(d => d, d => !d.IsPartitioned && count.GetValueOrDefault(d.Uuid) == 1 ? d.Uuid : d.Place);
    }
}
