using System.Buffers.Binary;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>
/// Looks where file systems keep second copies of what identifies them, on a volume whose first copy nobody knows: without this a
/// file system whose superblock was destroyed would pass as "unknown content". What <see cref="Checks.LostSuperblock"/> does in the appliance.
/// </summary>
internal static class LostStart
{
    /// <summary>The type whose second copy was found, or null.</summary>
    public static async Task<string?> FindAsync(IDiskReader volume, CancellationToken cancel)
    {
        // ext: the superblock of block group 1 (of 3 where that has none), for each block size that mke2fs makes.
        foreach (var (block, size, group) in new[] { (8193L, 1024, 1), (16384L, 2048, 1), (32768L, 4096, 1), (98304L, 4096, 3) })
            if (await volume.TryReadAsync(block * size, 1024, cancel) is { } super && IsExt(super, size, group)) return "ext4";
        // XFS: the superblock of group 1 of 4, mkfs.xfs's default below 4 TiB.
        if (await IsAsync(volume.LengthBytes / 4096 / 4 * 4096, "XFSB"u8.ToArray())) return "xfs";
        if (await IsAsync(0x4000040, "_BHRfS_M"u8.ToArray())) return "btrfs";
        if (await IsAsync(volume.LengthBytes - 512 + 3, "NTFS    "u8.ToArray())) return "ntfs";
        if (await IsAsync((6 * 512) + 82, "FAT32"u8.ToArray()) || FatBootSector.CallsItself(await volume.TryReadAsync(0, 512, cancel))) return "vfat";
        if (await IsAsync((12 * 512) + 3, "EXFAT   "u8.ToArray())) return "exfat";
        // ISO 9660 has none; but behind the first descriptor comes another, if only the one that ends them.
        if (await IsAsync((17 * 2048) + 1, "CD001"u8.ToArray())) return "iso9660";
        if (await LuksHeader.IsLostAsync(volume, cancel)) return "crypto_LUKS";
        // What is left of those that have no second copy: the mark, and nothing that fits it.
        for (var sector = 0; sector < 4; sector++)
            if (await IsAsync(sector * 512, "LABELONE"u8.ToArray())) return "LVM2_member";
        foreach (var at in MdSuperblock.Places(volume.LengthBytes))
            if (await IsAsync(at, [0xFC, 0x4E, 0x2B, 0xA9])) return "linux_raid_member";
        return null;

        async Task<bool> IsAsync(long at, byte[] mark) => await volume.TryReadAsync(at, mark.Length, cancel) is { } bytes && bytes.AsSpan().SequenceEqual(mark);
    }

    private static bool IsExt(ReadOnlySpan<byte> super, int blockBytes, int group) =>
        super[0x38] == 0x53 && super[0x39] == 0xEF
        && BinaryPrimitives.ReadUInt32LittleEndian(super[0x18..]) is < 7 and var log && 1024 << (int)log == blockBytes
        && BinaryPrimitives.ReadUInt16LittleEndian(super[0x5A..]) == group;
}
