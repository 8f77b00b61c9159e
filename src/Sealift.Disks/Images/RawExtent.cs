using System.Buffers.Binary;

namespace Sealift.Disks;

/// <summary>
/// How far the content of a raw disk says that it reaches. A raw file has no header whose length could be compared: one that was
/// cut at a whole sector shows only in its partition table or in the superblock of a file system that fills it.
/// </summary>
internal static class RawExtent
{
    private const int LookBytes = 8192;

    /// <summary>The first claim that reaches behind the end of the disk, or null where there is none.</summary>
    public static (string Field, long End)? Beyond(ImageBytes bytes)
    {
        var head = new byte[(int)Math.Min(LookBytes, bytes.LengthBytes)];
        var look = head.AsSpan(0, bytes.Read(head, 0));
        foreach (var (field, end) in Claims(look))
            if (end > (ulong)bytes.LengthBytes) return (field, (long)Math.Min(end, long.MaxValue));
        return null;
    }

    private static List<(string Field, ulong End)> Claims(ReadOnlySpan<byte> look)
    {
        var claims = new List<(string, ulong)>();
        if (look.Length < LookBytes) return claims;

        // A file system that fills the disk. NTFS: boot sector, sector size at 0x0B, sectors at 0x28.
        if (look[3..].StartsWith("NTFS    "u8))
            claims.Add(("NTFS boot sector", SaturatingProduct(BinaryPrimitives.ReadUInt64LittleEndian(look[0x28..]), BinaryPrimitives.ReadUInt16LittleEndian(look[0x0B..]))));
        // xfs_sb: block size at 4, blocks at 8, both big-endian.
        if (look.StartsWith("XFSB"u8))
            claims.Add(("XFS superblock", SaturatingProduct(BinaryPrimitives.ReadUInt64BigEndian(look[8..]), BinaryPrimitives.ReadUInt32BigEndian(look[4..]))));
        // ext4_super_block at 1024: s_blocks_count_lo at 4, s_log_block_size at 0x18, s_feature_incompat at 0x60 (64BIT: 0x80), s_blocks_count_hi at 0x150.
        if (BinaryPrimitives.ReadUInt16LittleEndian(look[1080..]) == 0xEF53)
        {
            var super = look[1024..];
            ulong blocks = BinaryPrimitives.ReadUInt32LittleEndian(super[4..]);
            if ((BinaryPrimitives.ReadUInt32LittleEndian(super[0x60..]) & 0x80) != 0) blocks |= (ulong)BinaryPrimitives.ReadUInt32LittleEndian(super[0x150..]) << 32;
            var shift = BinaryPrimitives.ReadUInt32LittleEndian(super[0x18..]);
            if (shift <= 6) claims.Add(("ext superblock", SaturatingProduct(blocks, 1024UL << (int)shift)));
        }

        // UEFI 2.10, table 5.5: the header's own place at 24, that of its copy, which is the last sector of the disk, at 32.
        foreach (var sector in new[] { 512, 4096 })
        {
            if (look[sector..].StartsWith("EFI PART"u8) && BinaryPrimitives.ReadUInt64LittleEndian(look[(sector + 24)..]) == 1)
                claims.Add(("GPT header, backup header", SaturatingProduct(SaturatingSum(BinaryPrimitives.ReadUInt64LittleEndian(look[(sector + 32)..]), 1), (ulong)sector)));
        }

        claims.AddRange(MbrClaims(look));
        return claims;
    }

    // Four entries of 16 bytes at 446: status at 0, type at 4, first sector at 8, sectors at 12. A boot sector of a file system ends
    // in the same two bytes and has code or zeros there: only entries that are all plausible are a partition table.
    private static List<(string Field, ulong End)> MbrClaims(ReadOnlySpan<byte> look)
    {
        var claims = new List<(string, ulong)>();
        if (look[510] != 0x55 || look[511] != 0xAA) return claims;
        for (var i = 0; i < 4; i++)
        {
            var entry = look.Slice(446 + (16 * i), 16);
            if (entry[0] is not (0x00 or 0x80)) return [];
            const byte Protective = 0xEE;
            if (entry[4] is 0 or Protective) continue;
            var first = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            var sectors = BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]);
            if (first == 0 || sectors == 0) return [];
            claims.Add(($"MBR, partition {i + 1}", ((ulong)first + sectors) * 512));
        }

        return claims;
    }

    private static ulong SaturatingProduct(ulong a, ulong b) => (ulong)UInt128.Min((UInt128)a * b, ulong.MaxValue);

    private static ulong SaturatingSum(ulong a, ulong b) => a > ulong.MaxValue - b ? ulong.MaxValue : a + b;
}
