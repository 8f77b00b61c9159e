using System.Numerics;

namespace Sealift.Guests.Ntfs;

/// <summary>
/// Looks at every file record once, in their order: bounds, attributes, runlists. It fills the table of records and the map of
/// clusters, which the later checks compare with bitmaps, lists and indexes.
/// </summary>
internal sealed class RecordCheck(NtfsVolume volume, RecordTable table, ClusterMap clusters, BitTable marked, SecurityIds securityIds)
{
    private const int PieceBytes = 2 << 20;

    // A standard information of version 1.2, and one with security id and more.
    private const int StandardBytes12 = 48, StandardBytes3 = 72;
    private const uint ReparsePointFlag = 0x400;

    // Two copies of a time that differ in one bit of this weight or more (seven minutes) did not come to it by two clocks: times that
    // were taken at different moments differ by exactly a power of two once in 2^32, and rounded ones (which are multiples of five) never.
    private const int FirstTellingTimeBit = 32;

    // Versions of files, which no Windows has, have left three fields behind. Low bits of them have since got other meanings.
    private const uint OldFieldMask = 0xFFFF_FF00;

    // Owners are counted from 256 on; the journal and the quota in bytes.
    private const uint MaximumOwner = 1 << 24;
    private const ulong MaximumBytes = 1UL << 50;

    private readonly HashSet<ushort> instances = [];
    private bool brokenRunlist;
    private readonly DoubleClaims doubleClaims = new(volume);

    /// <summary>Records in use.</summary>
    public long InUse { get; private set; }

    /// <summary>Base records in use that are no directory.</summary>
    public long Files { get; private set; }

    /// <summary>Directories.</summary>
    public long Directories { get; private set; }

    /// <summary>Records that ought to be in use and cannot be read: what they claim is not known.</summary>
    public long Unreadable { get; private set; }

    /// <summary>Whether every runlist could be followed, so that what nothing claims is not in use.</summary>
    public bool ClaimsAreWhole => Unreadable == 0 && !brokenRunlist;

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

        await doubleClaims.TellAsync(mft, table);
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
        var isBase = record.Base.Raw == 0;
        if (isBase)
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

