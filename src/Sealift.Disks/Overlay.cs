using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A qcow2 copy-on-write layer over a copied target, in which conversion happens.</summary>
public static class Overlay
{
    /// <summary>The size of its clusters, qcow2's default; the granularity of D.</summary>
    public const int ClusterBytes = 1 << 16;

    // 4 Mi ranges are 64 MiB of memory: at least 256 GiB of scattered clusters, far beyond what a conversion changes.
    private const int RangeLimit = 4 << 20;

    // The context of qemu's --allocation-depth (qemu's docs/interop/nbd.txt): 0 nowhere, 1 in the top layer, 2 in the one below.
    private const string DepthContext = "qemu:allocation-depth";

    /// <summary>Creates an empty overlay (64 KiB clusters) whose header names its base and the base's format explicitly. Nothing is ever overwritten.</summary>
    /// <param name="overlayPath">Must not exist.</param>
    /// <param name="basePath">The copied target; recorded as a full path.</param>
    /// <param name="baseFormat">Raw or qcow2.</param>
    /// <param name="lengthBytes">The base's length; a multiple of 512.</param>
    /// <param name="cancel">Cancels it; what was begun is removed.</param>
    /// <exception cref="SealiftException">The name is taken (SL1001), the length is impossible (SL4204), qemu-img failed (SL4223).</exception>
    public static Task CreateAsync(string overlayPath, string basePath, ImageFormat baseFormat, long lengthBytes, CancellationToken cancel) =>
        CreateAsync(overlayPath, CopiedDisk.InFile(basePath, baseFormat), lengthBytes, cancel);

    /// <summary>The same over a disk wherever it is.</summary>
    public static Task CreateAsync(string overlayPath, CopiedDisk below, long lengthBytes, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(below);
        var (name, driver) = below.Below;
        return Qcow2File.CreateAsync(overlayPath, lengthBytes, ["-b", name, "-F", driver], cancel);
    }

    /// <summary>D: the ranges that the overlay itself holds, data and zeros, in order and merged; whole clusters, the last one clipped to the disk.</summary>
    /// <param name="overlayPath">The overlay; no writer may have it open.</param>
    /// <param name="basePath">Its base.</param>
    /// <param name="baseFormat">The base's format.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">qemu-nbd is too old (SL4241); more ranges than fit in memory (SL4242).</exception>
    public static Task<IReadOnlyList<DiskRange>> ChangedRangesAsync(string overlayPath, string basePath, ImageFormat baseFormat, string workDirectory, CancellationToken cancel) =>
        ChangedRangesAsync(overlayPath, CopiedDisk.InFile(basePath, baseFormat), workDirectory, cancel);

    /// <summary>The same over a disk wherever it is.</summary>
    public static async Task<IReadOnlyList<DiskRange>> ChangedRangesAsync(string overlayPath, CopiedDisk below, string workDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(below);
        await using var server = await QemuNbdServer.StartAllocationDepthAsync(Reference(overlayPath, below), workDirectory, cancel);
        await using var client = await NbdClient.ConnectAsync(NbdUri.Unix(server.SocketPath), new NbdOptions { MetaContexts = [DepthContext] }, cancel);
        if (!client.MetaContexts.Contains(DepthContext)) throw DiskErrors.NoContext(overlayPath, DepthContext);
        var changed = new List<DiskRange>();
        for (long offset = 0; offset < client.LengthBytes;)
        {
            var extents = await client.BlockStatusAsync(DepthContext, offset, Math.Min(client.LengthBytes - offset, 1L << 30), cancel);
            if (extents.Count == 0) throw DiskErrors.BadExtents(overlayPath, offset, "the server described nothing");
            foreach (var extent in extents)
            {
                if (extent.Offset != offset || extent.LengthBytes <= 0 || extent.End > client.LengthBytes) throw DiskErrors.BadExtents(overlayPath, offset, $"the server described {extent.LengthBytes} bytes at {extent.Offset}");
                offset = extent.End;
                if (extent.Flags != 1) continue;
                if (changed.Count > 0 && changed[^1].End == extent.Offset) changed[^1] = changed[^1] with { LengthBytes = changed[^1].LengthBytes + extent.LengthBytes };
                else if (changed.Count == RangeLimit) throw DiskErrors.TooManyChanges(overlayPath, RangeLimit);
                else changed.Add(new DiskRange(extent.Offset, extent.LengthBytes));
            }
        }

        return changed;
    }

    /// <summary>The disk as a guest over the overlay sees it: the overlay's own clusters, and the base's elsewhere. Headers are not asked which base that is.</summary>
    /// <param name="overlayPath">The overlay; no writer may have it or the base open.</param>
    /// <param name="basePath">Its base.</param>
    /// <param name="baseFormat">The base's format.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    public static Task<IDiskReader> OpenViewAsync(string overlayPath, string basePath, ImageFormat baseFormat, string workDirectory, CancellationToken cancel) =>
        OpenViewAsync(overlayPath, CopiedDisk.InFile(basePath, baseFormat), workDirectory, cancel);

    /// <summary>The same over a disk wherever it is.</summary>
    public static Task<IDiskReader> OpenViewAsync(string overlayPath, CopiedDisk below, string workDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(below);
        return DiskImage.OpenReadAsync(Reference(overlayPath, below), workDirectory, cancel);
    }

    /// <summary>Serves the same on a socket of this host, read-only.</summary>
    /// <param name="overlayPath">The overlay; no writer may have it or the disk below open.</param>
    /// <param name="below">The disk below.</param>
    /// <param name="workDirectory">Where the socket is made.</param>
    /// <param name="cancel">Cancels it.</param>
    public static Task<QemuNbdServer> ServeViewAsync(string overlayPath, CopiedDisk below, string workDirectory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(below);
        return QemuNbdServer.StartReadOnlyAsync(Reference(overlayPath, below), workDirectory, cancel);
    }

    /// <summary>The overlay alone, without its base: only ranges of D mean anything. The base may be open for writing meanwhile.</summary>
    /// <param name="overlayPath">The overlay; no writer may have it open.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    public static Task<IDiskReader> OpenAloneAsync(string overlayPath, string workDirectory, CancellationToken cancel) =>
        DiskImage.OpenReadAsync(Reference(overlayPath, backing: null), workDirectory, cancel);

    private static ImageReference Reference(string overlayPath, CopiedDisk below)
    {
        // Of an export QEMU can be told in the header alone; of files and devices it is told by us, whatever the header says.
        if (below.Export is not null) Qcow2File.DemandBacking(overlayPath, below.Below.Name, below.Below.Driver);
        return Reference(overlayPath, below.Reference);
    }

    private static ImageReference Reference(string overlayPath, ImageReference? backing) =>
        new(new ImageLocation(overlayPath), ImageFormat.Qcow2, string.Empty, 0, 0, backing, backing is null ? [overlayPath] : [overlayPath, .. backing.Files]);
}
