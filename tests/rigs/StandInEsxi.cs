using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>
/// What an ESXi host is to Sealift: a real sshd, whose sh is busybox's as ESXi's is, with a vmkfstools that copies real bytes, or does what
/// a file beside it says. A datastore of its is a directory of this host's under another name.
/// </summary>
public sealed class StandInEsxi : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("esxi-").FullName;
    private SshServer server = null!;
    private int datastores;

    /// <summary>Its vmkfstools was called so often.</summary>
    public int Calls => File.Exists(Log) ? File.ReadAllLines(Log).Length : 0;

    /// <summary>Where a vmkfstools that waits goes on once this file is there.</summary>
    public string Go => Path.Combine(folder, "go");

    /// <summary>What ssh believes of hosts.</summary>
    public string KnownHosts => server.KnownHosts;

    private string Log => Path.Combine(folder, "log");

    public async ValueTask InitializeAsync()
    {
        var programs = Directory.CreateDirectory(Path.Combine(folder, "bin")).FullName;
        File.CreateSymbolicLink(Path.Combine(programs, "sh"), "/usr/bin/busybox");
        var tool = Path.Combine(programs, "vmkfstools");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "rigs", "vmkfstools.sh"), tool);
        PosixPath.SetPermissions(tool, 0x1C0 /* 0700 */);
        server = await SshServer.StartAsync(folder, CancellationToken.None /* it answers soon, or fails */, $"SetEnv PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin VMKFSTOOLS_RIG={folder}");
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>What its vmkfstools does from now on: see vmkfstools.sh.</summary>
    public void Behave(string how)
    {
        File.Delete(Go);
        File.Delete(Log);
        File.WriteAllText(Path.Combine(folder, "behaviour"), how);
    }

    /// <summary>Processes of its vmkfstools that were started since it was told how to behave and still run.</summary>
    public IReadOnlyList<int> Running() => [.. (File.Exists(Log) ? File.ReadAllLines(Log) : []).Select(line => int.Parse(line.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture)).Where(id => Directory.Exists($"/proc/{id}"))];

    /// <summary>The host, with a directory of this one as a datastore.</summary>
    public EsxiHost Host(string directory, string parameters = "") => EsxiHost.Parse(Uri(parameters), [$"{directory}={Datastore(directory)}"]);

    /// <summary>Its name.</summary>
    public string Uri(string parameters = "") => $"ssh://root@127.0.0.1:{server.Port}?keyfile={server.KeyFile}&command={server.Client}{parameters}";

    /// <summary>Another client or key.</summary>
    public string UriWith(string keyFile) => $"ssh://root@127.0.0.1:{server.Port}?keyfile={keyFile}&command={server.Client}";

    /// <summary>What it calls a directory of this host.</summary>
    public string Datastore(string directory)
    {
        var volume = Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "vmfs", "volumes")).FullName, $"store {Interlocked.Increment(ref datastores)}");
        File.CreateSymbolicLink(volume, directory);
        return volume;
    }
}
