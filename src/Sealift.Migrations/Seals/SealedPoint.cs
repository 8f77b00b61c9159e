using System.Text.Json.Serialization;

namespace Sealift.Migrations.Seals;

/// <summary>
/// A point on the way of the disks at which their file systems count: whether a checker looked at them there, and to which earlier
/// point every byte is proven to be identical.
/// </summary>
/// <param name="Name">One of <see cref="All"/>.</param>
/// <param name="Standing">How it stands.</param>
/// <param name="Step">The step that checked; empty where none did.</param>
/// <param name="CheckedCount">How many file systems and other contents a checker looked at there.</param>
/// <param name="UncheckedCount">How many it did not look at.</param>
/// <param name="SameAs">The earlier point to which every disk is byte for byte identical; empty where that is not proven, or not so.</param>
/// <param name="ProvenBy">What proves that, one clause; empty where there is no such point.</param>
public sealed record SealedPoint(
    string Name, [property: JsonConverter(typeof(LowerCaseName<PointStanding>))] PointStanding Standing, string Step, int CheckedCount, int UncheckedCount, string SameAs, string ProvenBy)
{
    /// <summary>The disks of the source.</summary>
    public const string Source = "source";

    /// <summary>The copied disks, before anything was converted.</summary>
    public const string CopiedTarget = "copied-target";

    /// <summary>What the conversion made of them, seen through the overlays.</summary>
    public const string ConvertedOverlay = "converted-overlay";

    /// <summary>The disks as they are handed over, where something was committed to them.</summary>
    public const string CommittedTarget = "committed-target";

    /// <summary>All of them, in order.</summary>
    public static IReadOnlyList<string> All { get; } = [Source, CopiedTarget, ConvertedOverlay, CommittedTarget];
}

/// <summary>How a point stands.</summary>
public enum PointStanding
{
    /// <summary>Checkers looked at the file systems there.</summary>
    Checked,

    /// <summary>No checker looked there, and every byte is proven to be that of an earlier point.</summary>
    Identical,

    /// <summary>Neither: the plan left it out, or the migration did not come so far.</summary>
    Unchecked,

    /// <summary>There is no such point: nothing was converted, and the copied disks are what is handed over.</summary>
    Absent,
}
