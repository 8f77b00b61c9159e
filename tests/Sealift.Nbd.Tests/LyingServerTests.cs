namespace Sealift.Nbd.Tests;

/// <summary>Every way to break the protocol that we could think of, one test each. Each ends the connection with one cause.</summary>
public sealed class LyingServerTests
{
    // Long enough that a busy machine never meets them.
    private static readonly NbdOptions Patient = new() { ConnectDeadline = TimeSpan.FromSeconds(15), ReplyDeadline = TimeSpan.FromSeconds(15), FlushDeadline = TimeSpan.FromSeconds(15), MaxInFlight = 4 };

    // For servers that are meant to miss their deadline.
    private static readonly NbdOptions Impatient = Patient with { ReplyDeadline = TimeSpan.FromMilliseconds(500), FlushDeadline = TimeSpan.FromMilliseconds(500) };

    // Far above the deadlines: what takes this long hangs.
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Negotiations => new()
    {
        { "nothing at all", "SL3011" },
        { "closes at once", "SL3018" },
        { "not NBD", "SL3015" },
        { "bad second magic", "SL3015" },
        { "oldstyle", "SL3014" },
        { "newstyle, not fixed", "SL3014" },
        { "half a greeting", "SL3011" },
        { "closes within the greeting", "SL3018" },
        { "bad option magic", "SL3017" },
        { "answers another option", "SL3017" },
        { "huge option reply", "SL3017" },
        { "truncated option reply", "SL3018" },
        { "endless contexts", "SL3017" },
        { "endless infos", "SL3017" },
        { "context not asked for", "SL3017" },
        { "context twice", "SL3017" },
        { "size above 2^63", "SL3017" },
        { "no size", "SL3017" },
        { "size twice", "SL3017" },
        { "bad block size", "SL3017" },
        { "maximum below minimum", "SL3017" },
        { "short info", "SL3017" },
        { "unknown reply type", "SL3017" },
        { "requires TLS", "SL3013" },
        { "unknown export, with a text full of control characters", "SL3016" },
        { "silent after the options", "SL3011" },
        { "one byte each 100 ms", "SL3011" },
    };

    [Theory]
    [MemberData(nameof(Negotiations))]
    public async Task NegotiationEndsInATypedError(string lie, string code)
    {
        await using var server = new ScriptedServer(s => lie switch
        {
            "nothing at all" => Task.CompletedTask,
            "closes at once" => CloseAsync(s, new Wire()),
            "not NBD" => s.SendAsync(new Wire().Text("HTTP/1.1 400 Bad Request\r\n\r\n")),
            "bad second magic" => s.SendAsync(new Wire().Text("NBDMAGIC").U64(42).U16(3)),
            "oldstyle" => s.SendAsync(new Wire().Text("NBDMAGIC").U64(0x00420281861253).U64(1 << 20).U32(1).Raw(new byte[124])),
            "newstyle, not fixed" => s.SendAsync(new Wire().Greeting(0)),
            "half a greeting" => s.SendAsync(new Wire().Text("NBDMAG")),
            "closes within the greeting" => CloseAsync(s, new Wire().Text("NBDMAGICIHAVE")),
            "bad option magic" => s.SendAsync(new Wire().Greeting().U64(1).U32(8).U32(1).U32(0)),
            "answers another option" => s.SendAsync(new Wire().Greeting().OptionReply(7, 1)),
            "huge option reply" => s.SendAsync(new Wire().Greeting().OptionReply(8, 1, claimedLength: uint.MaxValue)),
            "truncated option reply" => CloseAsync(s, new Wire().Greeting().Structured().OptionReply(10, 4, [0, 0, 0, 1, 65], claimedLength: 100)),
            "endless contexts" => ForeverAsync(s, new Wire().Greeting().Structured(), new Wire().OptionReply(10, 4, new Wire().U32(1).Text("base:allocation").ToArray())),
            "endless infos" => ForeverAsync(s, new Wire().Greeting().Structured().Context(), new Wire().OptionReply(7, 3, new Wire().U16(2).Text("describing").ToArray())),
            "context not asked for" => s.SendAsync(new Wire().Greeting().Structured().Context("evil:context")),
            "context twice" => s.SendAsync(new Wire().Greeting().Structured().OptionReply(10, 4, new Wire().U32(1).Text("base:allocation").ToArray()).Context()),
            "size above 2^63" => s.SendAsync(new Wire().Negotiation(1UL << 63)),
            "no size" => s.SendAsync(new Wire().Greeting().Structured().Context().OptionReply(7, 1)),
            "size twice" => s.SendAsync(new Wire().Greeting().Structured().Context().OptionReply(7, 3, new Wire().U16(0).U64(1).U16(1).ToArray()).Go()),
            "bad block size" => s.SendAsync(new Wire().Greeting().Structured().Context().OptionReply(7, 3, new Wire().U16(3).U32(3).U32(4096).U32(65536).ToArray()).Go()),
            "maximum below minimum" => s.SendAsync(new Wire().Greeting().Structured().Context().OptionReply(7, 3, new Wire().U16(3).U32(4096).U32(4096).U32(512).ToArray()).Go()),
            "short info" => s.SendAsync(new Wire().Greeting().Structured().Context().OptionReply(7, 3, [0])),
            "unknown reply type" => s.SendAsync(new Wire().Greeting().OptionReply(8, 77)),
            "requires TLS" => s.SendAsync(new Wire().Greeting().OptionReply(8, 0x80000005)),
            "unknown export, with a text full of control characters" => s.SendAsync(new Wire().Greeting().Structured().Context().OptionReply(7, 0x80000006, [27, (byte)'[', (byte)'2', (byte)'J', 7, 0, 255])),
            "silent after the options" => s.SendAsync(new Wire().Greeting().Structured()),
            "one byte each 100 ms" => DripAsync(s, new Wire().Negotiation()),
            _ => throw new InvalidOperationException(lie),
        });
        var e = await Assert.ThrowsAsync<NbdException>(() => NbdClient.ConnectAsync(server.Uri, code == "SL3011" ? Patient with { ConnectDeadline = TimeSpan.FromSeconds(1) } : Patient, Cancel).WaitAsync(Hang, Cancel));
        Assert.Equal(code, e.Code);
        Assert.DoesNotContain(e.Message, char.IsControl);
        Assert.Equal(code is "SL3011" or "SL3018", e.IsTransient);
    }

