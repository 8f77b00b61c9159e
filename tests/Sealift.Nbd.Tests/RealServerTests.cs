using System.Security.Cryptography;
using Sealift.Posix;

namespace Sealift.Nbd.Tests;

/// <summary>Against the real nbdkit and qemu-nbd.</summary>
public sealed class RealServerTests
{
    private const int MiB = 1 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WhatIsWrittenIsReadBack()
    {
        await using var server = await RealServer.NbdkitAsync("memory", "64M");
        await using var client = await server.ConnectAsync();
        Assert.Equal(64 * MiB, client.LengthBytes);
        Assert.True(client is { IsReadOnly: false, CanFlush: true, CanFua: true, CanTrim: true, CanWriteZeroes: true, CanFastZero: true, CanMultiConnection: true });
        Assert.Equal(["base:allocation"], client.MetaContexts);
        var data = RandomNumberGenerator.GetBytes(3 * MiB + 17);
        await client.WriteAsync(12345, data, cancel: Cancel);
        await client.FlushAsync(Cancel);
        var back = new byte[data.Length];
        await client.ReadAsync(12345, back, Cancel);
        Assert.Equal(data, back);
        await client.DisconnectAsync(Cancel);
        var e = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, back, Cancel));
        Assert.Equal("SL3023", e.Code);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 16)]
    [InlineData(4, 4)]
    public async Task ParallelRequestsKeepTheirBytes(int connections, int inFlight)
    {
        await using var server = await RealServer.NbdkitAsync("memory", "32M");
        await using var pool = await NbdPool.ConnectAsync(server.Uri, new NbdOptions { MaxInFlight = inFlight }, connections, Cancel);
        Assert.Equal(connections, pool.Connections);
        var model = new byte[32 * MiB];
        // Each worker owns a stripe, so the model needs no lock and every read has one right answer.
        await Task.WhenAll(Enumerable.Range(0, 32).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            var buffer = new byte[256 * 1024];
            for (var i = 0; i < 60; i++)
            {
                var at = random.Next(MiB - 1);
                var offset = worker * MiB + at;
                var length = 1 + random.Next(Math.Min(buffer.Length, MiB - at));
                switch (random.Next(8))
                {
                    case < 4:
                        random.NextBytes(buffer.AsSpan(0, length));
                        buffer.AsSpan(0, length).CopyTo(model.AsSpan(offset));
                        await pool.WriteAsync(offset, buffer.AsMemory(0, length), random.Next(2) == 0, Cancel);
                        break;
                    case 4:
                        model.AsSpan(offset, length).Clear();
                        await pool.WriteZeroesAsync(offset, length, random.Next(2) == 0 ? NbdZeroes.NoHole : NbdZeroes.None, Cancel);
                        break;
                    case 5:
                        await pool.FlushAsync(Cancel);
                        break;
                    default:
                        await pool.ReadAsync(offset, buffer.AsMemory(0, length), Cancel);
                        Assert.True(buffer.AsSpan(0, length).SequenceEqual(model.AsSpan(offset, length)));
                        break;
                }
            }
        }, Cancel)));
        var all = new byte[model.Length];
        await pool.ReadAsync(0, all, Cancel);
        Assert.True(all.AsSpan().SequenceEqual(model));
        await pool.DisconnectAsync(Cancel);
    }

    [Fact]
    public async Task BlockStatusIsWhatQemuImgSays()
    {
        using var directory = new TemporaryDirectory();
        var image = directory.File("disk.qcow2");
        await RunAsync("qemu-img", "create", "-q", "-f", "qcow2", image, "5G");
        await RunAsync("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 3M", "-c", "write -z 2G 64k", "-c", "write -P 9 4G 512", "-c", "write -P 1 5368643584 64k", image);
        await using var server = await RealServer.QemuAsync(directory, "--read-only", "-f", "qcow2", image);
        await using var client = await server.ConnectAsync();
        Assert.True(client.IsReadOnly);
        var data = new List<(long, long)>();
        for (var offset = 0L; offset < client.LengthBytes;)
            foreach (var extent in await client.BlockStatusAsync(NbdAllocation.Context, offset, client.LengthBytes - offset, Cancel))
            {
                Assert.Equal(offset, extent.Offset);
                if ((extent.Flags & NbdAllocation.Zero) == 0)
                {
                    if (data.Count > 0 && data[^1].Item1 + data[^1].Item2 == offset) data[^1] = (data[^1].Item1, data[^1].Item2 + extent.LengthBytes);
                    else data.Add((offset, extent.LengthBytes));
                }
                offset = extent.End;
            }
        var map = System.Text.Json.JsonDocument.Parse(await RunAsync("qemu-img", "map", "--force-share", "--output=json", "-f", "qcow2", image));
        var expected = map.RootElement.EnumerateArray().Where(e => !e.GetProperty("zero").GetBoolean()).Select(e => (e.GetProperty("start").GetInt64(), e.GetProperty("length").GetInt64())).ToList();
        Assert.Equal(expected, data);
        Assert.Equal(3, data.Count);

        var buffer = new byte[4 * MiB];
        buffer.AsSpan().Fill(0xEE);
        await client.ReadAsync(512 * 1024, buffer, Cancel);
        Assert.True(buffer.AsSpan(0, 512 * 1024).IndexOfAnyExcept((byte)0) < 0);
        Assert.True(buffer.AsSpan(512 * 1024, 3 * MiB).IndexOfAnyExcept((byte)7) < 0);
        Assert.True(buffer.AsSpan(512 * 1024 + 3 * MiB).IndexOfAnyExcept((byte)0) < 0);
        var refused = await Assert.ThrowsAsync<NbdException>(() => client.WriteAsync(0, buffer, cancel: Cancel));
        Assert.Equal("SL3031", refused.Code);
        await client.DisconnectAsync(Cancel);
    }

    [Fact]
    public async Task QemuWritesZeroesTrimsAndFlushes()
    {
        using var directory = new TemporaryDirectory();
        var image = directory.File("disk.raw");
        await RunAsync("qemu-img", "create", "-q", "-f", "raw", image, "16M");
        await using var server = await RealServer.QemuAsync(directory, "-f", "raw", "--discard=unmap", image);
        await using var client = await server.ConnectAsync();
        var data = RandomNumberGenerator.GetBytes(8 * MiB);
        await client.WriteAsync(0, data, forceUnitAccess: true, Cancel);
        await client.WriteZeroesAsync(MiB, 2 * MiB, NbdZeroes.ForceUnitAccess, Cancel);
        await client.TrimAsync(4 * MiB, MiB, Cancel);
        await client.FlushAsync(Cancel);
        await client.DisconnectAsync(Cancel);
        data.AsSpan(MiB, 2 * MiB).Clear();
        data.AsSpan(4 * MiB, MiB).Clear(); // A hole punched in a file reads as zeros.
        Assert.True(File.ReadAllBytes(image).AsSpan(0, data.Length).SequenceEqual(data));
    }

    [Fact]
    public async Task TheServerSeesExactlyWhatWasAsked()
    {
        var directory = new TemporaryDirectory();
        var log = directory.File("log");
        await using var server = await RealServer.NbdkitAsync(directory, "--filter=log", "memory", "1G", "logfile=" + log);
        await using var client = await server.ConnectAsync();
        await client.WriteAsync(512, new byte[1024], cancel: Cancel);
        await client.WriteAsync(4096, new byte[512], forceUnitAccess: true, Cancel);
        await client.WriteZeroesAsync(0, 200 * MiB, NbdZeroes.NoHole | NbdZeroes.ForceUnitAccess, Cancel);
        await client.WriteZeroesAsync(MiB, MiB, NbdZeroes.FastZero, Cancel);
        await client.TrimAsync(2 * MiB, 512, Cancel);
        await client.FlushAsync(Cancel);
        await client.ReadAsync(8 * MiB, new byte[100 * MiB], Cancel);
        await client.DisconnectAsync(Cancel);
        // "date time connection=1 Write id=1 offset=0x200 count=0x400 fua=0 ..."; the answers begin with "...".
        var requests = File.ReadAllLines(log)
            .Select(line => System.Text.RegularExpressions.Regex.Match(line, @"connection=\d+ (Write|Zero|Trim|Flush|Read) id=\d+( .*)? \.\.\.$"))
            .Where(match => match.Success).Select(match => match.Groups[1].Value + match.Groups[2].Value).ToList();
        Assert.Equal(
            [
                "Write offset=0x200 count=0x400 fua=0",
                "Write offset=0x1000 count=0x200 fua=1",
                "Zero offset=0x0 count=0x8000000 trim=0 fua=1 fast=0",
                "Zero offset=0x8000000 count=0x4800000 trim=0 fua=1 fast=0",
                "Zero offset=0x100000 count=0x100000 trim=1 fua=0 fast=1",
                "Trim offset=0x200000 count=0x200 fua=0",
                "Flush",
                "Read offset=0x800000 count=0x2000000",
                "Read offset=0x2800000 count=0x2000000",
                "Read offset=0x4800000 count=0x2000000",
                "Read offset=0x6800000 count=0x400000",
            ], requests);
    }

    [Theory]
    [InlineData("error-pread", "read", "EIO")]
    [InlineData("error-pwrite", "write", "ENOSPC")]
    [InlineData("error-zero", "write zeroes", "EPERM")]
    [InlineData("error-trim", "trim", "EINVAL")]
    [InlineData("error-extents", "block status", "ESHUTDOWN")]
    public async Task AServersErrorNamesCommandPlaceAndErrno(string where, string command, string errno)
    {
        await using var server = await RealServer.NbdkitAsync("--filter=error", "memory", "1M", $"{where}={errno}", $"{where}-rate=100%");
        await using var client = await server.ConnectAsync();
        Task Act() => command switch
        {
            "read" => client.ReadAsync(4096, new byte[512], Cancel),
            "write" => client.WriteAsync(4096, new byte[512], cancel: Cancel),
            "write zeroes" => client.WriteZeroesAsync(4096, 512, cancel: Cancel),
            "trim" => client.TrimAsync(4096, 512, Cancel),
            _ => client.BlockStatusAsync(NbdAllocation.Context, 4096, 512, Cancel),
        };
        for (var i = 0; i < 3; i++)
        {
            var e = await Assert.ThrowsAsync<NbdServerException>(Act);
            Assert.Equal((command, errno, 4096L, 512L, errno == "ESHUTDOWN"), (e.Command, e.ErrnoName, e.Offset, e.LengthBytes, e.IsTransient));
            Assert.Contains("offset 4096", e.Message, StringComparison.Ordinal);
        }
        Assert.Null(client.CloseCause);
        await client.DisconnectAsync(Cancel);
    }

    [Fact]
    public async Task AFailedFlushIsAnError()
    {
        // The error filter of this nbdkit leaves flush alone.
        await using var server = await RealServer.NbdkitAsync("eval", "get_size=echo 1M", "pread=dd if=/dev/zero count=$3 iflag=count_bytes 2>/dev/null", "pwrite=cat >/dev/null", "can_flush=exit 0", "flush=echo EIO the cache is on fire >&2; exit 1");
        await using var client = await server.ConnectAsync();
        var e = await Assert.ThrowsAsync<NbdServerException>(() => client.FlushAsync(Cancel));
        Assert.Equal(("flush", "EIO"), (e.Command, e.ErrnoName));
    }

    [Fact]
    public async Task ManyCancellationsAtRandomMomentsNeverMixAnswersUp()
    {
        await using var server = await RealServer.NbdkitAsync("pattern", "64M");
        await using var client = await server.ConnectAsync(new NbdOptions { MaxInFlight = 8 });
        var cancelled = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            var buffer = new byte[512 * 1024];
            for (var i = 0; i < 60; i++)
            {
                var offset = random.Next(63) * (long)MiB;
                using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
                if (random.Next(2) == 0) cancel.CancelAfter(TimeSpan.FromMicroseconds(random.Next(5000)));
                try
                {
                    await client.ReadAsync(offset, buffer, cancel.Token);
                    for (var at = 0; at < buffer.Length; at += 4096) Assert.Equal(offset + at, System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(buffer.AsSpan(at)));
                }
                catch (OperationCanceledException) when (cancel.IsCancellationRequested)
                {
                    // The buffer is ours again: nothing may write to it from now on.
                    Interlocked.Increment(ref cancelled);
                    buffer.AsSpan().Fill(0xA5);
                    await Task.Yield();
                    Assert.True(buffer.AsSpan().IndexOfAnyExcept((byte)0xA5) < 0);
                }
            }
        }, Cancel)));
        Assert.Null(client.CloseCause);
        Assert.True(cancelled > 0);
        await client.DisconnectAsync(Cancel);
    }

    [Fact]
    public async Task AServerThatDiesIsATransientErrorWithOneCause()
    {
        var server = await RealServer.NbdkitAsync("--filter=delay", "memory", "1M", "rdelay=30");
        await using var client = await server.ConnectAsync();
        var reads = Enumerable.Range(0, 8).Select(i => client.ReadAsync(i * 4096, new byte[4096], Cancel)).ToList();
        await Task.Delay(50, Cancel);
        await server.DisposeAsync();
        foreach (var read in reads)
        {
            var e = await Assert.ThrowsAsync<NbdException>(() => read);
            Assert.Equal(("SL3021", true), (e.Code, e.IsTransient));
            Assert.Same(client.CloseCause, e.InnerException);
        }
        var refused = await Assert.ThrowsAsync<NbdException>(() => NbdClient.ConnectAsync(server.Uri, new NbdOptions(), Cancel));
        Assert.Equal(("SL3010", true), (refused.Code, refused.IsTransient));
    }

    [Fact]
    public async Task ASlowServerMissesItsDeadline()
    {
        await using var server = await RealServer.NbdkitAsync("--filter=delay", "memory", "1M", "rdelay=30");
        await using var client = await server.ConnectAsync(new NbdOptions { ReplyDeadline = TimeSpan.FromMilliseconds(200) });
        var e = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, new byte[512], Cancel));
        Assert.Equal(("SL3022", true), (e.Code, e.IsTransient));
    }

    [Theory]
    [InlineData("--mask-handshake=1")] // fixed newstyle without NO_ZEROES
    [InlineData("--no-sr")]
    public async Task OlderServersWork(string argument)
    {
        await using var server = await RealServer.NbdkitAsync(argument, "pattern", "1M");
        await using var client = await server.ConnectAsync();
        if (argument == "--no-sr") Assert.Empty(client.MetaContexts);
        var buffer = new byte[64];
        await client.ReadAsync(4096, buffer, Cancel);
        Assert.Equal(4096 + 56, System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(buffer.AsSpan(56)));
        var e = await Assert.ThrowsAsync<NbdException>(() => client.BlockStatusAsync("qemu:dirty-bitmap:x", 0, 512, Cancel));
        Assert.Equal("SL3032", e.Code);
        await client.DisconnectAsync(Cancel);
    }

    [Theory]
    [InlineData("--oldstyle")]
    [InlineData("--mask-handshake=0")]
    public async Task OldstyleIsRefused(string argument)
    {
        await using var server = await RealServer.NbdkitAsync(argument, "memory", "1M");
        var e = await Assert.ThrowsAsync<NbdException>(() => server.ConnectAsync());
        Assert.Equal("SL3014", e.Code);
    }

    [Fact]
    public async Task AnUnknownExportIsNamed()
    {
        using var directory = new TemporaryDirectory();
        var image = directory.File("disk.raw");
        await RunAsync("qemu-img", "create", "-q", "-f", "raw", image, "1M");
        await using var server = await RealServer.QemuAsync(directory, "-f", "raw", image);
        var e = await Assert.ThrowsAsync<NbdException>(() => NbdClient.ConnectAsync(NbdUri.Unix(server.Uri.SocketPath!, "nothing"), new NbdOptions(), Cancel));
        Assert.Equal("SL3016", e.Code);
        Assert.Contains("nothing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BlockSizesAreKept()
    {
        await using var server = await RealServer.NbdkitAsync("--filter=blocksize-policy", "pattern", "1M", "blocksize-minimum=512", "blocksize-preferred=4096", "blocksize-maximum=64K", "blocksize-error-policy=error");
        await using var client = await server.ConnectAsync();
        Assert.Equal((512, 4096, 65536), (client.MinimumBlockBytes, client.PreferredBlockBytes, client.MaximumBlockBytes));
        var buffer = new byte[MiB];
        await client.ReadAsync(0, buffer, Cancel);
        for (var i = 0; i < MiB; i += 8) Assert.Equal(i, System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(buffer.AsSpan(i)));
        var e = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(100, new byte[512], Cancel));
        Assert.Equal("SL3033", e.Code);
        await client.DisconnectAsync(Cancel);
    }

    [Fact]
    public async Task ASparseTerabyteIsMappedAndASizeOfNothingWorks()
    {
        await using var server = await RealServer.NbdkitAsync("memory", "1T");
        await using var client = await server.ConnectAsync();
        await client.WriteAsync(1L << 39, new byte[] { 1 }, cancel: Cancel);
        var dataBytes = 0L;
        for (var offset = 0L; offset < client.LengthBytes;)
            foreach (var extent in await client.BlockStatusAsync(NbdAllocation.Context, offset, client.LengthBytes - offset, Cancel))
            {
                Assert.Equal(offset, extent.Offset);
                if ((extent.Flags & NbdAllocation.Zero) == 0) dataBytes += extent.LengthBytes;
                offset = extent.End;
            }
        Assert.InRange(dataBytes, 1, MiB);
        var beyond = await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(client.LengthBytes - 1, new byte[2], Cancel));
        Assert.Equal("SL3033", beyond.Code);
    }

    internal static async Task<string> RunAsync(string program, params string[] arguments) =>
        (await ChildProcess.RunAsync(new ChildCommand(program, arguments) { Deadline = TimeSpan.FromMinutes(1) }, Cancel)).Output;
}
