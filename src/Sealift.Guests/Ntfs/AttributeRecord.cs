using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>One attribute as it lies in a file record. Whoever has one may trust its bounds.</summary>
internal readonly ref struct AttributeRecord
{
    /// <summary>The largest file record is 64 KiB, so an attribute is shorter.</summary>
    private const int ResidentHeaderBytes = 24, NonResidentHeaderBytes = 64, CompressedHeaderBytes = 72;

    private AttributeRecord(ReadOnlySpan<byte> bytes, int offset)
    {
        Bytes = bytes;
        Offset = offset;
    }

    /// <summary>The whole attribute.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>Where it starts in its record.</summary>
    public int Offset { get; }

    /// <summary>Zero, which is no type, where there is no attribute.</summary>
    public uint Type => Bytes.IsEmpty ? 0 : Bytes.U32(0);

    public bool IsNonResident => Bytes[8] != 0;

    public ushort Flags => Bytes.U16(12);

    public bool IsCompressed => (Flags & 0xFF) != 0;

    public bool IsSparse => (Flags & 0x8000) != 0;

    public bool IsEncrypted => (Flags & 0x4000) != 0;

    public ushort Instance => Bytes.U16(14);

    /// <summary>Its name in UTF-16, without an end.</summary>
    public ReadOnlySpan<byte> NameBytes => Bytes.Slice(Bytes[9] == 0 ? 0 : Bytes.U16(10), Bytes[9] * 2);

    public bool HasName => Bytes[9] != 0;

    /// <summary>The value of a resident one.</summary>
    public ReadOnlySpan<byte> Value => Bytes.Slice(Bytes.U16(20), (int)Bytes.U32(16));

    public byte ResidentFlags => Bytes[22];

    public long LowestVcn => IsNonResident ? Bytes.I64(16) : 0;

    public long HighestVcn => Bytes.I64(24);

    public byte CompressionUnit => Bytes[34];

    public long AllocatedBytes => Bytes.I64(40);

    public long DataBytes => Bytes.I64(48);

    public long InitializedBytes => Bytes.I64(56);

    /// <summary>Whether it says how much space a compressed or sparse attribute really takes.</summary>
    public bool HasTotalAllocated => (IsCompressed || IsSparse) && LowestVcn == 0;

    public long TotalAllocatedBytes => Bytes.I64(64);

    /// <summary>The encoded runlist of a non-resident one.</summary>
    public ReadOnlySpan<byte> Runlist => Bytes[Bytes.U16(32)..];

    /// <summary>For people: <c>$DATA "stream" at offset 152</c>.</summary>
    public string Description => HasName ? $"{AttributeType.Name(Type)} \"{GuestText.Name(Encoding.Unicode.GetString(NameBytes))}\" at offset {Offset}" : $"{AttributeType.Name(Type)} at offset {Offset}";

    /// <summary>Whether it has this name, in UTF-16.</summary>
    public bool IsNamed(ReadOnlySpan<byte> name) => NameBytes.SequenceEqual(name);

    /// <summary>Reads the attribute at an offset of a record.</summary>
    /// <param name="record">The record with its fixups undone.</param>
    /// <param name="offset">Where the attribute starts: 8-aligned.</param>
    /// <param name="end">Where the record's used bytes end.</param>
    /// <param name="attribute">The attribute, where there is nothing wrong.</param>
    /// <returns>What is wrong with its bounds, or null.</returns>
    public static string? Read(ReadOnlySpan<byte> record, int offset, int end, out AttributeRecord attribute)
    {
        attribute = default;
        if (end - offset < ResidentHeaderBytes) return "ends beyond the record's used bytes";
        var length = record.U32(offset + 4);
        if (length % 8 != 0 || length < ResidentHeaderBytes || length > end - offset) return $"has a length of {length} bytes, and the record's used bytes end after {end - offset}";
        var bytes = record.Slice(offset, (int)length);
        var type = bytes.U32(0);
        if (bytes[8] > 1) return $"has the form {bytes[8]}, neither resident nor non-resident";
        int nameLength = bytes[9] * 2, nameOffset = bytes.U16(10);
        var resident = bytes[8] == 0;
        var flags = bytes.U16(12);
        int header = resident ? ResidentHeaderBytes : NonResidentHeaderBytes;
        if (header > length) return $"has a length of {length} bytes, less than its header";
        // Only the first extent of an attribute says how much space it takes after compression.
        if (!resident && (flags & 0x80FF) != 0 && bytes.I64(16) == 0) header = CompressedHeaderBytes;
        if (header > length) return $"has a length of {length} bytes, less than its header";
        // Without a name its place is written all the same, or zero.
        if (nameLength == 0 && nameOffset > length) return $"has its name at {nameOffset}, outside of it";
        if (nameLength > 0 && (nameOffset < header || nameOffset % 2 != 0 || nameOffset + nameLength > length)) return $"has a name of {nameLength} bytes at {nameOffset}, outside of it";
        var content = nameLength > 0 ? nameOffset + nameLength : header;
        if (resident)
        {
            var valueLength = bytes.U32(16);
            int valueOffset = bytes.U16(20);
            if (bytes[23] != 0) return $"has 0x{bytes[23]:x2} in its header, where nothing is kept";
            if (valueOffset < content || valueOffset % 8 != 0 || valueLength > length - valueOffset || valueOffset > length) return $"has a value of {valueLength} bytes at {valueOffset}, outside of it";
        }
        else
        {
            int runs = bytes.U16(32);
            if (bytes[35..40].ContainsAnyExcept((byte)0)) return $"has 0x{bytes.U32(36):x8} in its header, where nothing is kept";
            if (runs < content || runs >= length) return $"has its runlist at {runs}, outside of it";
        }

        if (!AttributeType.IsKnown(type)) return $"has the type 0x{type:x}, which there is none of";
        attribute = new AttributeRecord(bytes, offset);
        return null;
    }
}
