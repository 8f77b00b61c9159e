using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>Whether VMware's library can read a disk.</summary>
internal static class VddkPath
{
    /// <summary>Why not, as far as can be known before it is tried; null where nothing is known against it.</summary>
    public static async Task<string?> WhyNotAsync(VSphereAccess access, VSphereDiskPoint point, CancellationToken cancel) =>
        access.Vddk is not { } options ? "no library was named for this server"
        : point.Disk.Backing is DiskBacking.RawPhysical ? "it is a LUN in physical mode, which the library does not open"
        : point.Disk.Backing is DiskBacking.PersistentMemory ? "it is in persistent memory, which the library does not open"
        : point.Disk.File.Length == 0 ? "the server names no file of it"
        : await VddkServer.WhyNotAsync(options, cancel);
}
