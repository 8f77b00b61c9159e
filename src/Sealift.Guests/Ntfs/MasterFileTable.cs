namespace Sealift.Guests.Ntfs;

/// <summary>The $MFT: every file record, by its number.</summary>
internal sealed class MasterFileTable
{
    /// <summary>How many records are copied to $MFTMirr at least.</summary>
    public const int MirroredRecords = 4;

    private readonly ContentWindow window;

    private MasterFileTable(AttributeContent content, int recordBytes)
    {
        Content = content;
        RecordBytes = recordBytes;
        window = new ContentWindow(content, Math.Max(64 << 10, recordBytes * 2));
    }

    /// <summary>Its bytes.</summary>
    public AttributeContent Content { get; }

    /// <summary>Bytes of a record.</summary>
    public int RecordBytes { get; }

    /// <summary>Records that it has room for and that were ever written.</summary>
    public long Records => Math.Min(Content.LengthBytes, Content.InitializedBytes) / RecordBytes;

    /// <summary>Finds all of it, starting at its own first record or, where that is damaged, at the copy of it.</summary>
    public static async Task<MasterFileTable?> OpenAsync(NtfsVolume volume)
    {
        var boot = volume.Boot;
        var first = new byte[boot.RecordBytes];
        var wrong = await ReadFirstAsync(volume, boot.MftCluster, first);
        if (wrong is not null)
        {
            volume.Findings.Damage(NtfsClasses.Record, $"{NtfsVolume.NameOf(0)} at cluster {boot.MftCluster}: {wrong}");
            if (await ReadFirstAsync(volume, boot.MirrorCluster, first) is { } also)
            {
                volume.Findings.Damage(NtfsClasses.MftMirror, $"the copy of record 0 at cluster {boot.MirrorCluster}: {also}");
                volume.Findings.NotChecked("Neither $MFT's own record nor its copy can be read, so that no file can be found");
                return null;
            }
        }

        var content = FirstExtent(volume, first);
        if (content is null) return null;
        var table = new MasterFileTable(content, boot.RecordBytes);
        if (content.MappedClusters * boot.ClusterBytes < content.LengthBytes) await table.AppendExtentsAsync(volume, first);
        if (content.MappedClusters * boot.ClusterBytes < content.LengthBytes)
            volume.Findings.Damage(NtfsClasses.Runlist, $"$MFT has {content.LengthBytes} bytes, and only the first {content.MappedClusters} clusters of them can be found");
        return table;
    }

    /// <summary>Reads a record as it lies on the volume; false where it cannot be read.</summary>
    public async ValueTask<bool> TryReadRawAsync(long number, Memory<byte> record) =>
        number >= 0 && number < Records && await window.TryReadAsync(number * RecordBytes, record);

    /// <summary>Reads a record with its fixups undone and its bounds checked; null where it is not sound.</summary>
    public async ValueTask<byte[]?> TryReadAsync(long number)
    {
        var bytes = new byte[RecordBytes];
        return await TryReadRawAsync(number, bytes) && MftRecord.Read(bytes, number, out _) is null ? bytes : null; // what is wrong with it is told when all records are checked
    }

    private static async Task<string?> ReadFirstAsync(NtfsVolume volume, long cluster, byte[] record)
    {
        if (!await volume.Bytes.TryReadAsync(cluster * volume.Boot.ClusterBytes, record)) return "it lies beyond the end of the device";
        if (MftRecord.Read(record, SystemRecord.Mft, out var read) is { } wrong) return wrong;
        return !read.IsInUse ? "it is not in use" : null;
    }

    private static AttributeContent? FirstExtent(NtfsVolume volume, byte[] first)
    {
        foreach (var attribute in MftRecord.Trusted(first))
        {
            if (attribute.Type != AttributeType.Data || attribute.HasName || attribute.LowestVcn != 0) continue;
            if (!attribute.IsNonResident) break;
            if (attribute.DataBytes < 0 || attribute.InitializedBytes < 0 || attribute.DataBytes > volume.Boot.VolumeBytes)
            {
                volume.Findings.Damage(NtfsClasses.Attribute, $"$MFT has {attribute.DataBytes} bytes, {attribute.InitializedBytes} of them written");
                break;
            }

            var content = new AttributeContent(volume.Bytes, volume.Boot.ClusterBytes, attribute.DataBytes, attribute.InitializedBytes);
            if (content.Append(attribute, volume.Boot.Clusters) is { } wrong) volume.Findings.Damage(NtfsClasses.Runlist, $"$MFT's runlist {wrong}");
            if (content.MappedClusters > 0) return content;
            break;
        }

        volume.Findings.NotChecked("$MFT's own record has no content that can be followed, so that no file can be found");
        return null;
    }

    // A fragmented $MFT lists its later extents in records that lie in its earlier ones.
    private async Task AppendExtentsAsync(NtfsVolume volume, byte[] first)
    {
        if (await FileRecordSet.ReadListAsync(volume, first) is not { } list) return;
        for (var offset = 0; offset < list.Length;)
        {
            if (AttributeListEntry.Read(list.AsSpan(offset), out var entry) is not null) return; // said when attribute lists are checked
            offset += entry.LengthBytes;
            if (entry.Type != AttributeType.Data || !entry.NameBytes.IsEmpty || entry.LowestVcn == 0) continue;
            var (number, vcn) = (entry.Record.Number, entry.LowestVcn);
            if (await TryReadAsync(number) is not { } bytes)
            {
                volume.Findings.Damage(NtfsClasses.Record, $"record {number}, which lists the part of $MFT from its cluster {vcn} on, cannot be read");
                return;
            }

            foreach (var attribute in MftRecord.Trusted(bytes))
            {
                if (attribute.Type != AttributeType.Data || attribute.HasName || !attribute.IsNonResident || attribute.LowestVcn != vcn) continue;
                if (Content.Append(attribute, volume.Boot.Clusters) is { } wrong)
                {
                    volume.Findings.Damage(NtfsClasses.Runlist, $"$MFT's runlist in record {number} {wrong}");
                    return;
                }
            }
        }
    }
}
