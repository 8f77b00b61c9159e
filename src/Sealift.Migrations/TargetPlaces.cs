using System.Text;
using Sealift.Disks;
using Sealift.Migrations.Steps;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>
/// The disks of a migration that go to block devices and NBD exports. In the work directory and in the target each device is a symbolic
/// link to it, and each export a file that holds its URI: so whatever is renamed, removed or taken back is that, never what it stands for.
/// </summary>
internal static class TargetPlaces
{
    /// <summary>Looks at each place before anything is written to it.</summary>
    /// <returns>Devices and exports by the keys of their disks, and what stands in the way.</returns>
    public static async Task<(SortedDictionary<string, TargetDevice> Devices, SortedDictionary<string, TargetExport> Exports, IReadOnlyList<SealiftException> Problems)> LookAsync(MigrationRequest request, SourceMachine source, CancellationToken cancel)
    {
        var devices = new SortedDictionary<string, TargetDevice>(StringComparer.Ordinal);
        var exports = new SortedDictionary<string, TargetExport>(StringComparer.Ordinal);
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
                if (devices.ContainsKey(disk.Key) || exports.ContainsKey(disk.Key)) throw MigrationErrors.BadDiskTarget($"{target.Disk}={target.Device}", $"{disk.Key} goes elsewhere already", "Name each disk once");
                if (target.Export is { } uri)
                {
                    if (exports.FirstOrDefault(e => e.Value.Uri == uri.ToString()) is { Key: { } taken }) throw MigrationErrors.BadDiskTarget($"{target.Disk}={target.Device}", $"{taken} goes there already", "Give each disk one export of its own");
                    exports.Add(disk.Key, await FreeExportAsync(uri, disk.Image.VirtualLengthBytes, cancel));
                    continue;
                }

                var device = TargetDevice.Of(target.Device);
                if (source.Files.FirstOrDefault(f => IsSame(device, f.Path)) is { } same) throw MigrationErrors.SourceInTarget(same.Path, target.Device);
                if (devices.FirstOrDefault(d => device.Overlaps(d.Value.Path) || device.IsSameVolumeAs(d.Value)) is { Key: { } other }) throw MigrationErrors.BadDiskTarget($"{target.Disk}={target.Device}", $"{other} goes there already", "Give each disk one device of its own");
                await device.DemandFreeAsync(disk.Image.VirtualLengthBytes, cancel);
                devices.Add(disk.Key, device);
            }
            catch (SealiftException e)
            {
                problems.Add(e); // the others are looked at, too
            }
        }

        return (devices, exports, problems);
    }

    /// <summary>Throws where another migration of the state directory has claimed one of the places: what it brought there, or brings, would be overwritten.</summary>
    /// <exception cref="SealiftException">SL7128.</exception>
    public static void DemandUnclaimed(Journal journal, string? migration, SortedDictionary<string, TargetDevice>? devices, SortedDictionary<string, TargetExport>? exports)
    {
        foreach (var (other, claimed) in devices is null && exports is null ? [] : journal.Claims(migration ?? string.Empty))
        {
            foreach (var device in devices?.Values.AsEnumerable() ?? [])
                if (claimed.Devices?.Values.FirstOrDefault(device.IsSameAs) is { } same) throw Claimed(device.Path, same.Path, other);
            foreach (var export in exports?.Values.AsEnumerable() ?? [])
                if (claimed.Exports?.Values.FirstOrDefault(e => e.Uri == export.Uri) is { } same) throw Claimed(export.Uri, same.Uri, other);
        }

        static SealiftException Claimed(string place, string same, string other) =>
            MigrationErrors.BadDiskTarget(place, $"the migration {other} has it ({same})", $"Name another one; or, where what {other} brought there is of no use any more, `sealift remove {other}` first");
    }

    /// <summary>Whether a disk goes to a device or an export, which it overwrites, and not to a file.</summary>
    public static bool IsInPlace(MigrationContext context, string key) => context.Request.Target.Disks.Count > 0 && context.Request.Target.Of(context.Disk(key)) is not null;

    /// <summary>Throws where the device that a disk goes to is what a running machine of this host has a disk on.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="key">The disk's key.</param>
    /// <param name="path">The file or device that the machine has a disk on: this one or another.</param>
    /// <exception cref="SealiftException">SL7105.</exception>
    public static void DemandNotSource(MigrationContext context, string key, string path)
    {
        if (Find(context, key) is { } device && RunningSource.IsOfThisHost(context.Request.Sources[0]) && Path.IsPathFullyQualified(path) && Path.Exists(path) && IsSame(device, path)) throw MigrationErrors.SourceInTarget(path, device.Path);
    }

    /// <summary>Whether an error is of a place that a disk goes to, and says nothing of the source: a copied disk, or the connection to an export.</summary>
    public static bool IsOfTarget(MigrationContext context, SealiftException error)
    {
        // What is written to a disk may have wrapped what the connection said.
        for (Exception? e = error; e is not null; e = e.InnerException)
        {
            if (e is DiskAccessException { Side: DiskSide.Target }) return true;
            if (e is NbdException lost && (context.Request.Target.Disks.Any(d => d.Export?.ToString() == lost.Subject) || (context.Far is { } far && context.Source.Machine.Disks.Any(d => far.Export(d.Key).ToString() == lost.Subject)))) return true;
        }

        return false;
    }

    private static async Task<TargetExport> FreeExportAsync(NbdUri uri, long lengthBytes, CancellationToken cancel)
    {
        var export = await TargetExport.OfAsync(uri, cancel);
        try
        {
            await TargetExport.DemandFreeAsync(uri, lengthBytes, cancel);
        }
        // What a server does that has no room for another client: it refuses, is silent, or goes. Anything else it said of itself.
        catch (NbdException e) when (e.Code is "SL3010" or "SL3011" or "SL3018" or "SL3021" or "SL3022")
        {
            throw MigrationErrors.TooFewClients(export.Uri, e);
        }

        return export;
    }

    private static bool IsSame(TargetDevice device, string path) => device.Overlaps(path) || device.IsBackedBy(path) || IsSameVolume(device, path);

    private static bool IsSameVolume(TargetDevice device, string path) => FileFacts.OfPath(path).Kind == FileKind.BlockDevice && device.IsSameVolumeAs(TargetDevice.Of(path));

    /// <summary>The device of a disk, as it was found before the migration wrote anything; null where it goes elsewhere.</summary>
    /// <exception cref="SealiftException">SL7205: the journal does not hold it.</exception>
    public static TargetDevice? Find(MigrationContext context, string key)
    {
        if (!IsInPlace(context, key) || context.CopiedDisk(key).Export is not null) return null;
        var devices = context.Result(StepName.Preflight, string.Empty, JournalJson.Default.PreflightResult).Devices;
        return devices is not null && devices.TryGetValue(key, out var device) ? device : throw MigrationErrors.EvidenceMissing($"the device that {key} goes to");
    }

    /// <summary>The same of an export.</summary>
    /// <exception cref="SealiftException">SL7205: the journal does not hold it.</exception>
    private static TargetExport? FindExport(MigrationContext context, string key)
    {
        if (context.Far is not null || context.CopiedDisk(key).Export is null) return null;
        var exports = context.Result(StepName.Preflight, string.Empty, JournalJson.Default.PreflightResult).Exports;
        return exports is not null && exports.TryGetValue(key, out var export) ? export : throw MigrationErrors.EvidenceMissing($"the export that {key} goes to");
    }

    /// <summary>Throws where the path leads to another device than it did, or the device or the export was resized.</summary>
    /// <exception cref="SealiftException">SL7130; SL30xx: the export cannot be reached; SL6608: the volume is another.</exception>
    public static async Task VerifyAsync(MigrationContext context, string key, CancellationToken cancel)
    {
        if (Find(context, key) is { } before && TargetDevice.Of(before.Path).ChangeSince(before) is { } change) throw MigrationErrors.DeviceChanged(before.Path, change);
        if (context.Far is not null) await context.Far.VerifyAsync(key, cancel);
        if (FindExport(context, key) is { } export && (await TargetExport.OfAsync(NbdUri.Parse(export.Uri), cancel)).ChangeSince(export) is { } resized) throw MigrationErrors.DeviceChanged(export.Uri, resized);
    }

    /// <summary>Throws where another process has the device open for writing by now. Each opening for writing asks by itself; this is for what is decided before that.</summary>
    /// <exception cref="SealiftException">SL4208.</exception>
    public static void DemandUnused(MigrationContext context, string key) => Find(context, key)?.DemandUnused();

    /// <summary>Asks once more, before the first byte of a copy, whether the device or the export is free; and journals that it is overwritten from here on.</summary>
    /// <exception cref="SealiftException">As <see cref="TargetDevice.DemandFreeAsync"/> and <see cref="TargetExport.DemandFreeAsync"/>.</exception>
    public static async Task BeginAsync(MigrationContext context, string key, long lengthBytes, CancellationToken cancel)
    {
        if (FindExport(context, key) is { } export)
        {
            if (context.Files.Find(export.Uri) is not { Kind: Artefacts.OverwrittenDevice }) await TargetExport.DemandFreeAsync(NbdUri.Parse(export.Uri), lengthBytes, cancel);
            context.Journal.Claim(context.Id, export.Uri, Artefacts.OverwrittenDevice);
        }

        if (Find(context, key) is not { } device) return;
        // What this migration has begun to overwrite may carry what the guest keeps on it, such as a physical volume of its own.
        if (context.Files.Find(device.Path) is { Kind: Artefacts.OverwrittenDevice }) device.DemandUnused();
        else await device.DemandFreeAsync(lengthBytes, cancel);
        context.Journal.Claim(context.Id, device.Path, Artefacts.OverwrittenDevice);
    }

    /// <summary>Makes what stands for a disk that is no file of the target, durably; and the disk itself, where it is a volume of another host.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="key">The disk's key.</param>
    /// <param name="lengthBytes">Its length in bytes.</param>
    /// <param name="path">Where; nothing is there.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>False where it goes to a file, which is then to be made.</returns>
    public static async Task<bool> MakeAsync(MigrationContext context, string key, long lengthBytes, string path, CancellationToken cancel)
    {
        if (context.Far is { } far)
        {
            await far.MakeAsync(key, lengthBytes, cancel);
            PosixPath.WriteFileDurably(path, Encoding.UTF8.GetBytes($"{far.VolumeName(key)}\n"), replace: false);
        }
        else if (context.CopiedDisk(key).Export is { } export) PosixPath.WriteFileDurably(path, Encoding.UTF8.GetBytes($"{export}\n"), replace: false);
        else if (Find(context, key) is { } device) Link(path, device);
        else return false;
        return true;
    }

    private static void Link(string path, TargetDevice device)
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

    /// <summary>When a copied disk was written to last, in nanoseconds since 1970; 0 for a device, which does not tell. An export does not, either: it is that of what stands for it.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="key">The disk's key.</param>
    /// <param name="path">The disk, or what stands for it.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<long> ModifiedAsync(MigrationContext context, string key, string path, CancellationToken cancel) =>
        context.Far is null ? ModifiedNanoseconds(FileFacts.OfPath(path)) : await context.Far.ModifiedAsync(key, cancel);

    /// <summary>The same of a file.</summary>
    public static long ModifiedNanoseconds(string path) => ModifiedNanoseconds(FileFacts.OfPath(path));

    /// <summary>The same of what is known of it. The node of a device is touched by others (udev does at each change), and not by everybody who writes to the device.</summary>
    public static long ModifiedNanoseconds(FileFacts facts) => facts.Kind == FileKind.BlockDevice ? 0 : facts.ModifiedNanoseconds;

    /// <summary>The devices and exports that a copy has begun to overwrite.</summary>
    public static IReadOnlyList<string> Touched(MigrationContext context) =>
        [.. context.Journal.Artefacts(context.Id).Where(a => a.Kind == Artefacts.OverwrittenDevice).Select(a => a.Path)];
}
