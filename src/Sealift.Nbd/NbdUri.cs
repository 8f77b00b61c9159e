using System.Globalization;
using System.Text;

namespace Sealift.Nbd;

/// <summary>Where an export is: the NBD URI specification (doc/uri.md of the NBD project), over TCP or a Unix socket.</summary>
public sealed record NbdUri
{
    private NbdUri() { }

    /// <summary>The port that IANA assigned to NBD.</summary>
    public const int DefaultPort = 10809;

    // "Length of an export name: at most 4096 bytes" (NBD protocol, "Values").
    private const int MaxNameBytes = 4096;

    /// <summary>Host name or address, in lower case; null over a Unix socket.</summary>
    public string? Host { get; private init; }

    /// <summary>TCP port; 0 over a Unix socket.</summary>
    public int Port { get; private init; }

    /// <summary>Path of the Unix socket; null over TCP.</summary>
    public string? SocketPath { get; private init; }

    /// <summary>The export; empty for the server's default one.</summary>
    public string ExportName { get; private init; } = string.Empty;

    /// <summary>Whether the scheme asks for TLS (<c>nbds</c>, <c>nbds+unix</c>).</summary>
    public bool UsesTls { get; private init; }

    /// <summary>
    /// What the URI's <c>tls-certificates</c>, <c>tls-hostname</c> and <c>tls-psk-file</c> parameters say; null where it has none.
    /// <see cref="NbdOptions.Tls"/> takes its place where both are given.
    /// </summary>
    public NbdTls? Tls { get; private init; }