    public static TheoryData<string, string> Reads => new()
    {
        { "silence", "SL3022" },
        { "closes", "SL3021" },
        { "closes within a header", "SL3021" },
        { "closes within the payload", "SL3021" },
        { "silence within the payload", "SL3022" },
        { "bad magic", "SL3020" },
        { "unknown handle", "SL3020" },
        { "handle of another generation", "SL3020" },
        { "simple reply although structured", "SL3020" },
        { "simple error although structured", "SL3020" },
        { "missing bytes at the end", "SL3020" },
        { "missing bytes in the middle", "SL3020" },
        { "missing bytes at the start", "SL3020" },
        { "no bytes at all", "SL3020" },
        { "overlap", "SL3020" },
        { "hole over data", "SL3020" },
        { "the same chunk twice", "SL3020" },
        { "before the request", "SL3020" },
        { "after the request", "SL3020" },
        { "offset near 2^64", "SL3020" },
        { "oversized chunk", "SL3020" },
        { "chunk of 4 GiB", "SL3020" },
        { "empty data chunk", "SL3020" },
        { "empty hole", "SL3020" },
        { "hole with a bad length", "SL3020" },
        { "endless empty chunks", "SL3020" },
        { "endless errors", "SL3020" },
        { "infinite error text", "SL3020" },
        { "error text longer than its chunk", "SL3020" },
        { "error chunk without an error", "SL3020" },
        { "error outside of the request", "SL3020" },
        { "extents for a read", "SL3020" },
        { "unknown chunk", "SL3020" },
        { "none without done", "SL3020" },
        { "duplicate reply", "SL3020" },
    };

