using System.Text.RegularExpressions;
using Sealift.Guests;
using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>The words for events that the plain and the live view share.</summary>
internal static partial class StepText
{
    /// <summary>A step and its disk as they stand in a list.</summary>
    public static string Name(string step, string disk) => disk.Length == 0 ? step : $"{step} {disk}";

    /// <summary>A text whose digests are cut to their ends, as far as a person compares them; the journal and the seal have them whole.</summary>
    public static string Brief(string text) => Digest().Replace(text, m => $"{m.Value[..8]}…{m.Value[^6..]}");

    /// <summary>A finding on one line.</summary>
    public static string Of(Finding finding)
    {
        var text = finding.Text.ReplaceLineEndings(" ").Trim();
        return ErrorReport.Printable($"{finding.Severity.ToString().ToLowerInvariant()}: {finding.Device}: {finding.Class}: {(text.Length <= 300 ? text : text[..300] + "…")}");
    }

    /// <summary>How far a step is: percent, size, rate, time left.</summary>
    public static string Progress(StepProgress progress, RateMeter meter)
    {
        if (progress.TotalBytes == 0) return string.Empty;
        var left = meter.Left is { } time ? $", {Quantities.Time(time)} left" : string.Empty;
        return $"{100 * progress.DoneBytes / progress.TotalBytes} % of {Quantities.Size(progress.TotalBytes)}, {Quantities.Size(meter.DataRate)}/s{StageText.Limit(progress.Performance)}{left}";
    }

    /// <summary>The end of a migration: verdict first, then why, then what to do next.</summary>
    public static IEnumerable<string> Of(MigrationOutcome outcome)
    {
        yield return $"verdict: {outcome.Verdict.ToString().ToLowerInvariant()}";
        foreach (var reason in outcome.Reasons) yield return $"  {ErrorReport.Printable(reason)}";
        var handedOver = outcome.Verdict is Verdict.Sealed or Verdict.Degraded;
        if (outcome.SealPath is not null) yield return $"{(handedOver ? "seal:    " : "report:  ")}{outcome.SealPath}";
        if (outcome.HtmlPath is not null) yield return $"page:    {outcome.HtmlPath}";
        if (outcome.StartScriptPath is not null) yield return $"start:   {outcome.StartScriptPath}";
        if (outcome.DefinedDomain is not null) yield return $"domain:  {outcome.DefinedDomain}";
        else if (outcome.DomainPath is not null) yield return $"libvirt: virsh define {outcome.DomainPath}";
        if (handedOver && outcome is { SealPath: not null, StartScriptPath: not null }) yield return $"verify:  sealift verify {outcome.SealPath}";
        if (outcome.CanResume) yield return $"resume:  sealift resume {outcome.Id}";
    }

    [GeneratedRegex("(?<![0-9a-f])[0-9a-f]{32,128}(?![0-9a-f])")]
    private static partial Regex Digest();
}
