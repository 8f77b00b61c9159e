using System.Net;
using System.Net.Sockets;

namespace Sealift.Server.Tests;

/// <summary>Whoever connects to it is let in, and never answered.</summary>
internal sealed class SilentServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> connected = [];
    private readonly TaskCompletionSource first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource end = new();
    private readonly Task work;

    public SilentServer()
    {
        listener.Start();
        work = AcceptAsync();
    }

    public Uri Address => new($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    /// <summary>Ends when somebody has come.</summary>
    public Task Called => first.Task;

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        await work;
        foreach (var socket in connected) socket.Dispose();
        listener.Dispose();
        end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                connected.Add(await listener.AcceptSocketAsync(end.Token));
                _ = first.TrySetResult(); // false: others came before
            }
        }
        catch (OperationCanceledException)
        {
            // It is disposed.
        }
    }
}