        Attributes(number, record, isBase, ref state);
    }

    private void Lost(long number, string wrong, bool isWritten = true)
    {
        Unreadable++;
        table.State(number) |= RecordState.Unreadable;
        if (isWritten) volume.Findings.Damage(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)}: {wrong}");
        else volume.Findings.Disagreement(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)}: {wrong}");
    }

    private void Attributes(long number, MftRecord record, bool isBase, ref RecordState state)
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
            if (first && isBase && attribute.Type != AttributeType.StandardInformation) Wrong(number, attribute, "comes first, where $STANDARD_INFORMATION belongs");
            if (attribute.IsNonResident) NonResident(number, attribute, ref state);
            else Resident(number, record, attribute, isBase, standard);
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

        if (!isBase || (state & RecordState.HasList) != 0) return;
        if (record.IsDirectory != hasDirectoryIndex) Wrong(number, $"is {(record.IsDirectory ? "a directory without" : "no directory and has")} an index of names");
        if (standard.Type == AttributeType.StandardInformation && !standard.IsNonResident && standard.Value.Length >= StandardBytes12 && ((standard.Value.U32(32) & ReparsePointFlag) != 0) != hasReparsePoint)
            Wrong(number, $"{(hasReparsePoint ? "has a" : "has no")} reparse point, and its flags are 0x{standard.Value.U32(32):x8}");
    }

    private void Resident(long number, MftRecord record, AttributeRecord attribute, bool isBase, AttributeRecord standard)
    {
        if (attribute.Type == AttributeType.IndexAllocation) Wrong(number, attribute, "lies in the record");
        // What is longer than its value by more than the alignment was not written by anybody.
        if (attribute.Bytes.Length - (attribute.Bytes.U16(20) + attribute.Value.Length) >= 8) Wrong(number, attribute, $"has {attribute.Bytes.Length} bytes for a value of {attribute.Value.Length} at {attribute.Bytes.U16(20)}");
        var indexed = attribute.Type == AttributeType.FileName ? 1 : 0;
        if (attribute.ResidentFlags != indexed) Wrong(number, attribute, $"has the mark for indexed attributes {attribute.ResidentFlags} instead of {indexed}");
        switch (attribute.Type)
        {
            case AttributeType.StandardInformation:
                StandardInformation(number, attribute);
                break;
            case AttributeType.FileName:
                Name(number, record, attribute, isBase, standard);
                break;
            case AttributeType.ObjectId when attribute.Value.Length is < 16 or > 256:
                Wrong(number, attribute, $"has {attribute.Value.Length} bytes");
                break;
            case AttributeType.ReparsePoint when attribute.Value.Length < 8 || attribute.Value.U16(4) + 8 > attribute.Value.Length:
                Wrong(number, attribute, $"has {attribute.Value.Length} bytes");
                break;
            case AttributeType.EaInformation when attribute.Value.Length != 8:
                Wrong(number, attribute, $"has {attribute.Value.Length} bytes");
                break;
            default:
                break;
        }
    }

    private void StandardInformation(long number, AttributeRecord attribute)
    {
        var value = attribute.Value;
        if (value.Length != StandardBytes12 && value.Length < StandardBytes3)
        {
            Wrong(number, attribute, $"has {value.Length} bytes");
            return;
        }

        if (((value.U32(36) | (value.Length < StandardBytes3 ? 0 : value.U32(40) | value.U32(44))) & OldFieldMask) != 0)
            Wrong(number, attribute, $"has the versions {value.U32(36)} and {value.U32(40)} and the class {value.U32(44)}, which nobody writes");
        if ((value.U32(32) & FileName.UnknownFlags) != 0) Wrong(number, attribute, $"has the flags 0x{value.U32(32):x8}");
        if (value.Length < StandardBytes3) return;
        if (value.U32(48) > MaximumOwner || value.U64(56) > MaximumBytes || value.U64(64) > MaximumBytes)
            Wrong(number, attribute, $"has the owner {value.U32(48)}, a quota of {value.U64(56)} bytes and the place {value.U64(64)} in the journal");
        var id = value.U32(52);
        if (id != 0 && !securityIds.Contains(id))
            volume.Findings.Disagreement(NtfsClasses.Security, $"{NtfsVolume.NameOf(number)} has the security id {id}, which $Secure does not know");
    }

    private void Name(long number, MftRecord record, AttributeRecord attribute, bool isBase, AttributeRecord standard)
    {
        if (FileName.Read(attribute.Value, out var name) is { } wrong)
        {
            Wrong(number, attribute, wrong);
            return;
        }

        var owner = isBase ? number : record.Base.Number;
        if (owner >= table.Count) return; // said where extension records are checked
        table.Names(owner)++;
        table.Sum(owner) += name.Agreement;
        if (name.Parent.Number >= table.Count) Wrong(number, attribute, $"(\"{name.Text}\") lies in the directory {name.Parent} of {table.Count} records");
        if (name.Implausible(volume.Boot) is { } implausible) Wrong(number, attribute, $"(\"{name.Text}\") {implausible}");
        if (isBase && ((name.Flags & FileName.DirectoryFlag) != 0) != record.IsDirectory) Wrong(number, attribute, $"(\"{name.Text}\") has the flags 0x{name.Flags:x8}, and the record is {(record.IsDirectory ? "a" : "no")} directory");
        if (standard.Type != AttributeType.StandardInformation || standard.IsNonResident || standard.Value.Length < StandardBytes12) return;
        for (var i = 0; i < 4; i++)
        {
            var difference = name.Time(i) ^ standard.Value.U64(i * 8);
            if (BitOperations.IsPow2(difference) && BitOperations.TrailingZeroCount(difference) >= FirstTellingTimeBit)
                Wrong(number, attribute, $"(\"{name.Text}\") has the time 0x{name.Time(i):x16}, which differs in one bit from that of $STANDARD_INFORMATION");
        }
    }

    private void NonResident(long number, AttributeRecord attribute, ref RecordState state)
    {
        if (AttributeType.IsAlwaysResident(attribute.Type))
        {
            Wrong(number, attribute, "does not lie in the record");
            return;
        }

        if (clusters.Overlapping > volume.Boot.Clusters) return; // said when it came to that
        var cluster = volume.Boot.ClusterBytes;
        if (attribute.LowestVcn < 0 || attribute.HighestVcn < attribute.LowestVcn - 1)
        {
            brokenRunlist = true;
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
            var taken = clusters.Claim(run.Lcn, run.Clusters, out var firstTaken);
            if (taken > 0)
            {
                state |= RecordState.CrossLinked;
                doubleClaims.Add(firstTaken);
                if (clusters.Overlapping > volume.Boot.Clusters)
                {
                    // Each claim costs time; a volume on which more is claimed twice than there is has told enough.
                    volume.Findings.NotChecked("More clusters are claimed twice than the volume has; the rest of the runlists is not followed");
                    return;
                }
            }
        }

        if (list.Wrong is { } wrong)
        {
            brokenRunlist = true;
            volume.Findings.Damage(NtfsClasses.Runlist, $"{NtfsVolume.NameOf(number)}: the runlist of {attribute.Description} {wrong}");
            return;
        }

        // An empty one says -1 or, from some makers, 0.
        var spanned = attribute.HighestVcn - attribute.LowestVcn + 1;
        if (total != spanned && !(total == 0 && attribute.HighestVcn == 0))
            Wrong(number, attribute, $"spans its clusters {attribute.LowestVcn} to {attribute.HighestVcn}, and its runlist has {total}");
        if ((state & RecordState.HasList) == 0 && (state & RecordState.Extension) == 0)
        {
            if (attribute.LowestVcn != 0) Wrong(number, attribute, $"starts at its cluster {attribute.LowestVcn}, and there is no attribute list");
            else if (ExtentSizes.Wrong(attribute, total, placed, cluster) is { } sizes) Wrong(number, attribute, sizes);
        }
    }

    private void Wrong(long number, AttributeRecord attribute, string text) => volume.Findings.Damage(NtfsClasses.Attribute, $"{NtfsVolume.NameOf(number)}: {attribute.Description} {text}");

    private void Wrong(long number, string text) => volume.Findings.Damage(NtfsClasses.Record, $"{NtfsVolume.NameOf(number)} {text}");
}
