namespace Sealift.Guests.Ntfs;

/// <summary>One entry of an index node, with sound bounds.</summary>
internal readonly ref struct IndexEntry
{
    private const int HeaderBytes = 16;
    private readonly ReadOnlySpan<byte> bytes;

    private IndexEntry(ReadOnlySpan<byte> bytes) => this.bytes = bytes;

    public int LengthBytes => bytes.Length;

    /// <summary>In a directory: the file that the entry names.</summary>
    public FileReference File => new(bytes.U64(0));

    public bool HasChild => (bytes.U16(12) & 1) != 0;

    /// <summary>Whether it is the last one of its node, which has no key.</summary>
    public bool IsEnd => (bytes.U16(12) & 2) != 0;

    public ReadOnlySpan<byte> Key => bytes.Slice(HeaderBytes, bytes.U16(10));

    /// <summary>In any other index: what belongs to the key.</summary>
    public ReadOnlySpan<byte> Data => bytes.Slice(bytes.U16(0), bytes.U16(2));

    /// <summary>The place of the child node.</summary>
    public long ChildVcn => bytes.I64(bytes.Length - 8);

    /// <summary>Reads the entry at an offset of a node.</summary>
    /// <param name="node">The node's entries.</param>
    /// <param name="offset">Where the entry starts.</param>
    /// <param name="ofNames">Whether the index is a directory's.</param>
    /// <param name="entry">The entry, where there is nothing wrong.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? Read(ReadOnlySpan<byte> node, int offset, bool ofNames, out IndexEntry entry)
    {
        entry = default;
        var rest = node[offset..];
        if (rest.Length < HeaderBytes) return "the node ends without an end entry";
        int length = rest.U16(8), keyLength = rest.U16(10), flags = rest.U16(12), child = (flags & 1) * 8;
        if (length % 8 != 0 || length < HeaderBytes + child || length > rest.Length) return $"an entry of {length} bytes, where {rest.Length} are left";
        if ((flags & ~3) != 0) return $"an entry with the flags 0x{flags:x4}";
        var isEnd = (flags & 2) != 0;
        if (isEnd && (keyLength != 0 || length != HeaderBytes + child)) return $"an end entry of {length} bytes with a key of {keyLength}";
        if (!isEnd && (keyLength == 0 || HeaderBytes + keyLength + child > length)) return $"an entry of {length} bytes with a key of {keyLength}";
        if (!isEnd && ofNames)
        {
            if (length != ((HeaderBytes + keyLength + 7) & ~7) + child) return $"an entry of {length} bytes with a key of {keyLength}";
        }
        else if (!isEnd)
        {
            int data = rest.U16(0), dataLength = rest.U16(2);
            if (dataLength > 0 && (data < HeaderBytes + keyLength || data + dataLength > length - child)) return $"an entry of {length} bytes with data of {dataLength} at {data}";
            // Without data their place says nothing.
            if (dataLength == 0 && data > length) return $"an entry of {length} bytes with data at {data}";
        }

        entry = new IndexEntry(rest[..length]);
        return null;
    }
}
