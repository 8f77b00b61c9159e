using System.Collections.Concurrent;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A target is read back while it is copied: only what was flushed, all of it, and past the cache.</summary>
public sealed class OverlapTests : IDisposable
{
    private const long Length = (24 << 20) + 5000;
    private static readonly CopyOptions Options = new() { TargetReadsZeroes = true, FlushBytes = 3 << 20 };
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Nothing_is_read_back_before_it_was_flushed_and_everything_is_in_the_end()
    {
        Source();
        var writtenAt = new ConcurrentDictionary<long, int>();
        var flushes = 0;
        var readEarly = new ConcurrentBag<long>();
        using var somethingRead = new ManualResetEventSlim();
        var (found, map) = await RunAsync(
            writer => new HookedDisk(writer)
            {
                OnWrite = (at, bytes) =>
                {
                    for (var block = at / 65536; block <= (at + bytes.Length - 1) / 65536; block++) writtenAt[block] = Volatile.Read(ref flushes);
                    // The end of the disk is not written before something was read back.
                    return at < 20 << 20 || somethingRead.Wait(TimeSpan.FromMinutes(1), Cancel);
                },
                OnFlush = () => Interlocked.Increment(ref flushes),
            },
            reader => new HookedDisk(reader)
            {
                AfterRead = (at, bytes) =>
                {
                    // A flush that began after the write has also been counted since.
                    for (var block = at / 65536; block <= (at + bytes.Length - 1) / 65536; block++)
                        if (writtenAt.TryGetValue(block, out var flush) && flush >= Volatile.Read(ref flushes)) readEarly.Add(block);
                    somethingRead.Set();
                    return default;
                },
            });
        using (map)
        {
            Assert.True(found.IsEqual);
            Assert.Equal(map.Root(), found.Root);
            Assert.Empty(readEarly);
            Assert.InRange(flushes, 2, 6);
        }
    }

