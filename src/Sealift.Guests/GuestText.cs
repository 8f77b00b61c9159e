using System.Text;

namespace Sealift.Guests;

/// <summary>Makes text that a guest controls (labels, host names, checker output quoting file names) fit to be shown and stored.</summary>
internal static class GuestText
{
    /// <summary>The longest name that is kept; labels and host names of real systems are shorter.</summary>
    public const int NameLimitCharacters = 128;

    /// <summary>The longest checker output that a finding keeps.</summary>
    public const int FindingLimitCharacters = 4096;

    /// <summary>The longest path that is kept; Linux takes none above 4096 bytes, and few have a quarter of it.</summary>
    public const int PathLimitCharacters = 1024;

    /// <summary>One line without control, formatting or unpaired surrogate characters, cut to <see cref="NameLimitCharacters"/>.</summary>
    public static string Name(string raw) => Cut(Clean(raw, keepLines: false).Trim(), NameLimitCharacters);

    /// <summary>Several lines without control characters, cut to <see cref="FindingLimitCharacters"/> with the cut marked.</summary>
    public static string Finding(string raw) => Cut(Clean(raw, keepLines: true).Trim(), FindingLimitCharacters);

    /// <summary>One line of a console without control characters, cut to a limit with the cut marked; what is indented stays so.</summary>
    public static string Console(string raw, int limitCharacters) => Cut(Clean(raw, keepLines: false).TrimEnd(), limitCharacters);

    /// <summary>
    /// A path of any bytes on one line, from which it can be had again: what is not valid UTF-8, not to be seen, or moves what stands
    /// beside it, is written as <c>\xHH</c> for each byte, a backslash as <c>\\</c>. Cut to <see cref="PathLimitCharacters"/> with the cut marked.
    /// </summary>
    public static string Path(ReadOnlySpan<byte> raw)
    {
        var path = new StringBuilder(raw.Length);
        while (raw.Length > 0 && path.Length <= PathLimitCharacters)
        {
            var status = Rune.DecodeFromUtf8(raw, out var rune, out var length);
            if (status != System.Buffers.OperationStatus.Done || IsHidden(rune) || IsUnassigned(rune))
            {
                foreach (var b in raw[..length]) path.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\x{b:x2}");
            }
            else
            {
                path.Append(rune.Value == '\\' ? "\\\\" : rune.ToString());
            }

            raw = raw[length..];
        }

        return Cut(path.ToString(), PathLimitCharacters);
    }

    /// <summary>Undoes blkid's \xHH, which it uses for every byte outside [A-Za-z0-9#+-.:=@_/] that is not valid UTF-8; udev(7).</summary>
    public static string DecodeUdev(string encoded)
    {
        var bytes = new List<byte>(encoded.Length);
        Span<byte> utf8 = stackalloc byte[4];
        for (var i = 0; i < encoded.Length;)
        {
            if (encoded[i] == '\\' && i + 3 < encoded.Length && encoded[i + 1] == 'x' && byte.TryParse(encoded.AsSpan(i + 2, 2), System.Globalization.NumberStyles.HexNumber, null, out var value))
            {
                bytes.Add(value);
                i += 4;
                continue;
            }

            var rune = Rune.GetRuneAt(encoded, i); // decoded as UTF-8 with replacement before: never an unpaired surrogate
            bytes.AddRange(utf8[..rune.EncodeToUtf8(utf8)]);
            i += rune.Utf16SequenceLength;
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>What <see cref="DecodeUdev"/> undoes.</summary>
    public static string EncodeUdev(ReadOnlySpan<byte> raw)
    {
        var encoded = new StringBuilder(raw.Length);
        foreach (var b in raw)
        {
            if (char.IsAsciiLetterOrDigit((char)b) || "#+-.:=@_/".Contains((char)b, StringComparison.Ordinal)) encoded.Append((char)b);
            else encoded.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\x{b:x2}");
        }

        return encoded.ToString();
    }

    private static string Clean(string raw, bool keepLines)
    {
        var clean = new StringBuilder(raw.Length);
        foreach (var rune in raw.EnumerateRunes())
        {
            if (!IsHidden(rune)) clean.Append(rune.ToString());
            else if (keepLines && rune.Value == '\n') clean.Append('\n');
            else if (rune.Value is '\t' or '\n') clean.Append(' ');
        }

        return clean.ToString();
    }

    // Format characters include those that reverse the direction of text and so forge what a reader sees.
    private static bool IsHidden(Rune rune) => Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.Control or System.Globalization.UnicodeCategory.Format
        or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator;

    private static bool IsUnassigned(Rune rune) => Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.PrivateUse or System.Globalization.UnicodeCategory.OtherNotAssigned;

    private static string Cut(string text, int limit)
    {
        if (text.Length <= limit) return text;
        const string Mark = " … (cut)";
        var end = limit - Mark.Length;
        if (char.IsHighSurrogate(text[end - 1])) end--;
        return text[..end] + Mark;
    }
}
