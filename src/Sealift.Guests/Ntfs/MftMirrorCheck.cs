namespace Sealift.Guests.Ntfs;

/// <summary>$MFTMirr, the copy of the first file records.</summary>
internal static class MftMirrorCheck
{
    /// <summary>Compares them byte by byte.</summary>
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
                volume.Findings.Damage(NtfsClasses.MftMirror, $"the copy of {NtfsVolume.NameOf(number)} lies beyond the end of the device");
                return;
            }

            var same = record.AsSpan().CommonPrefixLength(copy);
            if (same == record.Length) continue;
            var text = $"the copy of {NtfsVolume.NameOf(number)} in $MFTMirr differs from byte {same} on";
            // Windows keeps the first four; what a large cluster holds besides is not always kept up.
            if (number < MasterFileTable.MirroredRecords) volume.Findings.Damage(NtfsClasses.MftMirror, text);
            else if (copy.AsSpan().ContainsAnyExcept((byte)0)) volume.Findings.Note(NtfsClasses.MftMirror, text);
        }

        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.MftMirror) is not { } file) return; // said when all records are checked
        foreach (var attribute in MftRecord.Trusted(file.Records[0].Bytes))
        {
            if (attribute.Type != AttributeType.Data || attribute.HasName || !attribute.IsNonResident) continue;
            var runs = new Runlist(attribute.Runlist, 0, boot.Clusters);
            if (runs.MoveNext() && runs.Current.Lcn != boot.MirrorCluster)
                volume.Findings.Damage(NtfsClasses.MftMirror, $"$MFTMirr lies at cluster {runs.Current.Lcn}, and the boot sector says {boot.MirrorCluster}");
        }
    }
}
