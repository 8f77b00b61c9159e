namespace Sealift.Guests.Ntfs;

/// <summary>One entry of an attribute list: which record holds which attribute, or which extent of it.</summary>
internal readonly ref struct AttributeListEntry
{
    /// <summary>The longest list: what Windows' cache manager maps at once. Here four times that.</summary>
    public const int MaximumListBytes = 1 << 20;

    private const int HeaderBytes = 26;
    private readonly ReadOnlySpan<byte> bytes;

    private AttributeListEntry(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    public uint Type => bytes.U32(0);

    public int LengthBytes => bytes.Length;

    public long LowestVcn => bytes.I64(8);

    public FileReference Record => new(bytes.U64(16));

    public ushort Instance => bytes.U16(24);

    public ReadOnlySpan<byte> NameBytes => bytes.Slice(bytes[6] == 0 ? 0 : bytes[7], bytes[6] * 2);

    /// <summary>Reads the entry at the start of what is left of a list.</summary>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(ReadOnlySpan<byte> rest, out AttributeListEntry entry)
    {
        entry = default;
        if (rest.Length < HeaderBytes) return $"its last {rest.Length} bytes are no entry";
        int length = rest.U16(4), nameLength = rest[6] * 2, nameOffset = rest[7];
        if (length < HeaderBytes || length % 8 != 0 || length > rest.Length) return $"an entry of {length} bytes, where {rest.Length} are left";
        if (nameLength > 0 && (nameOffset < HeaderBytes || nameOffset + nameLength > length)) return $"an entry of {length} bytes with a name of {nameLength} at {nameOffset}";
        if (!AttributeType.IsKnown(rest.U32(0))) return $"an entry for the type 0x{rest.U32(0):x}";
        entry = new AttributeListEntry(rest[..length]);
        return null;
    }
}
