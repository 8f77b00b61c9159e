using Sealift.Disks;
using Sealift.Migrations.Steps;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// The disks of a migration that go to block devices. In the work directory and in the target each is a symbolic link to its device: so
/// everything that is done with a copied disk is done with it, and whatever is removed or taken back is the link, never the device.
/// </summary>
internal static class TargetDevices
{
    /// <summary>Looks at each device before anything is written to it.</summary>
    /// <returns>The devices by the keys of their disks, and what stands in the way.</returns>
    public static async Task<(SortedDictionary<string, TargetDevice> Devices, IReadOnlyList<SealiftException> Problems)> LookAsync(MigrationRequest request, SourceMachine source, CancellationToken cancel)
    {
        var devices = new SortedDictionary<string, TargetDevice>(StringComparer.Ordinal);
        var problems = new List<SealiftException>();
        foreach (var target in request.Target.Disks)
        {
            var disks = source.Machine.Disks.Where(target.IsOf).ToList();
            if (disks is not [var disk])
            {
                problems.Add(MigrationErrors.BadDiskTarget($"{target.Disk}={target.Device}", disks.Count == 0 ? "the machine has no such disk" : "it names several disks", $"Name one of {string.Join(", ", source.Machine.Disks.Select(d => $"{d.Key} ({d.Identity})"))}"));
                continue;
            }

            try
            {
                var device = TargetDevice.Of(target.Device);
                if (source.Files.FirstOrDefault(f => device.Overlaps(f.Path) || device.IsBackedBy(f.Path) || IsSameVolume(device, f.Path)) is { } same) throw MigrationErrors.SourceInTarget(same.Path, target.Device);
                if (devices.FirstOrDefault(d => d.Key == disk.Key || device.Overlaps(d.Value.Path) || device.IsSameVolumeAs(d.Value)) is { Key: { } other }) throw MigrationErrors.BadDiskTarget($"{target.Disk}={target.Device}", $"{other} goes there already, or has another device", "Give each disk one device of its own");
                await device.DemandFreeAsync(disk.Image.VirtualLengthBytes, cancel);
                devices.Add(disk.Key, device);
            }
            catch (SealiftException e)
            {
                problems.Add(e); // the others are looked at, too
            }
        }

        return (devices, problems);
    }

    /// <summary>Throws where another migration of the state directory has claimed one of the devices: what it brought there, or brings, would be overwritten.</summary>
    /// <exception cref="SealiftException">SL7128.</exception>
    public static void DemandUnclaimed(Journal journal, string? migration, SortedDictionary<string, TargetDevice>? devices)
    {
        foreach (var (other, claimed) in devices is null ? [] : journal.ClaimedDevices(migration ?? string.Empty))
        {
            foreach (var device in devices!.Values)
            {
                if (claimed.FirstOrDefault(device.IsSameAs) is { } same)
                    throw MigrationErrors.BadDiskTarget(device.Path, $"the migration {other} has it ({same.Path})", $"Name another device; or, where what {other} brought there is of no use any more, `sealift remove {other}` first");
            }
        }
    }

    private static bool IsSameVolume(TargetDevice device, string path) => FileFacts.OfPath(path).Kind == FileKind.BlockDevice && device.IsSameVolumeAs(TargetDevice.Of(path));

    /// <summary>The device of a disk, as it was found before the migration wrote anything; null where it is a file.</summary>
    /// <exception cref="SealiftException">SL7205: the journal does not hold it.</exception>
    public static TargetDevice? Find(MigrationContext context, string key)
    {
        if (context.Request.Target.Of(context.Disk(key)) is null) return null;
        var devices = context.Result(StepName.Preflight, string.Empty, JournalJson.Default.PreflightResult).Devices;
        return devices is not null && devices.TryGetValue(key, out var device) ? device : throw MigrationErrors.EvidenceMissing($"the device that {key} goes to");
    }

    /// <summary>Throws where the path leads to another device than it did, or that was resized.</summary>
    /// <exception cref="SealiftException">SL7130.</exception>
    public static void Verify(MigrationContext context, string key)
    {
        if (Find(context, key) is { } before && TargetDevice.Of(before.Path).ChangeSince(before) is { } change) throw MigrationErrors.DeviceChanged(before.Path, change);
    }

    /// <summary>Throws where another process has the device open for writing by now. Each opening for writing asks by itself; this is for what is decided before that.</summary>
    /// <exception cref="SealiftException">SL4208.</exception>
    public static void DemandUnused(MigrationContext context, string key) => Find(context, key)?.DemandUnused();

    /// <summary>Asks once more, before the first byte of a copy, whether the device is free; and journals that it is overwritten from here on.</summary>
    /// <exception cref="SealiftException">As <see cref="TargetDevice.DemandFreeAsync"/>.</exception>
    public static async Task BeginAsync(MigrationContext context, string key, long lengthBytes, CancellationToken cancel)
    {
        if (Find(context, key) is not { } device) return;
        // What this migration has begun to overwrite may carry what the guest keeps on it, such as a physical volume of its own.
        if (context.Files.Find(device.Path) is { Kind: Artefacts.OverwrittenDevice }) device.DemandUnused();
        else await device.DemandFreeAsync(lengthBytes, cancel);
        context.Journal.Claim(context.Id, device.Path, Artefacts.OverwrittenDevice);
    }

    /// <summary>Makes the link that stands for a device, durably.</summary>
    public static void Link(string path, TargetDevice device)
    {
        try
        {
            _ = File.CreateSymbolicLink(path, device.Path); // what it says of itself is not needed
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw MigrationErrors.NoLink(path, device.Path, e);
        }

        PosixPath.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>When a copied disk was written to last, in nanoseconds since 1970; 0 for a device, which does not tell.</summary>
    public static long ModifiedNanoseconds(string path) => ModifiedNanoseconds(FileFacts.OfPath(path));

    /// <summary>The same of what is known of it. The node of a device is touched by others (udev does at each change), and not by everybody who writes to the device.</summary>
    public static long ModifiedNanoseconds(FileFacts facts) => facts.Kind == FileKind.BlockDevice ? 0 : facts.ModifiedNanoseconds;

    /// <summary>The devices that a copy has begun to overwrite.</summary>
    public static IReadOnlyList<string> Touched(MigrationContext context) =>
        [.. context.Journal.Artefacts(context.Id).Where(a => a.Kind == Artefacts.OverwrittenDevice).Select(a => a.Path)];
}
