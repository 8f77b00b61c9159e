using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>
/// Finds out what a partition or disk holds by the signatures that each format has, and gives it blkid(8)'s names, so that what was
/// found here and what was found in the appliance have the same types and identities.
/// </summary>
internal static class ContentProbe
{
    /// <summary>Every type that is told apart here.</summary>
    public static readonly IReadOnlyList<string> Types =
    [
        "ext2", "ext3", "ext4", "jbd", "xfs", "btrfs", "ntfs", "vfat", "exfat", "swap", "swsuspend", "iso9660", "udf", "LVM2_member", "linux_raid_member",
        "crypto_LUKS", "BitLocker", "zfs_member", "ReFS", "VMFS_volume_member", "VMFS", "squashfs", "f2fs", "reiserfs", "jfs", "hfsplus", "bcache", "windows_LDM",
    ];

    // blkid(8) takes the first of these where several are found, for they are made to stand side by side.
    private static readonly string[] Tolerant = ["vfat", "iso9660", "udf"];

    // These own what they begin: what stands inside a member of an array, or in front of its superblock, is the array's.
    private static readonly string[] Containers = ["LVM2_member", "linux_raid_member", "crypto_LUKS", "BitLocker"];

    // Everything that is looked at is in the first 2 MiB + 4 KiB, and RAID superblocks in the last 128 KiB.
    private const int HeadBytes = (1 << 20) + 4096;

    /// <summary>Looks at it.</summary>
    /// <param name="volume">The partition or disk.</param>
    /// <param name="isPartitioned">Whether it has a partition table: what is then at its end belongs to the last partition.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>blkid's udev names; empty where nothing is known.</returns>
    public static async Task<Dictionary<string, string>> RunAsync(IDiskReader volume, bool isPartitioned, CancellationToken cancel)
    {
        var head = await volume.TryReadAsync(0, (int)Math.Min(HeadBytes, volume.LengthBytes), cancel) ?? [];
        var found = new List<Dictionary<string, string>>();
        if (!isPartitioned && await RaidAtEndAsync(volume, cancel) is { } raid) found.Add(raid);
        found.AddRange(AtStart(head));
        if (Has(await volume.TryReadAsync(0x200000, 4, cancel) ?? [], 0, [0x5E, 0xF1, 0xAB, 0x2F])) found.Add(Of("VMFS"));
        var containers = found.Where(f => Containers.Contains(f["ID_FS_TYPE"])).ToList();
        if (containers.Count > 0) return containers[0];
        foreach (var probe in found) await InnerLabel.ReadAsync(volume, head, probe, cancel);
        if (found.Count == 0) return [];
        if (found.Count == 1 || found.All(f => Tolerant.Contains(f["ID_FS_TYPE"]))) return found[0];
        return new Dictionary<string, string> { ["ID_FS_AMBIVALENT"] = string.Join(' ', found.Select(f => f["ID_FS_TYPE"])) };
    }

    /// <summary>Adds a label as udev has it: up to the first NUL, trailing spaces gone, bytes that are no plain text escaped.</summary>
    internal static void Label(Dictionary<string, string> probe, ReadOnlySpan<byte> raw)
    {
        var end = raw.IndexOf((byte)0);
        var label = (end < 0 ? raw : raw[..end]).TrimEnd(" \t\r\n"u8);
        if (label.Length > 0) probe["ID_FS_LABEL_ENC"] = GuestText.EncodeUdev(label);
    }

    private static Dictionary<string, string> Of(string type, string uuid = "") =>
        uuid.Length == 0 ? new() { ["ID_FS_TYPE"] = type } : new() { ["ID_FS_TYPE"] = type, ["ID_FS_UUID_ENC"] = uuid };

    private static IEnumerable<Dictionary<string, string>> AtStart(byte[] head)
    {
        if (Has(head, 0, LuksHeader.Mark)) yield return Of("crypto_LUKS", Text(head, 168, 40));
        if (Has(head, 3, "-FVE-FS-"u8)) yield return Of("BitLocker");
        foreach (var at in new[] { 0, 4096 })
            if (MdSuperblock.Parse(Slice(head, at, 4096), at) is { } member) yield return member.Probe;
        for (var sector = 0; sector < 4; sector++)
        {
            if (!Has(head, sector * 512, "LABELONE"u8) || !Has(head, (sector * 512) + 24, "LVM2 001"u8)) continue;
            yield return Of("LVM2_member", LvmLabel.Format(Text(head, (sector * 512) + (int)Math.Min(U32(head, (sector * 512) + 20), 480), 32)));
            break;
        }

        if (Has(head, 1024 + 0x38, [0x53, 0xEF])) yield return Ext(head.AsSpan(1024));
        if (Has(head, 0, "XFSB"u8)) yield return Labelled(Of("xfs", Uuid(head, 32)), Slice(head, 108, 12));
        if (Has(head, 65536 + 0x40, "_BHRfS_M"u8)) yield return Labelled(Of("btrfs", Uuid(head, 65536 + 0x20)), Slice(head, 65536 + 0x12B, 256));
        if (Has(head, 3, "NTFS    "u8) && Has(head, 510, [0x55, 0xAA])) yield return Of("ntfs", BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(0x48)).ToString("X16", CultureInfo.InvariantCulture));
        else if (Has(head, 3, "EXFAT   "u8)) yield return Of("exfat", U32(head, 100) is var serial && serial != 0 ? string.Create(CultureInfo.InvariantCulture, $"{serial >> 16:X4}-{serial & 0xFFFF:X4}") : string.Empty);
        else if (Has(head, 3, "ReFS\0"u8)) yield return Of("ReFS");
        else if (!Has(head, 3, "-FVE-FS-"u8) && FatBootSector.Looks(head))
        {
            var fat = Of("vfat");
            FatBootSector.Describe(head, fat);
            yield return fat;
        }

