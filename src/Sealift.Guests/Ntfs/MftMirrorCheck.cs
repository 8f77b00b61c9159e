namespace Sealift.Guests.Ntfs;

/// <summary>$MFTMirr, the copy of the first file records.</summary>
internal static class MftMirrorCheck
{
    /// <summary>Compares their content: the update sequence numbers may differ, as each is written by itself.</summary>
    public static async Task RunAsync(NtfsVolume volume, MasterFileTable mft)
    {
        var boot = volume.Boot;
        // At least four, and as many as a cluster holds.
        var count = Math.Max(MasterFileTable.MirroredRecords, boot.ClusterBytes / boot.RecordBytes);
        byte[] record = new byte[boot.RecordBytes], copy = new byte[boot.RecordBytes];
        for (var number = 0; number < count && number < mft.Records; number++)
        {
            if (!await mft.TryReadRawAsync(number, record)) continue; // said when all records are checked
            var offset = (boot.MirrorCluster * boot.ClusterBytes) + ((long)number * boot.RecordBytes);
            if (!await volume.Bytes.TryReadAsync(offset, copy))
            {
                volume.Findings.Disagreement(NtfsClasses.MftMirror, $"the copy of {NtfsVolume.NameOf(number)} lies beyond the end of the device");
                return;
            }

            var same = record.AsSpan().CommonPrefixLength(copy);
            if (same == record.Length || HaveSameContent(record, copy)) continue;
            var text = $"the copy of {NtfsVolume.NameOf(number)} in $MFTMirr differs from byte {same} on";
            // Windows keeps the first four; what a large cluster holds besides is not always kept up.
            if (number < MasterFileTable.MirroredRecords) volume.Findings.Disagreement(NtfsClasses.MftMirror, text);
            else if (copy.AsSpan().ContainsAnyExcept((byte)0)) volume.Findings.Note(NtfsClasses.MftMirror, text);
        }

        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.MftMirror) is not { } file) return; // said when all records are checked
        foreach (var attribute in MftRecord.Trusted(file.Records[0].Bytes))
        {
            if (attribute.Type != AttributeType.Data || attribute.HasName || !attribute.IsNonResident) continue;
            var runs = new Runlist(attribute.Runlist, 0, boot.Clusters);
            if (runs.MoveNext() && runs.Current.Lcn != boot.MirrorCluster)
                volume.Findings.Disagreement(NtfsClasses.MftMirror, $"$MFTMirr lies at cluster {runs.Current.Lcn}, and the boot sector says {boot.MirrorCluster}");
        }
    }

    private static bool HaveSameContent(byte[] record, byte[] copy)
    {
        byte[] one = [.. record], other = [.. copy];
        if (Fixups.Apply(one, Fixups.LeastHeaderBytes) is not null || Fixups.Apply(other, Fixups.LeastHeaderBytes) is not null) return false; // then they are not the same
        ReadOnlySpan<byte> read = one;
        int offset = read.U16(4), length = read.U16(6) * 2;
        return one.AsSpan(0, offset).SequenceEqual(other.AsSpan(0, offset)) && one.AsSpan(offset + length).SequenceEqual(other.AsSpan(offset + length));
    }
}
