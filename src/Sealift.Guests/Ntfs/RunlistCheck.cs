namespace Sealift.Guests.Ntfs;

/// <summary>Follows every runlist, claims its clusters, and compares what they come to with the sizes of its attribute.</summary>
internal sealed class RunlistCheck(NtfsVolume volume, ClusterMap clusters)
{
    private readonly DoubleClaims doubleClaims = new(volume);

    /// <summary>Whether every runlist could be followed to its end.</summary>
    public bool ClaimsAreWhole { get; private set; } = true;

    // Each claim costs time; a volume on which more is claimed twice than there is has told enough.
    private bool IsExhausted => clusters.Overlapping > volume.Boot.Clusters;

    /// <summary>Checks a non-resident attribute.</summary>
    /// <param name="number">The record.</param>
    /// <param name="attribute">The attribute.</param>
    /// <param name="state">The record's state, where it is noted that others have clusters of it.</param>
    public void Run(long number, AttributeRecord attribute, ref RecordState state)
    {
        if (AttributeType.IsAlwaysResident(attribute.Type))
        {
            Wrong(number, attribute, "does not lie in the record");
            return;
        }

        if (IsExhausted)
        {
            // Nobody knows whose it is: nothing of it is read.
            state |= RecordState.CrossLinked;
            return;
        }

        if (attribute.LowestVcn < 0 || attribute.HighestVcn < attribute.LowestVcn - 1)
        {
            ClaimsAreWhole = false;
            Wrong(number, attribute, $"spans its clusters {attribute.LowestVcn} to {attribute.HighestVcn}");
            return;
        }

        var list = new Runlist(attribute.Runlist, attribute.LowestVcn, volume.Boot.Clusters);
        long total = 0, placed = 0;
        var mayHaveHoles = attribute.IsCompressed || attribute.IsSparse || number is SystemRecord.BadClusters or SystemRecord.Mft;
        while (list.MoveNext())
        {
            var run = list.Current;
            total += run.Clusters;
            if (run.IsHole)
            {
                if (!mayHaveHoles) volume.Findings.Damage(NtfsClasses.Runlist, $"{NtfsVolume.NameOf(number)}: {attribute.Description} has a hole of {run.Clusters} clusters at its cluster {run.Vcn}, and is not sparse");
                mayHaveHoles = true;
                continue;
            }

            placed += run.Clusters;
            if (clusters.Claim(run.Lcn, run.Clusters, out var firstTaken) == 0) continue;
            state |= RecordState.CrossLinked;
            doubleClaims.Add(firstTaken);
            if (!IsExhausted) continue;
            ClaimsAreWhole = false;
            volume.Findings.NotChecked("More clusters are claimed twice than the volume has; the rest of the runlists is not followed");
            return;
        }

        if (list.Wrong is { } wrong)
        {
            ClaimsAreWhole = false;
            volume.Findings.Damage(NtfsClasses.Runlist, $"{NtfsVolume.NameOf(number)}: the runlist of {attribute.Description} {wrong}");
            return;
        }

        Sizes(number, attribute, total, placed, isWhole: (state & (RecordState.HasList | RecordState.Extension)) == 0);
    }

    /// <summary>Tells who the owners of clusters with two owners are.</summary>
    public Task TellDoubleClaimsAsync(MasterFileTable mft, RecordTable table) => doubleClaims.TellAsync(mft, table);

    private void Sizes(long number, AttributeRecord attribute, long total, long placed, bool isWhole)
    {
        // An empty one says -1 or, from some makers, 0.
        var spanned = attribute.HighestVcn - attribute.LowestVcn + 1;
        if (total != spanned && !(total == 0 && attribute.HighestVcn == 0))
            Wrong(number, attribute, $"spans its clusters {attribute.LowestVcn} to {attribute.HighestVcn}, and its runlist has {total}");
        // What is in several pieces is put together when attribute lists are checked.
        if (!isWhole) return;
        if (attribute.LowestVcn != 0) Wrong(number, attribute, $"starts at its cluster {attribute.LowestVcn}, and there is no attribute list");
        else if (ExtentSizes.Wrong(attribute, total, placed, volume.Boot.ClusterBytes) is { } sizes) Wrong(number, attribute, sizes);
    }

    private void Wrong(long number, AttributeRecord attribute, string text) => volume.Findings.Damage(NtfsClasses.Attribute, $"{NtfsVolume.NameOf(number)}: {attribute.Description} {text}");
}
