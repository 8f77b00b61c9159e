using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sealift.Migrations.Support;

/// <summary>
/// Secrets that this host knows, and every spelling of them that logs may have: as they are, in base64 and hexadecimal, escaped for
/// URIs, XML, JSON and shells; broken over lines, too.
/// </summary>
internal sealed class KnownSecrets
{
    /// <summary>Shorter ones would be found in innocent words; they are not looked for.</summary>
    public const int LeastCharacters = 4;

    private const int MostCharacters = 8 << 10;

    // As they are looked for, for each way to break lines.
    private readonly Dictionary<Breaks, HashSet<string>> spellings = Enum.GetValues<Breaks>().ToDictionary(b => b, _ => new HashSet<string>(StringComparer.OrdinalIgnoreCase));

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>One more.</summary>
    /// <returns>False where it is too short, or too long, to be looked for.</returns>
    public bool Add(string secret)
    {
        if (Compact(secret, Breaks.WhiteSpace, null).Length is < LeastCharacters or > MostCharacters) return false;
        Count++;
        foreach (var spelling in Spellings(secret)) LookFor(spelling);
        return true;
    }

    /// <summary>Bytes, such as those of a key.</summary>
    public void Add(ReadOnlySpan<byte> secret)
    {
        if (secret.Length is < 8 or > MostCharacters) return;
        Count++;
        foreach (var spelling in new[] { Convert.ToBase64String(secret).TrimEnd('='), Base64Url.EncodeToString(secret), Convert.ToHexString(secret) }) LookFor(spelling);
    }

    /// <summary>Where they are.</summary>
    public IEnumerable<(int Start, int Length, string Kind)> Find(string text)
    {
        if (Count == 0) yield break;
        foreach (var breaks in Enum.GetValues<Breaks>())
        {
            if (breaks != Breaks.WhiteSpace && !text.Contains('\\', StringComparison.Ordinal)) yield break;
            var places = new List<int>(text.Length);
            var compact = Compact(text, breaks, places);
            foreach (var spelling in spellings[breaks])
            {
                for (var at = compact.IndexOf(spelling, StringComparison.OrdinalIgnoreCase); at >= 0; at = compact.IndexOf(spelling, at + spelling.Length, StringComparison.OrdinalIgnoreCase))
                    yield return (places[at], places[at + spelling.Length - 1] + 1 - places[at], "stored secret");
            }
        }
    }

    private void LookFor(string spelling)
    {
        foreach (var (breaks, words) in spellings)
            if (Compact(spelling, breaks, null) is { Length: >= LeastCharacters } word) _ = words.Add(word); // false: two ways to spell it the same
    }

    private static IEnumerable<string> Spellings(string secret)
    {
        yield return secret;
        yield return Uri.EscapeDataString(secret);
        yield return WebUtility.UrlEncode(secret);
        yield return WebUtility.HtmlEncode(secret);
        yield return secret.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal).Replace("'", "&apos;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);
        yield return JsonEncodedText.Encode(secret).ToString();
        yield return JsonEncodedText.Encode(secret, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString();
        yield return secret.Replace("'", @"'\''", StringComparison.Ordinal);
        yield return secret.Replace("'", "'\"'\"'", StringComparison.Ordinal);
        foreach (var bytes in new[] { Encoding.UTF8.GetBytes(secret), Encoding.Unicode.GetBytes(secret) })
        {
            if (bytes.Length < 6) continue; // eight characters of base64 may be a word
            yield return Convert.ToBase64String(bytes).TrimEnd('=');
            yield return Base64Url.EncodeToString(bytes);
            yield return Convert.ToHexString(bytes);
        }
    }

    /// <summary>The text without what may come between two characters of a word that is broken over lines.</summary>
    private static string Compact(string text, Breaks breaks, List<int>? places)
    {
        var compact = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsWhiteSpace(c) || char.IsControl(c)) continue;
            if (c == '\\' && i + 1 < text.Length)
            {
                if (breaks != Breaks.WhiteSpace && text[i + 1] is ('\n' or '\r')) continue;
                if (breaks == Breaks.Escapes)
                {
                    if (text[i + 1] is 'n' or 'r' or 't') i++;
                    continue;
                }
            }

            _ = compact.Append(c);
            places?.Add(i);
        }

        return compact.ToString();
    }

    /// <summary>How words are broken over lines.</summary>
    private enum Breaks
    {
        /// <summary>By a line feed and what indents the next line.</summary>
        WhiteSpace,

        /// <summary>By a backslash at the end of the line, too.</summary>
        Continuation,

        /// <summary>In a text that was itself quoted in one: by <c>\n</c>.</summary>
        Escapes,
    }
}
