using System.Buffers.Binary;
using System.Net.Sockets;

namespace Sealift.Nbd.Tests;

/// <summary>One request as the scripted server received it.</summary>
internal readonly record struct SeenRequest(int Flags, int Command, ulong Cookie, ulong Offset, uint LengthBytes);

/// <summary>Plays what a test scripts, to one client, over a Unix socket. It goes on until it is disposed.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly Task running;
    private Socket? peer;

    public ScriptedServer(Func<ScriptedServer, Task> script)
    {
        listener.Bind(new UnixDomainSocketEndPoint(directory.File("s")));
        listener.Listen();
        running = Task.Run(async () =>
        {
            try
            {
                peer = await listener.AcceptAsync(stop.Token);
                await script(this);
                await Task.Delay(Timeout.Infinite, stop.Token);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or EndOfStreamException or ObjectDisposedException)
            {
                // The client closed, as it should against a liar; or the test is over.
            }
        });
    }

    public NbdUri Uri => NbdUri.Unix(directory.File("s"));

    /// <summary>An honest negotiation, then the script for what follows.</summary>
    public static ScriptedServer Transmitting(Func<ScriptedServer, Task> script, ulong lengthBytes = 1 << 20) => new(async server =>
    {
        await server.NegotiateAsync(new Wire().Negotiation(lengthBytes).ToArray());
        await script(server);
    });

    /// <summary>Sends a negotiation at once, and takes what the client says meanwhile: flags, STRUCTURED_REPLY, SET_META_CONTEXT, GO.</summary>
    public async Task NegotiateAsync(byte[] said)
    {
        await SendAsync(said);
        await ReceiveAsync(4);
        while (true)
        {
            var header = await ReceiveAsync(16);
            await ReceiveAsync(BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(12)));
            if (BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(8)) == 7) return;
        }
    }

    public Task SendAsync(Wire wire) => SendAsync(wire.ToArray());

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;) sent += await peer!.SendAsync(bytes.AsMemory(sent), stop.Token);
    }

    public async Task<byte[]> ReceiveAsync(int count)
    {
        var bytes = new byte[count];
        for (var got = 0; got < count;)
        {
            var n = await peer!.ReceiveAsync(bytes.AsMemory(got), stop.Token);
            if (n == 0) throw new EndOfStreamException();
            got += n;
        }
        return bytes;
    }

    public async Task<SeenRequest> RequestAsync()
    {
        var b = await ReceiveAsync(28);
        var request = new SeenRequest(BinaryPrimitives.ReadUInt16BigEndian(b.AsSpan(4)), BinaryPrimitives.ReadUInt16BigEndian(b.AsSpan(6)), BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(8)), BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(16)), BinaryPrimitives.ReadUInt32BigEndian(b.AsSpan(24)));
        if (request.Command == 1) await ReceiveAsync((int)request.LengthBytes);
        return request;
    }

    public void Close() => peer!.Dispose();

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        peer?.Dispose();
        listener.Dispose();
        stop.Dispose();
        directory.Dispose();
    }
}
