using System.Xml.Linq;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// libvirt on this host as the place that a machine goes to: its storage pools, its networks, and the domain that it gets. Everything is
/// asked by virsh, one process for each question, as where machines come from.
/// </summary>
public sealed class LibvirtHost
{
    /// <summary>Names one; nothing is asked yet.</summary>
    /// <param name="uri">As <see cref="Parse"/> gives it.</param>
    /// <exception cref="SealiftException">SL6600 or SL6601.</exception>
    public LibvirtHost(string uri) => Uri = Parse(uri);

    /// <summary>What virsh connects to: <c>qemu:///system</c> or <c>qemu:///session</c>.</summary>
    public string Uri { get; }

    /// <summary>Whether a target is meant as libvirt, and not as a directory.</summary>
    public static bool Is(string target) => target is not null && LibvirtName.Is(target);

    /// <summary>Reads the name of a target.</summary>
    /// <returns>The same in its simplest form.</returns>
    /// <exception cref="SealiftException">SL6600: it is no usable name. SL6601: it is libvirt of another host.</exception>
    public static string Parse(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (!System.Uri.TryCreate(target, UriKind.Absolute, out var uri)) throw LibvirtTargetErrors.BadName(target, "it is not a URI");
        if (uri.Scheme.StartsWith("qemu+", StringComparison.Ordinal) || (uri.Scheme == "qemu" && uri.Host.Length > 0)) throw LibvirtTargetErrors.OtherHost(target);
        if (uri.Scheme != "qemu") throw LibvirtTargetErrors.BadName(target, "only QEMU's domains are defined");
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0) throw LibvirtTargetErrors.BadName(target, "it has parameters");
        return uri.AbsolutePath.TrimEnd('/') is "/system" or "/session" ? $"qemu://{uri.AbsolutePath.TrimEnd('/')}" : throw LibvirtTargetErrors.BadName(target, "it must be qemu:///system or qemu:///session, without a domain's name: that is the machine's (--name)");
    }

    /// <summary>A pool that can take a machine's disks.</summary>
    /// <param name="name">Its name or UUID.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL6602: there is none. SL6603: it is not active. SL6604: its volumes are no files. SL6605: its directory cannot be used. SL6412: libvirt is not reached.</exception>
    public async Task<StoragePool> PoolAsync(string name, CancellationToken cancel)
    {
        XElement xml;
        try
        {
            xml = await AskXmlAsync("pool-dumpxml", cancel, "--pool", name);
        }
        catch (LibvirtException e) when (e.IsNoPool)
        {
            throw LibvirtTargetErrors.NoPool(name, Uri, await LinesAsync("pool-list", cancel, "--all", "--name"));
        }

        // Before its directory is looked at: that of a pool which mounts something is empty while it is not active.
        var called = xml.Element("name")?.Value.Trim() ?? name;
        if (!(await LinesAsync("pool-list", cancel, "--name")).Contains(called)) throw LibvirtTargetErrors.PoolInactive(called);
        return StoragePool.Of(xml, Uri);
    }

    /// <summary>Has libvirt look at what is in a pool.</summary>
    /// <exception cref="SealiftException">SL6412: it refused.</exception>
    public Task RefreshAsync(string pool, CancellationToken cancel) => AskAsync("pool-refresh", cancel, "--pool", pool);

    /// <summary>The networks that there are.</summary>
    /// <returns>Each by its name, with whether it is active.</returns>
    public async Task<IReadOnlyDictionary<string, bool>> NetworksAsync(CancellationToken cancel)
    {
        var active = await LinesAsync("net-list", cancel, "--name");
        return (await LinesAsync("net-list", cancel, "--all", "--name")).Distinct().ToDictionary(n => n, active.Contains);
    }

    /// <summary>The user that QEMU runs as; null where it is this one.</summary>
    public async Task<QemuUser?> QemuUserAsync(CancellationToken cancel) => QemuUser.Of(await AskXmlAsync("capabilities", cancel));

    /// <summary>Whether a domain is called so.</summary>
    public async Task<bool> HasDomainAsync(string name, CancellationToken cancel) => (await LinesAsync("list", cancel, "--all", "--name")).Contains(name);

    /// <summary>The domain of a UUID; null where there is none.</summary>
    public async Task<TargetDomain?> FindDomainAsync(Guid uuid, CancellationToken cancel)
    {
        var id = uuid.ToString("D");
        if (!(await LinesAsync("list", cancel, "--all", "--uuid")).Contains(id)) return null;
        try
        {
            var xml = await AskXmlAsync("dumpxml", cancel, "--inactive", "--domain", id);
            return TargetDomain.Of(xml, uuid, (await LinesAsync("list", cancel, "--uuid")).Contains(id));
        }
        catch (LibvirtException e) when (e.IsNoDomain)
        {
            return null; // it went between the two questions
        }
    }

    /// <summary>Defines a domain. libvirt refuses where another has its name or its UUID, and replaces one that has both.</summary>
    /// <param name="path">The file with its description.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL6412: it refused.</exception>
    public Task DefineAsync(string path, CancellationToken cancel) => AskAsync("define", cancel, "--file", path);

    /// <summary>Forgets a domain that does not run, with its UEFI variables and whatever libvirt keeps of it. Its disks stay.</summary>
    /// <exception cref="SealiftException">SL6412: it refused.</exception>
    public Task UndefineAsync(Guid uuid, CancellationToken cancel) =>
        AskAsync("undefine", cancel, "--domain", uuid.ToString("D"), "--nvram", "--managed-save", "--snapshots-metadata", "--checkpoints-metadata");

    /// <summary>Has a domain start whenever its host does.</summary>
    /// <exception cref="SealiftException">SL6412: it refused.</exception>
    public Task StartWithHostAsync(Guid uuid, CancellationToken cancel) => AskAsync("autostart", cancel, "--domain", uuid.ToString("D"));

    /// <summary>Starts a domain.</summary>
    /// <exception cref="SealiftException">SL6412: it refused.</exception>
    public Task StartAsync(Guid uuid, CancellationToken cancel) => AskAsync("start", cancel, "--domain", uuid.ToString("D"));

    private async Task<IReadOnlyList<string>> LinesAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        (await AskAsync(command, cancel, arguments)).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private async Task<XElement> AskXmlAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        LibvirtXml.Parse(await AskAsync(command, cancel, arguments), Uri, command);

    private Task<string> AskAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        Virsh.RunAsync(Uri, command, new ChildCommand("virsh", ["-q", "-c", Uri, command, .. arguments]), cancel);
}
