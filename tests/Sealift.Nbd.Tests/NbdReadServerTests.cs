using System.Net.Sockets;
using CsCheck;
using Sealift.Posix;

namespace Sealift.Nbd.Tests;

/// <summary>What we show ourselves, read by others, by us, and by whoever means no good.</summary>
public sealed class NbdReadServerTests : IDisposable
{
    private const int Length = (3 << 20) + 1536;

    private readonly TemporaryDirectory directory = new();
    private readonly byte[] content = new byte[Length];

    public NbdReadServerTests() => new Random(5).NextBytes(content);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("nbdcopy", "--", "{uri}", "{file}")]
    [InlineData("qemu-img", "convert", "-f", "raw", "-O", "raw", "{uri}", "{file}")]
    public async Task Programs_that_read_disks_by_nbd_read_every_byte(params string[] command)
    {
        await using var server = Start();
        var file = directory.File("copy");
        if (command[0] == "nbdcopy") await File.WriteAllBytesAsync(file, [], Cancel);
        _ = await ChildProcess.RunAsync(new ChildCommand(command[0], [.. command[1..].Select(a => a.Replace("{uri}", $"nbd+unix:///?socket={directory.File("s")}", StringComparison.Ordinal).Replace("{file}", file, StringComparison.Ordinal))]), Cancel);
        Assert.Equal(content, await File.ReadAllBytesAsync(file, Cancel));
        Assert.Null(server.Failure);
    }

    [Fact]
    public async Task It_is_read_only_and_says_so()
    {
        await using var server = Start();
        var said = await ChildProcess.RunAsync(new ChildCommand("nbdinfo", "--json", $"nbd+unix:///?socket={directory.File("s")}"), Cancel);
        Assert.Contains("\"is_read_only\": true", said.Output, StringComparison.Ordinal);
        Assert.Contains($"\"export-size\": {Length}", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_that_fails_is_an_error_for_the_client_and_its_reason_is_kept()
    {
        await using var server = NbdReadServer.Start(directory.File("s"), Length, (offset, buffer, _) =>
        {
            if (offset >= 1 << 20) throw new IOException("the source is gone");
            content.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
            return ValueTask.CompletedTask;
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, new NbdOptions(), Cancel);
        var buffer = new byte[4096];
        await client.ReadAsync(0, buffer, Cancel);
        Assert.Equal(content[..4096], buffer);
        await Assert.ThrowsAsync<NbdServerException>(async () => await client.ReadAsync(1 << 20, buffer, Cancel));
        Assert.Equal("the source is gone", server.Failure?.Message);
        await client.ReadAsync(512, buffer, Cancel); // the connection goes on
        Assert.Equal(content[512..4608], buffer);
    }

    [Fact]
    public async Task Several_clients_read_at_once()
    {
        await using var server = Start();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            await using var client = await NbdClient.ConnectAsync(server.Uri, new NbdOptions(), Cancel);
            var buffer = new byte[100_000];
            for (var at = i * 1000; at + buffer.Length < Length; at += 300_000)
            {
                await client.ReadAsync(at, buffer, Cancel);
                Assert.True(content.AsSpan(at, buffer.Length).SequenceEqual(buffer));
            }
        }));
    }

    [Fact]
    public async Task A_client_that_sends_anything_harms_nobody()
    {
        await using var server = Start();
        await Gen.Select(Gen.Bool, Gen.Byte.Array[0, 300]).SampleAsync(async (greets, bytes) =>
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(directory.File("s")), Cancel);
            // Behind a right beginning it gets further: options, then requests.
            byte[] start = [0, 0, 0, 3, .. "IHAVEOPT"u8, 0, 0, 0, 1, 0, 0, 0, 0];
            await socket.SendAsync(greets ? [.. start, .. bytes] : bytes, Cancel);
            socket.Shutdown(SocketShutdown.Send);
            var buffer = new byte[4096];
            try
            {
                while (await socket.ReceiveAsync(buffer, Cancel) > 0) { } // until it ends the connection, or has no more
            }
            catch (SocketException)
            {
                // It hung up with something of ours unread, which is its right.
            }
        }, iter: 200);
        await using var client = await NbdClient.ConnectAsync(server.Uri, new NbdOptions(), Cancel);
        var read = new byte[512];
        await client.ReadAsync(Length - 512, read, Cancel);
        Assert.Equal(content[^512..], read);
        Assert.Null(server.Failure);
    }

    [Theory]
    [InlineData(Length - 100L, 512u, 22u)] // beyond the end
    [InlineData(long.MaxValue, 1u, 22u)]
    [InlineData(0L, uint.MaxValue, 22u)]
    [InlineData(0L, 512u, 0u)]
    public async Task What_is_not_there_is_not_read(long offset, uint length, uint error)
    {
        await using var server = Start();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(directory.File("s")), Cancel);
        await using var stream = new NetworkStream(socket);
        await stream.ReadExactlyAsync(new byte[18], Cancel);
        await stream.WriteAsync((byte[])[0, 0, 0, 3, .. "IHAVEOPT"u8, 0, 0, 0, 1, 0, 0, 0, 0], Cancel);
        await stream.ReadExactlyAsync(new byte[10], Cancel);
        var request = new byte[28];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(request, 0x25609513);
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(request.AsSpan(16), offset);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(24), length);
        await stream.WriteAsync(request, Cancel);
        var reply = new byte[16];
        await stream.ReadExactlyAsync(reply, Cancel);
        Assert.Equal(error, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4)));
    }

    [Fact]
    public void A_place_that_cannot_be_a_socket_is_an_error()
    {
        var e = Assert.Throws<NbdException>(() => NbdReadServer.Start(directory.File("missing/s"), 512, (_, _, _) => ValueTask.CompletedTask));
        Assert.Equal("SL3034", e.Code);
    }

    private NbdReadServer Start() => NbdReadServer.Start(directory.File("s"), Length, (offset, buffer, _) =>
    {
        content.AsMemory((int)offset, buffer.Length).CopyTo(buffer);
        return ValueTask.CompletedTask;
    });
}
