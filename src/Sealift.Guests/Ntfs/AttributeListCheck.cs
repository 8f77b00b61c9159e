namespace Sealift.Guests.Ntfs;

/// <summary>
/// A file with an attribute list: every entry names an attribute in one of the file's records, every attribute there is named by one
/// entry, and the extents of each content follow each other without a gap.
/// </summary>
internal sealed class AttributeListCheck(NtfsVolume volume, RecordTable table)
{
    /// <summary>Checks one file.</summary>
    public async Task RunAsync(long number, FileRecordSet file)
    {
        if (await FileRecordSet.ReadListAsync(volume, file.Records[0].Bytes) is not { } list)
        {
            Wrong(number, "cannot be read");
            return;
        }

        var records = file.Records.ToDictionary(r => r.Number, r => r.Bytes);
        var named = new HashSet<(long Record, int Offset)>();
        uint lastType = 0;
        for (var offset = 0; offset < list.Length;)
        {
            if (AttributeListEntry.Read(list.AsSpan(offset), out var entry) is { } wrong)
            {
                Wrong(number, $"has at its byte {offset} {wrong}");
                break;
            }

            if (entry.Type < lastType) Wrong(number, $"has at its byte {offset} an entry for {AttributeType.Name(entry.Type)} behind one for {AttributeType.Name(lastType)}");
            lastType = entry.Type;
            offset += entry.LengthBytes;
            Entry(number, entry, records, named);
        }

        foreach (var (record, bytes) in records)
        {
            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (attribute.Type != AttributeType.AttributeList && !named.Contains((record, attribute.Offset))) Wrong(number, $"does not name {attribute.Description} of {NtfsVolume.NameOf(record)}");
            }
        }

        Extents(number, file);
    }

    private void Entry(long number, AttributeListEntry entry, Dictionary<long, byte[]> records, HashSet<(long Record, int Offset)> named)
    {
        var record = entry.Record;
        var what = AttributeType.Name(entry.Type);
        if (!table.Exists(record.Number))
        {
            Wrong(number, $"names {what} in record {record.Number}, {(record.Number < table.Count ? "which is free" : $"and there are {table.Count}")}");
            return;
        }

        if ((table.State(record.Number) & RecordState.Unreadable) != 0) return;
        if (table.Sequence(record.Number) != record.Sequence)
        {
            Wrong(number, $"names {what} in record {record.Number} with sequence number {record.Sequence}, and the record has {table.Sequence(record.Number)}");
            return;
        }

        if (!records.TryGetValue(record.Number, out var bytes))
        {
            Wrong(number, $"names {what} in record {record.Number}, which does not belong to this file");
            return;
        }

        table.State(record.Number) |= RecordState.Listed;
        foreach (var attribute in MftRecord.Trusted(bytes))
        {
            if (attribute.Type != entry.Type || attribute.Instance != entry.Instance || attribute.LowestVcn != entry.LowestVcn || !attribute.NameBytes.SequenceEqual(entry.NameBytes)) continue;
            if (!named.Add((record.Number, attribute.Offset))) Wrong(number, $"names {attribute.Description} of {NtfsVolume.NameOf(record.Number)} twice");
            return;
        }

        Wrong(number, $"names {what} number {entry.Instance} from cluster {entry.LowestVcn} on in record {record.Number}, which has none such");
    }

    private void Extents(long number, FileRecordSet file)
    {
        var extents = new List<(long Record, byte[] Bytes, int Offset)>();
        foreach (var (record, bytes) in file.Records)
        {
            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (attribute.IsNonResident) extents.Add((record, bytes, attribute.Offset));
            }
        }

        extents.Sort((a, b) => Compare(At(a), At(b)));
        for (var i = 0; i < extents.Count;)
        {
            var first = At(extents[i]);
            long total = 0, placed = 0;
            var broken = false;
            var j = i;
            for (; j < extents.Count; j++)
            {
                var extent = At(extents[j]);
                if (extent.Type != first.Type || !extent.NameBytes.SequenceEqual(first.NameBytes)) break;
                if (extent.LowestVcn != total)
                {
                    volume.Findings.Disagreement(NtfsClasses.AttributeList, $"{NtfsVolume.NameOf(number)}: {extent.Description} of {NtfsVolume.NameOf(extents[j].Record)} starts at cluster {extent.LowestVcn} of the content instead of {total}");
                    broken = true;
                }

                var runs = new Runlist(extent.Runlist, extent.LowestVcn, volume.Boot.Clusters);
                while (runs.MoveNext())
                {
                    total += runs.Current.Clusters;
                    if (!runs.Current.IsHole) placed += runs.Current.Clusters;
                }

                broken |= runs.Wrong is not null; // said when all records were checked
            }

            if (!broken && ExtentSizes.Wrong(first, total, placed, volume.Boot.ClusterBytes) is { } wrong)
                volume.Findings.Disagreement(NtfsClasses.Attribute, $"{NtfsVolume.NameOf(number)}: {first.Description} {wrong}");
            i = j;
        }
    }

    private static AttributeRecord At((long Record, byte[] Bytes, int Offset) place) =>
        AttributeRecord.Read(place.Bytes, place.Offset, (int)((ReadOnlySpan<byte>)place.Bytes).U32(0x18), out var attribute) is null ? attribute : default;

    private static int Compare(AttributeRecord a, AttributeRecord b)
    {
        var order = a.Type.CompareTo(b.Type);
        if (order == 0) order = a.NameBytes.SequenceCompareTo(b.NameBytes);
        return order != 0 ? order : a.LowestVcn.CompareTo(b.LowestVcn);
    }

    private void Wrong(long number, string text) => volume.Findings.Disagreement(NtfsClasses.AttributeList, $"{NtfsVolume.NameOf(number)}: its attribute list {text}");
}
