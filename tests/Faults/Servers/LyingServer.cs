using System.Buffers.Binary;
using System.Net.Sockets;
using Sealift.Nbd.Tests;

namespace Sealift.Faults.Servers;

/// <summary>A request as the server got it, and how often it had got one of its kind before, over all connections.</summary>
internal sealed record Request(NbdCommand Command, int Earlier, ulong Cookie, long Offset, int LengthBytes, byte[] Payload);

internal enum NbdCommand
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    WriteZeroes = 6,
    BlockStatus = 7,
}

/// <summary>What a server answers: bytes, and whether it hangs up after them.</summary>
internal sealed record Answer(byte[] Bytes, bool HangsUp = false)
{
    public static Answer Silence { get; } = new([]);

    public static implicit operator Answer(Wire wire) => new(wire.ToArray());
}

/// <summary>An NBD server that serves a disk in memory to any number of connections, and breaks the protocol where it is told to.</summary>
internal sealed class LyingServer : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly Dictionary<NbdCommand, int> seen = [];
    private readonly List<Task> connections = [];
    private readonly Lock gate = new();
    private readonly Func<int, Answer> negotiation;
    private readonly Func<LyingServer, Request, Answer?> lie;
    private readonly Task accepting;

    /// <param name="socket">Where it listens.</param>
    /// <param name="disk">What it serves, and writes to.</param>
    /// <param name="lie">Its answer where it lies; null where it is honest.</param>
    /// <param name="negotiation">What it says in the negotiation of a connection, by the connection's number from 0; honest by default.</param>
    public LyingServer(string socket, byte[] disk, Func<LyingServer, Request, Answer?> lie, Func<int, Answer>? negotiation = null)
    {
        Disk = disk;
        this.lie = lie;
        this.negotiation = negotiation ?? (_ => new Wire().Negotiation((ulong)disk.Length));
        File.Delete(socket);
        listener.Bind(new UnixDomainSocketEndPoint(socket));
        listener.Listen();
        accepting = Task.Run(AcceptAsync);
    }

    public byte[] Disk { get; }

    /// <summary>The right answer, after the request was carried out.</summary>
    public Wire Honest(Request r)
    {
        var wire = new Wire();
        lock (gate)
        {
            switch (r.Command)
            {
                case NbdCommand.Read:
                    return wire.Chunk(r.Cookie, 1, new Wire().U64((ulong)r.Offset).Raw(Disk.AsSpan((int)r.Offset, r.LengthBytes)).ToArray(), Wire.Done);
                case NbdCommand.Write:
                    r.Payload.CopyTo(Disk.AsSpan((int)r.Offset));
                    break;
                case NbdCommand.WriteZeroes or NbdCommand.Trim:
                    Disk.AsSpan((int)r.Offset, r.LengthBytes).Clear();
                    break;
                case NbdCommand.BlockStatus:
                    return wire.Extents(r.Cookie, Wire.Done, 7, [.. Extents(r.Offset, r.LengthBytes)]);
            }
        }

        return wire.Simple(r.Cookie);
    }

    /// <summary>Whole 64 KiB pieces of zeros are holes that read as zeros.</summary>
    public IEnumerable<(uint LengthBytes, uint Flags)> Extents(long offset, int lengthBytes)
    {
        for (var end = offset + lengthBytes; offset < end;)
        {
            var step = (int)(Math.Min(end, ((offset / 65536) + 1) * 65536) - offset);
            yield return ((uint)step, Disk.AsSpan((int)offset, step).ContainsAnyExcept((byte)0) ? 0u : 3u);
            offset += step;
        }
    }

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
            for (var number = 0; ; number++)
            {
                var peer = await listener.AcceptAsync(stop.Token);
                var mine = number;
                connections.Add(Task.Run(() => ServeAsync(peer, mine)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket peer, int number)
    {
        using var owned = peer;
        try
        {
            if (!await SayAsync(peer, negotiation(number))) return;
            await ReceiveAsync(peer, 4);
            for (var option = 0; option != 7 /* NBD_OPT_GO */;)
            {
                var header = await ReceiveAsync(peer, 16);
                option = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(8));
                await ReceiveAsync(peer, BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(12)));
            }

            while (true)
            {
                var b = await ReceiveAsync(peer, 28);
                var command = (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(b.AsSpan(6));
                var length = (int)BinaryPrimitives.ReadUInt32BigEndian(b.AsSpan(24));
                var payload = command == NbdCommand.Write ? await ReceiveAsync(peer, length) : [];
                int earlier;
                lock (gate) seen[command] = 1 + (earlier = seen.GetValueOrDefault(command));
                var request = new Request(command, earlier, BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(8)), (long)BinaryPrimitives.ReadUInt64BigEndian(b.AsSpan(16)), length, payload);
                var said = lie(this, request);
                if (said is null && command == NbdCommand.Disconnect) return;
                if (!await SayAsync(peer, said ?? Honest(request))) return;
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or EndOfStreamException or ObjectDisposedException)
        {
            // The client has hung up, as it should on a liar; or the test is over.
        }
    }

    private async Task<bool> SayAsync(Socket peer, Answer answer)
    {
        for (var sent = 0; sent < answer.Bytes.Length;) sent += await peer.SendAsync(answer.Bytes.AsMemory(sent), stop.Token);
        return !answer.HangsUp;
    }

    private async Task<byte[]> ReceiveAsync(Socket peer, int count)
    {
        var bytes = new byte[count];
        for (var got = 0; got < count;)
        {
            var n = await peer.ReceiveAsync(bytes.AsMemory(got), stop.Token);
            if (n == 0) throw new EndOfStreamException();
            got += n;
        }

        return bytes;
    }
}
