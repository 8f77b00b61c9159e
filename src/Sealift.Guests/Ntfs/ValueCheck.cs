using System.Numerics;

namespace Sealift.Guests.Ntfs;

/// <summary>The values that lie in file records themselves: what they say, and whether anybody could have written it.</summary>
internal sealed class ValueCheck(NtfsVolume volume, RecordTable table, SecurityIds securityIds)
{
    /// <summary>Bytes of a $STANDARD_INFORMATION of version 1.2, and of one with security id and more.</summary>
    public const int StandardBytes12 = 48, StandardBytes3 = 72;

    // Two copies of a time that differ in one bit of this weight or more (seven minutes) did not come to it by two clocks: times that
    // were taken at different moments differ by exactly a power of two once in 2^32, and rounded ones, by a multiple of five, never.
    private const int FirstTellingTimeBit = 32;

    // Versions of files, which no Windows has, have left three fields behind. Low bits of them have since got other meanings.
    private const uint OldFieldMask = 0xFFFF_FF00;

    // Owners are counted from 256 on; the journal and the quota in bytes.
    private const uint MaximumOwner = 1 << 24;
    private const ulong MaximumBytes = 1UL << 50;

    /// <summary>Checks one, and adds a name to the sums of its file.</summary>
    /// <param name="number">The record.</param>
    /// <param name="record">The record's header.</param>
    /// <param name="attribute">The attribute.</param>
    /// <param name="standard">The record's $STANDARD_INFORMATION, as far as it came before.</param>
    public void Run(long number, MftRecord record, AttributeRecord attribute, AttributeRecord standard)
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
                Name(number, record, attribute, standard);
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
            Implausible(number, attribute, $"has the versions {value.U32(36)} and {value.U32(40)} and the class {value.U32(44)}, which nobody writes");
        if ((value.U32(32) & FileName.UnknownFlags) != 0) Implausible(number, attribute, $"has the flags 0x{value.U32(32):x8}");
        if (value.Length < StandardBytes3) return;
        if (value.U32(48) > MaximumOwner || value.U64(56) > MaximumBytes || value.U64(64) > MaximumBytes)
            Implausible(number, attribute, $"has the owner {value.U32(48)}, a quota of {value.U64(56)} bytes and the place {value.U64(64)} in the journal");
        var id = value.U32(52);
        if (id != 0 && !securityIds.Contains(id))
            volume.Findings.Disagreement(NtfsClasses.Security, $"{NtfsVolume.NameOf(number)} has the security id {id}, which $Secure does not know");
    }

    private void Name(long number, MftRecord record, AttributeRecord attribute, AttributeRecord standard)
    {
        if (FileName.Read(attribute.Value, out var name) is { } wrong)
        {
            Wrong(number, attribute, wrong);
            return;
        }

        var owner = record.IsBase ? number : record.Base.Number;
        if (owner >= table.Count) return; // said where extension records are checked
        table.Names(owner)++;
        table.Sum(owner) += name.Agreement;
        if (name.Parent.Number >= table.Count) Wrong(number, attribute, $"(\"{name.Text}\") lies in the directory {name.Parent} of {table.Count} records");
        if (name.Implausible(volume.Boot) is { } implausible) Implausible(number, attribute, $"(\"{name.Text}\") {implausible}");
        if (record.IsBase && ((name.Flags & FileName.DirectoryFlag) != 0) != record.IsDirectory) Wrong(number, attribute, $"(\"{name.Text}\") has the flags 0x{name.Flags:x8}, and the record is {(record.IsDirectory ? "a" : "no")} directory");
        if (standard.Type != AttributeType.StandardInformation || standard.IsNonResident || standard.Value.Length < StandardBytes12) return;
        for (var i = 0; i < 4; i++)
        {
            var difference = name.Time(i) ^ standard.Value.U64(i * 8);
            if (BitOperations.IsPow2(difference) && BitOperations.TrailingZeroCount(difference) >= FirstTellingTimeBit)
                Implausible(number, attribute, $"(\"{name.Text}\") has the time 0x{name.Time(i):x16}, which differs in one bit from that of $STANDARD_INFORMATION");
        }
    }

    private void Implausible(long number, AttributeRecord attribute, string text) => volume.Findings.Damage(NtfsClasses.Implausible, $"{NtfsVolume.NameOf(number)}: {attribute.Description} {text}");

    private void Wrong(long number, AttributeRecord attribute, string text) => volume.Findings.Damage(NtfsClasses.Attribute, $"{NtfsVolume.NameOf(number)}: {attribute.Description} {text}");
}
