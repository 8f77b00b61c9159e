using System.Text;
using System.Text.RegularExpressions;

namespace Sealift.Docs;

/// <summary>Whether a command said what a page shows of it.</summary>
internal static partial class ShownOutput
{
    /// <summary>The first line shown that was not said behind the lines before it; null where all were said, in this order. Times, dates, digests, rates and names of migrations differ at each run and are not compared, and <c>…</c> stands for anything.</summary>
    /// <param name="shown">The lines of the page.</param>
    /// <param name="said">What the command wrote.</param>
    public static string? Missing(IEnumerable<string> shown, string said)
    {
        using var lines = said.Split('\n').Select(Steady).GetEnumerator();
        foreach (var line in shown.Where(l => l.Trim() is not ("" or "…")))
        {
            var wanted = new Regex("^" + string.Join(".*", Steady(line).Split('…').Select(Regex.Escape)) + "$");
            do
            {
                if (!lines.MoveNext()) return line;
            }
            while (!wanted.IsMatch(lines.Current));
        }

        return null;
    }

    // The same word for whatever differs from run to run; wide space is how columns happen to lie.
    private static string Steady(string line)
    {
        var steady = new StringBuilder(line);
        foreach (var (pattern, word) in new[] { (Migration(), "MIGRATION"), (Digest(), "DIGEST"), (Instant(), "DATE"), (Rate(), "RATE"), (Duration(), "TIME"), (Size(), "SIZE") })
        {
            var now = pattern.Replace(steady.ToString(), word);
            steady.Clear().Append(now);
        }

        return Space().Replace(steady.ToString(), " ").Trim();
    }

    [GeneratedRegex(@"\b\d{6}-\d{6}-[a-z0-9]{3}\b")]
    private static partial Regex Migration();

    [GeneratedRegex(@"\b[0-9a-f]{6,}…[0-9a-f]+\b|\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{8,}\b")]
    private static partial Regex Digest();

    [GeneratedRegex(@"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?|\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}(?:, \d\d:\d\d(?::\d\d)?)?")]
    private static partial Regex Instant();

    [GeneratedRegex(@"\d+(?:\.\d+)? [KMGT]?i?B/s")]
    private static partial Regex Rate();

    [GeneratedRegex(@"\b\d+(?:\.\d+)? (?:ms|s|min|h)\b(?: \d+ (?:s|min)\b)?")]
    private static partial Regex Duration();

    // Those with a fraction: how much of a guest is data is its distribution's matter, how big its disk is is ours.
    [GeneratedRegex(@"\b\d+\.\d+ [KMGT]iB")]
    private static partial Regex Size();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