        foreach (var page in new[] { 4096, 8192, 16384, 65536 })
        {
            var mark = Text(head, page - 10, 10);
            if (mark is "SWAPSPACE2" or "SWAP-SPACE") yield return Labelled(Of("swap", mark == "SWAPSPACE2" ? Uuid(head, 1024 + 12) : string.Empty), Slice(head, 1024 + 28, 16));
            else if (mark is "S1SUSPEND" or "S2SUSPEND" or "ULSUSPEND" or "LINHIB0001") yield return Of("swsuspend", Uuid(head, 1024 + 12));
        }

        if (Has(head, 32769, "CD001"u8)) yield return Iso(head.AsSpan(32768, 2048));
        if (Enumerable.Range(0, 16).Any(i => Text(head, 32769 + (i * 2048), 5) is "NSR02" or "NSR03")) yield return Of("udf");
        if (Has(head, 0, "hsqs"u8)) yield return Of("squashfs");
        if (Has(head, 1024, [0x10, 0x20, 0xF5, 0xF2])) yield return Of("f2fs", Uuid(head, 1024 + 108));
        if (Text(head, 0x10034, 8) is "ReIsErFs" or "ReIsEr2F" or "ReIsEr3F") yield return Of("reiserfs", Uuid(head, 0x10000 + 84));
        if (Has(head, 32768, "JFS1"u8)) yield return Of("jfs", Uuid(head, 32768 + 136));
        if (Has(head, 1024, "H+\0\x04"u8) || Has(head, 1024, "HX\0\x05"u8)) yield return Of("hfsplus");
        if (Has(head, 4096 + 24, [0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA])) yield return Of("bcache");
        if (Has(head, 1 << 20, [0x0D, 0xD0, 0x01, 0xC0])) yield return Of("VMFS_volume_member");
        // Four uberblocks and more, as blkid asks for: the first label's ring, little or big endian.
        if (Enumerable.Range(0, 128).Count(i => Has(head, 131072 + (i * 1024), [0x0C, 0xB1, 0xBA, 0x00]) || Has(head, 131072 + (i * 1024) + 4, [0x00, 0xBA, 0xB1, 0x0C])) >= 4) yield return Of("zfs_member");
    }

    private static async Task<Dictionary<string, string>?> RaidAtEndAsync(IDiskReader volume, CancellationToken cancel)
    {
        foreach (var at in MdSuperblock.PlacesAtEnd(volume.LengthBytes))
            if (await volume.TryReadAsync(at, 4096, cancel) is { } block && MdSuperblock.Parse(block, at) is { } member) return member.Probe;
        return null;
    }

    /// <summary>ext2, 3 or 4 as blkid tells them apart: by the features that each driver knew.</summary>
    private static Dictionary<string, string> Ext(ReadOnlySpan<byte> super)
    {
        const uint HasJournal = 4, JournalDevice = 8, IncompatOfExt2 = 0x2 | 0x10, IncompatOfExt3 = IncompatOfExt2 | 0x4, ReadOnlyOfExt2 = 0x1 | 0x2 | 0x4;
        var (compat, incompat, readOnly) = (BinaryPrimitives.ReadUInt32LittleEndian(super[0x5C..]), BinaryPrimitives.ReadUInt32LittleEndian(super[0x60..]), BinaryPrimitives.ReadUInt32LittleEndian(super[0x64..]));
        var type = (incompat & JournalDevice) != 0 ? "jbd"
            : (compat & HasJournal) == 0 && (incompat & ~IncompatOfExt2) == 0 && (readOnly & ~ReadOnlyOfExt2) == 0 ? "ext2"
            : (compat & HasJournal) != 0 && (incompat & ~IncompatOfExt3) == 0 && (readOnly & ~ReadOnlyOfExt2) == 0 ? "ext3" : "ext4";
        var probe = Of(type, Uuid(super, 0x68));
        Label(probe, super.Slice(0x78, 16));
        return probe;
    }

    /// <summary>blkid makes a UUID of the date of creation.</summary>
    private static Dictionary<string, string> Iso(ReadOnlySpan<byte> descriptor)
    {
        var date = Encoding.ASCII.GetString(descriptor.Slice(813, 16));
        var probe = Of("iso9660", date.All(char.IsAsciiDigit) && date.Trim('0').Length > 0 ? $"{date[..4]}-{date[4..6]}-{date[6..8]}-{date[8..10]}-{date[10..12]}-{date[12..14]}-{date[14..16]}" : string.Empty);
        Label(probe, descriptor.Slice(40, 32));
        return probe;
    }

    private static Dictionary<string, string> Labelled(Dictionary<string, string> probe, byte[] label)
    {
        Label(probe, label);
        return probe;
    }

    private static byte[] Slice(byte[] head, int at, int count) => at + count <= head.Length ? head[at..(at + count)] : [];

    private static bool Has(byte[] head, int at, ReadOnlySpan<byte> mark) => at + mark.Length <= head.Length && head.AsSpan(at, mark.Length).SequenceEqual(mark);

    private static uint U32(byte[] head, int at) => at + 4 <= head.Length ? BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(at)) : 0;

    private static string Text(byte[] head, int at, int count) => at >= 0 && at + count <= head.Length ? Encoding.Latin1.GetString(head, at, count).Split('\0')[0] : string.Empty;

    private static string Uuid(ReadOnlySpan<byte> head, int at)
    {
        if (at + 16 > head.Length) return string.Empty;
        var bytes = head.Slice(at, 16);
        return bytes.ContainsAnyExcept((byte)0) ? new Guid(bytes, bigEndian: true).ToString("D") : string.Empty;
    }
}
