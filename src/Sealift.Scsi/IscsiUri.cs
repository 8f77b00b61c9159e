using System.Globalization;
using System.Text;

namespace Sealift.Scsi;

/// <summary>Where a logical unit is: <c>iscsi://[USER@]HOST[:PORT]/TARGET/LUN</c>, as libiscsi and QEMU write it, without their password.</summary>
public sealed record IscsiUri
{
    /// <summary>The port that IANA assigned to iSCSI.</summary>
    public const int DefaultPort = 3260;

    private const string Scheme = "iscsi://";

    // RFC 7143, 4.2.7.1: at most 223 bytes.
    private const int MaxNameBytes = 223;

    // What libiscsi has room for.
    private const int MaxUserBytes = 255;

    private IscsiUri() { }

    /// <summary>Host name or address.</summary>
    public string Host { get; private init; } = string.Empty;

    /// <summary>TCP port.</summary>
    public int Port { get; private init; } = DefaultPort;

    /// <summary>The target's name: <c>iqn.…</c>, <c>eui.…</c> or <c>naa.…</c>.</summary>
    public string Target { get; private init; } = string.Empty;

    /// <summary>The highest number of a unit: those above it are addressed in more than one way (SAM-5, peripheral and flat), and a target may take the one for another unit.</summary>
    public const int HighestLun = 255;

    /// <summary>The number of the logical unit, 0 to <see cref="HighestLun"/>.</summary>
    public int Lun { get; private init; }

    /// <summary>The user for CHAP; null where nobody is to log in.</summary>
    public string? User { get; private init; }

    /// <summary>Whether a name is such a URI, well formed or not.</summary>
    public static bool Is(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Parses it.</summary>
    /// <param name="text">The URI.</param>
    /// <exception cref="ScsiException">SL3201: not such a URI, or it has a password in it, which everybody on the host could read; the message says which part, and never quotes what may be a password.</exception>
    public static IscsiUri Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!Is(text) || text.Length > 4096) throw ScsiErrors.BadUri("an iSCSI URI", text.Length > 4096 ? "it is longer than 4096 characters" : "it does not begin with iscsi://");
        var parts = text[Scheme.Length..].Split('/');
        var (authority, user) = (parts[0], (string?)null);
        if (authority.LastIndexOf('@') is >= 0 and var at)
        {
            user = authority[..at];
            authority = authority[(at + 1)..];
            // libiscsi separates the password by a %, others by a colon.
            if (user.Contains('%', StringComparison.Ordinal) || user.Contains(':', StringComparison.Ordinal))
                throw ScsiErrors.BadUri($"{Scheme}…@{Shown(authority)}", "a password stands in it, which everybody on this host could read; it belongs into a file (--iscsi-password-file)");
            if (user.Length == 0 || Encoding.UTF8.GetByteCount(user) > MaxUserBytes || user.Any(char.IsControl)) throw ScsiErrors.BadUri($"{Scheme}…@{Shown(authority)}", $"its user is empty, longer than {MaxUserBytes} bytes, or no text");
        }

        var shown = Scheme + Shown(string.Join('/', [authority, .. parts[1..]]));
        if (parts.Length != 3) throw ScsiErrors.BadUri(shown, "behind the host stand the target's name and the number of the logical unit, each after a slash");
        var (host, port) = Authority(shown, authority);
        var target = Uri.UnescapeDataString(parts[1]);
        if (Encoding.UTF8.GetByteCount(target) is 0 or > MaxNameBytes || !IsName(target)) throw ScsiErrors.BadUri(shown, "its target is no name such as iqn.2001-05.com.example:vol (also eui. and naa.)");
        if (!int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var lun) || lun > HighestLun) throw ScsiErrors.BadUri(shown, "its logical unit is no number from 0 to 255");
        return new() { Host = host, Port = port, Target = target, Lun = lun, User = user };
    }

    /// <summary>Whether something is a name as initiators and targets have one: RFC 7143, 4.2.7.</summary>
    internal static bool IsName(string name) =>
        (name.StartsWith("iqn.", StringComparison.OrdinalIgnoreCase) || name.StartsWith("eui.", StringComparison.OrdinalIgnoreCase) || name.StartsWith("naa.", StringComparison.OrdinalIgnoreCase))
        && Encoding.UTF8.GetByteCount(name) <= MaxNameBytes && !name.Any(c => char.IsControl(c) || char.IsWhiteSpace(c));

    /// <summary>The URI in its canonical form, without a user; parsing it gives the same place.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Scheme}{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}{(Port == DefaultPort ? string.Empty : $":{Port}")}/{Uri.EscapeDataString(Target).Replace("%3A", ":", StringComparison.Ordinal)}/{Lun}");

    private static (string Host, int Port) Authority(string shown, string authority)
    {
        string host, portText;
        if (authority.StartsWith('['))
        {
            var close = authority.IndexOf(']', StringComparison.Ordinal);
            if (close < 0) throw ScsiErrors.BadUri(shown, "its IPv6 address has no closing bracket");
            host = authority[1..close];
            var tail = authority[(close + 1)..];
            if (tail.Length > 0 && tail[0] != ':') throw ScsiErrors.BadUri(shown, "something other than a port follows its IPv6 address");
            portText = tail.Length > 0 ? tail[1..] : string.Empty;
            if (Uri.CheckHostName(host) != UriHostNameType.IPv6) throw ScsiErrors.BadUri(shown, "what stands in brackets is no IPv6 address");
        }
        else
        {
            var colon = authority.IndexOf(':', StringComparison.Ordinal);
            host = colon < 0 ? authority : authority[..colon];
            portText = colon < 0 ? string.Empty : authority[(colon + 1)..];
            if (Uri.CheckHostName(host) is UriHostNameType.Unknown or UriHostNameType.IPv6) throw ScsiErrors.BadUri(shown, host.Length == 0 ? "it has no host" : "its host is no name and no address");
        }

        if (portText.Length == 0) return (host, DefaultPort);
        return ushort.TryParse(portText, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0 ? (host, port) : throw ScsiErrors.BadUri(shown, "its port is no number from 1 to 65535");
    }

    private static string Shown(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
}
