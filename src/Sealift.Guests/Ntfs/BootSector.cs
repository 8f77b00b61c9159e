using System.Numerics;

namespace Sealift.Guests.Ntfs;

/// <summary>The boot sector's description of the volume.</summary>
/// <param name="SectorBytes">Bytes of a sector: 512 … 4096.</param>
/// <param name="ClusterBytes">Bytes of a cluster: one sector … 2 MiB.</param>
/// <param name="Sectors">Sectors of the volume; the copy of the boot sector lies behind them.</param>
/// <param name="MftCluster">The first cluster of $MFT.</param>
/// <param name="MirrorCluster">The first cluster of $MFTMirr.</param>
/// <param name="RecordBytes">Bytes of a file record: 512 … 64 KiB.</param>
/// <param name="IndexBlockBytes">Bytes of a block of a directory: 512 … 64 KiB.</param>
/// <param name="SerialNumber">The volume's serial number.</param>
internal sealed record BootSector(
    int SectorBytes, int ClusterBytes, long Sectors, long MftCluster, long MirrorCluster, int RecordBytes, int IndexBlockBytes, ulong SerialNumber)
{
    /// <summary>The bytes of a boot sector that describe something.</summary>
    public const int LengthBytes = 512;

    private const int MaximumClusterBytes = 2 << 20, MaximumRecordBytes = 64 << 10;

    /// <summary>Whole clusters of the volume.</summary>
    public long Clusters => Sectors / (ClusterBytes / SectorBytes);

    /// <summary>Bytes of the volume without the copy of the boot sector.</summary>
    public long VolumeBytes => Sectors * SectorBytes;

    /// <summary>Reads it.</summary>
    /// <param name="sector">512 bytes.</param>
    /// <param name="wrong">What no healthy boot sector has.</param>
    /// <returns>Null where the volume cannot be followed with it.</returns>
    public static BootSector? Parse(ReadOnlySpan<byte> sector, List<string> wrong)
    {
        if (!sector[3..11].SequenceEqual("NTFS    "u8))
        {
            wrong.Add("it does not say NTFS at offset 3");
            return null;
        }

        int sectorBytes = sector.U16(0x0B), perCluster = sector[0x0D];
        // From 0xF4 on it is the negative power of two, which clusters over 64 KiB need.
        if (perCluster >= 0xF4) perCluster = 1 << (256 - perCluster);
        if (sectorBytes is < 512 or > 4096 || !BitOperations.IsPow2(sectorBytes))
        {
            wrong.Add($"{sectorBytes} bytes a sector");
            return null;
        }

        if (perCluster == 0 || !BitOperations.IsPow2(perCluster) || (long)perCluster * sectorBytes > MaximumClusterBytes)
        {
            wrong.Add($"{perCluster} sectors a cluster");
            return null;
        }

        var clusterBytes = perCluster * sectorBytes;
        var sectors = sector.I64(0x28);
        if (sectors < perCluster || sectors > long.MaxValue / sectorBytes / 2)
        {
            wrong.Add($"{sectors} sectors");
            return null;
        }

        var recordBytes = SizeOf((sbyte)sector[0x40], clusterBytes);
        var indexBytes = SizeOf((sbyte)sector[0x44], clusterBytes);
        if (recordBytes == 0) wrong.Add($"the size of a file record, {(sbyte)sector[0x40]}");
        if (indexBytes == 0) wrong.Add($"the size of an index block, {(sbyte)sector[0x44]}");
        var boot = new BootSector(sectorBytes, clusterBytes, sectors, sector.I64(0x30), sector.I64(0x38), recordBytes, indexBytes, sector.U64(0x48));
        if (boot.MftCluster <= 0 || boot.MftCluster >= boot.Clusters) wrong.Add($"$MFT at cluster {boot.MftCluster} of {boot.Clusters}");
        if (boot.MirrorCluster <= 0 || boot.MirrorCluster >= boot.Clusters) wrong.Add($"$MFTMirr at cluster {boot.MirrorCluster} of {boot.Clusters}");
        var followed = wrong.Count == 0;
        // FAT has these fields where NTFS has zeros.
        if (sector.U16(0x0E) != 0 || sector[0x10] != 0 || sector.U16(0x11) != 0 || sector.U16(0x13) != 0 || sector.U16(0x16) != 0 || sector.U32(0x20) != 0)
            wrong.Add("fields of FAT that are zero in NTFS are not");
        if (sector[0x15] is not (0xF0 or >= 0xF8)) wrong.Add($"the media descriptor 0x{sector[0x15]:x2}");
        if (sector.U16(0x1FE) != 0xAA55) wrong.Add($"the end marker 0x{sector.U16(0x1FE):x4}");
        return followed ? boot : null;
    }

    // Positive: clusters. Negative: the power of two of the bytes.
    private static int SizeOf(sbyte stored, int clusterBytes)
    {
        var bytes = stored switch
        {
            > 0 => (long)stored * clusterBytes,
            >= -16 and <= -9 => 1L << -stored,
            _ => 0,
        };
        return bytes is >= 512 and <= MaximumRecordBytes && BitOperations.IsPow2(bytes) ? (int)bytes : 0;
    }
}
