using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>A real storage pool of libvirt's, of type dir, in a directory that QEMU's user can come to; and whatever domains of this name a test leaves.</summary>
internal sealed class StoragePoolRig : IAsyncDisposable
{
    private readonly LibvirtDaemon daemon;

    private StoragePoolRig(LibvirtDaemon daemon, string name, string directory) => (this.daemon, Name, Directory) = (daemon, name, directory);

    /// <summary>What the pool is called, and what its machines are to be.</summary>
    public string Name { get; }

    public string Directory { get; }

    public static async Task<StoragePoolRig> StartAsync(CancellationToken cancel)
    {
        var name = $"sealift-test-{Guid.NewGuid().ToString("N")[..8]}";
        var directory = Path.Combine(Path.GetTempPath(), name);
        PosixPath.CreateDirectory(directory, 0x1C9 /* 0711 */);
        var rig = new StoragePoolRig(await LibvirtDaemon.StartAsync(cancel), name, directory);
        try
        {
            _ = await LibvirtDaemon.VirshAsync(cancel, "pool-define-as", name, "dir", "--target", directory);
            _ = await LibvirtDaemon.VirshAsync(cancel, "pool-start", name);
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    /// <summary>The volumes that libvirt lists, in order.</summary>
    public async Task<IReadOnlyList<string>> VolumesAsync(CancellationToken cancel) =>
        [.. (await LibvirtDaemon.VirshAsync(cancel, "vol-list", Name)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Trim().Split(' ')[0]).Order(StringComparer.Ordinal)];

    /// <summary>Whether a domain is defined.</summary>
    public static async Task<bool> IsDefinedAsync(string domain, CancellationToken cancel) =>
        (await LibvirtDaemon.VirshAsync(cancel, "list", "--all", "--name")).Split('\n', StringSplitOptions.TrimEntries).Contains(domain);

    /// <summary>Defines a domain of somebody else's, without devices.</summary>
    public async Task DefineOtherAsync(string domain, Guid uuid, CancellationToken cancel)
    {
        var xml = Path.Combine(Path.GetTempPath(), $"{Name}-other.xml");
        await File.WriteAllTextAsync(xml, $"<domain type='qemu'><name>{domain}</name><uuid>{uuid:D}</uuid><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os></domain>", cancel);
        _ = await LibvirtDaemon.VirshAsync(cancel, "define", xml);
        File.Delete(xml);
    }

    public async ValueTask DisposeAsync()
    {
        await LibvirtDaemon.RemoveDomainAsync(Name);
        foreach (var command in (string[])["pool-destroy", "pool-undefine"])
        {
            try
            {
                _ = await LibvirtDaemon.VirshAsync(CancellationToken.None, command, Name);
            }
            catch (ChildException)
            {
                // It was not active, or the test has undefined it.
            }
        }

        System.IO.Directory.Delete(Directory, recursive: true);
        await daemon.DisposeAsync();
    }
}
