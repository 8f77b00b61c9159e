using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;

namespace Sealift.Guests.Direct;

/// <summary>What the first sector of a FAT file system says; Microsoft's FAT specification 1.03, "BPB".</summary>
internal static class FatBootSector
{
    /// <summary>Whether a sector can only be one: its sizes are those of a FAT, and it calls itself one or begins with the jump.</summary>
    public static bool Looks(ReadOnlySpan<byte> sector)
    {
        if (sector.Length < 512 || sector[510] != 0x55 || sector[511] != 0xAA) return false;
        var bytesPerSector = BinaryPrimitives.ReadUInt16LittleEndian(sector[11..]);
        if (bytesPerSector is not (512 or 1024 or 2048 or 4096) || !BitOperations.IsPow2((uint)sector[13])) return false;
        if (BinaryPrimitives.ReadUInt16LittleEndian(sector[14..]) == 0 || sector[16] is 0 or > 4 || sector[21] is not (0xF0 or >= 0xF8)) return false;
        return IsNamed(sector) || BeginsWithJump(sector);
    }

    /// <summary>Whether a sector calls itself one, whatever else stands in it: what is left where its sizes were destroyed.</summary>
    public static bool CallsItself(ReadOnlySpan<byte> sector) => sector.Length >= 512 && sector[510] == 0x55 && sector[511] == 0xAA && IsNamed(sector) && BeginsWithJump(sector);

    private static bool IsNamed(ReadOnlySpan<byte> sector) =>
        sector.Slice(54, 5).SequenceEqual("FAT12"u8) || sector.Slice(54, 5).SequenceEqual("FAT16"u8) || sector.Slice(54, 3).SequenceEqual("FAT"u8) || sector.Slice(82, 5).SequenceEqual("FAT32"u8);

    private static bool BeginsWithJump(ReadOnlySpan<byte> sector) => (sector[0] is 0xEB && sector[2] is 0x90) || sector[0] is 0xE9;

    /// <summary>Serial number and label, by their udev names.</summary>
    public static void Describe(ReadOnlySpan<byte> sector, Dictionary<string, string> probe)
    {
        var is32 = BinaryPrimitives.ReadUInt16LittleEndian(sector[22..]) == 0;
        var at = is32 ? 66 : 38;
        if (sector[at] is not (0x28 or 0x29)) return;
        var serial = BinaryPrimitives.ReadUInt32LittleEndian(sector[(at + 1)..]);
        if (serial != 0) probe["ID_FS_UUID_ENC"] = string.Create(CultureInfo.InvariantCulture, $"{serial >> 16:X4}-{serial & 0xFFFF:X4}");
        var label = sector.Slice(at + 5, 11);
        if (!label.SequenceEqual("NO NAME    "u8)) ContentProbe.Label(probe, label);
    }
}
