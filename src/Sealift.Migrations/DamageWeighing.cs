using Sealift.Guests;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations;

/// <summary>What findings mean: new damage is always fatal, inherited damage and obstacles unless waived by class and file system.</summary>
public static class DamageWeighing
{
    /// <summary>Weighs what was found at the source: all of it is inherited.</summary>
    public static IReadOnlyList<WeighedFinding> Before(IReadOnlyList<Finding> findings, IReadOnlyList<Waiver> waivers) =>
        [.. findings.Select(f => Weigh(f, inherited: true, waivers))];

    /// <summary>Weighs what was found at the target against what was there before.</summary>
    /// <param name="before">The findings at the source; null where it was not checked: then all damage is new.</param>
    /// <param name="after">The findings at the target.</param>
    /// <param name="waivers">What the plan waives.</param>
    public static IReadOnlyList<WeighedFinding> After(IReadOnlyList<Finding>? before, IReadOnlyList<Finding> after, IReadOnlyList<Waiver> waivers)
    {
        // A note that turns into damage is new damage: only damage can be inherited.
        var known = (before ?? []).Where(f => f.Severity == FindingSeverity.Damage).Select(f => f.Identity).ToHashSet();
        return [.. after.Select(f => Weigh(f, known.Contains(f.Identity), waivers))];
    }

    private static WeighedFinding Weigh(Finding finding, bool inherited, IReadOnlyList<Waiver> waivers)
    {
        if (finding.Severity == FindingSeverity.Note) return new(finding, FindingStanding.Note, null);
        if (finding.Severity == FindingSeverity.Warning) return new(finding, FindingStanding.Warning, null);
        if (!inherited) return new(finding, FindingStanding.New, null);
        var waiver = waivers.FirstOrDefault(w => w.Class == finding.Class && w.Filesystem == finding.Filesystem);
        return new(finding, waiver is null ? FindingStanding.Inherited : FindingStanding.Waived, waiver?.Reason);
    }
}

/// <summary>A finding and what it means for the verdict.</summary>
/// <param name="Finding">What was found.</param>
/// <param name="Standing">What it means.</param>
/// <param name="Waiver">The reason given for waiving it; null where it is not waived.</param>
public sealed record WeighedFinding(Finding Finding, FindingStanding Standing, string? Waiver)
{
    /// <summary>Whether it stops the migration.</summary>
    public bool IsFatal => Standing is FindingStanding.Inherited or FindingStanding.New;
}
