using Sealift.Posix;

namespace Sealift.Providers.Tests;

/// <summary>A small disk and its VMDK as VMware exports it, made once by qemu-img.</summary>
public sealed class TestDisk : IAsyncLifetime
{
    public const long LengthBytes = 2 << 20;

    public byte[] Raw { get; } = new byte[LengthBytes];

    public byte[] Vmdk { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        new Random(1).NextBytes(Raw.AsSpan(65536, 300_000));
        using var folder = new TemporaryDirectory();
        await File.WriteAllBytesAsync(folder.File("d.raw"), Raw);
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic", folder.File("d.raw"), folder.File("d.vmdk")), TestContext.Current.CancellationToken);
        Vmdk = await File.ReadAllBytesAsync(folder.File("d.vmdk"));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
