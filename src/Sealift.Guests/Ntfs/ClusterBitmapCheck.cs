namespace Sealift.Guests.Ntfs;

/// <summary>$Bitmap, in which each cluster of the volume has a bit, against the clusters that attributes claim.</summary>
internal sealed class ClusterBitmapCheck(NtfsVolume volume, ClusterMap claimed)
{
    private const int PieceBytes = 1 << 20;

    private (long First, long Count) claimedFree;
    private (long First, long Count) markedUnclaimed;

    /// <summary>Compares them.</summary>
    /// <param name="mft">Where $Bitmap's record is.</param>
    /// <param name="claimsAreWhole">Whether every record's runlists could be followed: otherwise clusters that seem unclaimed prove nothing.</param>
    public async Task RunAsync(MasterFileTable mft, bool claimsAreWhole)
    {
        var clusters = volume.Boot.Clusters;
        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.Bitmap) is not { } file) return; // said when all records were checked
        var bitmap = file.Content(AttributeType.Data, [], out var wrong);
        if (bitmap is null || wrong is not null || bitmap.LengthBytes < (clusters + 7) / 8)
        {
            volume.Findings.Damage(NtfsClasses.ClusterBitmap, $"$Bitmap {wrong ?? $"has {bitmap?.LengthBytes ?? 0} bytes for {clusters} clusters"}");
            return;
        }

        var piece = new byte[PieceBytes];
        for (long first = 0, length = (clusters + 7) / 8; first < length; first += PieceBytes)
        {
            var count = (int)Math.Min(PieceBytes, length - first);
            if (!await bitmap.TryReadAsync(first, piece.AsMemory(0, count)))
            {
                volume.Findings.Damage(NtfsClasses.ClusterBitmap, $"$Bitmap cannot be read from its byte {first} on");
                return;
            }

            Compare(first * 8, piece.AsSpan(0, count), claimed.Bytes(first * 8, count), claimsAreWhole);
        }

        Flush(claimsAreWhole);
    }

    private void Compare(long firstCluster, ReadOnlySpan<byte> marked, ReadOnlySpan<byte> taken, bool claimsAreWhole)
    {
        if (marked.SequenceEqual(taken)) return;
        for (var i = marked.CommonPrefixLength(taken); i < marked.Length; i++)
        {
            var difference = marked[i] ^ taken[i];
            for (var bit = 0; difference != 0; bit++, difference >>= 1)
            {
                var cluster = firstCluster + (i * 8L) + bit;
                if ((difference & 1) == 0 || cluster >= volume.Boot.Clusters) continue;
                if ((taken[i] & (1 << bit)) != 0) Extend(ref claimedFree, cluster, claimsAreWhole);
                else Extend(ref markedUnclaimed, cluster, claimsAreWhole);
            }
        }
    }

    // Neighbours are told together.
    private void Extend(ref (long First, long Count) stretch, long cluster, bool claimsAreWhole)
    {
        if (stretch.Count > 0 && cluster == stretch.First + stretch.Count)
        {
            stretch.Count++;
            return;
        }

        if (stretch.Count > 0) Flush(claimsAreWhole);
        stretch = (cluster, 1);
    }

    private void Flush(bool claimsAreWhole)
    {
        if (claimedFree.Count > 0)
            volume.Findings.Disagreement(NtfsClasses.ClusterBitmap, $"{claimedFree.Count} clusters from {claimedFree.First} on are in use and marked free");
        claimedFree = default;
        if (markedUnclaimed.Count > 0)
        {
            var text = $"{markedUnclaimed.Count} clusters from {markedUnclaimed.First} on are marked used, and nothing has them";
            if (volume.IsDirty || !claimsAreWhole) volume.Findings.Note(NtfsClasses.LeakedClusters, text);
            else volume.Findings.Damage(NtfsClasses.ClusterBitmap, text);
        }

        markedUnclaimed = default;
    }
}
