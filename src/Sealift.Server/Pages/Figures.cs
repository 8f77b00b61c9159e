using System.Globalization;

namespace Sealift.Server.Pages;

/// <summary>Sizes and times as a person reads them; times in UTC, which is said.</summary>
internal static class Figures
{
    private static readonly string[] Units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>Three digits and a binary unit: <c>20 GiB</c>, <c>1.52 MiB</c>.</summary>
    public static string Size(double bytes)
    {
        var unit = 0;
        while (bytes >= 1024 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return $"{bytes.ToString(bytes >= 100 ? "0" : bytes >= 10 ? "0.#" : "0.##", CultureInfo.InvariantCulture)} {Units[unit]}";
    }

    /// <summary><c>0.4 s</c>, <c>2 min 05 s</c>, <c>3 h 12 min</c>, <c>4 d 3 h</c>.</summary>
    public static string Elapsed(TimeSpan time) => time.TotalSeconds switch
    {
        < 0.05 => "under 0.1 s",
        < 10 => time.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture) + " s",
        < 60 => time.TotalSeconds.ToString("0", CultureInfo.InvariantCulture) + " s",
        < 3600 => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds:00} s"),
        < 86400 => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes:00} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalDays} d {time.Hours} h"),
    };

    /// <summary><c>2026-11-28 21:00 UTC</c>.</summary>
    public static string Instant(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>For <c>datetime</c> attributes.</summary>
    public static string Machine(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary><c>1 machine</c>, <c>12 machines</c>.</summary>
    public static string Count(long number, string thing) => string.Create(CultureInfo.InvariantCulture, $"{number:N0} {thing}{(number == 1 ? string.Empty : "s")}");

    /// <summary>Whole per cent, 100 only where all is done.</summary>
    public static int Percent(long done, long total) => total <= 0 ? 0 : done >= total ? 100 : (int)(100.0 * Math.Max(done, 0) / total);
}
