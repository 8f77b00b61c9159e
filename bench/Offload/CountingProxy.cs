using System.Net;
using System.Net.Sockets;

namespace Sealift.Bench.Offloads;

/// <summary>Passes connections on to a port of this host, and counts what goes in each direction.</summary>
internal sealed class CountingProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly int port;
    private readonly Task serving;
    private long sentBytes;
    private long receivedBytes;

    public CountingProxy(int port)
    {
        this.port = port;
        listener.Start();
        serving = Task.Run(ServeAsync);
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Bytes that went to the port.</summary>
    public long SentBytes => Interlocked.Read(ref sentBytes);

    /// <summary>Bytes that came from it.</summary>
    public long ReceivedBytes => Interlocked.Read(ref receivedBytes);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await serving;
        stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(PassAsync(await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections); // the measurement is over
        }
    }

    private async Task PassAsync(TcpClient client)
    {
        client.NoDelay = true;
        using (client)
        using (var server = new TcpClient { NoDelay = true })
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, port, stop.Token);
                _ = await Task.WhenAny(PumpAsync(client, server, () => ref sentBytes), PumpAsync(server, client, () => ref receivedBytes)); // whoever ends one direction has ended the other
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // The peers of it notice by themselves.
            }
        }
    }

    private delegate ref long Counter();

    private async Task PumpAsync(TcpClient from, TcpClient to, Counter counter)
    {
        var buffer = new byte[1 << 20];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, stop.Token) is > 0 and var n)
            {
                Interlocked.Add(ref counter(), n);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, n), stop.Token);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone: so is the connection, and whoever used it says so.
        }
    }
}
