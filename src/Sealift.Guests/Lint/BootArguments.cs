using System.Text.RegularExpressions;

namespace Sealift.Guests.Lint;

/// <summary>What a kernel is told of devices.</summary>
internal static partial class BootArguments
{
    private const int Limit = 64;

    /// <summary>Each <c>root=/dev/…</c> and <c>resume=/dev/…</c> of /etc/default/grub or of a command line; a line that is a comment is not looked at.</summary>
    public static IReadOnlyList<string> DevicesOf(string text) =>
        [.. text.Split('\n').Where(l => !l.TrimStart().StartsWith('#')).SelectMany(l => Device().Matches(l)).Select(m => m.Value).Distinct().Take(Limit)];

    [GeneratedRegex("(?<![A-Za-z0-9_.])(root|resume)=/dev/[A-Za-z0-9/_.:+-]+", RegexOptions.CultureInvariant)]
    private static partial Regex Device();
}
