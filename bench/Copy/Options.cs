using System.Globalization;

namespace Sealift.Bench.Copies;

/// <summary>What the command line asks for.</summary>
/// <param name="Rows">The names of the rows to run; all of them where it is empty.</param>
/// <param name="Runs">How often each side of a comparison is run.</param>
/// <param name="Quick">Whether the data are small: the figures mean nothing then, and everything else is as it is.</param>
/// <param name="Large">Whether the table of growth goes to 64 GiB of data and 64 TiB of disk.</param>
/// <param name="Output">The file that the report goes to; null for standard output.</param>
/// <param name="Directory">Below which the data lie while it runs.</param>
/// <param name="Sealift">The directory of the sealift to measure; null for the one that was built here.</param>
internal sealed record Options(IReadOnlyList<string> Rows, int Runs, bool Quick, bool Large, string? Output, string Directory, string? Sealift)
{
    /// <summary>Reads them.</summary>
    /// <returns>Null where they are wrong.</returns>
    public static Options? Parse(IReadOnlyList<string> arguments, Offer offer) => Parse(arguments, [.. offer.Rows.Select(r => r.Name)], offer.Runs, offer.HasLarge);

    /// <summary>The same where what is measured are no rows.</summary>
    /// <param name="arguments">As above.</param>
    /// <param name="known">What may be named.</param>
    /// <param name="usualRuns">How often each is run where the command line does not say.</param>
    /// <param name="hasLarge">Whether there are more data still to measure with.</param>
    public static Options? Parse(IReadOnlyList<string> arguments, IReadOnlyCollection<string> known, int usualRuns, bool hasLarge = false)
    {
        var (rows, runs, quick, large) = (new List<string>(), 0, false, false);
        string? output = null, sealift = null;
        var directory = Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } given ? given : "/var/tmp";
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--quick": quick = true; break;
                case "--large" when hasLarge: large = true; break;
                case "--runs" when i + 1 < arguments.Count && int.TryParse(arguments[++i], NumberStyles.None, CultureInfo.InvariantCulture, out runs) && runs > 0: break;
                case "--output" when i + 1 < arguments.Count: output = arguments[++i]; break;
                case "--directory" when i + 1 < arguments.Count: directory = arguments[++i]; break;
                case "--sealift" when i + 1 < arguments.Count: sealift = arguments[++i]; break;
                case var name when known.Contains(name): rows.Add(name); break;
                default: return null;
            }
        }

        return new Options(rows, runs > 0 ? runs : quick ? 2 : usualRuns, quick, large, output, directory, sealift);
    }
}
