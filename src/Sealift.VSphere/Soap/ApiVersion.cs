using System.Globalization;

namespace Sealift.VSphere;

/// <summary>
/// Which version of the API is spoken. A server lists those that it knows in <c>vimServiceVersions.xml</c> and then says nothing that is
/// newer than what it is asked in, so nothing comes that was unknown when this was written.
/// </summary>
internal static class ApiVersion
{
    private static readonly int[] Newest = [8, 0, 3, 0];
    private static readonly int[] Oldest = [5, 5];

    /// <summary>The newest version that both know.</summary>
    /// <param name="document">The list.</param>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static string Choose(VimElement document)
    {
        var offered = document.All("namespace").Where(n => n.TextOf("name")?.Trim() == "urn:vim25")
            .SelectMany(n => n.All("version").Concat(n.Find("priorVersions")?.All("version") ?? []))
            .Select(v => v.Text.Trim()).ToList();
        return offered.Select(text => (Text: text, Parts: Parse(text)))
            .Where(v => v.Parts is not null && Compare(v.Parts, Newest) <= 0 && Compare(v.Parts, Oldest) >= 0)
            .OrderBy(v => v.Parts!, Comparer<int[]>.Create(Compare))
            .Select(v => v.Text).LastOrDefault()
            ?? throw new InvalidDataException($"it speaks {(offered.Count == 0 ? "no urn:vim25" : "only " + string.Join(", ", offered.Take(10)))}, and {string.Join('.', Oldest)} to {string.Join('.', Newest)} is needed");
    }

    /// <summary>Null where it has other things than numbers in it, such as <c>2.5u2</c> or <c>dev</c>.</summary>
    private static int[]? Parse(string text)
    {
        const int PartLimit = 6;
        var parts = text.Split('.');
        var numbers = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i])) return null;
        }

        return parts.Length > PartLimit ? null : numbers;
    }

    private static int Compare(int[] left, int[] right)
    {
        for (var i = 0; i < Math.Max(left.Length, right.Length); i++)
        {
            var order = left.ElementAtOrDefault(i).CompareTo(right.ElementAtOrDefault(i));
            if (order != 0) return order;
        }

        return 0;
    }
}
