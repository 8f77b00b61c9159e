using Sealift.Guests;

namespace Sealift.Migrations;

/// <summary>
/// File systems that were checked at the source and are not there any more at the target, or are nothing that anybody can check: a
/// conversion that destroys what identifies one would otherwise leave "unknown content", which alone is no damage.
/// </summary>
public static class LostFilesystems
{
    /// <summary>The class of a finding about one.</summary>
    public const string FindingClass = "filesystem.lost";

    /// <summary>Adds a finding for each to what was found after the conversion.</summary>
    /// <param name="before">What was found at the source.</param>
    /// <param name="after">What was found at the target.</param>
    public static GuestReport AddTo(GuestReport before, GuestReport after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var now = after.Inspection.Filesystems.ToLookup(f => PlaceOf(f));
        var lost = before.Inspection.Filesystems
            .Where(f => f.CheckedBy.Length > 0 && !now[PlaceOf(f)].Any(n => n.Type == f.Type && n.CheckedBy.Length > 0))
            .Select(f => new Finding(FindingClass, FindingSeverity.Damage, f.Identity, f.Device, $"It was {f.Type} at the source, checked by {f.CheckedBy}; now {(now[PlaceOf(f)].FirstOrDefault() is { } n ? $"it is {n.Type}, and {(n.CheckedBy.Length > 0 ? $"checked by {n.CheckedBy}" : "nothing has checked it")}" : "there is nothing in its place")}"));
        return after with { Findings = [.. after.Findings, .. lost] };
    }

    /// <summary>The disk and the partition or volume; what it holds, which people are told besides, is what may have changed.</summary>
    private static string PlaceOf(GuestFilesystem filesystem) => filesystem.Device.Split(", ", 2)[0];
}
