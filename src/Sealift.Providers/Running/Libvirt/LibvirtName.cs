using System.Globalization;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// A libvirt domain as the name of a source: libvirt's own URI with the domain behind it, <c>qemu:///system/web01</c> or
/// <c>qemu+ssh://root@host/system/web01?keyfile=/keys/web01</c>. https://libvirt.org/uri.html.
/// </summary>
/// <param name="Source">The whole of it, as it was given.</param>
/// <param name="Daemon">The daemon: <c>/system</c>, or <c>/session</c>.</param>
/// <param name="Domain">The domain's name or UUID.</param>
/// <param name="Host">The host that it is on, over SSH; null for this one.</param>
internal sealed record LibvirtName(string Source, string Daemon, string Domain, SshHost? Host)
{
    /// <summary>Whether a source is meant as one.</summary>
    public static bool Is(string source) => source.StartsWith("qemu:", StringComparison.Ordinal) || source.StartsWith("qemu+", StringComparison.Ordinal);

    /// <summary>Reads one.</summary>
    /// <exception cref="SealiftException">SL6411.</exception>
    public static LibvirtName Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (!Uri.TryCreate(source, UriKind.Absolute, out var uri)) throw ProviderErrors.BadLibvirtName(source, "it is not a URI");
        if (uri.Scheme is not ("qemu" or "qemu+ssh")) throw ProviderErrors.BadLibvirtName(source, $"disks cannot be read over {uri.Scheme}: only on this host, or over SSH");
        var segments = uri.AbsolutePath.Trim('/').Split('/');
        if (segments is not [("system" or "session") and var daemon, { Length: > 0 } escaped]) throw ProviderErrors.BadLibvirtName(source, "it must end in /system/DOMAIN or /session/DOMAIN");
        var domain = Uri.UnescapeDataString(escaped);
        if (domain.Any(char.IsControl)) throw ProviderErrors.BadLibvirtName(source, "the domain's name has control characters");
        var host = uri.Scheme == "qemu" ? null : SshHost.Of(uri, (said, isSecret) => ProviderErrors.BadLibvirtName(isSecret ? "a libvirt URI" : source, said));
        if (host is null && (uri.Host.Length > 0 || uri.Query.Length > 0)) throw ProviderErrors.BadLibvirtName(source, "a domain of this host has neither host nor parameters: qemu:///system/DOMAIN");
        return new LibvirtName(source, $"/{daemon}", domain, host);
    }

    /// <summary>What virsh connects to.</summary>
    /// <param name="host">The host and the client that it is reached by; null for this one.</param>
    public string ConnectionBy(SshHost? host) => Connection(Daemon, host, "no_tty=1");

    /// <summary>What virsh connects to.</summary>
    /// <param name="daemon">The daemon: <c>/system</c>, or <c>/session</c>.</param>
    /// <param name="host">As above.</param>
    /// <param name="parameters">Those that do not say how the host is reached.</param>
    public static string Connection(string daemon, SshHost? host, params IEnumerable<string> parameters)
    {
        if (host is null) return $"qemu://{daemon}";
        var name = host.Name.Contains(':', StringComparison.Ordinal) ? $"[{host.Name}]" : host.Name; // IPv6
        List<string> query = [.. parameters, .. Parameter("keyfile", host.KeyFile), .. Parameter("command", host.Program)];
        return $"qemu+ssh://{(host.User is null ? string.Empty : Uri.EscapeDataString(host.User) + "@")}{name}{(host.Port is { } port ? string.Create(CultureInfo.InvariantCulture, $":{port}") : string.Empty)}{daemon}{(query.Count == 0 ? string.Empty : $"?{string.Join('&', query)}")}";

        static IEnumerable<string> Parameter(string name, string? value) => value is null ? [] : [$"{name}={Uri.EscapeDataString(value)}"];
    }
}
