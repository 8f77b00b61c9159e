using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A running nbdkit on a Unix socket of the scratch folder.</summary>
internal sealed class Nbdkit : IAsyncDisposable
{
    private readonly ChildProcess child;

    private Nbdkit(ChildProcess child, string socket)
    {
        this.child = child;
        Uri = NbdUri.Unix(socket);
    }

    public NbdUri Uri { get; }

    public static async Task<Nbdkit> StartAsync(Scratch scratch, params string[] arguments)
    {
        var name = Guid.NewGuid().ToString("N")[..8];
        var (socket, ready) = (scratch[name], scratch[name + ".pid"]);
        var child = ChildProcess.Start(new ChildCommand("nbdkit", ["-f", "-U", socket, "-P", ready, .. arguments]));
        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (!File.Exists(ready))
        {
            Assert.True(child.IsRunning && DateTime.UtcNow < deadline, child.ErrorTail);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        return new Nbdkit(child, socket);
    }

    public ValueTask DisposeAsync() => child.DisposeAsync();
}
