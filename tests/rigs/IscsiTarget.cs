using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>
/// A real iSCSI target that knows EXTENDED COPY: Linux's own (LIO) in a small VM, whose disks are files of this host. What QEMU has written
/// to a file is seen there at once, so a test can look past the target at what a unit holds.
/// </summary>
internal sealed class IscsiTarget : IAsyncDisposable
{
    private readonly ChildProcess process;

    private IscsiTarget(ChildProcess process, int port, string name) => (this.process, Port, Name) = (process, port, $"iqn.2026-01.invalid.rig:{name}");

    public string Name { get; }

    public int Port { get; }

    /// <summary>The URI of a unit; they are counted from 1.</summary>
    public string Uri(int lun, string user = "") => $"iscsi://{user}127.0.0.1:{Port}/{Name}/{lun}";

    /// <summary>Starts one.</summary>
    /// <param name="directory">Where its initramfs is made, once.</param>
    /// <param name="images">The files, which exist: LUN 1, 2 and so on. The option of a virtio-blk-pci device may follow a name, after a comma.</param>
    /// <param name="settings">Behind <c>rig.</c> on the kernel's command line: tests/rigs/lio-vm.sh. Without serials each unit gets one of its own.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<IscsiTarget> StartAsync(string directory, IReadOnlyList<string> images, IReadOnlyList<string> settings, CancellationToken cancel)
    {
        var initramfs = Path.Combine(directory, "lio.gz");
        if (!File.Exists(initramfs)) _ = await ChildProcess.RunAsync(new ChildCommand(Path.Combine(Folder(), "lio-vm.sh"), initramfs), cancel); // its exit code is checked
        var kernel = Directory.EnumerateFiles("/boot", "vmlinuz-*-cloud-*").Order(StringComparer.Ordinal).Last();
        var unique = Guid.NewGuid().ToString("N")[..8];
        var serials = settings.Any(s => s.StartsWith("serials=", StringComparison.Ordinal)) ? [] : new[] { $"serials={string.Join(',', images.Select((_, i) => $"{unique}{i}"))}" };
        var port = LoopbackPort.Free();
        var arguments = new List<string>
        {
            "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none",
            "-kernel", kernel, "-initrd", initramfs, "-append", $"console=ttyS0 quiet {string.Join(' ', settings.Concat(serials).Select(s => "rig." + s))}",
            "-netdev", $"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:3260", "-device", "virtio-net-pci,netdev=net",
        };
        for (var i = 0; i < images.Count; i++)
        {
            var (file, options) = images[i].IndexOf(',', StringComparison.Ordinal) is >= 0 and var at ? (images[i][..at], images[i][at..]) : (images[i], string.Empty);
            arguments.AddRange(["-blockdev", $"driver=raw,node-name=d{i},discard=unmap,detect-zeroes=off,file.driver=file,file.filename={file},file.locking=off", "-device", $"virtio-blk-pci,drive=d{i}{options}"]);
        }

        var process = ChildProcess.Start(new ChildCommand("qemu-system-x86_64", [.. arguments]) { Deadline = TimeSpan.FromMinutes(15) });
        try
        {
            while (await process.ReadLineAsync(cancel) is { } line)
                if (line.Contains("LIO-UP", StringComparison.Ordinal)) return new IscsiTarget(process, port, settings.FirstOrDefault(s => s.StartsWith("name=", StringComparison.Ordinal))?[5..] ?? "lio");
            throw new InvalidOperationException($"the target did not come up: {process.ErrorTail}");
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends it as a power cut would.</summary>
    public void Kill() => process.Kill("the test wants it dead");

    public async ValueTask DisposeAsync()
    {
        process.Kill("the test is over");
        await process.DisposeAsync();
    }

    private static string Folder()
    {
        var directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "tests", "rigs", "lio-vm.sh"))) directory = Path.GetDirectoryName(directory);
        return Path.Combine(directory ?? throw new DirectoryNotFoundException("tests/rigs/lio-vm.sh is not above the tests"), "tests", "rigs");
    }
}
