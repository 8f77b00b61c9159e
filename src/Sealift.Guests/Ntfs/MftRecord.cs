namespace Sealift.Guests.Ntfs;

/// <summary>A file record whose fixups are undone and whose header and attributes have sound bounds.</summary>
internal readonly ref struct MftRecord
{
    /// <summary>The header without and with the fields of version 3.1.</summary>
    private const int HeaderBytes = 0x2A, HeaderBytes31 = 0x30;

    private MftRecord(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    public ReadOnlySpan<byte> Bytes { get; }

    public ushort Sequence => Bytes.U16(0x10);

    public ushort LinkCount => Bytes.U16(0x12);

    public ushort Flags => Bytes.U16(0x16);

    public bool IsInUse => (Flags & 1) != 0;

    public bool IsDirectory => (Flags & 2) != 0;

    public int UsedBytes => (int)Bytes.U32(0x18);

    /// <summary>The record that this one extends; zero for one that stands alone.</summary>
    public FileReference Base => new(Bytes.U64(0x20));

    /// <summary>Whether it is a file's own record and not one that extends another.</summary>
    public bool IsBase => Base.Raw == 0;

    public ushort NextInstance => Bytes.U16(0x28);

    /// <summary>Its attributes, in their order.</summary>
    public Enumerator GetEnumerator() => new(Bytes);

    /// <summary>Whether these bytes can be a record in use; needs no fixups.</summary>
    public static bool LooksInUse(ReadOnlySpan<byte> bytes) => bytes[..4].SequenceEqual("FILE"u8) && (bytes.U16(0x16) & 1) != 0;

    /// <summary>Undoes the fixups and checks every bound.</summary>
    /// <param name="bytes">The record; changed in place.</param>
    /// <param name="number">Its number.</param>
    /// <param name="record">The record, where there is nothing wrong.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(Span<byte> bytes, long number, out MftRecord record)
    {
        record = default;
        ReadOnlySpan<byte> read = bytes;
        if (!read[..4].SequenceEqual("FILE"u8))
            return read[..4].SequenceEqual("BAAD"u8) ? "a checker has marked it as torn (BAAD)" : $"it starts with 0x{read.U32(0):x8} instead of FILE";
        if (Fixups.Apply(bytes, HeaderBytes) is { } torn) return torn;
        int arrayOffset = read.U16(4), arrayEnd = arrayOffset + (read.U16(6) * 2), first = read.U16(0x14);
        uint used = read.U32(0x18), allocated = read.U32(0x1C);
        if (allocated != bytes.Length) return $"it says that it has {allocated} bytes instead of {bytes.Length}";
        if (used > allocated || used % 8 != 0 || used < HeaderBytes) return $"{used} used bytes of {allocated}";
        if (first < arrayEnd || first % 8 != 0 || first + 8 > used) return $"its first attribute at offset {first}";
        if (read.U16(0x16) > 15) return $"the flags 0x{read.U16(0x16):x4}";
        if (read.U16(0x10) == 0) return "its sequence number is 0";
        // Since version 3.1 a record knows its own number.
        if (arrayOffset >= HeaderBytes31 && (read.U32(0x2C) != (uint)number || read.U16(0x2A) != (ushort)(number >> 32))) return $"it says that it is record {((long)read.U16(0x2A) << 32) + read.U32(0x2C)}";
        int offset = first, end = (int)used;
        while (true)
        {
            if (end - offset < 4) return $"its attributes have no end marker before its {used} used bytes end";
            if (read.U32(offset) == AttributeType.End) break;
            if (AttributeRecord.Read(read, offset, end, out var attribute) is { } wrong) return $"the attribute at offset {offset} (type 0x{read.U32(offset):x}) {wrong}";
            offset += attribute.Bytes.Length;
        }

        // The marker takes 8 bytes.
        if (offset + 8 != end) return $"its attributes end at {offset}, its used bytes at {end}";
        record = new MftRecord(read);
        return null;
    }

    /// <summary>A record that <see cref="Read"/> has accepted before.</summary>
    public static MftRecord Trusted(ReadOnlySpan<byte> bytes) => new(bytes);

    /// <summary>Walks the attributes of a record with sound bounds.</summary>
    internal ref struct Enumerator
    {
        private readonly ReadOnlySpan<byte> bytes;
        private int next;
        private AttributeRecord current;

        public Enumerator(ReadOnlySpan<byte> bytes)
        {
            this.bytes = bytes;
            next = bytes.U16(0x14);
        }

        public readonly AttributeRecord Current => current;

        public bool MoveNext()
        {
            if (bytes.U32(next) == AttributeType.End) return false;
            if (AttributeRecord.Read(bytes, next, (int)bytes.U32(0x18), out current) is { } wrong) throw new InvalidOperationException($"A record that was sound no longer is: {wrong}");
            next += current.Bytes.Length;
            return true;
        }
    }
}
