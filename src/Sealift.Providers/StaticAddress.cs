using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Sealift.Providers;

/// <summary>
/// An address that the conversion gives a network interface, so that a guest which had it by hand keeps it on its new card:
/// <c>MAC=ADDRESS[,GATEWAY[,PREFIX[,DNS…]]]</c>. virt-v2v(1), <c>--mac</c>: it does that for Windows; other guests keep their configuration.
/// </summary>
/// <param name="MacAddress">The interface.</param>
/// <param name="Words">Address, gateway, length of the prefix and name servers, as virt-v2v takes them.</param>
public sealed record StaticAddress(string MacAddress, string Words)
{
    private const int PartLimit = 6;

    /// <summary>Reads one.</summary>
    /// <param name="text">As on the command line.</param>
    /// <returns>Null where it is none.</returns>
    public static StaticAddress? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals < 0 || !Providers.MacAddress.TryNormalize(text[..equals], out var mac)) return null;
        var parts = text[(equals + 1)..].Split(',');
        if (parts.Length > PartLimit) return null;
        AddressFamily? family = null;
        for (var i = 0; i < parts.Length; i++)
        {
            if (i == 2)
            {
                if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out var bits) || bits < 1 || bits > (family == AddressFamily.InterNetwork ? 32 : 128)) return null;
                continue;
            }

            // IPAddress takes also 1 and 0x7f000001, which no person means.
            if (!IPAddress.TryParse(parts[i], out var address) || (!parts[i].Contains(':', StringComparison.Ordinal) && parts[i].Count(c => c == '.') != 3) || parts[i].Contains('%', StringComparison.Ordinal)) return null;
            family ??= address.AddressFamily;
            if (address.AddressFamily != family) return null;
        }

        return new StaticAddress(mac!, string.Join(',', parts));
    }

    /// <summary>As virt-v2v takes it.</summary>
    public override string ToString() => $"{MacAddress}:ip:{Words}";
}
