using System.Text;

namespace Sealift.Nbd;

/// <summary>Text from outside as it may stand in a message: no control characters, bounded.</summary>
internal static class Printable
{
    private const int MaxCharacters = 1000;

    public static string Of(string text)
    {
        var kept = text.Length <= MaxCharacters ? text : text[..MaxCharacters] + "…";
        return kept.Any(IsUnsafe) ? string.Concat(kept.Select(c => IsUnsafe(c) ? '?' : c)) : kept;
    }

    public static string Of(ReadOnlySpan<byte> utf8) => Of(Encoding.UTF8.GetString(utf8));

    // Format characters can turn the direction of a terminal's text around.
    private static bool IsUnsafe(char c) => char.IsControl(c) || char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.Format;
}
