namespace Sealift.Plans.Documents;

/// <summary>What somebody probably meant who mistyped a word.</summary>
internal static class NearestWord
{
    // More is a waste of time: no field's name is half as long.
    private const int LongestWord = 64;

    /// <summary>The one of some words that differs least; null where all differ too much to be meant.</summary>
    public static string? Of(string word, IEnumerable<string> known)
    {
        if (word.Length is 0 or > LongestWord) return null;
        var nearest = known.Select(k => (Word: k, Distance: Distance(word.ToUpperInvariant(), k.ToUpperInvariant()))).OrderBy(k => k.Distance).FirstOrDefault();
        return nearest.Word is not null && nearest.Distance <= Math.Max(1, word.Length / 3) ? nearest.Word : null;
    }

    /// <summary>Levenshtein's: how many letters have to be put in, taken out or replaced.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[b.Length];
    }
}
