namespace Sealift.Guests.Ntfs;

/// <summary>What is remembered of a file record.</summary>
[Flags]
internal enum RecordState : byte
{
    /// <summary>It is free.</summary>
    None = 0,

    /// <summary>It says that it is in use.</summary>
    InUse = 1,

    /// <summary>It extends another record.</summary>
    Extension = 2,

    /// <summary>It is a directory.</summary>
    Directory = 4,

    /// <summary>Its file has an attribute list.</summary>
    HasList = 8,

    /// <summary>Its file has an index, of whatever kind.</summary>
    HasIndex = 16,

    /// <summary>It ought to be in use and cannot be read; nothing is concluded from it.</summary>
    Unreadable = 32,

    /// <summary>Its base record's attribute list names it.</summary>
    Listed = 64,

    /// <summary>Some cluster of it is claimed by another attribute as well.</summary>
    CrossLinked = 128,
}

/// <summary>
/// What is remembered of each file record until the end: <see cref="BytesPerRecord"/> bytes and nothing else, so that memory follows
/// from the size of $MFT. Names are not kept: a file's $FILE_NAME attributes are added up as hashes, the directory entries that name it
/// are taken off, and whatever is not zero then does not agree.
/// </summary>
internal sealed class RecordTable(int count)
{
    /// <summary>Bytes for each file record: state, sequence, links, names, entries, sum.</summary>
    public const int BytesPerRecord = 1 + 2 + 2 + 2 + 2 + 8;

    private readonly RecordState[] states = new RecordState[count];
    private readonly ushort[] sequences = new ushort[count];
    private readonly ushort[] links = new ushort[count];
    private readonly ushort[] names = new ushort[count];
    private readonly ushort[] entries = new ushort[count];
    private readonly ulong[] sums = new ulong[count];

    /// <summary>How many records there are.</summary>
    public int Count => states.Length;

    /// <summary>Its state.</summary>
    public ref RecordState State(long number) => ref states[number];

    /// <summary>Its sequence number.</summary>
    public ref ushort Sequence(long number) => ref sequences[number];

    /// <summary>The number of links that a base record says it has.</summary>
    public ref ushort Links(long number) => ref links[number];

    /// <summary>How many $FILE_NAME attributes its file has.</summary>
    public ref ushort Names(long number) => ref names[number];

    /// <summary>How many directory entries point to it.</summary>
    public ref ushort Entries(long number) => ref entries[number];

    /// <summary>Of a base record: the sum of its names less the sum of the entries. Of an extension record: the reference to its base record.</summary>
    public ref ulong Sum(long number) => ref sums[number];

    /// <summary>Whether a number is one of a record that is in use, or ought to be.</summary>
    public bool Exists(long number) => number >= 0 && number < Count && (states[number] & (RecordState.InUse | RecordState.Unreadable)) != 0;

    /// <summary>Whether a record says that it extends another one.</summary>
    public bool IsExtensionOf(long number, long owner) =>
        number < Count && (states[number] & RecordState.Extension) != 0 && new FileReference(sums[number]).Number == owner;

    /// <summary>Whether a reference leads to a base record in use with that sequence number.</summary>
    /// <returns>What is wrong, or null; null too where the record cannot be read.</returns>
    public string? Wrong(FileReference reference)
    {
        if (!Exists(reference.Number)) return reference.Number < Count ? $"record {reference.Number}, which is free" : $"record {reference.Number} of {Count}";
        var state = states[reference.Number];
        if ((state & RecordState.Unreadable) != 0) return null;
        if ((state & RecordState.Extension) != 0) return $"record {reference.Number}, which only extends another one";
        return sequences[reference.Number] == reference.Sequence ? null : $"record {reference.Number} with sequence number {reference.Sequence}, and the record has {sequences[reference.Number]}";
    }
}
