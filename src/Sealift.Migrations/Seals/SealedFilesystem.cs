using System.Text.Json.Serialization;
using Sealift.Guests;

namespace Sealift.Migrations.Seals;

/// <summary>One file system, swap area, container or unknown content.</summary>
/// <param name="Identity">Its UUID where it has one, otherwise disk key and partition.</param>
/// <param name="Device">Where it was seen, for people: <c>disk1 partition 2, ext4 "root"</c>.</param>
/// <param name="Type"><c>ext4</c>, <c>xfs</c>, <c>btrfs</c>, <c>swap</c>, <c>LVM2_member</c>, <c>unknown</c> …</param>
/// <param name="Label">Its label; empty where it has none.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Mountpoint">Where the guest mounts it; empty where it does not.</param>
/// <param name="CheckedBy">The checker with its version; empty where none covers it.</param>
/// <param name="Clean">Whether a checker looked at it and had nothing to say.</param>
public sealed record SealedFilesystem(string Identity, string Device, string Type, string Label, long LengthBytes, string Mountpoint, string CheckedBy, bool Clean)
{
    /// <summary><c>direct</c>: on the migrating host, by a checker without privileges on a view of the partition; <c>appliance</c>: in libguestfs's. Empty where nothing checked it, and in older seals.</summary>
    public string CheckedVia { get; init => field = value ?? string.Empty; } = string.Empty; // null is what JSON without it gives

    /// <summary>Why that way, or why not at all; empty in older seals.</summary>
    public string Why { get; init => field = value ?? string.Empty; } = string.Empty; // null is what JSON without it gives

    /// <summary>What a seal says of a file system.</summary>
    public static SealedFilesystem Of(GuestFilesystem f) => new(f.Identity, f.Device, f.Type, f.Label, f.LengthBytes, f.Mountpoint, f.CheckedBy, f.Clean) { CheckedVia = f.CheckedVia, Why = f.Why };
}

/// <summary>One thing that a checker or the conversion reported.</summary>
/// <param name="Class">The stable name that a waiver uses: <c>ext4.errors</c>, <c>convert.warning</c>.</param>
/// <param name="Standing">What it means for the verdict.</param>
/// <param name="Filesystem">Identity of what it is about.</param>
/// <param name="Device">Where it was seen, for people.</param>
/// <param name="Text">The raw text of the checker.</param>
/// <param name="Waiver">The reason that the plan gives for waiving it; null where it is not waived.</param>
public sealed record SealedFinding(string Class, FindingStanding Standing, string Filesystem, string Device, string Text, string? Waiver)
{
    /// <summary>What a seal says of a finding.</summary>
    public static SealedFinding Of(Finding f, FindingStanding standing, string? waiver = null) => new(f.Class, standing, f.Filesystem, f.Device, f.Text, waiver);
}

/// <summary>What a finding means for the verdict.</summary>
[JsonConverter(typeof(LowerCaseName<FindingStanding>))]
public enum FindingStanding
{
    /// <summary>Worth knowing; never stops a migration.</summary>
    Note,

    /// <summary>Something over which the new machine may not start, or do less; never stops a migration.</summary>
    Warning,

    /// <summary>Damage, or an obstacle to the conversion, that the source had already; fatal.</summary>
    Inherited,

    /// <summary>The same, and the plan waives it by name, with a reason.</summary>
    Waived,

    /// <summary>Damage that was not there before; always fatal.</summary>
    New,
}
