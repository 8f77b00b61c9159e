namespace Sealift.Guests.Ntfs;

/// <summary>Last: whether the files' names, the directories' entries, the link counts and the extension records all agree.</summary>
internal sealed class LinkCheck(NtfsVolume volume, RecordTable table)
{
    /// <summary>Looks at every record's sums. Those that the file system has set aside have no names.</summary>
    /// <param name="brokenIndexes">Indexes that could not be walked to their end.</param>
    public void Run(long brokenIndexes)
    {
        var reason = brokenIndexes == 0 ? string.Empty : $" ({brokenIndexes} indexes could not be read to their end)";
        for (long number = 0; number < table.Count; number++)
        {
            var state = table.State(number);
            if ((state & RecordState.Unreadable) != 0 || (state & RecordState.InUse) == 0) continue;
            if ((state & RecordState.Extension) != 0) Extension(number, state);
            else if (number is <= SystemRecord.Extend or >= SystemRecord.FirstOrdinary) Base(number, reason);
        }
    }

    private void Extension(long number, RecordState state)
    {
        var owner = new FileReference(table.Sum(number));
        if (table.Wrong(owner) is { } wrong) volume.Findings.Disagreement(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)} extends {wrong}");
        else if ((state & RecordState.Listed) == 0 && (table.State(owner.Number) & RecordState.Unreadable) == 0)
            volume.Findings.Disagreement(NtfsClasses.AttributeList, $"{NtfsVolume.NameOf(number)} extends record {owner.Number}, whose attribute list does not name it");
    }

    private void Base(long number, string reason)
    {
        int links = table.Links(number), names = table.Names(number), entries = table.Entries(number);
        if (links != names) volume.Findings.Disagreement(NtfsClasses.FileName, $"{NtfsVolume.NameOf(number)} says that it has {links} links, and has {names} names");
        if (names != entries) volume.Findings.Disagreement(NtfsClasses.FileName, $"{NtfsVolume.NameOf(number)} has {names} names, and {entries} directory entries lead to it{reason}");
        else if (table.Sum(number) != 0) volume.Findings.Disagreement(NtfsClasses.FileName, $"{NtfsVolume.NameOf(number)} has {names} names, and its directory entries say others{reason}");
        if (names == 0 && number >= SystemRecord.FirstOrdinary) volume.Findings.Disagreement(NtfsClasses.FileName, $"{NtfsVolume.NameOf(number)} is in use and has no name");
    }
}
