using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>$AttrDef, the volume's list of the types of attributes. Every volume of version 3 has the same one.</summary>
internal static class AttributeDefinitionsCheck
{
    private const int EntryBytes = 160, NameBytes = 128, MaximumBytes = 64 << 10;

    private const uint Indexed = 2, InRecord = 0x40, Logged = 0x80;

    private static readonly (string Name, uint Type, uint Flags, long Minimum, long Maximum)[] Version3 =
    [
        ("$STANDARD_INFORMATION", 0x10, InRecord, 48, 72),
        ("$ATTRIBUTE_LIST", 0x20, Logged, 0, -1),
        ("$FILE_NAME", 0x30, InRecord | Indexed, 68, 578),
        ("$OBJECT_ID", 0x40, InRecord, 0, 256),
        ("$SECURITY_DESCRIPTOR", 0x50, Logged, 0, -1),
        ("$VOLUME_NAME", 0x60, InRecord, 2, 256),
        ("$VOLUME_INFORMATION", 0x70, InRecord, 12, 12),
        ("$DATA", 0x80, 0, 0, -1),
        ("$INDEX_ROOT", 0x90, InRecord, 0, -1),
        ("$INDEX_ALLOCATION", 0xA0, Logged, 0, -1),
        ("$BITMAP", 0xB0, Logged, 0, -1),
        ("$REPARSE_POINT", 0xC0, Logged, 0, 16384),
        ("$EA_INFORMATION", 0xD0, InRecord, 8, 8),
        ("$EA", 0xE0, 0, 0, 65536),
        ("$LOGGED_UTILITY_STREAM", 0x100, Logged, 0, 65536),
    ];

    /// <summary>Compares it.</summary>
    public static async Task RunAsync(NtfsVolume volume, MasterFileTable mft)
    {
        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.AttributeDefinitions) is not { } file) return; // said when all records are checked
        var content = file.Content(AttributeType.Data, [], out var wrong);
        if (content is null || wrong is not null || await content.TryReadAllAsync(MaximumBytes) is not { } bytes)
        {
            volume.Findings.Damage(NtfsClasses.SystemFile, $"$AttrDef {wrong ?? "has no content that can be read"}");
            return;
        }

        Compare(volume, bytes);
    }

    private static void Compare(NtfsVolume volume, ReadOnlySpan<byte> bytes)
    {
        uint last = 0;
        var ended = false;
        for (var i = 0; (i + 1) * EntryBytes <= bytes.Length; i++)
        {
            var entry = bytes.Slice(i * EntryBytes, EntryBytes);
            var type = entry.U32(NameBytes);
            if (type == 0)
            {
                ended = true;
                if (entry.ContainsAnyExcept((byte)0)) volume.Findings.Damage(NtfsClasses.SystemFile, $"$AttrDef: entry {i} has no type and is not empty");
                continue;
            }

            if (ended || type <= last) volume.Findings.Damage(NtfsClasses.SystemFile, $"$AttrDef: entry {i} has the type 0x{type:x}, and before it is 0x{last:x}");
            last = type;
            // Older versions had other types and limits.
            if (volume.Version >= 30) Entry(volume, i, entry, type);
        }

        if (volume.Version >= 30 && last != Version3[^1].Type) volume.Findings.Damage(NtfsClasses.SystemFile, $"$AttrDef ends with the type 0x{last:x} instead of 0x{Version3[^1].Type:x}");
    }

    private static void Entry(NtfsVolume volume, int number, ReadOnlySpan<byte> entry, uint type)
    {
        if (number >= Version3.Length) return; // beyond the table a volume may define types of its own
        var expected = Version3[number];
        var name = entry[..NameBytes];
        var bytes = Encoding.Unicode.GetBytes(expected.Name);
        var sameName = name[..bytes.Length].SequenceEqual(bytes) && !name[bytes.Length..].ContainsAnyExcept((byte)0);
        if (sameName && (type, entry.U32(136), entry.U32(140), entry.I64(144), entry.I64(152)) == (expected.Type, 0u, expected.Flags, expected.Minimum, expected.Maximum) && entry.U32(132) == 0) return;
        volume.Findings.Damage(NtfsClasses.SystemFile, $"$AttrDef: entry {number} is not the definition of {expected.Name}: type 0x{type:x}, flags 0x{entry.U32(140):x}, {entry.I64(144)} to {entry.I64(152)} bytes");
    }
}
