using System.Buffers.Binary;
using System.Net.Sockets;

namespace Sealift.Nbd.Tests;

/// <summary>
/// Mutates what an honest server says, in the negotiation and in every reply. Whatever comes of it, each call ends soon in a
/// result or in an <see cref="NbdException"/>, and memory stays bounded. A failure names the seed that repeats it.
/// </summary>
public sealed class FuzzTests
{
    private const int Cases = 4000;
    private const int Workers = 4;

    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);
    private static readonly uint[] Extremes = [0, 1, 7, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 4096, 4097];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryMutationEndsInAResultOrATypedError()
    {
        var allocatedBefore = GC.GetTotalAllocatedBytes(precise: true);
        var outcomes = new System.Collections.Concurrent.ConcurrentDictionary<string, int>();
        var slowest = TimeSpan.Zero;
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
        {
            using var directory = new TemporaryDirectory();
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(directory.File("s")));
            listener.Listen();
            for (var seed = worker; seed < Cases; seed += Workers)
            {
                var clock = System.Diagnostics.Stopwatch.StartNew();
                var server = ServeAsync(listener, seed);
                try
                {
                    await DriveAsync(NbdUri.Unix(directory.File("s")), outcomes).WaitAsync(Hang, Cancel);
                    await server.WaitAsync(Hang, Cancel);
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException($"Seed {seed} ended in {e.GetType().Name}: {e.Message}", e);
                }
                lock (outcomes) if (clock.Elapsed > slowest) slowest = clock.Elapsed;
            }
        }, Cancel)));
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - allocatedBefore;
        TestContext.Current.SendDiagnosticMessage($"{Cases} cases, slowest {slowest.TotalMilliseconds:0} ms, {allocated / Cases / 1024} KiB allocated a case: {string.Join(", ", outcomes.OrderBy(o => o.Key).Select(o => $"{o.Key} {o.Value}"))}");
        Assert.True(allocated / Cases < 512 * 1024, $"{allocated / Cases} bytes a case");
        // The mutations reach every stage, and leave some streams valid.
        foreach (var code in new[] { "ok", "SL3015", "SL3017", "SL3018", "SL3020", "SL3021", "SL3030" }) Assert.True(outcomes.ContainsKey(code), code);
    }

    private static async Task DriveAsync(NbdUri uri, System.Collections.Concurrent.ConcurrentDictionary<string, int> outcomes)
    {
        var options = new NbdOptions { ConnectDeadline = TimeSpan.FromSeconds(2), ReplyDeadline = TimeSpan.FromSeconds(2), FlushDeadline = TimeSpan.FromSeconds(2), MaxInFlight = 3 };
        NbdClient? client = null;
        await CountAsync(outcomes, async () => client = await NbdClient.ConnectAsync(uri, options, Cancel));
        if (client is null) return;
        await using (client)
        {
            await Task.WhenAll(
                CountAsync(outcomes, () => client.ReadAsync(4096, new byte[8192], Cancel)),
                CountAsync(outcomes, () => client.BlockStatusAsync(NbdAllocation.Context, 0, 65536, Cancel)),
                CountAsync(outcomes, () => client.WriteAsync(512, new byte[512], cancel: Cancel)));
            await CountAsync(outcomes, () => client.ReadAsync(0, new byte[512], Cancel));
            await CountAsync(outcomes, () => client.FlushAsync(Cancel));
        }
    }

    private static async Task CountAsync(System.Collections.Concurrent.ConcurrentDictionary<string, int> outcomes, Func<Task> call)
    {
        var outcome = "ok";
        try
        {
            await call();
        }
        catch (NbdException e)
        {
            outcome = e.Code;
        }
        outcomes.AddOrUpdate(outcome, 1, (_, count) => count + 1);
    }

    private static async Task ServeAsync(Socket listener, int seed)
    {
        var random = new Random(seed);
        using var peer = await listener.AcceptAsync(Cancel);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        // One message of the dialogue is mutated, at times all of them.
        var (target, message) = (random.Next(7), 0);
        byte[] Next(Wire wire) => target == message++ || target == 6 ? Mutate(random, wire.ToArray()) : wire.ToArray();
        try
        {
            await SendAsync(peer, Next(new Wire().Negotiation()), limit.Token);
            await ReceiveAsync(peer, 4, limit);
            while (true)
            {
                if (BinaryPrimitives.ReadUInt32BigEndian(await ReceiveAsync(peer, 4, limit)) != 0x25609513)
                {
                    var option = await ReceiveAsync(peer, 12, limit);
                    await ReceiveAsync(peer, BinaryPrimitives.ReadInt32BigEndian(option.AsSpan(8)), limit);
                    continue;
                }
                var request = await ReceiveAsync(peer, 24, limit);
                var (command, cookie, offset, length) = (BinaryPrimitives.ReadUInt16BigEndian(request.AsSpan(2)), BinaryPrimitives.ReadUInt64BigEndian(request.AsSpan(4)), BinaryPrimitives.ReadUInt64BigEndian(request.AsSpan(12)), BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(20)));
                if (command == 2) return;
                if (command == 1) await ReceiveAsync(peer, (int)length, limit);
                var answer = command switch
                {
                    0 when length == 8192 => new Wire().Data(cookie, offset + 4096, 1024).Hole(cookie, offset + 5120, 3072).Data(cookie, offset, 4096, Wire.Done),
                    0 when seed % 5 == 0 => new Wire().Error(cookie, 5, "no such luck"),
                    0 => new Wire().Data(cookie, offset, (int)length, Wire.Done),
                    7 => new Wire().Extents(cookie, Wire.Done, 7, (4096, 0), (8192, 3), (1 << 20, 0)),
                    _ => new Wire().Simple(cookie),
                };
                await SendAsync(peer, Next(answer), limit.Token);
            }
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException or OperationCanceledException && !Cancel.IsCancellationRequested)
        {
            // The client closed, or waits for bytes that a mutation took away: closing now makes it a short wait.
        }
    }

    private static byte[] Mutate(Random random, byte[] honest)
    {
        var bytes = honest.ToList();
        for (var times = 1 + random.Next(3); times > 0 && bytes.Count > 8; times--)
        {
            var at = random.Next(bytes.Count);
            // Headers are where it hurts.
            if (random.Next(2) == 0) at = Math.Min(at % 48, bytes.Count - 1);
            var run = Math.Min(1 + random.Next(24), bytes.Count - at);
            switch (random.Next(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, run);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, run));
                    break;
                case 4:
                    bytes.InsertRange(at, Enumerable.Range(0, run).Select(_ => (byte)random.Next(256)));
                    break;
                case 5:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    var extreme = new byte[4];
                    BinaryPrimitives.WriteUInt32BigEndian(extreme, Extremes[random.Next(Extremes.Length)]);
                    at = Math.Min(at & ~1, bytes.Count - 4);
                    for (var i = 0; i < 4; i++) bytes[at + i] = extreme[i];
                    break;
            }
        }
        return [.. bytes];
    }

    private static async Task SendAsync(Socket peer, byte[] bytes, CancellationToken cancel)
    {
        for (var sent = 0; sent < bytes.Length;) sent += await peer.SendAsync(bytes.AsMemory(sent), cancel);
    }

    private static async Task<byte[]> ReceiveAsync(Socket peer, int count, CancellationTokenSource limit)
    {
        limit.CancelAfter(TimeSpan.FromMilliseconds(20));
        var bytes = new byte[count];
        for (var got = 0; got < count;)
        {
            var n = await peer.ReceiveAsync(bytes.AsMemory(got), limit.Token);
            if (n == 0) throw new EndOfStreamException();
            got += n;
        }
        limit.CancelAfter(Timeout.InfiniteTimeSpan);
        return bytes;
    }
}
