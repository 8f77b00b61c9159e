using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Nbd.Tests;

/// <summary>nbdkit or qemu-nbd, serving until it is disposed.</summary>
internal sealed class RealServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);

    private readonly ChildProcess process;

    private RealServer(ChildProcess process, TemporaryDirectory directory, NbdUri uri) => (this.process, Directory, Uri) = (process, directory, uri);

    public TemporaryDirectory Directory { get; }

    public NbdUri Uri { get; }

    public bool IsRunning => process.IsRunning;

    public static Task<RealServer> NbdkitAsync(params string[] arguments) => NbdkitAsync(new TemporaryDirectory(), arguments);

    public static Task<RealServer> NbdkitAsync(TemporaryDirectory directory, params string[] arguments)
    {
        var socket = directory.File("nbdkit.sock");
        return StartAsync(directory, NbdUri.Unix(socket), new ChildCommand("nbdkit", ["-f", "-U", socket, "-P", directory.File("pid"), .. arguments]));
    }

    public static Task<RealServer> NbdkitOverTcpAsync(TemporaryDirectory directory, string scheme, params string[] arguments)
    {
        var port = LoopbackPort.Free();
        return StartAsync(directory, NbdUri.Parse($"{scheme}://localhost:{port}/"), new ChildCommand("nbdkit", ["-f", "-i", "127.0.0.1", "-p", $"{port}", "-P", directory.File("pid"), .. arguments]));
    }

    public static Task<RealServer> QemuAsync(TemporaryDirectory directory, params string[] arguments)
    {
        var socket = directory.File("qemu.sock");
        return StartAsync(directory, NbdUri.Unix(socket, "disk"), new ChildCommand("qemu-nbd", ["-k", socket, "-x", "disk", "--persistent", "--shared=8", "--pid-file=" + directory.File("pid"), .. arguments]));
    }

    private static async Task<RealServer> StartAsync(TemporaryDirectory directory, NbdUri uri, ChildCommand command)
    {
        var process = ChildProcess.Start(command);
        using var limit = new CancellationTokenSource(StartLimit);
        // Both write their process id once they listen.
        while (!File.Exists(directory.File("pid")))
        {
            if (!process.IsRunning) throw new InvalidOperationException($"{command} ended: {process.ErrorTail}");
            await Task.Delay(5, limit.Token);
        }
        return new RealServer(process, directory, uri);
    }

    public Task<NbdClient> ConnectAsync(NbdOptions? options = null) => NbdClient.ConnectAsync(Uri, options ?? new NbdOptions(), TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        Directory.Dispose();
    }
}
