using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>The busy guest as a domain of libvirt's, with its guest agent.</summary>
internal sealed class BusyDomain : IAsyncDisposable
{
    private readonly LibvirtDaemon daemon;
    private readonly string directory;
    private readonly string name;

    private BusyDomain(LibvirtDaemon daemon, string directory, string name) => (this.daemon, this.directory, this.name, Console) = (daemon, directory, name, new BusyConsole(Path.Combine(directory, "console")));

    public BusyConsole Console { get; }

    /// <summary>As the source of a migration.</summary>
    public string Source => $"qemu:///system/{name}";

    public IReadOnlyList<string> Images => [Path.Combine(directory, "root.qcow2"), Path.Combine(directory, "data.qcow2")];

    public static async Task<BusyDomain> StartAsync(CancellationToken cancel)
    {
        var name = $"sealift-test-{Guid.NewGuid().ToString("N")[..8]}";
        var directory = Path.Combine(Path.GetTempPath(), name);
        PosixPath.CreateDirectory(directory, 0x1C9 /* 0711: QEMU has a user of its own, which must be able to come here */);
        var domain = new BusyDomain(await LibvirtDaemon.StartAsync(cancel), directory, name);
        try
        {
            var raw = new[] { Path.Combine(directory, "root.raw"), Path.Combine(directory, "data.raw") };
            await BusyGuest.BuildAsync(raw[0], raw[1], "--agent");
            // libvirt tracks changes of qcow2 disks only.
            for (var i = 0; i < raw.Length; i++) _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw[i], domain.Images[i]), cancel);
            var xml = Path.Combine(directory, "domain.xml");
            await File.WriteAllTextAsync(xml, $"""
                <domain type='qemu'>
                  <name>{name}</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
                  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><cpu mode='maximum'/>
                  <devices>
                    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{domain.Images[0]}'/><target dev='vda' bus='virtio'/></disk>
                    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{domain.Images[1]}'/><target dev='vdb' bus='virtio'/></disk>
                    <serial type='file'><source path='{Path.Combine(directory, "console")}' append='on'/></serial>
                    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
                  </devices>
                </domain>
                """, cancel);
            foreach (var command in (string[][])[["define", xml], ["start", name]]) _ = await LibvirtDaemon.VirshAsync(cancel, command); // it says that it did
            return domain;
        }
        catch
        {
            await domain.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until libvirt has heard from the guest's agent.</summary>
    public async Task HasAgentAsync(CancellationToken cancel)
    {
        for (var left = 600; !(await LibvirtDaemon.VirshAsync(cancel, "dumpxml", name)).Contains("state='connected'", StringComparison.Ordinal); left--)
        {
            Assert.True(left > 0, "the guest's agent has not connected");
            await Task.Delay(100, cancel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await LibvirtDaemon.RemoveDomainAsync(name);
        Directory.Delete(directory, recursive: true);
        await daemon.DisposeAsync();
    }
}
