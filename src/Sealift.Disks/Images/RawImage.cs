using System.Buffers.Binary;
using System.Text;

namespace Sealift.Disks;

/// <summary>
/// Raw disks. Nothing in the format says that a file is one, so the content must look like a disk (a partition table or a known
/// filesystem), or the caller must say so; anything else is refused and called by its name.
/// </summary>
internal static class RawImage
{
    private const int LookBytes = 1 << 20;

    // Offset and bytes of what disks start with. Sources: libblkid's superblocks, UEFI 2.10 section 5.
    private static readonly (int Offset, byte[] Bytes)[] DiskMarks =
    [
        (510, [0x55, 0xAA]), // MBR, and the boot sectors of NTFS, FAT and exFAT
        (512, "EFI PART"u8.ToArray()), (4096, "EFI PART"u8.ToArray()),
        (1080, [0x53, 0xEF]), // ext2/3/4
        (0, "XFSB"u8.ToArray()),
        (0x10040, "_BHRfS_M"u8.ToArray()), // Btrfs
        (3, "NTFS    "u8.ToArray()), (3, "EXFAT   "u8.ToArray()), (3, "-FVE-FS-"u8.ToArray()),
        (0, "LUKS"u8.ToArray()),
        (0, "LABELONE"u8.ToArray()), (512, "LABELONE"u8.ToArray()), (1024, "LABELONE"u8.ToArray()), (1536, "LABELONE"u8.ToArray()), // LVM2
        (4096, [0xFC, 0x4E, 0x2B, 0xA9]), (0, [0xFC, 0x4E, 0x2B, 0xA9]), // MD RAID 1.2 and 1.1
        (4086, "SWAPSPACE2"u8.ToArray()), (4086, "SWAP-SPACE"u8.ToArray()),
        (1024, [0x10, 0x20, 0xF5, 0xF2]), // F2FS
        (1024, [0xE2, 0xE1, 0xF5, 0xE0]), // EROFS
        (0, "hsqs"u8.ToArray()), // SquashFS
        (3, "ReFS"u8.ToArray()),
        (1024, "H+"u8.ToArray()), (1024, "HX"u8.ToArray()), (512, "PM"u8.ToArray()), (32, "NXSB"u8.ToArray()), // Apple
        (9564, [0x54, 0x19, 0x01, 0x00]), (66908, [0x19, 0x01, 0x54, 0x19]), // UFS1, UFS2
        (508, [0xDA, 0xBE]), (512, [0x57, 0x45, 0x56, 0x82]), // Sun and BSD disklabels
        (32, "ORCLDISK"u8.ToArray()), // Oracle ASM
        (4120, [0xC6, 0x85, 0x73, 0xF6]), // bcache
        (0x10034, "ReIsEr2Fs"u8.ToArray()), (0x8000, "JFS1"u8.ToArray()),
    ];

