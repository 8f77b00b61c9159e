using System.Globalization;
using System.Xml.Linq;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>
/// libvirt, on this host or on another one over SSH, as the place that a machine goes to: its storage pools, its networks, and the domain
/// that it gets. Everything is asked by virsh, one process for each question, as where machines come from.
/// </summary>
public sealed class LibvirtHost : IAsyncDisposable
{
    private readonly SharedSsh? ssh;
    private readonly string connection;

    private LibvirtHost(string uri, string connection, SharedSsh? ssh) => (Uri, this.connection, this.ssh, Commands) = (uri, connection, ssh, new HostCommands(ssh?.Host));

    /// <summary>Its name: <c>qemu:///system</c>, <c>qemu:///session</c>, or the same of another host.</summary>
    public string Uri { get; }

    /// <summary>The other host, with a client that uses the connection that there is; null for this one.</summary>
    internal SshHost? Ssh => ssh?.Host;

    /// <summary>What is done there by other programs than virsh.</summary>
    internal HostCommands Commands { get; }

    /// <summary>Connects to one: to this host's by a process for each question, to another host's over one SSH connection.</summary>
    /// <param name="uri">As <see cref="Parse"/> gives it.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL6600 or SL6601; SL6418: the other host cannot be logged in to.</exception>
    public static async Task<LibvirtHost> ConnectAsync(string uri, CancellationToken cancel)
    {
        uri = Parse(uri);
        if (HostOf(uri) is not { } host) return new LibvirtHost(uri, uri, null);
        var ssh = await SharedSsh.OpenAsync(host, cancel);
        return new LibvirtHost(uri, LibvirtName.Connection(DaemonOf(uri), ssh.Host, "no_tty=1"), ssh);
    }

    /// <summary>Whether it is on another host, by its scheme: the rest may be no usable name.</summary>
    public static bool IsFar(string uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.StartsWith("qemu+ssh:", StringComparison.Ordinal);
    }

    /// <summary>What the host of one is called; this one's is empty.</summary>
    public static string HostNameOf(string uri) => HostOf(uri)?.Name ?? string.Empty;

    /// <summary>Whether a target is meant as libvirt, and not as a directory.</summary>
    public static bool Is(string target) => target is not null && LibvirtName.Is(target);

    /// <summary>The code of the error that the server of a volume did not end well.</summary>
    public const string ServerEndedBadlyCode = "SL6610";

    /// <summary>The same name without what says by which key and which program the host is reached.</summary>
    public static string WithoutParameters(string uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.Split('?', 2)[0];
    }

    /// <summary>How somebody logs in to the host of one by hand: what follows <c>ssh</c> in a shell.</summary>
    public static string LoginOf(string uri) => HostOf(uri) is not { } host
        ? string.Empty
        : ShellWord.Quoted([.. host.Port is { } port ? new[] { "-p", port.ToString(CultureInfo.InvariantCulture) } : [], .. host.KeyFile is { } key ? new[] { "-i", key } : [], host.User is null ? host.Name : $"{host.User}@{host.Name}"]);

    /// <summary>Reads the name of a target.</summary>
    /// <returns>The same in its simplest form.</returns>
    /// <exception cref="SealiftException">SL6600: it is no usable name. SL6601: it is of another host, and reached otherwise than over SSH.</exception>
    public static string Parse(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (!System.Uri.TryCreate(target, UriKind.Absolute, out var uri)) throw LibvirtTargetErrors.BadName(target, "it is not a URI");
        if (uri.Scheme != "qemu+ssh" && (uri.Scheme.StartsWith("qemu+", StringComparison.Ordinal) || (uri.Scheme == "qemu" && uri.Host.Length > 0))) throw LibvirtTargetErrors.OtherHost(target);
        if (uri.Scheme is not ("qemu" or "qemu+ssh")) throw LibvirtTargetErrors.BadName(target, "only QEMU's domains are defined");
        if (uri.Fragment.Length > 0 || (uri.Scheme == "qemu" && uri.Query.Length > 0)) throw LibvirtTargetErrors.BadName(target, "it has parameters");
        var daemon = uri.AbsolutePath.TrimEnd('/');
        if (daemon is not ("/system" or "/session")) throw LibvirtTargetErrors.BadName(target, "it must be qemu:///system, qemu:///session or qemu+ssh://HOST/system, without a domain's name: that is the machine's (--name)");
        return LibvirtName.Connection(daemon, uri.Scheme == "qemu" ? null : SshHost.Of(uri, (said, isSecret) => LibvirtTargetErrors.BadName(isSecret ? "a libvirt URI" : target, said)));
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
        return StoragePool.Of(xml, Uri, isHere: ssh is null);
    }

    /// <summary>Has libvirt make a volume that is empty, and takes no room yet.</summary>
    /// <param name="pool">The pool.</param>
    /// <param name="name">What it is called, which nothing in the pool is.</param>
    /// <param name="format">raw or qcow2.</param>
    /// <param name="lengthBytes">The length of the disk in bytes.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL6412: it refused.</exception>
    public Task CreateVolumeAsync(string pool, string name, ImageFormat format, long lengthBytes, CancellationToken cancel) =>
        AskAsync("vol-create-as", cancel, "--pool", pool, "--name", name, "--format", format == ImageFormat.Qcow2 ? "qcow2" : "raw", "--capacity", lengthBytes.ToString(CultureInfo.InvariantCulture), "--allocation", "0");

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