    [Theory]
    [MemberData(nameof(Reads))]
    public async Task ALieAboutAReadEndsTheConnectionForAll(string lie, string code)
    {
        var bystander = new TaskCompletionSource<SeenRequest>();
        await using var server = ScriptedServer.Transmitting(async s =>
        {
            bystander.SetResult(await s.RequestAsync());
            var r = await s.RequestAsync();
            var (c, o, w) = (r.Cookie, r.Offset, new Wire());
            await (lie switch
            {
                "silence" => Task.CompletedTask,
                "closes" => CloseAsync(s, w),
                "closes within a header" => CloseAsync(s, w.U32(0x668e33ef).U16(0)),
                "closes within the payload" => CloseAsync(s, w.Chunk(c, 1, new Wire().U64(o).Raw(new byte[100]).ToArray(), Wire.Done, claimedLength: 4104)),
                "silence within the payload" => s.SendAsync(w.Chunk(c, 1, new Wire().U64(o).Raw(new byte[100]).ToArray(), Wire.Done, claimedLength: 4104)),
                "bad magic" => s.SendAsync(w.U32(0x12345678).Raw(new byte[64])),
                "unknown handle" => s.SendAsync(w.Data(0xdeadbeefdeadbeef, o, 4096, Wire.Done)),
                "handle of another generation" => s.SendAsync(w.Data(c + (1 << 16), o, 4096, Wire.Done)),
                "simple reply although structured" => s.SendAsync(w.Simple(c).Raw(new byte[4096])),
                "simple error although structured" => s.SendAsync(w.Simple(c, 5)),
                "missing bytes at the end" => s.SendAsync(w.Data(c, o, 4095, Wire.Done)),
                "missing bytes in the middle" => s.SendAsync(w.Data(c, o, 2000).Data(c, o + 2001, 2095, Wire.Done)),
                "missing bytes at the start" => s.SendAsync(w.Data(c, o + 1, 4095, Wire.Done)),
                "no bytes at all" => s.SendAsync(w.None(c)),
                "overlap" => s.SendAsync(w.Data(c, o, 2049).Data(c, o + 2048, 2048, Wire.Done)),
                "hole over data" => s.SendAsync(w.Data(c, o, 4096).Hole(c, o + 4095, 1, Wire.Done)),
                "the same chunk twice" => s.SendAsync(w.Data(c, o, 2048).Data(c, o, 2048).Data(c, o + 2048, 2048, Wire.Done)),
                "before the request" => s.SendAsync(w.Data(c, o - 1, 4096, Wire.Done)),
                "after the request" => s.SendAsync(w.Data(c, o + 1, 4096, Wire.Done)),
                "offset near 2^64" => s.SendAsync(w.Hole(c, ulong.MaxValue - 100, 4096, Wire.Done)),
                "oversized chunk" => s.SendAsync(w.Data(c, o, 4097, Wire.Done)),
                "chunk of 4 GiB" => s.SendAsync(w.Chunk(c, 1, new Wire().U64(o).ToArray(), Wire.Done, claimedLength: uint.MaxValue)),
                "empty data chunk" => s.SendAsync(w.Data(c, o, 0)),
                "empty hole" => s.SendAsync(w.Hole(c, o, 0)),
                "hole with a bad length" => s.SendAsync(w.Chunk(c, 2, new byte[16])),
                "endless empty chunks" => ForeverAsync(s, w, new Wire().Chunk(c, 0, [])),
                "endless errors" => ForeverAsync(s, w, new Wire().Error(c, 5, "again", 0)),
                "infinite error text" => ForeverAsync(s, w.Chunk(c, 0x8001, new Wire().U32(5).U16(65535).ToArray(), Wire.Done, claimedLength: int.MaxValue), new Wire().Text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
                "error text longer than its chunk" => s.SendAsync(w.Chunk(c, 0x8001, new Wire().U32(5).U16(100).Text("short").ToArray(), Wire.Done)),
                "error chunk without an error" => s.SendAsync(w.Error(c, 0, "fine")),
                "error outside of the request" => s.SendAsync(w.ErrorAt(c, 5, "there", o + 4097)),
                "extents for a read" => s.SendAsync(w.Extents(c, Wire.Done, 7, (4096, 0))),
                "unknown chunk" => s.SendAsync(w.Chunk(c, 99, new byte[8], Wire.Done)),
                "none without done" => s.SendAsync(w.Chunk(c, 0, [])),
                "duplicate reply" => s.SendAsync(w.Data(c, o, 4096, Wire.Done).Data(c, o, 4096, Wire.Done)),
                _ => throw new InvalidOperationException(lie),
            });
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, code == "SL3022" ? Impatient : Patient, Cancel);
        var waiting = client.WriteAsync(0, new byte[512], cancel: Cancel);
        await bystander.Task.WaitAsync(Hang, Cancel);
        var read = client.ReadAsync(8192, new byte[4096], Cancel);
        if (lie == "duplicate reply") await read.WaitAsync(Hang, Cancel); // It was answered well before the lie.
        else Assert.Equal(code, (await Assert.ThrowsAsync<NbdException>(() => read.WaitAsync(Hang, Cancel))).Code);
        var other = await Assert.ThrowsAsync<NbdException>(() => waiting.WaitAsync(Hang, Cancel));
        // The final count of bytes would catch these too; they are caught before the second byte is stored.
        if (lie is "overlap" or "hole over data" or "the same chunk twice") Assert.Contains("arrived twice", other.Message, StringComparison.Ordinal);
        if (lie.StartsWith("missing", StringComparison.Ordinal)) Assert.Contains("ended without the bytes", other.Message, StringComparison.Ordinal);
        var later = await Assert.ThrowsAsync<NbdException>(() => client.FlushAsync(Cancel).WaitAsync(Hang, Cancel));
        Assert.Equal((code, code), (other.Code, later.Code));
        Assert.Same(client.CloseCause, other.InnerException);
        Assert.Same(client.CloseCause, later.InnerException);
        Assert.Equal(code != "SL3020", other.IsTransient);
    }

    public static TheoryData<string> Extents => new()
    {
        "no extents", "zero-length extent", "beyond the end", "endless extents", "another context", "the context twice", "bad length", "without the context", "simple success", "data",
    };

    [Theory]
    [MemberData(nameof(Extents))]
    public async Task ALieAboutExtentsEndsTheConnection(string lie)
    {
        await using var server = ScriptedServer.Transmitting(async s =>
        {
            var c = (await s.RequestAsync()).Cookie;
            var w = new Wire();
            await (lie switch
            {
                "no extents" => s.SendAsync(w.Extents(c, Wire.Done, 7)),
                "zero-length extent" => s.SendAsync(w.Extents(c, Wire.Done, 7, (512, 0), (0, 3))),
                "beyond the end" => s.SendAsync(w.Extents(c, Wire.Done, 7, (4096, 0), (512, 3))),
                "endless extents" => ForeverAsync(s, w.Chunk(c, 5, new Wire().U32(7).ToArray(), Wire.Done, claimedLength: 4 + 8 * ((1 << 28) - 1)), new Wire().U32(1).U32(0).U32(1).U32(1)),
                "another context" => s.SendAsync(w.Extents(c, Wire.Done, 8, (4096, 0))),
                "the context twice" => s.SendAsync(w.Extents(c, 0, 7, (4096, 0)).Extents(c, Wire.Done, 7, (4096, 0))),
                "bad length" => s.SendAsync(w.Chunk(c, 5, new byte[15], Wire.Done)),
                "without the context" => s.SendAsync(w.None(c)),
                "simple success" => s.SendAsync(w.Simple(c)),
                "data" => s.SendAsync(w.Data(c, 0, 4096, Wire.Done)),
                _ => throw new InvalidOperationException(lie),
            });
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient, Cancel);
        var e = await Assert.ThrowsAsync<NbdException>(() => client.BlockStatusAsync(NbdAllocation.Context, 0, 4096, Cancel).WaitAsync(Hang, Cancel));
        Assert.Equal("SL3020", e.Code);
        Assert.Same(client.CloseCause, e.InnerException);
    }

    [Fact]
    public async Task AReplyBeforeTheRequestIsALie()
    {
        await using var server = ScriptedServer.Transmitting(s => s.SendAsync(new Wire().Simple(1 << 16)));
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient, Cancel);
        var e = await Assert.ThrowsAsync<NbdException>(async () =>
        {
            // The lie may arrive before or after the first of these; it never answers one.
            while (true) await client.BlockStatusAsync(NbdAllocation.Context, 0, 512, Cancel).WaitAsync(Hang, Cancel);
        });
        Assert.Equal("SL3020", e.Code);
    }

    [Fact]
    public async Task AServerThatReadsNothingMissesItsDeadline()
    {
        await using var server = ScriptedServer.Transmitting(_ => Task.CompletedTask, 64 << 20);
        await using var client = await NbdClient.ConnectAsync(server.Uri, Impatient, Cancel);
        var writes = Enumerable.Range(0, 6).Select(i => client.WriteAsync(i << 18, new byte[1 << 18], cancel: Cancel)).ToList();
        foreach (var write in writes) Assert.Equal("SL3022", (await Assert.ThrowsAsync<NbdException>(() => write.WaitAsync(Hang, Cancel))).Code);
    }

    [Fact]
    public async Task AServerThatDoesNotCloseIsReported()
    {
        await using var server = ScriptedServer.Transmitting(_ => Task.CompletedTask);
        await using var client = await NbdClient.ConnectAsync(server.Uri, Impatient, Cancel);
        var e = await Assert.ThrowsAsync<NbdException>(() => client.DisconnectAsync(Cancel).WaitAsync(Hang, Cancel));
        Assert.Equal("SL3024", e.Code);
    }

    [Fact]
    public async Task ACancelledRequestLeavesTheConnectionInStep()
    {
        var (arrived, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var server = ScriptedServer.Transmitting(async s =>
        {
            var (a, b) = (await s.RequestAsync(), await s.RequestAsync());
            // Half of one answer is in the caller's buffer when the caller loses interest.
            await s.SendAsync(new Wire().Chunk(a.Cookie, 1, new Wire().U64(a.Offset).Raw(new byte[100]).ToArray(), 0, claimedLength: 8 + 2048));
            arrived.SetResult();
            await cancelled.Task;
            await s.SendAsync(new Wire().Raw(new byte[1948]).Data(b.Cookie, b.Offset, 4096, Wire.Done).Hole(a.Cookie, a.Offset + 2048, 2048, Wire.Done));
            var c = await s.RequestAsync();
            await s.SendAsync(new Wire().Data(c.Cookie, c.Offset, 4096, Wire.Done, 9));
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient with { MaxInFlight = 2 }, Cancel);
        using var cancel = new CancellationTokenSource();
        var buffers = Enumerable.Range(0, 3).Select(_ => new byte[4096]).ToArray();
        var first = client.ReadAsync(0, buffers[0], cancel.Token);
        var second = client.ReadAsync(4096, buffers[1], cancel.Token);
        var queued = client.ReadAsync(8192, buffers[2], cancel.Token);
        await arrived.Task.WaitAsync(Hang, Cancel);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued.WaitAsync(Hang, Cancel));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(Hang, Cancel));
        Assert.Equal(2, client.InFlight); // Until the server has answered.
        cancelled.SetResult();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.WaitAsync(Hang, Cancel));
        await client.ReadAsync(12288, buffers[2], Cancel).WaitAsync(Hang, Cancel);
        Assert.True(buffers[2].AsSpan().IndexOfAnyExcept((byte)9) < 0);
        // Nothing was stored in a buffer that its owner had back.
        Assert.True(buffers[1].AsSpan().IndexOfAnyExcept((byte)0) < 0);
        Assert.Null(client.CloseCause);
    }

    [Fact]
    public async Task ChunksInAnyOrderMakeTheRead()
    {
        await using var server = ScriptedServer.Transmitting(async s =>
        {
            var (a, b) = (await s.RequestAsync(), await s.RequestAsync());
            // The second request is answered within the first, backwards.
            await s.SendAsync(new Wire()
                .Data(a.Cookie, a.Offset + 3072, 1024, fill: 4).Hole(b.Cookie, b.Offset, 512).Hole(a.Cookie, a.Offset + 1024, 1024)
                .Data(a.Cookie, a.Offset, 1024, fill: 1).None(b.Cookie).Data(a.Cookie, a.Offset + 2048, 1024, Wire.Done, 3));
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient, Cancel);
        var (first, second) = (new byte[4096], new byte[512]);
        first.AsSpan().Fill(0xEE);
        second.AsSpan().Fill(0xEE);
        var one = client.ReadAsync(65536, first, Cancel);
        var two = client.ReadAsync(0, second, Cancel);
        await Task.WhenAll(one, two).WaitAsync(Hang, Cancel);
        for (var i = 0; i < 4096; i++) Assert.Equal(i / 1024 is var q && q == 1 ? 0 : q + 1, first[i]);
        Assert.True(second.AsSpan().IndexOfAnyExcept((byte)0) < 0);
        Assert.Null(client.CloseCause);
    }

    [Fact]
    public async Task AnErrorChunkFailsOneReadAtItsOffset()
    {
        await using var server = ScriptedServer.Transmitting(async s =>
        {
            var r = await s.RequestAsync();
            await s.SendAsync(new Wire().Data(r.Cookie, r.Offset, 512).ErrorAt(r.Cookie, 5, "bad \u001b[31msector", r.Offset + 512, 0).None(r.Cookie));
            r = await s.RequestAsync();
            await s.SendAsync(new Wire().Chunk(r.Cookie, 0x8123, new Wire().U32(12).U16(2).Text("hm").U64(1).U64(2).ToArray(), Wire.Done));
            r = await s.RequestAsync();
            await s.SendAsync(new Wire().Data(r.Cookie, r.Offset, 512, Wire.Done));
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient, Cancel);
        var e = await Assert.ThrowsAsync<NbdServerException>(() => client.ReadAsync(4096, new byte[4096], Cancel).WaitAsync(Hang, Cancel));
        Assert.Equal(("EIO", 4096L, 4096L), (e.ErrnoName, e.Offset, e.LengthBytes));
        Assert.Contains("EIO (bad ?[31msector) at offset 4608", e.Message, StringComparison.Ordinal);
        e = await Assert.ThrowsAsync<NbdServerException>(() => client.ReadAsync(0, new byte[512], Cancel).WaitAsync(Hang, Cancel));
        Assert.Equal(("ENOMEM", true), (e.ErrnoName, e.IsTransient));
        await client.ReadAsync(0, new byte[512], Cancel).WaitAsync(Hang, Cancel);
        Assert.Null(client.CloseCause);
    }

    [Theory]
    [InlineData(1)] // 124 zeros follow the flags
    [InlineData(3)] // nothing follows
    public async Task AServerWithoutGoAndStructuredRepliesWorks(int greetingFlags)
    {
        await using var server = new ScriptedServer(async s =>
        {
            await s.SendAsync(new Wire().Greeting(greetingFlags));
            Assert.Equal(greetingFlags, (await s.ReceiveAsync(4))[3]);
            await s.ReceiveAsync(16);
            await s.SendAsync(new Wire().OptionReply(8, 0x80000001));
            await s.ReceiveAsync(16 + 4 + 2 + 2);
            await s.SendAsync(new Wire().OptionReply(7, 0x80000001));
            await s.ReceiveAsync(16);
            await s.SendAsync(new Wire().U64(1 << 20).U16(1).Raw(new byte[greetingFlags == 1 ? 124 : 0]));
            var r = await s.RequestAsync();
            await s.SendAsync(new Wire().Simple(r.Cookie).Text("abcd"));
            r = await s.RequestAsync();
            await s.SendAsync(new Wire().Simple(r.Cookie, 5));
            r = await s.RequestAsync();
            await s.SendAsync(new Wire().Data(r.Cookie, r.Offset, 4, Wire.Done));
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient, Cancel);
        Assert.Equal(1 << 20, client.LengthBytes);
        Assert.True(client is { CanFlush: false, CanTrim: false, CanWriteZeroes: false, CanFua: false });
        var buffer = new byte[4];
        await client.ReadAsync(0, buffer, Cancel).WaitAsync(Hang, Cancel);
        Assert.Equal("abcd"u8, buffer);
        Assert.Equal("EIO", (await Assert.ThrowsAsync<NbdServerException>(() => client.ReadAsync(0, buffer, Cancel).WaitAsync(Hang, Cancel))).ErrnoName);
        Assert.Equal("SL3020", (await Assert.ThrowsAsync<NbdException>(() => client.ReadAsync(0, buffer, Cancel).WaitAsync(Hang, Cancel))).Code);
        Assert.Equal("SL3031", (await Assert.ThrowsAsync<NbdException>(() => client.FlushAsync(Cancel))).Code);
    }

    [Fact]
    public async Task ExtentsAreClippedAndJoined()
    {
        await using var server = ScriptedServer.Transmitting(async s =>
        {
            var r = await s.RequestAsync();
            await s.SendAsync(new Wire().Extents(r.Cookie, Wire.Done, 7, (512, 3), (512, 3), (512, 0), (1 << 30, 1)));
        });
        await using var client = await NbdClient.ConnectAsync(server.Uri, Patient, Cancel);
        var extents = await client.BlockStatusAsync(NbdAllocation.Context, 4096, 4096, Cancel).WaitAsync(Hang, Cancel);
        Assert.Equal([new NbdExtent(4096, 1024, 3), new NbdExtent(5120, 512, 0), new NbdExtent(5632, 2560, 1)], extents);
    }

    private static async Task CloseAsync(ScriptedServer server, Wire last)
    {
        await server.SendAsync(last);
        server.Close();
    }

    // Ends when the client closes the socket.
    private static async Task ForeverAsync(ScriptedServer server, Wire first, Wire again)
    {
        await server.SendAsync(first);
        var block = new byte[again.ToArray().Length * 1000];
        for (var i = 0; i < 1000; i++) again.ToArray().CopyTo(block, i * (block.Length / 1000));
        while (true) await server.SendAsync(block);
    }

    private static async Task DripAsync(ScriptedServer server, Wire wire)
    {
        foreach (var b in wire.ToArray())
        {
            await server.SendAsync([b]);
            await Task.Delay(100, Cancel);
        }
    }
}