    /// <summary>Parses <c>nbd://host[:port]/export</c>, <c>nbds://…</c>, <c>nbd+unix:///export?socket=/path</c>, <c>nbds+unix://…</c>.</summary>
    /// <param name="text">The URI. A user name in it is ignored: only pre-shared keys would need it.</param>
    /// <exception cref="NbdException">SL3001: not such a URI; the message says which part.</exception>
    public static NbdUri Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > 16384) throw NbdErrors.BadUri("a URI", "it is longer than 16384 characters");
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd < 0) throw NbdErrors.BadUri(Redact(text), "it has no scheme (nbd://, nbds://, nbd+unix:// or nbds+unix://)");
        var scheme = text[..schemeEnd].ToLowerInvariant();
        var isUnix = scheme is "nbd+unix" or "nbds+unix";
        if (!isUnix && scheme is not ("nbd" or "nbds"))
            throw NbdErrors.BadUri(Redact(text), $"its scheme is \"{Printable.Of(scheme)}\", not nbd, nbds, nbd+unix or nbds+unix");

        var rest = text[(schemeEnd + 3)..];
        if (rest.Contains('#', StringComparison.Ordinal)) throw NbdErrors.BadUri(Redact(text), "it has a fragment (#); write a # of a name as %23");
        var queryStart = rest.IndexOf('?', StringComparison.Ordinal);
        var query = queryStart < 0 ? string.Empty : rest[(queryStart + 1)..];
        if (queryStart >= 0) rest = rest[..queryStart];
        var pathStart = rest.IndexOf('/', StringComparison.Ordinal);
        var authority = pathStart < 0 ? rest : rest[..pathStart];
        var name = Decode(text, "export name", pathStart < 0 ? string.Empty : rest[(pathStart + 1)..]);
        if (Encoding.UTF8.GetByteCount(name) > MaxNameBytes) throw NbdErrors.BadUri(Redact(text), $"its export name is longer than {MaxNameBytes} bytes");

        string? socket = null;
        NbdTls? tls = null;
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var key = equals < 0 ? pair : pair[..equals];
            var value = Decode(text, "parameter " + key, equals < 0 ? string.Empty : pair[(equals + 1)..]);
            switch (key.ToLowerInvariant())
            {
                case "socket":
                    socket = value;
                    break;
                case "tls-certificates":
                    tls = (tls ?? new NbdTls()) with
                    {
                        CaFile = Path.Join(value, "ca-cert.pem"),
                        ClientCertificateFile = ExistingOrNull(Path.Join(value, "client-cert.pem")),
                        ClientKeyFile = ExistingOrNull(Path.Join(value, "client-key.pem")),
                    };
                    break;
                case "tls-hostname":
                    tls = (tls ?? new NbdTls()) with { ServerName = value };
                    break;
                case "tls-psk-file":
                    tls = (tls ?? new NbdTls()) with { PskFile = value };
                    break;
                case "tls-verify-peer" when value is "0" or "false":
                    throw NbdErrors.BadUri(Redact(text), "tls-verify-peer switches verification off, and a server that anyone can imitate proves nothing");
                default:
                    break; // "Clients SHOULD ignore query parameters that they do not understand" (doc/uri.md).
            }
        }
        var usesTls = scheme is "nbds" or "nbds+unix";
        if (tls is not null && !usesTls) throw NbdErrors.BadUri(Redact(text), "it has tls-* parameters but a scheme without TLS");

        if (isUnix)
        {
            if (authority.Length > 0) throw NbdErrors.BadUri(Redact(text), "a Unix socket has no host: write three slashes, as in nbd+unix:///export?socket=/path");
            if (string.IsNullOrEmpty(socket)) throw NbdErrors.BadUri(Redact(text), "the socket parameter is missing, as in nbd+unix:///export?socket=/path");
            return new() { SocketPath = socket, ExportName = name, UsesTls = usesTls, Tls = tls };
        }
        if (socket is not null) throw NbdErrors.BadUri(Redact(text), "it has a socket parameter but the scheme is TCP; write nbd+unix:// instead");
        var (host, port) = ParseAuthority(text, authority);
        return new() { Host = host, Port = port, ExportName = name, UsesTls = usesTls, Tls = tls };
    }

    /// <summary>An export behind a Unix socket, without TLS.</summary>
    /// <param name="socketPath">Path of the socket.</param>
    /// <param name="exportName">The export; empty for the server's default one.</param>
    /// <exception cref="NbdException">SL3001: the path is empty, or a name has a NUL or is longer than 4096 bytes.</exception>
    public static NbdUri Unix(string socketPath, string exportName = "")
    {
        ArgumentNullException.ThrowIfNull(exportName);
        if (string.IsNullOrEmpty(socketPath)) throw NbdErrors.BadUri("a Unix socket", "its path is empty");
        if (Encoding.UTF8.GetByteCount(exportName) > MaxNameBytes) throw NbdErrors.BadUri(socketPath, $"the export name is longer than {MaxNameBytes} bytes");
        if (exportName.Contains('\0', StringComparison.Ordinal)) throw NbdErrors.BadUri(socketPath, "the export name contains a NUL");
        return new() { SocketPath = socketPath, ExportName = exportName };
    }

    /// <summary>The URI in its canonical form, without user name and password; parsing it gives the same address.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("nbd").Append(UsesTls ? "s" : string.Empty);
        if (SocketPath is not null)
            return text.Append("+unix:///").Append(Uri.EscapeDataString(ExportName)).Append("?socket=").Append(EscapePath(SocketPath)).ToString();
        text.Append("://").Append(Host!.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host);
        if (Port != DefaultPort) text.Append(CultureInfo.InvariantCulture, $":{Port}");
        return text.Append('/').Append(Uri.EscapeDataString(ExportName)).ToString();
    }

    private static (string Host, int Port) ParseAuthority(string text, string authority)
    {
        var at = authority.LastIndexOf('@');
        if (at >= 0) authority = authority[(at + 1)..];
        var portText = string.Empty;
        string host;
        if (authority.StartsWith('['))
        {
            var close = authority.IndexOf(']', StringComparison.Ordinal);
            if (close < 0) throw NbdErrors.BadUri(Redact(text), "its IPv6 address has no closing bracket");
            host = authority[1..close];
            var tail = authority[(close + 1)..];
            if (tail.Length > 0 && tail[0] != ':') throw NbdErrors.BadUri(Redact(text), "something other than a port follows its IPv6 address");
            portText = tail.Length > 0 ? tail[1..] : string.Empty;
        }
        else
        {
            var colon = authority.IndexOf(':', StringComparison.Ordinal);
            host = Decode(text, "host", colon < 0 ? authority : authority[..colon]);
            if (colon >= 0) portText = authority[(colon + 1)..];
        }
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            throw NbdErrors.BadUri(Redact(text), host.Length == 0 ? "it has no host, as in nbd://host/export" : $"its host \"{Printable.Of(host)}\" is not a host name or an address");
        host = host.ToLowerInvariant(); // the same in either case: names (RFC 4343), and the digits of IPv6 addresses
        if (portText.Length == 0) return (host, DefaultPort);
        return ushort.TryParse(portText, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? (host, port)
            : throw NbdErrors.BadUri(Redact(text), $"its port \"{Printable.Of(portText)}\" is not a number from 1 to 65535");
    }

    private static string Decode(string text, string part, string escaped)
    {
        for (var i = escaped.IndexOf('%', StringComparison.Ordinal); i >= 0; i = escaped.IndexOf('%', i + 1))
            if (i + 2 >= escaped.Length || !char.IsAsciiHexDigit(escaped[i + 1]) || !char.IsAsciiHexDigit(escaped[i + 2]))
                throw NbdErrors.BadUri(Redact(text), $"its {Printable.Of(part)} has a % that is not followed by two hexadecimal digits");
        var plain = Uri.UnescapeDataString(escaped);
        return plain.Contains('\0', StringComparison.Ordinal) ? throw NbdErrors.BadUri(Redact(text), $"its {Printable.Of(part)} contains a NUL") : plain;
    }

    private static string? ExistingOrNull(string path) => File.Exists(path) ? path : null;

    private static string EscapePath(string path) => Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal);

    // What stands between the scheme and an @ may hold a password.
    private static string Redact(string text)
    {
        var start = text.IndexOf("://", StringComparison.Ordinal);
        var from = start < 0 ? 0 : start + 3;
        var end = text.AsSpan(from).IndexOfAny('/', '?');
        var at = (end < 0 ? text[from..] : text.Substring(from, end)).LastIndexOf('@');
        return Printable.Of(at < 0 ? text : string.Concat(text.AsSpan(0, from), text.AsSpan(from + at + 1)));
    }
}