    // What people give by mistake, by its first bytes.
    private static readonly (int Offset, byte[] Bytes, string Name)[] OtherMarks =
    [
        (0, [0x1F, 0x8B], "a gzip file"), (0, "PK\x03\x04"u8.ToArray(), "a zip archive"), (0, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "an xz file"),
        (0, "BZh"u8.ToArray(), "a bzip2 file"), (0, [0x28, 0xB5, 0x2F, 0xFD], "a zstd file"), (0, [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "a 7z archive"),
        (0, "Rar!"u8.ToArray(), "a rar archive"), (257, "ustar"u8.ToArray(), "a tar archive, perhaps an OVA"), (0, "%PDF-"u8.ToArray(), "a PDF document"),
        (0, [0x7F, 0x45, 0x4C, 0x46], "an ELF program"), (0, [0x89, 0x50, 0x4E, 0x47], "a PNG picture"), (0, [0xFF, 0xD8, 0xFF], "a JPEG picture"),
        (0, "QED\0"u8.ToArray(), "a QED image, which is not read"), (0, [0x51, 0x46, 0x49, 0xFB], "a qcow version 1 image, which is not read"),
        (0, "WithoutFreeSpace"u8.ToArray(), "a Parallels image, which is not read"), (0, "WithouFreSpacExt"u8.ToArray(), "a Parallels image, which is not read"),
        (0, [0xBE, 0xBA, 0xFE, 0xCA, 0, 0, 0, 0], "a VMware seSparse snapshot, which is not read by itself"), (0, "EVF\x09"u8.ToArray(), "an EnCase image, which is not read"),
        (32769, "CD001"u8.ToArray(), "an ISO 9660 image (a CD or DVD)"),
    ];

    /// <summary>Accepts it as raw or throws SL4001 or SL4005.</summary>
    public static ParsedImage Parse(ImageBytes bytes, bool declared)
    {
        // A block device is a disk whatever it holds; a file is one only if it looks like one.
        if (!declared && bytes.Facts.Kind != Posix.FileKind.BlockDevice)
        {
            var description = NamedOtherwise(bytes) ?? Describe(bytes);
            if (description is not null && !(description == Blank && HasRawName(bytes.Location))) throw ImageErrors.NotADiskImage(bytes.Name, description);
        }

        if (bytes.LengthBytes == 0 || bytes.LengthBytes % 512 != 0) throw ImageErrors.NotWholeSectors(bytes.Name, "length", bytes.LengthBytes);
        bytes.DemandDiskLength((ulong)bytes.LengthBytes, "length", 0);
        var notes = Array.Empty<string>();
        if (RawExtent.Beyond(bytes) is { } claim)
        {
            // Some disks really were cut behind their last used sector: whoever says that these bytes are the disk is believed, and told.
            if (!declared) throw ImageErrors.RawTruncated(bytes.Name, claim.Field, claim.End, bytes.LengthBytes);
            notes = [$"{claim.Field} reaches to offset {claim.End}, but the disk ends at {bytes.LengthBytes}"];
        }

        return new ParsedImage(string.Empty, bytes.LengthBytes, bytes.Location.LengthBytes is null ? Math.Min(bytes.LengthBytes, bytes.Facts.AllocatedBytes) : bytes.LengthBytes) { Notes = notes };
    }

    private const string Blank = "it begins with zeros only, so nothing shows that it is a disk";

    /// <summary>What the content looks like, or null where it looks like a disk.</summary>
    public static string? Describe(ImageBytes bytes)
    {
        if (bytes.LengthBytes == 0) return "it is empty";
        var head = new byte[(int)Math.Min(LookBytes, bytes.LengthBytes)];
        var look = head.AsSpan(0, bytes.Read(head, 0));
        foreach (var (offset, mark, name) in OtherMarks)
            if (HasMark(look, offset, mark)) return $"it looks like {name}";
        Span<byte> trailer = stackalloc byte[4];
        if (bytes.LengthBytes >= 512 && bytes.Read(trailer, bytes.LengthBytes - 512) == 4 && trailer.SequenceEqual("koly"u8)) return "it looks like an Apple disk image (dmg)";
        foreach (var (offset, mark) in DiskMarks)
            if (HasMark(look, offset, mark)) return null;
        // MD RAID 0.90 and 1.0 keep their superblock near the end.
        Span<byte> raid = stackalloc byte[4];
        foreach (var at in new[] { (bytes.LengthBytes & ~65535L) - 65536, (bytes.LengthBytes - 8192) & ~4095L })
            if (at > 0 && bytes.Read(raid, at) == 4 && BinaryPrimitives.ReadUInt32LittleEndian(raid) == 0xA92B4EFC) return null;
        if (!look.ContainsAnyExcept((byte)0)) return Blank;
        return LooksLikeText(look) ? "it looks like a text file" : "it has neither a partition table nor a known filesystem nor the header of an image format";
    }

    /// <summary>
    /// A fixed VHD that lost its footer, or a flat extent without its descriptor, looks like a raw disk. Its name then is the only
    /// sign that something is missing.
    /// </summary>
    private static string? NamedOtherwise(ImageBytes bytes)
    {
        if (bytes.Location.LengthBytes is not null) return null;
        return Path.GetExtension(bytes.Location.Path).ToUpperInvariant() switch
        {
            ".VMDK" => "it is named as a VMDK and has neither its header nor its descriptor: it is damaged, or it is the flat extent of a disk whose small .vmdk text file is to be given instead",
            ".VHD" or ".VHDX" or ".AVHDX" or ".VDI" or ".QCOW2" => "its name is that of an image format, and it has neither header nor footer of one: it is damaged or truncated",
            _ => null,
        };
    }

    private static bool HasMark(ReadOnlySpan<byte> look, int offset, byte[] mark) => look.Length >= offset + mark.Length && look.Slice(offset, mark.Length).SequenceEqual(mark);

    private static bool HasRawName(ImageLocation location) =>
        location.LengthBytes is null && Path.GetExtension(location.Path).ToUpperInvariant() is ".RAW" or ".IMG" or ".DD";

    private static bool LooksLikeText(ReadOnlySpan<byte> look)
    {
        var start = look[..Math.Min(look.Length, 512)];
        foreach (var b in start)
            if (b is < 0x20 and not ((byte)'\n' or (byte)'\r' or (byte)'\t' or 0x0C or 0x1B)) return false;
        return !Encoding.UTF8.GetString(start[..Math.Max(1, start.Length - 4)]).Contains('\uFFFD', StringComparison.Ordinal);
    }
}
