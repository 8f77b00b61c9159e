using System.Text;
using System.Text.Json;

namespace Sealift.Migrations.Support;

/// <summary>Takes secrets out of text, and counts them. Rather one word too many than one secret too few.</summary>
internal sealed class Redaction(KnownSecrets known)
{
    private const string Mark = "[removed: ";
    private const int LeastBase64 = 12, MostNesting = 3;
    private readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);

    /// <summary>How many were removed, by what they are.</summary>
    public IReadOnlyDictionary<string, int> Counts => counts;

    /// <summary>Text without secrets, and without characters that steer a terminal.</summary>
    public string Text(string text)
    {
        var plain = Plain(text);
        return Compose(plain, Find(plain), 0, plain.Length);
    }

    /// <summary>Whether something is left that is known to be a secret: the last look before a file is written.</summary>
    public bool HasKnown(string text) => known.Find(text).Any();

    /// <summary>Counts a secret that was removed by structure.</summary>
    public string Removed(string kind)
    {
        counts[kind] = counts.GetValueOrDefault(kind) + 1;
        return $"{Mark}{kind}]";
    }

    /// <summary>Where secrets are in plain text: ranges in order that do not overlap.</summary>
    public List<(int Start, int End, string Kind)> Find(string plain) => Find(plain, 0);

    /// <summary>A part of a text, with a word in the place of each range. A range that reaches into the part is out of it as a whole.</summary>
    public string Compose(string plain, List<(int Start, int End, string Kind)> ranges, int from, int to)
    {
        var text = new StringBuilder(to - from);
        var at = from;
        foreach (var (start, end, kind) in ranges)
        {
            if (end <= from || start >= to) continue;
            if (start > at) _ = text.Append(plain, at, start - at);
            _ = text.Append(Removed(kind));
            at = Math.Max(at, Math.Min(end, to));
        }

        return at < to ? text.Append(plain, at, to - at).ToString() : text.ToString();
    }

    /// <summary>Lines that end in line feeds, and no other control characters: a secret between which NULs stand is one, too.</summary>
    public static string Plain(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\u007f', '\u009f') && !text.Any(c => c < ' ' && c is not ('\n' or '\t'))) return text;
        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\r') _ = i + 1 < text.Length && text[i + 1] == '\n' ? plain : plain.Append('\n');
            else if (c == '\u001b') i = AfterEscape(text, i);
            else if (!char.IsControl(c) || c is '\n' or '\t') _ = plain.Append(c);
        }

        return plain.ToString();
    }

    /// <summary>A document of JSON with the values of members removed whose names say what they are, and every text in it looked at.</summary>
    public void Json(JsonElement element, Utf8JsonWriter writer)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var member in element.EnumerateObject())
                {
                    writer.WritePropertyName(Text(member.Name));
                    if (member.Value.ValueKind is JsonValueKind.String or JsonValueKind.Number && SecretPatterns.SecretName.IsMatch(member.Name)) writer.WriteStringValue(Removed("password"));
                    else Json(member.Value, writer);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var one in element.EnumerateArray()) Json(one, writer);
                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(Text(element.GetString()!));
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }

    private static int AfterEscape(string text, int at)
    {
        if (at + 1 >= text.Length || text[at + 1] != '[') return at;
        var i = at + 2;
        while (i < text.Length && text[i] is >= ' ' and < '@') i++;
        return Math.Min(i, text.Length - 1);
    }

    private List<(int Start, int End, string Kind)> Find(string plain, int nesting)
    {
        var found = new List<(int Start, int Length, string Kind)>(known.Find(plain));
        found.AddRange(KeyBlocks.Find(plain));
        found.AddRange(SecretPatterns.Find(plain));
        if (nesting < MostNesting) found.AddRange(InBase64(plain, nesting));
        var merged = new List<(int Start, int End, string Kind)>();
        foreach (var (start, length, kind) in found.OrderBy(f => f.Start).ThenByDescending(f => f.Length))
        {
            // What was removed before is not removed again.
            if (plain.AsSpan(start).StartsWith(Mark, StringComparison.Ordinal)) continue;
            if (merged.Count > 0 && start < merged[^1].End) merged[^1] = merged[^1] with { End = Math.Max(merged[^1].End, start + length) };
            else merged.Add((start, start + length, kind));
        }

        return merged;
    }

    /// <summary>Base64, broken over lines or not, in which there is a secret.</summary>
    private IEnumerable<(int Start, int Length, string Kind)> InBase64(string plain, int nesting)
    {
        var i = 0;
        while (i < plain.Length)
        {
            if (!IsBase64(plain[i]))
            {
                i++;
                continue;
            }

            var (start, lineStart, end) = (i, i, i);
            var word = new StringBuilder();
            while (true)
            {
                while (i < plain.Length && IsBase64(plain[i])) _ = word.Append(plain[i++] switch { '-' => '+', '_' => '/', var c => c });
                end = i;
                // Broken lines of base64 are long, but for the last one.
                if (end - lineStart < 16 || i >= plain.Length) break;
                var next = i;
                if (plain[next] == '\\' && next + 1 < plain.Length && plain[next + 1] == 'n') next += 2;
                while (next < plain.Length && plain[next] is '\n' or ' ' or '\t') next++;
                if (next == i || !plain.AsSpan(i, next - i).ContainsAny('\n', '\\') || next >= plain.Length || !IsBase64(plain[next])) break;
                lineStart = i = next;
            }

            while (i < plain.Length && plain[i] == '=') i++;
            if (word.Length >= LeastBase64 && HidesSecret(word.ToString(), nesting)) yield return (start, Math.Max(end, i) - start, "encoded secret");
        }
    }

    private bool HidesSecret(string word, int nesting)
    {
        // Something of the same alphabet may stand before it, such as a path: each of the four ways to begin is tried.
        for (var skip = 0; skip < 4 && word.Length - skip >= 8; skip++)
        {
            var part = word.AsSpan(skip);
            part = part[..(part.Length - (part.Length % 4 == 1 ? 1 : 0))];
            var bytes = new byte[part.Length];
            var padded = string.Concat(part, new string('=', (4 - (part.Length % 4)) % 4));
            if (!Convert.TryFromBase64String(padded, bytes, out var count)) continue;
            var text = Encoding.UTF8.GetString(bytes, 0, count);
            if (known.Find(text).Any()) return true;
            var decoded = Plain(text);
            var readable = decoded.Length > 0 && decoded.Count(c => c is >= ' ' and < '\u007f' or '\n' or '\t') >= decoded.Length * 9 / 10 && decoded.Length * 5 >= count * 2;
            if (readable && Find(decoded, nesting + 1).Count > 0) return true;
        }

        return false;
    }

    private static bool IsBase64(char c) => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_';
}
