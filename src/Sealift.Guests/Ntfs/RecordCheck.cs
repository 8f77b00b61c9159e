namespace Sealift.Guests.Ntfs;

/// <summary>
/// Looks at every file record once, in their order, and at their attributes. It fills the table of records and the map of clusters,
/// which the later checks compare with bitmaps, lists and indexes.
/// </summary>
internal sealed class RecordCheck(NtfsVolume volume, RecordTable table, ClusterMap clusters, BitTable marked, SecurityIds securityIds)
{
    private const int PieceBytes = 2 << 20;

    private const uint ReparsePointFlag = 0x400;

    private readonly HashSet<ushort> instances = [];
    private readonly RunlistCheck runlists = new(volume, clusters);
    private readonly ValueCheck values = new(volume, table, securityIds);

    /// <summary>Records in use.</summary>
    public long InUse { get; private set; }

    /// <summary>Base records in use that are no directory.</summary>
    public long Files { get; private set; }

    /// <summary>Directories.</summary>
    public long Directories { get; private set; }

    /// <summary>Records that ought to be in use and cannot be read: what they claim is not known.</summary>
    public long Unreadable { get; private set; }

    /// <summary>Whether every runlist could be followed, so that what nothing claims is not in use.</summary>
    public bool ClaimsAreWhole => Unreadable == 0 && runlists.ClaimsAreWhole;

    /// <summary>Looks at all of them.</summary>
    public async Task RunAsync(MasterFileTable mft)
    {
        var perPiece = Math.Max(1, PieceBytes / mft.RecordBytes);
        var piece = new byte[perPiece * mft.RecordBytes];
        for (long first = 0; first < table.Count; first += perPiece)
        {
            var count = (int)Math.Min(perPiece, table.Count - first);
            if (await mft.Content.TryReadAsync(first * mft.RecordBytes, piece.AsMemory(0, count * mft.RecordBytes)))
            {
                for (var i = 0; i < count; i++) Visit(first + i, piece.AsSpan(i * mft.RecordBytes, mft.RecordBytes));
            }
            else
            {
                await VisitSinglyAsync(mft, first, count);
            }
        }

        await runlists.TellDoubleClaimsAsync(mft, table);
    }

    // A piece of which a part cannot be read.
    private async Task VisitSinglyAsync(MasterFileTable mft, long first, int count)
    {
        var record = new byte[mft.RecordBytes];
        for (var number = first; number < first + count; number++)
        {
            if (await mft.Content.TryReadAsync(number * mft.RecordBytes, record)) Visit(number, record);
            else if (marked[number]) Lost(number, "it lies where $MFT has no clusters, or beyond the end of the device");
        }
    }

    private void Visit(long number, Span<byte> bytes)
    {
        if (!MftRecord.LooksInUse(bytes))
        {
            if (!marked[number]) return;
            // 16 … 23 may be set aside by a mark in the bitmap alone.
            if (number is >= SystemRecord.FirstSetAside and < SystemRecord.FirstOrdinary && ((ReadOnlySpan<byte>)bytes)[..4].SequenceEqual("FILE"u8)) return;
        }

        if (MftRecord.Read(bytes, number, out var record) is { } wrong)
        {
            // A record that was never written is one that the log has yet to write.
            Lost(number, wrong, isWritten: bytes.ContainsAnyExcept((byte)0));
            return;
        }

        if (record.IsInUse != marked[number])
            volume.Findings.Disagreement(NtfsClasses.MftBitmap, $"{NtfsVolume.NameOf(number)} is {(record.IsInUse ? "in use" : "free")}, and $MFT's bitmap marks it {(marked[number] ? "used" : "free")}");
        if (!record.IsInUse) return;
        InUse++;
        table.Sequence(number) = record.Sequence;
        ref var state = ref table.State(number);
        state |= RecordState.InUse;
        if (record.IsBase)
        {
            table.Links(number) = record.LinkCount;
            if (record.IsDirectory)
            {
                state |= RecordState.Directory;
                Directories++;
            }
            else
            {
                Files++;
            }
        }
        else
        {
            state |= RecordState.Extension;
            table.Sum(number) = record.Base.Raw;
        }

        foreach (var attribute in record)
        {
            if (attribute.Type == AttributeType.AttributeList) state |= RecordState.HasList;
        }

        Attributes(number, record, ref state);
        // Who reads its base record's content reads this one's.
        if (!record.IsBase && (state & RecordState.CrossLinked) != 0 && record.Base.Number < table.Count) table.State(record.Base.Number) |= RecordState.CrossLinked;
    }

    private void Lost(long number, string wrong, bool isWritten = true)
    {
        Unreadable++;
        table.State(number) |= RecordState.Unreadable;
        if (isWritten) volume.Findings.Damage(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)}: {wrong}");
        else volume.Findings.Disagreement(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)}: {wrong}");
    }

    private void Attributes(long number, MftRecord record, ref RecordState state)
    {
        instances.Clear();
        AttributeRecord before = default, standard = default;
        bool first = true, hasReparsePoint = false, hasDirectoryIndex = false;
        foreach (var attribute in record)
        {
            if (!first && attribute.Type < before.Type) Wrong(number, attribute, $"comes behind {before.Description}");
            if (!first && attribute.Type == before.Type && attribute.Type != AttributeType.FileName && attribute.NameBytes.SequenceEqual(before.NameBytes) && attribute.LowestVcn == before.LowestVcn)
                Wrong(number, attribute, "is there twice");
            if (!instances.Add(attribute.Instance)) Wrong(number, attribute, $"has the number {attribute.Instance} of another attribute");
            if (attribute.Instance >= record.NextInstance) Wrong(number, attribute, $"has the number {attribute.Instance}, and the next one to give is {record.NextInstance}");
            if ((attribute.Flags & 0xFF) > 1 || (attribute.Flags & 0x3F00) != 0) Wrong(number, attribute, $"has the flags 0x{attribute.Flags:x4}");
            if (first && record.IsBase && attribute.Type != AttributeType.StandardInformation) Wrong(number, attribute, "comes first, where $STANDARD_INFORMATION belongs");
            if (attribute.IsNonResident) runlists.Run(number, attribute, ref state);
            else values.Run(number, record, attribute, standard);
            if (attribute.Type == AttributeType.StandardInformation) standard = attribute;
            hasReparsePoint |= attribute.Type == AttributeType.ReparsePoint;
            if (attribute.Type == AttributeType.IndexRoot)
            {
                state |= RecordState.HasIndex;
                hasDirectoryIndex |= attribute.IsNamed(IndexName.Directory);
            }

            before = attribute;
            first = false;
        }

        if (!record.IsBase || (state & RecordState.HasList) != 0) return;
        if (record.IsDirectory != hasDirectoryIndex) Wrong(number, $"is {(record.IsDirectory ? "a directory without" : "no directory and has")} an index of names");
        if (standard.Type == AttributeType.StandardInformation && !standard.IsNonResident && standard.Value.Length >= ValueCheck.StandardBytes12 && ((standard.Value.U32(32) & ReparsePointFlag) != 0) != hasReparsePoint)
            Wrong(number, $"{(hasReparsePoint ? "has a" : "has no")} reparse point, and its flags are 0x{standard.Value.U32(32):x8}");
    }

    private void Wrong(long number, AttributeRecord attribute, string text) => volume.Findings.Damage(NtfsClasses.Attribute, $"{NtfsVolume.NameOf(number)}: {attribute.Description} {text}");

    private void Wrong(long number, string text) => volume.Findings.Damage(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)} {text}");
}
