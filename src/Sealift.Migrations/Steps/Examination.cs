using System.Text.Json;
using Sealift.Guests;
using Sealift.Guests.Files;
using Sealift.Guests.Luks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>What the checks before and after have in common.</summary>
internal static class Examination
{
    /// <summary>What stops a migration at its source: damage first, for an obstacle may come of it.</summary>
    public static SealiftException Refusal(IReadOnlyList<WeighedFinding> fatal)
    {
        var damage = fatal.Where(w => w.Finding.Severity == FindingSeverity.Damage).ToList();
        return damage.Count > 0 ? MigrationErrors.InheritedDamage(damage.Count, Describe(damage[0])) : MigrationErrors.Obstacles(fatal.Count, Describe(fatal[0]), fatal[0].Finding.Text.Split('\n')[0].TrimEnd('.', ':'));
    }

    public static GuestOptions Options(MigrationContext context, PlannedStep step) => new() { WorkDirectory = context.Scratch, LogPath = context.LogPath(step.Step) };

    /// <summary>The keys of the machine's encrypted volumes.</summary>
    /// <exception cref="SealiftException">SL7011: the plan has one that was not given to this run.</exception>
    public static IReadOnlyList<VolumeKey> Keys(MigrationContext context)
    {
        if (context.Request.LuksKeys.FirstOrDefault(s => context.Keys.All(k => k.Selector != s.Selector)) is { } missing) throw MigrationErrors.KeysMissing(missing.Selector);
        return context.Request.LuksKeys.Count == 0 ? [] : context.Keys;
    }

    public static void Tell(MigrationContext context, PlannedStep step, IReadOnlyList<WeighedFinding> weighed)
    {
        foreach (var w in weighed) context.Events.Send(new FindingReported(step.Step, w.Finding));
    }

    public static string Json(GuestReport report) => JsonSerializer.Serialize(report, JournalJson.Default.GuestReport);

    public static string Describe(WeighedFinding w) => $"{w.Finding.Class}:{w.Finding.Filesystem} on {w.Finding.Device}";

    private static string Files(FileChanges? changes)
    {
        if (changes is null) return string.Empty;
        var notTold = changes.Filesystems.Count(f => f.NotTold.Length > 0);
        return $"; files: {changes.Filesystems.Sum(f => f.Changed)} changed, {changes.Filesystems.Sum(f => f.Removed)} removed, {changes.Filesystems.Sum(f => f.Added)} added{(notTold > 0 ? $", {Measures.Count(notTold, "file system")} not told" : string.Empty)}";
    }

    public static string Summary(GuestReport report, IReadOnlyList<WeighedFinding> weighed)
    {
        var looked = report.Inspection.Filesystems.Count(f => f.CheckedBy.Length > 0);
        var waived = weighed.Count(w => w.Standing == FindingStanding.Waived);
        var warnings = weighed.Count(w => w.Standing == FindingStanding.Warning);
        var notes = weighed.Count(w => w.Standing == FindingStanding.Note);
        return $"{Measures.Count(looked, "file system")} checked, no damage{(waived > 0 ? $" but {Measures.Count(waived, "waived finding")}" : string.Empty)}{(warnings > 0 ? $", {Measures.Count(warnings, "warning")}" : string.Empty)}{(notes > 0 ? $", {Measures.Count(notes, "note")}" : string.Empty)}{Files(report.FileChanges)}";
    }
}

/// <summary>A step did its work, and what it saw stops the migration: the evidence is kept for the report.</summary>
internal sealed class StepRefused(SealiftException cause, string json)
    : SealiftException(cause.Code, cause.Attempt, cause.Subject, cause.Said, cause.NextStep, cause)
{
    public string Json { get; } = json;
}
