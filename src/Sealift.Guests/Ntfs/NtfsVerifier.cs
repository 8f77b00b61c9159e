namespace Sealift.Guests.Ntfs;

/// <summary>
/// A structural check of an NTFS volume, read-only and by the published format. Whatever is on the volume, it ends in a report: with
/// bounded memory and in a time that is bounded by the size of the volume. docs/ntfs.md says what is compared with what.
/// </summary>
public static class NtfsVerifier
{
    /// <summary>Checks a volume.</summary>
    /// <param name="reader">The volume's bytes. What it throws when a read fails is thrown on: an unreadable disk is no finding about NTFS.</param>
    /// <param name="limits">What the check may take; the defaults where null.</param>
    /// <param name="cancel">Cancels it.</param>
    public static async Task<NtfsReport> RunAsync(IVolumeReader reader, NtfsLimits? limits, CancellationToken cancel)
    {
        limits ??= NtfsLimits.Default;
        var findings = new NtfsFindings(limits.TextsPerClass);
        var bytes = new VolumeBytes(reader, cancel);
        var facts = new NtfsFacts();
        if (await BootSectorCheck.RunAsync(bytes, findings) is { } boot)
        {
            facts = facts with { SerialNumber = $"{boot.SerialNumber:X16}", ClusterBytes = boot.ClusterBytes, RecordBytes = boot.RecordBytes, Clusters = boot.Clusters };
            facts = await VolumeAsync(new NtfsVolume(bytes, boot, findings, limits), facts);
        }
        else
        {
            findings.NotChecked("Neither the boot sector nor a copy of it describes an NTFS volume");
        }

        return new NtfsReport { IsComplete = findings.IsComplete, Facts = facts with { BytesRead = bytes.BytesRead }, Observations = findings.ToObservations() };
    }

    private static async Task<NtfsFacts> VolumeAsync(NtfsVolume volume, NtfsFacts facts)
    {
        var mapBytes = volume.Boot.Clusters / 8;
        if (mapBytes > volume.Limits.MaximumTableBytes)
        {
            volume.Findings.NotChecked($"A map of {volume.Boot.Clusters} clusters takes {mapBytes} bytes, and {volume.Limits.MaximumTableBytes} are allowed");
            return facts;
        }

        if (await MasterFileTable.OpenAsync(volume) is not { } mft) return facts;
        var tableBytes = mapBytes + (mft.Records * RecordTable.BytesPerRecord) + (mft.Records / 8);
        facts = facts with { Records = mft.Records };
        if (tableBytes > volume.Limits.MaximumTableBytes || mft.Records > Array.MaxLength)
        {
            volume.Findings.NotChecked($"The tables for {mft.Records} file records take {tableBytes} bytes, and {volume.Limits.MaximumTableBytes} are allowed");
            return facts;
        }

        // First what tells how the rest is to be judged.
        var (label, version) = await VolumeInformationCheck.RunAsync(volume, mft);
        await new LogFileCheck(volume, mft).RunAsync();
        await MftMirrorCheck.RunAsync(volume, mft);
        await AttributeDefinitionsCheck.RunAsync(volume, mft);
        var upCase = await UpCaseTable.ReadAsync(volume, mft);
        var securityIds = await new SecurityCheck(volume, mft, upCase).RunAsync();

        var table = new RecordTable((int)mft.Records);
        var clusters = new ClusterMap(volume.Boot.Clusters);
        var marked = await MftBitmapAsync(volume, mft);
        var records = new RecordCheck(volume, table, clusters, marked, securityIds);
        await records.RunAsync(mft);
        await new ClusterBitmapCheck(volume, clusters).RunAsync(mft, records.ClaimsAreWhole);

        var indexes = new IndexCheck(volume, table, upCase);
        await FilesAsync(volume, mft, table, indexes);
        new LinkCheck(volume, table).Run(indexes.Broken);
        if (indexes.Hibernation is { } hibernation) await HibernationCheck.RunAsync(volume, mft, hibernation);
        return facts with
        {
            Label = label,
            Version = version,
            ClustersInUse = clusters.Claimed,
            RecordsInUse = records.InUse,
            Files = records.Files,
            Directories = records.Directories,
            IsDirty = volume.IsDirty,
        };
    }

    private static async Task<BitTable> MftBitmapAsync(NtfsVolume volume, MasterFileTable mft)
    {
        var file = await FileRecordSet.LoadAsync(volume, mft, SystemRecord.Mft);
        string? wrong = null;
        var bitmap = file?.Content(AttributeType.Bitmap, [], out wrong);
        // A bit a record, and room for growth.
        if (bitmap is not null && wrong is null && await bitmap.TryReadAllAsync((int)((mft.Records / 8) + (1 << 20))) is { } bits)
        {
            if (bits.Length * 8L < mft.Records) volume.Findings.Damage(NtfsClasses.MftBitmap, $"$MFT's bitmap has {bits.Length} bytes for {mft.Records} records");
            return new BitTable(bits);
        }

        volume.Findings.Damage(NtfsClasses.MftBitmap, $"$MFT's bitmap {wrong ?? "is missing or cannot be read"}");
        return new BitTable([]);
    }

    // What a file's record alone does not tell: attribute lists and indexes.
    private static async Task FilesAsync(NtfsVolume volume, MasterFileTable mft, RecordTable table, IndexCheck indexes)
    {
        var lists = new AttributeListCheck(volume, table);
        for (long number = 0; number < table.Count; number++)
        {
            var state = table.State(number);
            if ((state & (RecordState.HasList | RecordState.HasIndex)) == 0 || (state & (RecordState.Extension | RecordState.Unreadable)) != 0) continue;
            // Whose content it is cannot be told, and the time that it takes would not be bounded by the size of the volume.
            if ((state & RecordState.CrossLinked) != 0)
            {
                indexes.Broken++;
                continue;
            }

            if (await FileRecordSet.LoadAsync(volume, mft, number, table) is not { } file) continue; // it was sound a moment ago: said in the first pass otherwise
            if ((state & RecordState.HasList) != 0) await lists.RunAsync(number, file);
            await indexes.RunAsync(number, file);
        }
    }
}
