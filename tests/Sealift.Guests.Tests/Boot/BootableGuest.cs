using Sealift.Guests.Boot;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Boot;

/// <summary>The tiny guest with virtio's drivers from the start, built once; and what a few of its files make of it.</summary>
public sealed class BootableGuest : IAsyncLifetime
{
    // Where tiny-guest.sh puts the root file system.
    private const string Root = "?offset=1048576";

    private readonly TemporaryDirectory directory = new();

    public string Disk => directory.File("tiny.raw");

    public async ValueTask InitializeAsync() => await Rigs.RunAsync("tiny-guest.sh", Disk, "virtio_pci", "virtio_blk");

    public ValueTask DisposeAsync()
    {
        directory.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>A copy with one file of its root file system removed.</summary>
    public Task<string> WithoutAsync(string name, string path) => ChangedAsync(name, $"rm {path}");

    /// <summary>A copy that runs a script at the end of its start, before it shows a login prompt.</summary>
    public async Task<string> WithScriptAsync(string name, string script)
    {
        var file = directory.File(name + ".sh");
        await File.WriteAllTextAsync(file, "#!/bin/sh\n" + script);
        return await ChangedAsync(name, $"write {file} etc/rc.local", "sif etc/rc.local mode 0100755");
    }

    private async Task<string> ChangedAsync(string name, params string[] commands)
    {
        var copy = directory.File(name + ".raw");
        File.Copy(Disk, copy);
        foreach (var command in commands)
        {
            var result = await ChildProcess.RunAsync(new ChildCommand("debugfs", "-w", "-R", command, copy + Root), CancellationToken.None);
            // It exits with 0 whatever happens; what it has to complain of follows its name and version.
            Assert.DoesNotContain(result.ErrorTail.Split('\n').Skip(1), l => l.Length > 0 && !l.StartsWith("Allocated inode", StringComparison.Ordinal));
        }

        return copy;
    }
}
