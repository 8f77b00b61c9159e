using System.Buffers.Binary;

namespace Sealift.Disks;

/// <summary>
/// Signs, at the start of a place that is to be overwritten, that it is a part of something larger, of which nothing need be in use on this
/// host: on storage that several hosts share, the kernel's own refusal of a device that is open does not see what others do with it.
/// </summary>
/// <remarks>
/// What merely lies on a disk, partitions and file systems, is no such sign: that is what <c>--overwrite</c> is about. Nor is anything
/// looked for inside partitions: a machine that was copied there before may well have a volume group in one.
/// </remarks>
internal static class StorageMembership
{
    private const int Kibi = 1 << 10, Mebi = 1 << 20, SectorBytes = 512;
    private const int LookBytes = 2 * Mebi;

    /// <summary>Throws where it is a part of something.</summary>
    /// <param name="open">Opens the place.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="Posix.SealiftException">SL4259.</exception>
    public static async Task DemandNoneAsync(Func<CancellationToken, Task<IUncachedReader>> open, CancellationToken cancel)
    {
        await using var reader = await open(cancel);
        using var buffers = new BufferPool(LookBytes);
        var buffer = buffers.Rent();
        try
        {
            var start = buffer.Memory[..(int)Math.Min(LookBytes, reader.LengthBytes)];
            await reader.ReadBackAsync(0, start, cancel);
            if (Of(start.Span) is var (what, way)) throw CopyErrors.BelongsTo(reader.Name, what, way);
        }
        finally
        {
            buffers.Return(buffer);
        }
    }

    /// <summary>What a place is a part of by its first bytes, and how it is taken out of that; null where there is no sign of it.</summary>
    /// <param name="start">Its first 2 MiB, or all of it.</param>
    public static (string What, string Way)? Of(ReadOnlySpan<byte> start)
    {
        // LVM2's label is in one of the first four sectors: lvm2, lib/label/label.h.
        for (var sector = 0; sector < 4; sector++)
            if (Has(start, sector * SectorBytes, "LABELONE"u8) && Has(start, (sector * SectorBytes) + 24, "LVM2 001"u8)) return ("a physical volume of LVM", "pvremove");
        // Versions 1.1 and 1.2 of md's superblock: Linux, include/uapi/linux/raid/md_p.h.
        foreach (var at in (int[])[0, 4 * Kibi])
            if (Number(start, at) == 0xA92B4EFC && Number(start, at + 4) == 1) return ("a member of a RAID of Linux (md)", "mdadm --zero-superblock");
        // Two of the four labels are at the start, each with a ring of uberblocks in its second half: OpenZFS, include/sys/vdev_impl.h.
        for (var at = 128 * Kibi; at < 256 * Kibi; at += Kibi)
            if (Number(start, at) == 0x00BAB10C || Number(start, at + 4) == 0x0CB1BA00) return ("a member of a ZFS pool", "zpool labelclear");
        // VMware publishes no format; as blkid knows it (util-linux, libblkid/src/superblocks/vmfs.c).
        if (Number(start, Mebi) == 0xC001D00D) return ("a part of a VMFS datastore", "unmounting and deleting it in vSphere");
        if (Has(start, 0, "bluestore block device"u8)) return ("an OSD of Ceph", "ceph-volume lvm zap");
        return null;
    }

    private static bool Has(ReadOnlySpan<byte> start, int at, ReadOnlySpan<byte> sign) => start.Length >= at + sign.Length && start.Slice(at, sign.Length).SequenceEqual(sign);

    private static uint Number(ReadOnlySpan<byte> start, int at) => start.Length >= at + sizeof(uint) ? BinaryPrimitives.ReadUInt32LittleEndian(start[at..]) : 0;
}
