using System.Globalization;

namespace Sealift.Plans.Documents;

/// <summary>Lengths of time and sizes as people write them in documents and on the command line.</summary>
public static class WrittenQuantity
{
    /// <summary>The longest time that is read: a year.</summary>
    public static readonly TimeSpan LongestTime = TimeSpan.FromDays(365);

    /// <summary>Reads a length of time, a whole number and a unit: <c>500ms</c>, <c>90s</c>, <c>10m</c>, <c>2h</c>, <c>3d</c>. Case does not count.</summary>
    /// <param name="text">The text.</param>
    /// <param name="unit">The unit of a number without one; empty where it must have one.</param>
    /// <returns>The time, at most <see cref="LongestTime"/>, or null where the text is no length of time.</returns>
    public static TimeSpan? ParseTime(string text, string unit = "")
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(unit);
        if (NumberOf(text, out var rest) is not { } number) return null;
        long milliseconds = (rest.Length == 0 ? unit : rest).ToUpperInvariant() switch
        {
            "MS" => 1,
            "S" => 1000,
            "M" or "MIN" => 60_000,
            "H" => 3_600_000,
            "D" => 86_400_000,
            _ => 0,
        };
        return milliseconds == 0 || number > (long)LongestTime.TotalMilliseconds / milliseconds ? null : TimeSpan.FromMilliseconds(number * milliseconds);
    }

    /// <summary>Writes a length of time so that <see cref="ParseTime"/> reads the same: in the largest unit that it is a whole number of.</summary>
    /// <param name="time">The time; what is less than a millisecond is dropped.</param>
    public static string Of(TimeSpan time)
    {
        var milliseconds = (long)time.TotalMilliseconds;
        var (number, unit) = milliseconds switch
        {
            0 => (0, "s"),
            _ when milliseconds % 86_400_000 == 0 => (milliseconds / 86_400_000, "d"),
            _ when milliseconds % 3_600_000 == 0 => (milliseconds / 3_600_000, "h"),
            _ when milliseconds % 60_000 == 0 => (milliseconds / 60_000, "m"),
            _ when milliseconds % 1000 == 0 => (milliseconds / 1000, "s"),
            _ => (milliseconds, "ms"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
    }

    /// <summary>Reads a size, a whole number with an optional binary unit: <c>512M</c>, <c>4GiB</c>, <c>1073741824</c>.</summary>
    /// <param name="text">The text.</param>
    /// <returns>Bytes, or null where the text is no size.</returns>
    public static long? ParseSize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (NumberOf(text, out var rest) is not { } number) return null;
        var shift = rest.ToUpperInvariant() switch
        {
            "" or "B" => 0,
            "K" or "KIB" => 10,
            "M" or "MIB" => 20,
            "G" or "GIB" => 30,
            "T" or "TIB" => 40,
            _ => -1,
        };
        return shift < 0 || number > long.MaxValue >> shift ? null : number << shift;
    }

    /// <summary>Writes a size so that <see cref="ParseSize"/> reads the same: in the largest unit that it is a whole number of.</summary>
    /// <param name="bytes">Bytes, 0 or more.</param>
    public static string Of(long bytes)
    {
        foreach (var (shift, unit) in ((int, string)[])[(40, "T"), (30, "G"), (20, "M"), (10, "K")])
            if (bytes > 0 && bytes % (1L << shift) == 0) return string.Create(CultureInfo.InvariantCulture, $"{bytes >> shift}{unit}");
        return bytes.ToString(CultureInfo.InvariantCulture);
    }

    private static long? NumberOf(string text, out string rest)
    {
        var digits = 0;
        while (digits < text.Length && char.IsAsciiDigit(text[digits])) digits++;
        rest = text[digits..];
        return digits > 0 && long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }
}