    /// <summary>Eight chunks of a mebibyte, one after the other.</summary>
    [Theory]
    [InlineData(false, 1 << 20, 1)] // nobody reads it back meanwhile: at the end alone
    [InlineData(true, 1 << 20, 9)] // after each, and at the end
    [InlineData(true, 2 << 20, 5)]
    [InlineData(true, (2 << 20) + 1, 3)]
    [InlineData(true, 1 << 30, 1)]
    public async Task It_is_flushed_as_often_as_the_read_back_needs_it(bool meanwhile, long flushBytes, int expected)
    {
        const long Size = 8 << 20;
        scratch.Raw("source", Size, 1, (0, (int)Size));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Size, Cancel);
        using var map = scratch.Map("map", Size);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        var flushes = 0;
        await using var target = new HookedDisk(RawDisk.OpenWrite(scratch["target"])) { OnFlush = () => Interlocked.Increment(ref flushes) };
        await DiskCopy.RunAsync(source, target, map, meanwhile ? new FlushedPart() : null, Options with { Workers = 1, FlushBytes = flushBytes }, null, Cancel);
        Assert.Equal(expected, flushes);
    }

    [Fact]
    public async Task What_was_flushed_is_told_to_whoever_waits_for_it_and_never_taken_back()
    {
        var flushed = new FlushedPart();
        var waiting = flushed.WaitBeyondAsync(0, Cancel).AsTask();
        var further = flushed.WaitBeyondAsync(10, Cancel).AsTask();
        Assert.False(waiting.IsCompleted);
        flushed.Advance(10);
        Assert.Equal(10, await waiting);
        flushed.Advance(5);
        Assert.Equal(10, await flushed.WaitBeyondAsync(7, Cancel).AsTask().WaitAsync(TimeSpan.FromMinutes(1), Cancel));
        flushed.Advance(10);
        Assert.False(further.IsCompleted);
        flushed.Advance(11);
        Assert.Equal(11, await further);
        using var cancelled = new CancellationTokenSource();
        var never = flushed.WaitBeyondAsync(11, cancelled.Token).AsTask();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never);
    }

    [Fact]
    public async Task A_write_that_fails_after_everybody_else_had_to_wait_for_it_ends_the_copy()
    {
        const int Workers = 3;
        scratch.Raw("source", 64 << 20, 1, (0, 64 << 20));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 64 << 20, Cancel);
        using var map = scratch.Map("map", 64 << 20);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        await using var writer = RawDisk.OpenWrite(scratch["target"]);
        using var others = new CountdownEvent((Workers * 4) - 1); // as many as may be ahead of the oldest
        await using var target = new HookedDisk(writer)
        {
            OnWrite = (at, _) =>
            {
                if (at != 0) return others.IsSet || others.Signal() || true;
                Assert.True(others.Wait(TimeSpan.FromMinutes(1), Cancel));
                throw new SealiftException("SL1001", "write", "the first piece", "it failed late", "nothing");
            },
        };
        var copy = DiskCopy.RunAsync(source, target, map, Options with { Workers = Workers }, null, Cancel);
        Assert.Equal("SL4212", (await Assert.ThrowsAnyAsync<SealiftException>(() => copy.WaitAsync(TimeSpan.FromMinutes(2), Cancel))).Code);
    }

    [Theory]
    [InlineData(0L)]
    [InlineData((9 << 20) + 77)]
    [InlineData(Length - 1)]
    public async Task What_the_target_changed_is_found(long at)
    {
        Source();
        var (found, map) = await RunAsync(
            writer => new HookedDisk(writer)
            {
                OnFlush = () =>
                {
                    using var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite);
                    var one = new byte[1];
                    file.ReadExactlyAt(one, at);
                    if (one[0] == Expected(at)) file.WriteAt([(byte)(one[0] ^ 1)], at);
                },
            },
            reader => reader);
        using (map)
        {
            Assert.Equal(at / 65536, Assert.Single(found.Mismatches).FirstBlock);
            Assert.NotEqual(map.Root(), found.Root);
        }
    }

    [Fact]
    public async Task Zeros_in_holes_of_the_target_are_not_read_and_data_in_them_are()
    {
        scratch.Raw("source", 1L << 34, 1, (0, 1 << 20), (1L << 33, 1 << 20));
        var read = 0L;
        var (found, map) = await RunAsync(writer => writer, reader => new HookedDisk(reader) { AfterRead = (_, bytes) => { Interlocked.Add(ref read, bytes.Length); return default; } }, 1L << 34);
        using (map)
        {
            Assert.Equal(map.Root(), found.Root);
            Assert.Equal((2L << 20, (1L << 34) - (2 << 20)), (read, found.HoleBytes));
        }

        // Data where the source has a hole are no hole of the target.
        using (var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite)) file.WriteAt([1], 5L << 30);
        using var again = BlockMap.Open(scratch["map"]);
        await using var uncached = UncachedRawDisk.Open(scratch["target"]);
        var second = await ReadBack.RunAsync(uncached, again, CopyOptions.Default, null, Cancel);
        Assert.Equal((5L << 30) / 65536, Assert.Single(second.Mismatches).FirstBlock);
    }

    [Fact]
    public async Task Nobody_is_told_of_holes_beyond_the_end()
    {
        scratch.Raw("disk", 8192, 1, (0, 4096));
        await using var disk = UncachedRawDisk.Open(scratch["disk"]);
        Assert.Equal([new(0, 4096, false), new(4096, 4096, true)], disk.ExtentsAsync(0, 8192, Cancel).ToBlockingEnumerable(Cancel));
        foreach (var (offset, length) in new[] { (0L, 8193L), (8192, 1), (-1, 1) })
            Assert.Throws<SealiftException>(() => disk.ExtentsAsync(offset, length, Cancel).ToBlockingEnumerable(Cancel).Count());
    }

    [Fact]
    public async Task Where_the_holes_are_not_believed_at_last_all_of_it_is_read()
    {
        Source();
        var read = 0L;
        var (found, map) = await RunAsync(writer => writer, reader => new DoubtfulDisk(reader, () => true, bytes => Interlocked.Add(ref read, bytes)));
        using (map)
        {
            Assert.Equal(map.Root(), found.Root);
            Assert.Equal(0, found.HoleBytes);
            Assert.True(read >= Length, $"{read}");
        }
    }

    [Fact]
    public async Task The_first_failure_of_two_halves_is_thrown_when_both_have_ended()
    {
        var ended = false;
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => TwoHalves.RunAsync<int, int>(
            async stop =>
            {
                try
                {
                    await Task.Delay(Timeout.Infinite, stop);
                }
                finally
                {
                    ended = true;
                }

                return 1;
            },
            _ => throw new InvalidDataException("first"),
            Cancel));
        Assert.Equal(("first", true), (error.Message, ended));
        Assert.Equal((1, 2), await TwoHalves.RunAsync(_ => Task.FromResult(1), _ => Task.FromResult(2), Cancel));
        using var cancelled = new CancellationTokenSource();
        var waiting = TwoHalves.RunAsync<int, int>(async stop => { await Task.Delay(Timeout.Infinite, stop); return 1; }, _ => Task.FromResult(2), cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    private byte[] content = [];

    private byte Expected(long at) => content[at];

    private void Source() => content = File.ReadAllBytes(scratch.Raw("source", Length, 1, (0, 5 << 20), (7 << 20, 9 << 20), (Length - 5000, 5000)));

    private async Task<(ReadBackResult Found, BlockMap Map)> RunAsync(Func<IDiskWriter, IDiskWriter> asWriter, Func<IUncachedReader, IUncachedReader> asReader, long length = Length)
    {
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, length, Cancel);
        var map = scratch.Map("map", length);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        await using var writer = RawDisk.OpenWrite(scratch["target"]);
        await using var reader = UncachedRawDisk.Open(scratch["target"], whileWritten: true);
        var flushed = new FlushedPart();
        var (_, found) = await TwoHalves.RunAsync(
            stop => DiskCopy.RunAsync(source, asWriter(writer), map, flushed, Options, null, stop),
            stop => ReadBack.RunAsync(asReader(reader), map, flushed, null, Options, null, stop),
            Cancel);
        map.Checkpoint();
        return (found, map);
    }

    /// <summary>A disk whose allocation map is not believed from some moment on.</summary>
    private sealed class DoubtfulDisk(IUncachedReader inner, Func<bool> doubts, Action<int> onRead) : IUncachedReader
    {
        public string CacheBypass => inner.CacheBypass;

        public string Name => inner.Name;

        public long LengthBytes => inner.LengthBytes;

        public bool CanProveHoles => true;

        public ValueTask<string?> HoleDoubtAsync(CancellationToken cancel) => ValueTask.FromResult(doubts() ? "doubted" : null);

        public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
        {
            onRead(buffer.Length);
            return inner.ReadAsync(offset, buffer, cancel);
        }

        public IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel) => inner.ExtentsAsync(offset, lengthBytes, cancel);

        public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => inner.VerifyUnchangedAsync(cancel);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
