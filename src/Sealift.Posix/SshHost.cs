using System.Globalization;

namespace Sealift.Posix;

/// <summary>A host that is reached by OpenSSH's client: key only, and the host's key must be known.</summary>
/// <param name="Name">Its name or address.</param>
/// <param name="User">Who logs in; null for ssh's default.</param>
/// <param name="Port">Null for ssh's default.</param>
/// <param name="KeyFile">The private key; null for ssh's own.</param>
/// <param name="Program">The client; null for ssh.</param>
public sealed record SshHost(string Name, string? User, int? Port, string? KeyFile, string? Program)
{
    /// <summary>Nobody is asked, no host is believed that is not known, and one that is gone is noticed.</summary>
    public static readonly IReadOnlyList<string> Strictly = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15"];

    /// <summary>Reads host, user, port and the parameters <c>keyfile=/PATH</c> and <c>command=/PATH</c> of a URI, as libvirt has them.</summary>
    /// <param name="uri">The URI.</param>
    /// <param name="refused">Makes the error: what is wrong, and whether the URI holds a password, which must not be shown.</param>
    public static SshHost Of(Uri uri, Func<string, bool, SealiftException> refused)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(refused);
        // What begins with a dash would be an option to ssh.
        if (uri.Host.Length == 0 || uri.Host.StartsWith('-')) throw refused("it names no usable host", false);
        var user = Uri.UnescapeDataString(uri.UserInfo);
        if (user.Contains(':', StringComparison.Ordinal)) throw refused("it holds a password, and everybody could read it: use a key", true);
        if (user.StartsWith('-')) throw refused("it names no usable user", false);
        var host = new SshHost(uri.IdnHost.Trim('[', ']'), user.Length == 0 ? null : user, uri.Port > 0 ? uri.Port : null, null, null);
        foreach (var parameter in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = parameter.Split('=', 2) is [var n, var v] ? (n, Uri.UnescapeDataString(v)) : (parameter, string.Empty);
            host = name switch
            {
                "keyfile" when Path.IsPathRooted(value) => host with { KeyFile = value },
                "command" when Path.IsPathRooted(value) => host with { Program = value },
                "no_tty" => host,
                _ => throw refused($"the parameter {name} is not one that is used here: keyfile=/PATH and command=/PATH are", false),
            };
        }

        return host;
    }

    /// <summary>Runs ssh there: options, host, and what comes behind it.</summary>
    public ChildCommand Command(IEnumerable<string> options, params IEnumerable<string> behind)
    {
        List<string> arguments = ["-T", .. Strictly];
        if (Port is { } port) arguments.AddRange(["-p", port.ToString(CultureInfo.InvariantCulture)]);
        if (User is not null) arguments.AddRange(["-l", User]);
        if (KeyFile is not null) arguments.AddRange(["-i", KeyFile]);
        return new ChildCommand(Program ?? "ssh", [.. arguments, .. options, "--", Name, .. behind]) { Deadline = TimeSpan.FromMinutes(2) };
    }
}
