using System.Globalization;
using Sealift.Bench.FileSystems.Kinds;

namespace Sealift.Bench.FileSystems;

/// <summary>What a visit came to, in Markdown.</summary>
public static class ZooTable
{
    /// <summary>One row for each kind: its damages, and how many of them who sees.</summary>
    /// <param name="trials">All of them, none left.</param>
    public static string Of(IReadOnlyList<Trial> trials)
    {
        var rows = trials.GroupBy(t => t.Kind).Select(g => Row(g.Key, [.. g])).ToList();
        return string.Join('\n', [Line(["content", "damages", "plain checker", "it sees, by exit code", "by exit code or output", "the reference", "**Sealift**", "says instead: not checked, or a note", "false alarms: plain, Sealift", "file data damaged", "plain checker sees", "the block map locates"]), Line([.. Enumerable.Repeat("---", 12)]), .. rows.Select(Line)]) + "\n";
    }

    private static List<string> Row(Kind kind, List<Trial> trials)
    {
        var sound = trials.Where(t => t.Damage is null).ToList();
        var structure = trials.Where(t => t.Damage is { IsToData: false }).ToList();
        var data = trials.Where(t => t.Damage is { IsToData: true }).ToList();
        var hasPlain = kind.Plain is not null;
        // What the reference does with a dirty one begins with a mount, which is more than an exit code of a checker.
        var reference = !kind.IsLookedAtByReference ? "0" : kind.IsDirty || !hasPlain ? "–" : Number(structure.Count(t => t.IsSeenByCode));
        return
        [
            kind.Name,
            Number(structure.Count),
            hasPlain ? $"`{kind.Plain!.Name}`" : "none",
            hasPlain ? Number(structure.Count(t => t.IsSeenByCode)) : "–",
            hasPlain ? Number(structure.Count(t => t.IsMentioned)) : "–",
            reference,
            $"**{Number(structure.Count(t => t.Says == Saying.Damage))}**{(kind.IsNotCovered ? " (header only)" : string.Empty)}",
            $"{Number(structure.Count(t => t.Says == Saying.NotChecked))}, {Number(structure.Count(t => t.Says == Saying.Note))}",
            $"{(hasPlain ? Number(sound.Count(t => t.Plain!.Fails)) : "–")}, {Number(sound.Count(t => t.IsDamaged))}",
            data.Count == 0 ? "–" : Number(data.Count),
            data.Count == 0 || !hasPlain ? "–" : Number(data.Count(t => t.IsMentioned)),
            data.Count == 0 ? "–" : Number(data.Count(t => t.IsLocatedByMap == true)),
        ];
    }

    private static string Number(int n) => n.ToString(CultureInfo.InvariantCulture);

    private static string Line(IReadOnlyList<string> cells) => $"| {string.Join(" | ", cells)} |";
}
