using System.Globalization;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>A real NBD server of somebody else's: qemu-nbd on a Unix socket, or nbdkit on a port of the loopback.</summary>
internal sealed class ServedExport : IAsyncDisposable
{
    private readonly ChildProcess child;

    private ServedExport(ChildProcess child, string uri) => (this.child, Uri) = (child, uri);

    public string Uri { get; }

    /// <summary>qemu-nbd, of the export "disk one".</summary>
    /// <param name="file">What it serves, raw.</param>
    /// <param name="socket">Where.</param>
    /// <param name="options">Further options, besides those with which it goes on and takes several clients.</param>
    public static async Task<ServedExport> ByQemuAsync(string file, string socket, params string[] options)
    {
        string[] how = options.Length > 0 ? options : ["--persistent", "--shared=8"];
        return await ReadyAsync(new ChildCommand("qemu-nbd", [.. how, "--format=raw", "--cache=none", "--export-name=disk one", $"--socket={socket}", $"--pid-file={socket}.pid", file]), $"{socket}.pid", $"nbd+unix:///disk%20one?socket={socket}");
    }

    /// <summary>nbdkit, of the default export.</summary>
    public static async Task<ServedExport> ByNbdkitAsync(string directory, params string[] arguments)
    {
        var port = LoopbackPort.Free().ToString(CultureInfo.InvariantCulture);
        var ready = Path.Combine(directory, $"{port}.pid");
        return await ReadyAsync(new ChildCommand("nbdkit", ["-f", "-i", "127.0.0.1", "-p", port, "-P", ready, .. arguments]), ready, $"nbd://127.0.0.1:{port}/");
    }

    /// <summary>Ends it at once, as a server that is killed.</summary>
    public void Kill() => child.Kill("the test wants it dead");

    public ValueTask DisposeAsync() => child.DisposeAsync();

    private static async Task<ServedExport> ReadyAsync(ChildCommand command, string ready, string uri)
    {
        File.Delete(ready);
        var child = ChildProcess.Start(command);
        var deadline = DateTime.UtcNow.AddSeconds(60);
        while (!File.Exists(ready))
        {
            Assert.True(child.IsRunning && DateTime.UtcNow < deadline, child.ErrorTail);
            await Task.Delay(10, MigrationRig.Cancel);
        }

        return new ServedExport(child, uri);
    }
}