    /// <summary>Whether QEMU's user can reach what lies in a directory there; null where whoever runs there is not root, who alone can try it.</summary>
    public async Task<bool?> CanReachAsync(QemuUser user, string directory, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(user);
        var isRoot = (await Commands.RunAsync(["id", "-u"], cancel)).Output.Trim() == "0";
        // 126 and 127, of the shell there: it has no setpriv.
        return isRoot && (await Commands.RunAsync(user.TryToReach(directory), cancel, 0, 1, 126, 127)).ExitCode is var tried and (0 or 1) ? tried == 0 : null;
    }

    /// <summary>Whether its host has a bridge of this name.</summary>
    public async Task<bool> HasBridgeAsync(string name, CancellationToken cancel) =>
        (await Commands.RunAsync(["test", "-d", Path.Combine("/sys/class/net", Path.GetFileName(name), "bridge")], cancel, 0, 1)).ExitCode == 0;

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

    /// <summary>
    /// Whether it runs machines of this architecture by KVM: libvirt says so (https://libvirt.org/formatcaps.html, guest capabilities), and
    /// where its QEMU can be found a BIOS comes up.
    /// </summary>
    public async Task<bool> HasKvmAsync(CancellationToken cancel)
    {
        if (!(await AskXmlAsync("capabilities", cancel)).Elements("guest").Elements("arch").Any(a => a.Attribute("name")?.Value == "x86_64" && a.Elements("domain").Any(d => d.Attribute("type")?.Value == "kvm"))) return false;
        // Whoever may not open the device, or finds no QEMU, cannot tell better than libvirt.
        return (await Commands.RunAsync(["sh", "-c", $"{StartScript.KvmWorks}\n[ -w /dev/kvm ] && command -v qemu-system-x86_64 >/dev/null || exit 0\nkvm_works"], cancel, 0, 1)).ExitCode == 0;
    }

    /// <summary>Makes a directory there for the sockets of servers, which only whoever logs in may enter.</summary>
    /// <param name="path">It must not be there.</param>
    /// <param name="cancel">Stops it.</param>
    public Task MakeDirectoryAsync(string path, CancellationToken cancel) => Commands.MakeDirectoryAsync(path, null, cancel);

    /// <summary>Ends the servers that an earlier run left, and removes the directory of their sockets. What is gone already is no error.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL6614: a server does not end, or the directory is somebody else's.</exception>
    public async Task EndServersAsync(string path, CancellationToken cancel)
    {
        const int NotOurs = 3, DoesNotEnd = 4;
        // A process is what its command line says, not what a file says: numbers are used again.
        const string Script = """
            [ -e "$1" ] || [ -L "$1" ] || exit 0
            { [ ! -L "$1" ] && [ -d "$1" ] && [ -O "$1" ]; } || exit 3
            left=600
            for file in "$1"/*.pid; do
              server=$(cat -- "$file" 2>/dev/null) || continue
              case $server in ''|*[!0-9]*) continue ;; esac
              tr '\0' '\n' <"/proc/$server/cmdline" 2>/dev/null | grep -qxF -e "--socket=${file%.pid}.sock" || continue
              kill "$server" 2>/dev/null
              while [ -e "/proc/$server/exe" ]; do
                [ "$left" -gt 0 ] || { echo "process $server" >&2; exit 4; }
                left=$((left - 1)); sleep 0.1
              done
            done
            rm -f -- "$1"/*.sock "$1"/*.pid
            exec rmdir -- "$1"
            """;
        var ended = await Commands.RunAsync(["sh", "-c", Script, "sh", path], cancel, 0, NotOurs, DoesNotEnd);
        if (ended.ExitCode != 0) throw LibvirtTargetErrors.ServerStays(HostNameOf(Uri), path, ended.ExitCode == NotOurs ? "it is not a directory of whoever logs in there" : $"a server of it does not end: {ended.ErrorTail.Trim()}");
    }

    /// <summary>Begins to serve a volume on a socket of this host.</summary>
    /// <param name="path">The volume's path there.</param>
    /// <param name="format">Its format; it names no other file.</param>
    /// <param name="writable">Whether it may be written.</param>
    /// <param name="directory">The directory there for sockets.</param>
    /// <param name="key">What it is called in that.</param>
    /// <param name="socketPath">The socket here.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">SL6609: it did not start. SL6611: it reads through the page cache there.</exception>
    public Task<VolumeServer> ServeAsync(string path, ImageFormat format, bool writable, string directory, string key, string socketPath, CancellationToken cancel) =>
        VolumeServer.StartAsync(Ssh ?? throw new InvalidOperationException("it is this host"), path, format, writable, directory, key, socketPath, cancel);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Commands.DisposeAsync();
        if (ssh is not null) await ssh.DisposeAsync();
    }

    private static SshHost? HostOf(string uri) => IsFar(uri) ? SshHost.Of(new Uri(uri), (said, _) => LibvirtTargetErrors.BadName("a libvirt URI", said)) : null;

    private static string DaemonOf(string uri) => new Uri(uri).AbsolutePath.TrimEnd('/');

    private async Task<IReadOnlyList<string>> LinesAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        (await AskAsync(command, cancel, arguments)).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private async Task<XElement> AskXmlAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        LibvirtXml.Parse(await AskAsync(command, cancel, arguments), Uri, command);

    private Task<string> AskAsync(string command, CancellationToken cancel, params IEnumerable<string> arguments) =>
        Virsh.RunAsync(Uri, command, new ChildCommand("virsh", ["-q", "-c", connection, command, .. arguments]), cancel);
}
