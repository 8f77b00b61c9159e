namespace Sealift.Scsi.Tests;

/// <summary>Whatever a target sends in answer to a command: no byte lands outside what was asked for, nothing grows, and it ends.</summary>
public sealed class HostileTargetTests
{
    private const int AskedBytes = 64 << 10;
    private const int MiB = 1 << 20;
    private static readonly TimeSpan Never = TimeSpan.FromMinutes(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_in_pieces_and_what_is_said_not_to_come_is_counted()
    {
        await using var target = new HostileTarget(async c =>
        {
            await c.DataAsync(512, Bytes(512, 2));
            await c.DataAsync(0, Bytes(512, 1));
            await c.DataAsync(1024, Bytes(100, 3));
            await c.GoodAsync(c.ExpectedBytes - 1124);
        });
        var buffer = new byte[AskedBytes];
        Assert.Equal(1124, (await ReadAsync(target, buffer)).ReceivedBytes);
        Assert.Equal([.. Bytes(512, 1), .. Bytes(512, 2), .. Bytes(100, 3)], buffer[..1124]);
        Assert.False(buffer.AsSpan(1124).ContainsAnyExcept((byte)0));
    }

    /// <summary>It says nothing of what did not come: that is seen all the same.</summary>
    [Fact]
    public async Task What_is_silently_left_out_at_the_end_is_not_counted()
    {
        await using var target = new HostileTarget(async c =>
        {
            await c.DataAsync(0, Bytes(4096, 1));
            await c.GoodAsync();
        });
        Assert.Equal(4096, (await ReadAsync(target, new byte[AskedBytes])).ReceivedBytes);
    }

    [Fact]
    public async Task What_is_left_out_before_the_end_is_an_error()
    {
        await using var target = new HostileTarget(async c =>
        {
            // As many bytes as were asked for, some of them twice.
            await c.DataAsync(0, Bytes(4096, 1));
            await c.DataAsync(0, Bytes(4096, 1));
            await c.DataAsync(8192, Bytes(AskedBytes - 8192, 2));
            await c.GoodAsync();
        });
        var wrong = await Assert.ThrowsAsync<ScsiException>(() => ReadAsync(target, new byte[AskedBytes]));
        Assert.Equal("SL3223", wrong.Code);
        Assert.Contains("those at 4096 never came", wrong.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_missing_than_was_asked_for_is_an_error()
    {
        await using var target = new HostileTarget(c => c.GoodAsync(c.ExpectedBytes + 1));
        Assert.Equal("SL3223", (await Assert.ThrowsAsync<ScsiException>(() => ReadAsync(target, new byte[AskedBytes]))).Code);
    }

    [Theory]
    [InlineData(0, AskedBytes + 4)]
    [InlineData(AskedBytes, 4)]
    [InlineData(AskedBytes - 512, 1024)]
    [InlineData(-4, 4)]
    [InlineData(int.MaxValue, 4)]
    public async Task What_goes_beyond_the_buffer_ends_the_session(int offset, int bytes)
    {
        await using var target = new HostileTarget(c => c.DataAsync(offset, Bytes(bytes, 0xEE)));
        // Guards on both sides: whatever the library does, they stay as they are.
        var memory = new byte[AskedBytes + (2 * MiB)];
        var wrong = await Assert.ThrowsAsync<ScsiException>(() => ReadAsync(target, memory.AsMemory(MiB, AskedBytes)));
        Assert.Equal("SL3212", wrong.Code);
        Assert.False(memory.AsSpan(0, MiB).ContainsAnyExcept((byte)0) || memory.AsSpan(MiB + AskedBytes).ContainsAnyExcept((byte)0));
    }

    /// <summary>The same part, over and over: as long as something comes, the library reads. Memory does not grow by what it sends.</summary>
    [Fact]
    public async Task A_flood_takes_no_memory_and_ends_when_it_is_told_to_stop()
    {
        const long Flood = 512L * MiB;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        long before = 0, after = 0;
        await using var target = new HostileTarget(async c =>
        {
            var data = Bytes(AskedBytes, 0xAA);
            for (long sent = 0; ; sent += data.Length)
            {
                if (sent == 16L * MiB) before = Environment.WorkingSet;
                if (sent == Flood)
                {
                    after = Environment.WorkingSet;
                    await stop.CancelAsync();
                }

                await c.DataAsync(0, data);
            }
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ReadAsync(target, new byte[AskedBytes], Never, stop.Token));
        Assert.True(target.SentBytes >= Flood);
        Assert.InRange(after - before, long.MinValue, Flood / 4);
    }

    [Theory]
    [InlineData("data")]
    [InlineData("questions")]
    [InlineData("nothing")]
    public async Task A_deadline_holds_whatever_comes(string what)
    {
        await using var target = new HostileTarget(c => what == "nothing" ? Task.CompletedTask : c.FloodAsync(isData: what == "data"));
        using var session = await IscsiSession.ConnectAsync(target.Uri, new IscsiOptions(), Cancel);
        for (var again = 0; again < 2; again++)
        {
            var wrong = await Assert.ThrowsAsync<ScsiException>(() => ReadAsync(session, new byte[AskedBytes], TimeSpan.FromSeconds(1), Cancel));
            Assert.Equal(again == 0 ? "SL3211" : "SL3212", wrong.Code); // and it stays ended
        }
    }

    private static byte[] Bytes(int count, byte value)
    {
        var bytes = new byte[count];
        bytes.AsSpan().Fill(value);
        return bytes;
    }

    private static Task<ScsiReply> ReadAsync(HostileTarget target, Memory<byte> buffer) => ReadAsync(target, buffer, Never, Cancel);

    private static async Task<ScsiReply> ReadAsync(HostileTarget target, Memory<byte> buffer, TimeSpan deadline, CancellationToken cancel)
    {
        using var session = await IscsiSession.ConnectAsync(target.Uri, new IscsiOptions(), Cancel);
        return await ReadAsync(session, buffer, deadline, cancel);
    }

    private static Task<ScsiReply> ReadAsync(IscsiSession session, Memory<byte> buffer, TimeSpan deadline, CancellationToken cancel) =>
        Task.Run(() => session.Execute(ScsiCommand.Read16(0, (uint)(buffer.Length / 512), fua: false), default, buffer, deadline, cancel), Cancel);
}
