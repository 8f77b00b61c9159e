namespace Sealift.Guests.Ntfs;

/// <summary>A reference to a file record: its number (48 bits) and the sequence number that it must have (16 bits).</summary>
/// <param name="Raw">As it is stored.</param>
internal readonly record struct FileReference(ulong Raw)
{
    public long Number => (long)(Raw & 0xFFFF_FFFF_FFFF);

    public ushort Sequence => (ushort)(Raw >> 48);

    public override string ToString() => $"{Number}/{Sequence}";
}
