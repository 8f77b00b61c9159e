namespace Sealift.Guests.Checks;

/// <summary>
/// Looks where file systems keep second copies of what identifies them, on a device whose first copy nobody knows: without this a
/// file system whose superblock was destroyed would pass as "unknown content".
/// </summary>
internal static class LostSuperblock
{
    /// <summary>The type of the file system whose backup was found, or null.</summary>
    public static async Task<string?> FindAsync(Appliance appliance, BlockDevice device, CancellationToken cancel)
    {
        // ext: the superblock of block group 1 (of 3 where it starts elsewhere), for each block size; magic 0xEF53 at 0x38.
        // XFS: the superblock of group 1 of 4, mkfs.xfs's default below 4 TiB. Btrfs: the mirror at 64 MiB. NTFS: the boot sector's copy
        // in the last sector. FAT32: the boot sector's copy in sector 6.
        var script = $$"""
            d={{device.Path}}; n={{device.LengthBytes}}
            at() { [ $1 -ge 0 ] && [ $(($1 + $2)) -le $n ] && dd if=$d bs=1 skip=$1 count=$2 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
            for backup in "8193 1024" "16384 2048" "32768 4096" "98304 4096"; do
                set -- $backup
                [ "$(at $(($1 * $2 + 0x38)) 2)" = 53ef ] && dumpe2fs -h -o superblock=$1 -o blocksize=$2 $d >/dev/null 2>&1 && echo ext4
            done
            [ "$(at $((n / 4096 / 4 * 4096)) 4)" = 58465342 ] && echo xfs
            [ "$(at $((0x4000040)) 8)" = 5f42485266535f4d ] && echo btrfs
            [ "$(at $((n - 512 + 3)) 8)" = 4e54465320202020 ] && echo ntfs
            [ "$(at $((6 * 512 + 82)) 5)" = 4641543332 ] && echo vfat
            exit 0
            """;
        var result = await appliance.ShellAsync($"look for a lost superblock on {device.Description}", script, cancel);
        return result.Output.Split('\n').FirstOrDefault(l => l is "ext4" or "xfs" or "btrfs" or "ntfs" or "vfat");
    }
}
