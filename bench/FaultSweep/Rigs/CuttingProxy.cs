using System.Net.Sockets;

namespace Sealift.Bench.Faults.Rigs;

/// <summary>Stands between a client and an NBD server, and cuts each connection in the middle of an answer.</summary>
public sealed class CuttingProxy : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly List<Task> connections = [];
    private readonly string server;
    private readonly long requestBytes;
    private readonly long answerBytes;
    private readonly Task accepting;

    /// <param name="socket">Where it listens.</param>
    /// <param name="server">The socket of the server.</param>
    /// <param name="requestBytes">Answers are counted once a client has sent so many bytes,</param>
    /// <param name="answerBytes">and after so many bytes of them the connection is cut.</param>
    public CuttingProxy(string socket, string server, long requestBytes, long answerBytes)
    {
        (this.server, this.requestBytes, this.answerBytes) = (server, requestBytes, answerBytes);
        listener.Bind(new UnixDomainSocketEndPoint(socket));
        listener.Listen();
        accepting = Task.Run(AcceptAsync);
    }

    /// <summary>How many connections were cut.</summary>
    public int Cuts { get; private set; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        await Task.WhenAll(connections);
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync(stop.Token);
                connections.Add(Task.Run(() => ForwardAsync(client)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The trial is over.
        }
    }

    private async Task ForwardAsync(Socket client)
    {
        using var owned = client;
        using var upstream = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        try
        {
            await upstream.ConnectAsync(new UnixDomainSocketEndPoint(server), ends.Token);
            long sent = 0;
            var requests = Task.Run(async () =>
            {
                var buffer = new byte[65536];
                for (int n; (n = await client.ReceiveAsync(buffer, ends.Token)) > 0;)
                {
                    Interlocked.Add(ref sent, n);
                    await SendAsync(upstream, buffer.AsMemory(0, n), ends.Token);
                }

                upstream.Shutdown(SocketShutdown.Send);
            });
            var bytes = new byte[65536];
            var left = answerBytes;
            for (int n; left > 0 && (n = await upstream.ReceiveAsync(bytes, ends.Token)) > 0;)
            {
                var counted = Interlocked.Read(ref sent) >= requestBytes;
                if (counted) n = (int)Math.Min(n, left);
                await SendAsync(client, bytes.AsMemory(0, n), ends.Token);
                if (counted) left -= n;
            }

            if (left == 0) Cuts++;
            await ends.CancelAsync();
            await requests;
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // One of the two has hung up, or we have: the other is told by the closing of its socket.
        }
    }

    private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (bytes.Length > 0) bytes = bytes[await to.SendAsync(bytes, cancel)..];
    }
}
