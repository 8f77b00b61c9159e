using System.Globalization;

namespace Sealift.Providers.Ova;

/// <summary>Sizes with programmatic units (DSP0004 2.7, annex C.1), such as <c>byte * 2^30</c>, and the older words such as <c>MegaBytes</c>.</summary>
internal static class OvfUnits
{
    /// <summary>No size beyond this is believed: 2^56 bytes.</summary>
    public const long MaxBytes = 1L << 56;

    /// <summary>The bytes that a quantity of units is.</summary>
    /// <returns>False where the quantity is no positive integer, the units are unknown, or the product is absurd.</returns>
    public static bool TryBytes(string quantity, string units, out long bytes)
    {
        bytes = 0;
        if (!long.TryParse(quantity.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count == 0) return false;
        if (Factor(units) is not { } factor) return false;
        var product = (Int128)count * factor;
        if (product > MaxBytes) return false;
        bytes = (long)product;
        return true;
    }

    private static long? Factor(string units)
    {
        var word = units.Trim();
        switch (word.ToUpperInvariant())
        {
            case "" or "BYTE" or "BYTES" or "B": return 1;
            case "KB" or "KILOBYTE" or "KILOBYTES": return 1L << 10;
            case "MB" or "MEGABYTE" or "MEGABYTES": return 1L << 20;
            case "GB" or "GIGABYTE" or "GIGABYTES": return 1L << 30;
            case "TB" or "TERABYTE" or "TERABYTES": return 1L << 40;
        }

        var parts = word.Split('*', StringSplitOptions.TrimEntries);
        if (parts.Length > 8 || !parts[0].Equals("byte", StringComparison.OrdinalIgnoreCase)) return null;
        Int128 factor = 1;
        foreach (var part in parts.AsSpan(1))
        {
            var power = part.Split('^', StringSplitOptions.TrimEntries);
            if (power.Length > 2 || !int.TryParse(power[0], NumberStyles.None, CultureInfo.InvariantCulture, out var basis) || basis < 1) return null;
            var exponent = 1;
            if (power.Length == 2 && (!int.TryParse(power[1], NumberStyles.None, CultureInfo.InvariantCulture, out exponent) || exponent > 64)) return null;
            for (var i = 0; i < exponent; i++)
            {
                factor *= basis;
                if (factor > MaxBytes) return null;
            }
        }

        return (long)factor;
    }
}
