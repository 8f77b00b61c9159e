using System.Globalization;
using Sealift.Plans.Documents;

namespace Sealift.Cli.Terminal;

/// <summary>Sizes, rates and times as people write them.</summary>
internal static class Quantities
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>A size in binary units: <c>1.5 GiB</c>.</summary>
    public static string Size(double bytes)
    {
        var unit = 0;
        while (bytes >= 1024 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 || bytes >= 100 ? Math.Round(bytes) : Math.Round(bytes, 1)):0.#} {Units[unit]}");
    }

    /// <summary>A length of time: <c>0.4 s</c>, <c>12 s</c>, <c>3 min 05 s</c>, <c>2 h 10 min</c>.</summary>
    public static string Time(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.Minutes} min {time.Seconds:00} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes:00} min"),
    };

    /// <summary>Reads a length of time in whole seconds, or with a unit: <c>30</c>, <c>500ms</c>, <c>45s</c>, <c>10m</c>, <c>1h</c>.</summary>
    /// <returns>The time, at most a day, or null where the text is no length of time.</returns>
    public static TimeSpan? ParseTime(string text) => WrittenQuantity.ParseTime(text, unit: "s") is { } time && time <= TimeSpan.FromDays(1) ? time : null;

    /// <summary>Reads a size with an optional binary unit: <c>512M</c>, <c>4GiB</c>, <c>1073741824</c>.</summary>
    /// <returns>Bytes, or null where the text is no size.</returns>
    public static long? ParseSize(string text) => WrittenQuantity.ParseSize(text);
}
