using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>What can be known before a byte is copied: whether names are free, space suffices, and tools are there.</summary>
internal sealed record Preflight(long NeededBytes, long FreeBytes, IReadOnlyList<SealiftException> Problems)
{
    /// <summary>The devices that disks go to, by the keys of those; null where there is none.</summary>
    public SortedDictionary<string, TargetDevice>? Devices { get; init; }

    /// <summary>The NBD exports that disks go to, likewise.</summary>
    public SortedDictionary<string, TargetExport>? Exports { get; init; }

    /// <summary>The space of the pool of another host that disks go to; null where there is none.</summary>
    public TargetSpace? FarSpace { get; init; }

    // What conversion writes into the overlays: a new initrd for each kernel, packages, the file systems' own metadata. Seen on
    // full guests: 100 to 400 MiB. The commit does not need it a second time, as it writes into blocks that mostly exist.
    private const long ConversionBytes = 1L << 30;

    // Logs, papers, sockets, and room for the file system's own metadata.
    private const long ReserveBytes = 64L << 20;

    /// <summary>Looks at everything.</summary>
    /// <param name="request">The plan.</param>
    /// <param name="source">The machine.</param>
    /// <param name="migration">The migration whose own domain is in nobody's way; null where there is none yet.</param>
    /// <param name="cancel">Stops it.</param>
    public static async Task<Preflight> LookAsync(MigrationRequest request, SourceMachine source, string? migration, CancellationToken cancel)
    {
        var here = Look(request, source);
        var (devices, exports, problems) = await TargetPlaces.LookAsync(request, source, cancel);
        var far = await FarDisks.LookAsync(request, source, cancel);
        return here with
        {
            Problems = [.. here.Problems, .. problems, .. far.Problems, .. await DefinedDomain.LookAsync(request, source, migration, cancel)],
            Devices = devices.Count == 0 ? null : devices,
            Exports = exports.Count == 0 ? null : exports,
            FarSpace = far.Space,
        };
    }

    private static Preflight Look(MigrationRequest request, SourceMachine source)
    {
        var problems = new List<SealiftException>();
        if (!request.Check && !request.AcceptDegraded) problems.Add(MigrationErrors.DegradedNotAccepted("file systems would not be checked"));

        var names = new TargetNames(request, source.Machine);
        foreach (var path in names.All)
        {
            if (FileFacts.OfPathIfExists(path) is not { } there) continue;
            var same = source.Files.FirstOrDefault(f => f.Facts.Device == there.Device && f.Facts.Inode == there.Inode);
            if (same is not null) problems.Add(MigrationErrors.SourceInTarget(same.Path, path));
            else if (there.Kind != FileKind.Regular) problems.Add(MigrationErrors.TargetNotReplaceable(path, there.Kind));
            else if (!request.Overwrite) problems.Add(MigrationErrors.TargetExists(path));
        }

        foreach (var (tool, package) in ToolVersions.Needed(request))
            if (ChildProcess.Find(tool) is null) problems.Add(MigrationErrors.ToolMissing(tool, package));

        // Better said now than after the last byte.
        if (request.BootCheck.IsAskedFor() && source.Machine.Firmware == Firmware.Uefi && UefiFirmware.Find(source.Machine.SecureBoot) is null) problems.Add(MigrationErrors.FirmwareMissing(source.Machine.SecureBoot));

        long needed = ReserveBytes, total = 0;
        foreach (var disk in source.Machine.Disks)
        {
            var image = disk.Image;
            total += image.VirtualLengthBytes;
            if (request.Target.Libvirt is not { IsFar: true } && request.Target.Of(disk) is null) needed += Math.Min(image.VirtualLengthBytes, image.AllocatedBytes);
            // Two block maps of one leaf (at most 64 bytes and some state) a block, and qcow2's tables (8 bytes a 64 KiB cluster).
            needed += 2 * ((image.VirtualLengthBytes / request.BlockBytes) + 1) * 72 + (image.VirtualLengthBytes / 65536 * 16) + (1 << 20);
        }

        if (request.Convert) needed += Math.Min(ConversionBytes, total);
        var free = 0L;
        if (Existing(request.TargetDirectory, problems) is { } existing)
        {
            free = PosixPath.FreeBytes(existing);
            if (free < needed) problems.Add(MigrationErrors.NoSpace(request.TargetDirectory, needed, free));
        }

        return new Preflight(needed, free, problems);
    }

    private static string? Existing(string directory, List<SealiftException> problems)
    {
        for (var path = directory; path is not null; path = Path.GetDirectoryName(path))
        {
            if (FileFacts.OfPathIfExists(path) is null) continue;
            if (Directory.Exists(path)) return path;
            problems.Add(MigrationErrors.TargetNotDirectory(path, "it is not a directory, nor a link to one"));
            return null;
        }

        problems.Add(MigrationErrors.TargetNotDirectory(directory, "no directory above it exists"));
        return null;
    }
}
