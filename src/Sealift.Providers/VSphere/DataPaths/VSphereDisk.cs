using Sealift.Disks;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>Opens disks of vSphere machines, by the best way that there is.</summary>
internal static class VSphereDisk
{
    /// <summary>Opens a disk for reading, at a moment at which it stands still.</summary>
    /// <param name="client">The server; it stays the caller's, and is needed until the disk is closed.</param>
    /// <param name="access">The same server, and how disks are read.</param>
    /// <param name="point">Which disk, and when.</param>
    /// <param name="workDirectory">Where files may be put that are needed as long as it is open.</param>
    /// <param name="cancel">Stops waiting; what was begun is taken back.</param>
    /// <exception cref="SealiftException">SL6528: there is no way; otherwise why the way that was taken did not lead to the disk.</exception>
    public static async Task<VSphereDiskReader> OpenAsync(VSphereClient client, VSphereAccess access, VSphereDiskPoint point, string workDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(workDirectory);
        var name = point.NameAt(access);
        if (point.Snapshot is null && !point.IsOff) throw DataPathErrors.NoPath(name, ["the machine runs, and is read at a snapshot only"]);
        var notes = new List<string>();
        if (await VddkPath.WhyNotAsync(access, point, cancel) is { } notByLibrary) notes.Add($"vddk: {notByLibrary}");
        else return new VSphereDiskReader(await VddkDisk.OpenAsync(client, access, point, cancel), "vddk", notes);
        if (await HttpsDisk.WhyNotAsync(client, point, cancel) is { } notByHttps) notes.Add($"https: {notByHttps}");
        else return new VSphereDiskReader(await HttpsDisk.OpenAsync(client, access, point, workDirectory, cancel), "https", notes);
        if (NfcDisk.WhyNot(point) is { } notByExport) notes.Add($"nfc: {notByExport}");
        else return new VSphereDiskReader(await NfcDisk.OpenAsync(client, access, point, workDirectory, cancel), "nfc", notes);
        throw DataPathErrors.NoPath(name, notes);
    }
}
