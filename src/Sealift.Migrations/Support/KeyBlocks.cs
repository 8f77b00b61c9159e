using System.Buffers;

namespace Sealift.Migrations.Support;

/// <summary>Keys in PEM (RFC 7468), also where they are cut off at one end, and where each line has something before it.</summary>
internal static class KeyBlocks
{
    private const string Begin = "-----BEGIN", End = "-----END", Dashes = "-----";
    private const int LimitCharacters = 64 << 10; // an RSA key of 16384 bits has 13 KiB

    // Everybody may see these.
    private static readonly string[] PublicLabels = ["CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CRL", "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

    private static readonly SearchValues<char> Base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
    private static readonly SearchValues<char> NoLetters = SearchValues.Create("0123456789+/=");

    /// <summary>Where they are.</summary>
    public static IEnumerable<(int Start, int Length, string Kind)> Find(string text)
    {
        var at = 0;
        while (true)
        {
            var begin = text.IndexOf(Begin, at, StringComparison.Ordinal);
            var end = text.IndexOf(End, at, StringComparison.Ordinal);
            if (begin < 0 && end < 0) yield break;
            if (begin < 0 || (end >= 0 && end < begin))
            {
                // An end without a beginning: what stands before it looks like the rest of a key, or it is nothing.
                var start = StartOfLines(text, end);
                at = AfterMark(text, end + End.Length);
                if (!IsPublic(text, end + End.Length) && at > start) yield return (start, at - start, "key");
                continue;
            }

            var limit = Math.Min(text.Length, begin + LimitCharacters);
            var stop = end < 0 || end > limit ? -1 : end;
            at = stop >= 0 ? AfterMark(text, stop + End.Length) : EndOfLines(text, begin + Begin.Length, limit);
            if (!IsPublic(text, begin + Begin.Length)) yield return (begin, at - begin, "key");
        }
    }

    private static bool IsPublic(string text, int afterMark)
    {
        var rest = text.AsSpan(afterMark, Math.Min(60, text.Length - afterMark));
        var dashes = rest.IndexOf(Dashes, StringComparison.Ordinal);
        return dashes > 0 && PublicLabels.Contains(rest[..dashes].Trim().ToString());
    }

    private static int AfterMark(string text, int at)
    {
        var dashes = text.IndexOf(Dashes, at, Math.Min(60, text.Length - at), StringComparison.Ordinal);
        return dashes < 0 ? at : dashes + Dashes.Length;
    }

    /// <summary>The end of the lines that look like a key's.</summary>
    private static int EndOfLines(string text, int at, int limit)
    {
        var end = LineEnd(text, at, limit);
        while (end < limit)
        {
            var next = LineEnd(text, end + 1, limit);
            var line = text.AsSpan(end + 1, next - end - 1);
            if (line.Trim().Length > 0 && !LooksLikeKey(line) && !line.Contains(": ", StringComparison.Ordinal)) break;
            end = next;
        }

        return end;
    }

    private static int StartOfLines(string text, int end)
    {
        var lowest = Math.Max(0, end - LimitCharacters);
        var start = text.LastIndexOf('\n', Math.Max(0, end - 1)) + 1;
        start = Math.Max(start, lowest);
        while (start > lowest)
        {
            var previous = start < 2 ? 0 : text.LastIndexOf('\n', start - 2) + 1;
            if (!LooksLikeKey(text.AsSpan(previous, start - previous))) break;
            start = previous;
        }

        return start;
    }

    private static int LineEnd(string text, int at, int limit)
    {
        if (at >= limit) return limit;
        var end = text.IndexOf('\n', at, limit - at);
        return end < 0 ? limit : end;
    }

    /// <summary>Whether there is a word of base64 in it, such as a key is made of.</summary>
    private static bool LooksLikeKey(ReadOnlySpan<char> line)
    {
        foreach (var word in line.SplitAny(" \t\r\n\\\"'"))
        {
            var w = line[word];
            if (w.Length >= 8 && w.IndexOfAnyExcept(Base64) < 0 && (w.Length >= 40 || w.ContainsAny(NoLetters))) return true;
        }

        return false;
    }
}
