namespace Sealift.Providers;

/// <summary>MAC addresses in their one form, <c>52:54:00:12:34:56</c>.</summary>
public static class MacAddress
{
    /// <summary>Accepts colons, dashes, or nothing between the octets; refuses multicast and all-zero addresses.</summary>
    public static bool TryNormalize(string text, out string? address)
    {
        address = null;
        var digits = text.Trim().Replace(":", string.Empty, StringComparison.Ordinal).Replace("-", string.Empty, StringComparison.Ordinal);
        if (digits.Length != 12 || !digits.All(char.IsAsciiHexDigit)) return false;
        var octets = Convert.FromHexString(digits);
        if ((octets[0] & 1) != 0 || octets.All(o => o == 0)) return false;
        address = string.Join(':', octets.Select(o => Convert.ToHexStringLower([o])));
        return true;
    }
}
