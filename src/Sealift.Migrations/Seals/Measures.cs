using System.Globalization;

namespace Sealift.Migrations.Seals;

/// <summary>Sizes, times and digests as a person reads them.</summary>
internal static class Measures
{
    private static readonly string[] Units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>Three digits and a binary unit: <c>20 GiB</c>, <c>1.52 MiB</c>, <c>512 bytes</c>.</summary>
    public static string Size(long bytes)
    {
        var unit = 0;
        double value = bytes;
        while (value >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        var format = value >= 100 ? "0" : value >= 10 ? "0.#" : "0.##";
        return $"{value.ToString(format, CultureInfo.InvariantCulture)} {(bytes == 1 ? "byte" : Units[unit])}";
    }

    /// <summary>Every byte: <c>21,474,836,480 bytes</c>.</summary>
    public static string Exact(long bytes) => bytes.ToString("N0", CultureInfo.InvariantCulture) + (bytes == 1 ? " byte" : " bytes");

    /// <summary><c>0.4 s</c>, <c>2 min 05 s</c>, <c>3 h 12 min</c>.</summary>
    public static string Elapsed(double seconds) => seconds switch
    {
        < 0.05 => "under 0.1 s",
        < 60 => seconds.ToString(seconds < 10 ? "0.0" : "0", CultureInfo.InvariantCulture) + " s",
        < 3600 => string.Create(CultureInfo.InvariantCulture, $"{(int)seconds / 60} min {(int)seconds % 60:00} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(long)seconds / 3600} h {(long)seconds % 3600 / 60:00} min"),
    };

    /// <summary><c>23 November 2026, 01:44:09 UTC</c>.</summary>
    public static string Instant(DateTimeOffset at) => at.UtcDateTime.ToString("d MMMM yyyy, HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    /// <summary>The ends of a digest: <c>337355fe…2545e6</c>.</summary>
    public static string Short(string digest) => digest.Length <= 20 ? digest : $"{digest[..8]}…{digest[^6..]}";

    /// <summary>A number and its noun: <c>1 block</c>, <c>2 blocks</c>.</summary>
    public static string Count(long count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} {noun}{(count == 1 ? "" : "s")}");
}
