namespace Sealift.Guests.Ntfs;

/// <summary>The file record of a file and the ones that extend it, with sound bounds.</summary>
internal sealed class FileRecordSet
{
    /// <summary>A file whose list names more records than this is not followed to its end. It bounds the memory.</summary>
    public const int MaximumRecords = 4096;

    private readonly NtfsVolume volume;
    private readonly List<(long Number, byte[] Bytes)> records = [];

    private FileRecordSet(NtfsVolume volume) => this.volume = volume;

    /// <summary>Its records, the base record first.</summary>
    public IReadOnlyList<(long Number, byte[] Bytes)> Records => records;

    /// <summary>Loads them. A record that is not sound, or not this file's, is left out: the check of all records tells why.</summary>
    /// <param name="volume">The volume.</param>
    /// <param name="mft">Where the records are.</param>
    /// <param name="number">The base record's number.</param>
    /// <param name="known">
    /// What is known of all records, once they were checked. Then only those are read that say that they are this file's, so that no
    /// record is read for two files, whatever lists claim.
    /// </param>
    /// <returns>Null where the base record itself is not sound.</returns>
    public static async Task<FileRecordSet?> LoadAsync(NtfsVolume volume, MasterFileTable mft, long number, RecordTable? known = null)
    {
        if (await mft.TryReadAsync(number) is not { } first) return null;
        var set = new FileRecordSet(volume);
        set.records.Add((number, first));
        if (await ReadListAsync(volume, first) is not { } list) return set;
        var loaded = new HashSet<long> { number };
        for (var offset = 0; offset < list.Length && set.records.Count < MaximumRecords;)
        {
            if (AttributeListEntry.Read(list.AsSpan(offset), out var entry) is not null) break; // said when attribute lists are checked
            offset += entry.LengthBytes;
            var other = entry.Record.Number;
            if (!loaded.Add(other) || known?.IsExtensionOf(other, number) == false || await mft.TryReadAsync(other) is not { } bytes) continue;
            var record = MftRecord.Trusted(bytes);
            if (record.IsInUse && record.Base.Number == number && record.Base.Raw != 0) set.records.Add((other, bytes));
        }

        return set;
    }

    /// <summary>The attribute list of a base record; null where there is none or it cannot be read.</summary>
    public static async Task<byte[]?> ReadListAsync(NtfsVolume volume, byte[] record)
    {
        AttributeContent? content = null;
        foreach (var attribute in MftRecord.Trusted(record))
        {
            if (attribute.Type != AttributeType.AttributeList) continue;
            content = Start(volume, attribute, out _); // its runlist is checked with every other one
            break;
        }

        return content is null ? null : await content.TryReadAllAsync(AttributeListEntry.MaximumListBytes);
    }

    /// <summary>The content of one of its attributes, put together from all extents.</summary>
    /// <param name="type">The attribute's type.</param>
    /// <param name="name">Its name in UTF-16; empty for the one without a name.</param>
    /// <param name="wrong">What is wrong with it; null too where there is no such attribute.</param>
    public AttributeContent? Content(uint type, ReadOnlySpan<byte> name, out string? wrong)
    {
        wrong = null;
        var extents = new List<(long Vcn, byte[] Bytes, int Offset)>();
        foreach (var (_, bytes) in records)
        {
            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (attribute.Type == type && attribute.IsNamed(name)) extents.Add((attribute.LowestVcn, bytes, attribute.Offset));
            }
        }

        if (extents.Count == 0) return null;
        extents.Sort((a, b) => a.Vcn.CompareTo(b.Vcn));
        AttributeContent? content = null;
        foreach (var (_, bytes, offset) in extents)
        {
            wrong = AttributeRecord.Read(bytes, offset, (int)((ReadOnlySpan<byte>)bytes).U32(0x18), out var extent);
            if (content is null) content = Start(volume, extent, out wrong);
            else if (extent.IsNonResident) wrong ??= content.Append(extent, volume.Boot.Clusters);
            if (wrong is not null || content is null) return content;
        }

        return content;
    }

    private static AttributeContent? Start(NtfsVolume volume, AttributeRecord attribute, out string? wrong)
    {
        wrong = null;
        if (!attribute.IsNonResident) return new AttributeContent(volume.Bytes, attribute.Value);
        if (attribute.LowestVcn != 0 || attribute.DataBytes < 0 || attribute.InitializedBytes < 0)
        {
            wrong = $"starts at its cluster {attribute.LowestVcn}, with {attribute.DataBytes} bytes, {attribute.InitializedBytes} of them written";
            return null;
        }

        var content = new AttributeContent(volume.Bytes, volume.Boot.ClusterBytes, attribute.DataBytes, attribute.InitializedBytes);
        wrong = content.Append(attribute, volume.Boot.Clusters);
        return content;
    }
}
