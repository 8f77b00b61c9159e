namespace Sealift.Guests.Ntfs;

/// <summary>
/// Clusters that two attributes claim. The map of clusters knows only that somebody had them before; who, is looked up once at the end,
/// for the first few.
/// </summary>
internal sealed class DoubleClaims(NtfsVolume volume)
{
    private readonly SortedDictionary<long, List<string>> owners = [];
    private long others;

    /// <summary>Remembers a cluster that was claimed before.</summary>
    public void Add(long cluster)
    {
        if (owners.Count < volume.Limits.TextsPerClass) owners.TryAdd(cluster, []);
        else others++;
    }

    /// <summary>Reads the records once more, where there is anything to tell.</summary>
    public async Task TellAsync(MasterFileTable mft, RecordTable table)
    {
        if (owners.Count == 0) return;
        for (long number = 0; number < table.Count; number++)
        {
            if ((table.State(number) & RecordState.InUse) != 0 && await mft.TryReadAsync(number) is { } bytes) Look(number, bytes);
        }

        foreach (var (cluster, names) in owners) volume.Findings.Disagreement(NtfsClasses.Runlist, $"cluster {cluster} has two owners: {string.Join("; ", names)}");
        if (others > 0) volume.Findings.Disagreement(NtfsClasses.Runlist, $"{others} more runs have clusters that others have");
    }

    private void Look(long number, byte[] bytes)
    {
        foreach (var attribute in MftRecord.Trusted(bytes))
        {
            if (!attribute.IsNonResident) continue;
            var runs = new Runlist(attribute.Runlist, attribute.LowestVcn, volume.Boot.Clusters);
            while (runs.MoveNext())
            {
                if (runs.Current.IsHole) continue;
                foreach (var (cluster, names) in owners)
                {
                    if (cluster >= runs.Current.Lcn && cluster - runs.Current.Lcn < runs.Current.Clusters && names.Count < 4) names.Add($"{NtfsVolume.NameOf(number)}: {attribute.Description}");
                }
            }
        }
    }
}
