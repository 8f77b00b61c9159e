using System.Globalization;

namespace Sealift.Guests.Lint;

/// <summary>Looks for one family of what keeps a guest from being converted, or from starting on KVM.</summary>
internal abstract class LintRule
{
    private const int ListLimit = 20;

    /// <summary>What it finds; nothing where it does not apply.</summary>
    public abstract IEnumerable<Finding> Look(GuestFacts facts);

    /// <summary>A finding about the machine.</summary>
    protected static Finding OfMachine(string findingClass, FindingSeverity severity, string text, string device = "operating system") => new(findingClass, severity, "machine", device, GuestText.Finding(text));

    /// <summary>A finding about the root file system, or what is said to be it.</summary>
    protected static Finding OfRoot(GuestFacts facts, string findingClass, FindingSeverity severity, string text)
    {
        var (identity, device) = facts.PlaceOf(facts.Inside?.RootUuid ?? string.Empty, "operating system");
        return new Finding(findingClass, severity, identity, device, GuestText.Finding(text));
    }

    /// <summary>A sentence, and below it one line each, as many as a person reads.</summary>
    protected static string Listed(string sentence, IReadOnlyList<string> lines) =>
        string.Join('\n', [sentence, .. lines.Take(ListLimit), .. lines.Count > ListLimit ? new[] { string.Create(CultureInfo.InvariantCulture, $"and {lines.Count - ListLimit} more") } : []]);
}
