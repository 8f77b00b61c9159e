using System.Net;
using System.Net.Sockets;

namespace Sealift.VSphere.Tests;

/// <summary>A port before a server that can be shut, so that connections are refused and those that are open end, and opened again.</summary>
internal sealed class Gate(Uri server) : IAsyncDisposable
{
    private readonly Lock guard = new();
    private readonly List<Task> passing = [];
    private TcpListener? listener;
    private CancellationTokenSource? open;
    private Task accepting = Task.CompletedTask;
    private int port;

    /// <summary>Where clients connect.</summary>
    public Uri Address => new UriBuilder(server) { Port = port }.Uri;

    public void Open()
    {
        open = new CancellationTokenSource();
        listener = new TcpListener(IPAddress.Loopback, port);
        listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Start();
        port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync(listener, open.Token);
    }

    public async Task ShutAsync()
    {
        if (open is null) return;
        listener!.Stop();
        await open.CancelAsync();
        await accepting;
        Task[] all;
        lock (guard) all = [.. passing];
        await Task.WhenAll(all);
        open.Dispose();
        open = null;
    }

    public async ValueTask DisposeAsync() => await ShutAsync();

    private async Task AcceptAsync(TcpListener from, CancellationToken shut)
    {
        while (!shut.IsCancellationRequested)
        {
            try
            {
                var client = await from.AcceptTcpClientAsync(shut);
                lock (guard) passing.Add(PassAsync(client, shut));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return; // it was shut
            }
        }
    }

    private async Task PassAsync(TcpClient client, CancellationToken shut)
    {
        using var _ = client;
        using var behind = new TcpClient();
        try
        {
            await behind.ConnectAsync(IPAddress.Loopback, server.Port, shut);
            await Task.WhenAny(client.GetStream().CopyToAsync(behind.GetStream(), shut), behind.GetStream().CopyToAsync(client.GetStream(), shut));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or IOException)
        {
            // it was shut, or one of both went away
        }
    }
}
