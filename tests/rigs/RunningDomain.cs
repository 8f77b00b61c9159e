using System.Globalization;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>
/// A real libvirt domain without an operating system, whose disks are written through its QEMU's monitor, so that a test knows every byte
/// of them at every instant. Its firmware reads the first disk in vain, and stays there.
/// </summary>
internal sealed class RunningDomain : IAsyncDisposable
{
    private readonly LibvirtDaemon daemon;
    private readonly string directory;
    private readonly byte[][] models;

    private RunningDomain(LibvirtDaemon daemon, string directory, string name, IReadOnlyList<string> images, byte[][] models) =>
        (this.daemon, this.directory, Name, Images, this.models) = (daemon, directory, name, images, models);

    public string Name { get; }

    /// <summary>As the source of a migration.</summary>
    public string Source => $"qemu:///system/{Name}";

    public IReadOnlyList<string> Images { get; }

    /// <summary>What the disk holds now.</summary>
    public ReadOnlySpan<byte> Model(int disk) => models[disk];

    /// <summary>Defines and starts one with empty disks.</summary>
    /// <param name="disks">The format and the length in bytes of each.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<RunningDomain> StartAsync(IReadOnlyList<(string Format, int Length)> disks, CancellationToken cancel)
    {
        var name = $"sealift-test-{Guid.NewGuid().ToString("N")[..8]}";
        var directory = Path.Combine(Path.GetTempPath(), name);
        // QEMU has a user of its own, which must be able to come here.
        PosixPath.CreateDirectory(directory, 0x1C9 /* 0711 */);
        var images = new List<string>();
        foreach (var (format, length) in disks)
        {
            images.Add(Path.Combine(directory, $"source{images.Count}.{format}"));
            _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "create", "-q", "-f", format, images[^1], $"{length}"), cancel);
        }

        var xml = Path.Combine(directory, "domain.xml");
        await File.WriteAllTextAsync(xml, $"""
            <domain type='qemu'>
              <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
              <os><type arch='x86_64' machine='pc'>hvm</type></os>
              <devices>
                {string.Join('\n', disks.Select((d, i) => $"<disk type='file' device='disk'><driver name='qemu' type='{d.Format}'/><source file='{images[i]}'/><target dev='vd{(char)('a' + i)}' bus='virtio'/></disk>"))}
                <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
                <memballoon model='none'/>
              </devices>
            </domain>
            """, cancel);
        var domain = new RunningDomain(await LibvirtDaemon.StartAsync(cancel), directory, name, images, [.. disks.Select(d => new byte[d.Length])]);
        try
        {
            _ = await LibvirtDaemon.VirshAsync(cancel, "define", xml);
            await domain.StartAgainAsync(cancel);
            return domain;
        }
        catch
        {
            await domain.DisposeAsync();
            throw;
        }
    }

    public async Task StartAgainAsync(CancellationToken cancel) => _ = await LibvirtDaemon.VirshAsync(cancel, "start", Name);

    public Task<string> StateAsync(CancellationToken cancel) => LibvirtDaemon.VirshAsync(cancel, "domstate", Name);

    /// <summary>Writes bytes of one value, as the guest would.</summary>
    public async Task WriteAsync(int disk, int offset, int length, byte value, CancellationToken cancel)
    {
        var said = await LibvirtDaemon.VirshAsync(cancel, "qemu-monitor-command", Name, "--hmp", $"qemu-io -d /machine/peripheral/virtio-disk{disk}/virtio-backend \"write -P {value} {offset} {length}\"");
        if (said.Length > 0) throw new InvalidOperationException(said); // what it did it says in its log
        models[disk].AsSpan(offset, length).Fill(value);
    }

    /// <summary>Gives a disk another length; what is new reads as zeros.</summary>
    public async Task ResizeAsync(int disk, int length, CancellationToken cancel)
    {
        _ = await LibvirtDaemon.VirshAsync(cancel, "blockresize", Name, $"vd{(char)('a' + disk)}", $"{length}B");
        Array.Resize(ref models[disk], length);
    }

    /// <summary>Writes somewhere.</summary>
    public async Task WriteSomewhereAsync(Random random, CancellationToken cancel)
    {
        var disk = random.Next(models.Length);
        var length = Math.Min(models[disk].Length, 512 * (1 << random.Next(9)));
        await WriteAsync(disk, random.Next((models[disk].Length - length) / 512) * 512, length, (byte)random.Next(1, 256), cancel);
    }

    /// <summary>Ends its QEMU as a power cut would, and waits until libvirt has noticed.</summary>
    public async Task KillAsync(CancellationToken cancel)
    {
        var pid = int.Parse(await File.ReadAllTextAsync($"/run/libvirt/qemu/{Name}.pid", cancel), CultureInfo.InvariantCulture);
        using (var process = System.Diagnostics.Process.GetProcessById(pid)) process.Kill();
        for (var left = 500; await StateAsync(cancel) != "shut off"; left--)
        {
            if (left == 0) throw new TimeoutException("libvirt has not noticed that its QEMU is gone");
            await Task.Delay(20, cancel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await LibvirtDaemon.RemoveDomainAsync(Name);
        Directory.Delete(directory, recursive: true);
        await daemon.DisposeAsync();
    }
}
