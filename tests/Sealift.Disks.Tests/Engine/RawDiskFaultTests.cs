using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Disks.Tests;

/// <summary>A raw disk under a kernel that refuses, cannot, or answers nonsense. Alone, because some calls are made on other threads.</summary>
[Collection("Alone")]
public sealed class RawDiskFaultTests : IDisposable
{
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Closing_flushes_first_and_a_flush_that_fails_is_a_close_that_fails()
    {
        scratch.Raw("disk", 8192, 1, (0, 8192));
        await using (var disk = RawDisk.OpenWrite(scratch["disk"]))
            using (FaultyLibc.Everywhere("fsync", Errno.EIO))
                Assert.Equal("fsync", (await Assert.ThrowsAsync<PosixException>(async () => await disk.CloseAsync(Cancel))).Call);
        await using (var disk = RawDisk.OpenWrite(scratch["disk"]))
        {
            using (FaultyLibc.Everywhere("fsync", Errno.EIO))
                Assert.Equal("fsync", (await Assert.ThrowsAsync<PosixException>(async () => await disk.FlushAsync(Cancel))).Call);
            using (FaultyLibc.Everywhere("close", Errno.EIO))
                Assert.Equal("close", (await Assert.ThrowsAsync<PosixException>(async () => await disk.CloseAsync(Cancel))).Call);
        }
    }

    [Theory]
    [InlineData(0, 3 << 20)]
    [InlineData(4096, (2 << 20) + 12288)]
    [InlineData(1, 1)]
    [InlineData((1 << 20) - 1, 1 << 20)]
    [InlineData(5, (1 << 20) + 1)]
    public async Task Where_the_file_system_can_neither_punch_nor_zero_the_range_and_nothing_else_is_written_with_zeros(int offset, int length)
    {
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", 4 << 20, 1, (0, 4 << 20)), Cancel);
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        using (FaultyLibc.Arm("fallocate64", Errno.EOPNOTSUPP, int.MaxValue))
        {
            Now(disk.WriteZeroesAsync(offset, length, Cancel));
            Assert.Equal(2, FaultyLibc.Count);
        }

        content.AsSpan(offset, length).Clear();
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["disk"], Cancel));
    }

    [Fact]
    public async Task Zeros_take_the_first_way_that_works_and_none_for_nothing()
    {
        scratch.Raw("disk", 1 << 20, 1, (0, 1 << 20));
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        foreach (var (length, failing, calls) in new[] { (4096, 0, 1), (4096, 1, 2), (0, 0, 0) })
        {
            using (FaultyLibc.Arm("fallocate64", Errno.EOPNOTSUPP, failing))
            {
                Now(disk.WriteZeroesAsync(0, length, Cancel));
                Assert.Equal(calls, FaultyLibc.Count);
            }
        }

        using (FaultyLibc.Arm("fallocate64", Errno.EIO, 1))
            Assert.Throws<PosixException>(() => Now(disk.WriteZeroesAsync(0, 4096, Cancel)));
        // Where the first way is none, the second one is taken, and not a byte is written.
        using (FaultyLibc.Everywhere("fallocate64", Errno.EOPNOTSUPP, only: 0))
        using (FaultyLibc.Arm("pwrite64"))
        {
            Now(disk.WriteZeroesAsync(4096, 4096, Cancel));
            Assert.Equal(0, FaultyLibc.Count);
        }
    }

    [Fact]
    public async Task What_lies_outside_of_the_disk_is_not_touched()
    {
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", 8192, 1, (0, 8192)), Cancel);
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        foreach (var (offset, length) in new[] { (-1L, 1), (8192, 1), (8191, 2), (0, 8193), (long.MaxValue, 1), (-4096, 4096) })
        {
            await RefusedAsync(() => disk.ReadAsync(offset, new byte[length], Cancel));
            await RefusedAsync(() => disk.WriteAsync(offset, new byte[length], Cancel));
            await RefusedAsync(() => disk.WriteZeroesAsync(offset, length, Cancel));
            await RefusedAsync(async () => await disk.ExtentsAsync(offset, length, Cancel).ToListAsync(Cancel));
        }

        await RefusedAsync(() => disk.WriteZeroesAsync(4096, -1, Cancel));
        await disk.WriteAsync(8192, default, Cancel); // nothing, at the very end
        await disk.ReadAsync(0, new byte[8192], Cancel);
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["disk"], Cancel));

        static async Task RefusedAsync(Func<ValueTask> use) => Assert.Equal("SL4202", (await Assert.ThrowsAsync<SealiftException>(async () => await use())).Code);
    }

    [Fact]
    public async Task Nothing_is_begun_that_was_cancelled_before()
    {
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", 8192, 1, (0, 8192)), Cancel);
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        using var stopped = new CancellationTokenSource();
        await stopped.CancelAsync();
        foreach (var use in new Func<ValueTask>[]
        {
            () => disk.ReadAsync(0, new byte[10], stopped.Token),
            () => disk.WriteAsync(0, new byte[10], stopped.Token),
            () => disk.WriteZeroesAsync(0, 4096, stopped.Token),
            () => disk.FlushAsync(stopped.Token),
            () => disk.VerifyUnchangedAsync(stopped.Token),
            async () => await disk.ExtentsAsync(0, 8192, stopped.Token).ToListAsync(Cancel),
        })
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await use());
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["disk"], Cancel));

        await using var uncached = UncachedRawDisk.Open(scratch["disk"]);
        using var buffer = new AlignedBuffer(8192);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await uncached.ReadAsync(1, new byte[10], stopped.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await uncached.ReadAsync(0, buffer.Memory, stopped.Token));
    }

    [Fact]
    public async Task What_is_cancelled_on_its_way_goes_no_further_than_the_call_that_was_made()
    {
        const int Length = 4 << 20;
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", Length, 1, (0, Length / 2), ((Length / 2) + 65536, 4096)), Cancel);
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        await using (var extents = disk.ExtentsAsync(0, Length, Cancel).GetAsyncEnumerator(Cancel)) Assert.True(await extents.MoveNextAsync()); // the map is made
        using (var stop = new CancellationTokenSource())
        {
            await using var extents = disk.ExtentsAsync(0, Length, stop.Token).GetAsyncEnumerator(Cancel);
            Assert.True(await extents.MoveNextAsync());
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await extents.MoveNextAsync());
        }

        await using var uncached = UncachedRawDisk.Open(scratch["disk"]);
        using (var stop = new CancellationTokenSource())
        using (FaultyLibc.Meanwhile("pread64", _ => stop.Cancel()))
        {
            Assert.ThrowsAny<OperationCanceledException>(() => Now(uncached.ReadAsync(1, new byte[3 << 20], stop.Token)));
            Assert.Equal(1, FaultyLibc.Count);
        }

        using (var stop = new CancellationTokenSource())
        {
            // The file system knows no call for zeros: they are written, and the first piece is all that is.
            using (FaultyLibc.Everywhere("fallocate64", Errno.EOPNOTSUPP))
            using (FaultyLibc.Meanwhile("pwrite64", _ => stop.Cancel()))
                Assert.ThrowsAny<OperationCanceledException>(() => Now(disk.WriteZeroesAsync(0, Length, stop.Token)));
        }

        content.AsSpan(0, 1 << 20).Clear();
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["disk"], Cancel));
    }

    [Fact]
    public async Task A_read_past_the_cache_goes_straight_into_memory_that_is_aligned_and_by_pieces_into_other()
    {
        const int Mebibyte = 1 << 20;
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", 4 * Mebibyte, 1, (0, 4 * Mebibyte)), Cancel);
        long flags;
        UncachedRawDisk direct, cached;
        using (FaultyLibc.Arm("open"))
        {
            direct = UncachedRawDisk.Open(scratch["disk"]);
            flags = FaultyLibc.Argument(0);
        }

        using (FaultyLibc.Arm("open", Errno.EINVAL, 1, after: 1))
        {
            cached = UncachedRawDisk.Open(scratch["disk"]);
            Assert.NotEqual(flags, FaultyLibc.Argument(0));
        }

        using (FaultyLibc.Arm("open"))
        {
            await using var plain = RawDisk.OpenRead(DiskImage.Plain(scratch["disk"], ImageFormat.Raw, 0));
            Assert.NotEqual(flags, FaultyLibc.Argument(0)); // O_DIRECT is the difference
        }

        await using (direct)
        await using (cached)
        {
            using var aligned = new AlignedBuffer(3 * Mebibyte);
            Assert.Equal(1, Calls(direct, 0, aligned.Memory));
            Assert.Equal(1, Calls(direct, 4096, aligned.Memory[4096..]));
            Assert.Equal(3, Calls(direct, 0, new byte[3 * Mebibyte]));
            Assert.Equal(3, Calls(direct, 0, aligned.Memory[512..])); // memory that is not aligned, though it is ours
            Assert.Equal(3, Calls(direct, 512, aligned.Memory[..^1024]));
            Assert.Equal(2, Calls(direct, Mebibyte, aligned.Memory[..^512])); // all but its end
            Assert.Equal(1, Calls(cached, 5, new byte[3 * Mebibyte]));
            Assert.Equal(0, Calls(direct, 0, default));
        }

        int Calls(UncachedRawDisk disk, long offset, Memory<byte> buffer)
        {
            buffer.Span.Clear();
            using (FaultyLibc.Arm("pread64"))
            {
                Now(disk.ReadAsync(offset, buffer, Cancel));
                Assert.True(buffer.Span.SequenceEqual(content.AsSpan((int)offset, buffer.Length)));
                return FaultyLibc.Count;
            }
        }
    }

    [Fact]
    public async Task Memory_for_pieces_is_used_again_and_given_back_with_the_disk()
    {
        scratch.Raw("disk", 1 << 20, 1, (0, 1 << 20));
        var buffer = new byte[(1 << 20) - 1];
        await using (var disk = UncachedRawDisk.Open(scratch["disk"]))
        {
            var places = new HashSet<long>();
            using (FaultyLibc.Arm("pread64"))
            {
                for (var i = 0; i < 5; i++)
                {
                    Now(disk.ReadAsync(0, buffer, Cancel));
                    places.Add(FaultyLibc.Argument(0));
                }
            }

            Assert.Single(places);
        }

        var before = ResidentBytes();
        for (var i = 0; i < 200; i++)
        {
            await using var disk = UncachedRawDisk.Open(scratch["disk"]);
            await disk.ReadAsync(0, buffer, Cancel);
        }

        Assert.InRange(ResidentBytes() - before, long.MinValue, 100 << 20); // 200 MiB, if each kept its own

        static long ResidentBytes() => long.Parse(File.ReadLines("/proc/self/status").Single(line => line.StartsWith("RssAnon:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], System.Globalization.CultureInfo.InvariantCulture) << 10;
    }

    [Fact]
    public async Task Only_a_file_or_a_block_device_is_a_disk_and_what_is_refused_is_not_left_open()
    {
        Assert.Equal("SL4205", Assert.Throws<SealiftException>(() => RawDisk.OpenWrite("/dev/full")).Code);
        Assert.Equal("SL4205", Assert.Throws<SealiftException>(() => Scratch.OpenRaw("/dev/zero")).Code);
        Assert.Equal("SL4205", Assert.Throws<SealiftException>(() => UncachedRawDisk.Open(scratch.Folder)).Code);
        var shrunk = scratch.Raw("shrunk", 8192, 1, (0, 8192));
        Assert.Equal("SL4201", Assert.Throws<SealiftException>(() => RawDisk.OpenRead(new ImageReference(new ImageLocation(shrunk, 0, 8193), ImageFormat.Raw, "", 8193, 8193, null, []))).Code);
        await RawDisk.OpenRead(new ImageReference(new ImageLocation(shrunk, 0, 8192), ImageFormat.Raw, "", 8192, 8192, null, [])).DisposeAsync();
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/proc/self/fd"), link => new FileInfo(link).LinkTarget is { } open && (open.StartsWith(scratch.Folder, StringComparison.Ordinal) || open is "/dev/zero" or "/dev/full"));
    }

    [Fact]
    public async Task A_block_device_is_opened_for_writing_only_where_nobody_uses_it()
    {
        scratch.Raw("disk", 8192, 1, (0, 8192));
        using (FaultyLibc.Arm("open", Errno.EBUSY, 1))
        using (FaultyLibc.Device(8192))
        {
            Assert.Equal(Errno.EBUSY, Assert.Throws<PosixException>(() => RawDisk.OpenWrite(scratch["disk"])).Errno);
            Assert.Equal(PosixFileFlags(exclusive: true), FaultyLibc.Argument(0));
        }

        using (FaultyLibc.Arm("open", Errno.EBUSY, 1))
        {
            Assert.Throws<PosixException>(() => RawDisk.OpenWrite(scratch["disk"]));
            Assert.Equal(PosixFileFlags(exclusive: false), FaultyLibc.Argument(0));
        }

        static long PosixFileFlags(bool exclusive) => 0x80000 | 2 | (exclusive ? 0x80 : 0); // O_CLOEXEC, O_RDWR, O_EXCL
    }

    [Fact]
    public void The_cache_is_written_back_and_dropped_before_anything_is_read_back()
    {
        scratch.Raw("disk", 8192, 1, (0, 8192));
        using (FaultyLibc.Arm("fsync", Errno.EIO, 1)) Assert.Equal("fsync", Assert.Throws<PosixException>(() => CacheBypass.Prepare(scratch["disk"])).Call);
        using (FaultyLibc.Arm("posix_fadvise64", Errno.EIO, 1)) Assert.Equal("posix_fadvise(DONTNEED)", Assert.Throws<PosixException>(() => CacheBypass.Prepare(scratch["disk"])).Call);
        using (FaultyLibc.Arm("open", Errno.EIO, 1, after: 1)) Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => CacheBypass.Prepare(scratch["disk"])).Errno);
        foreach (var refusal in new[] { Errno.EINVAL, Errno.EOPNOTSUPP })
        {
            using (FaultyLibc.Arm("open", refusal, 1, after: 1))
            {
                var bypass = CacheBypass.Prepare(scratch["disk"]);
                Assert.False(bypass.IsDirect);
                Assert.Contains($"{refusal}", bypass.Description, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Large_pieces_are_sent_to_the_device_at_once_and_small_ones_are_not()
    {
        var content = new byte[1 << 20];
        new Random(3).NextBytes(content);
        scratch.Raw("disk", 2 << 20, 1, (0, 1 << 20));
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        using (FaultyLibc.Arm("sync_file_range", Errno.EIO, 1))
        {
            var error = await Assert.ThrowsAsync<PosixException>(async () => await disk.WriteAsync(1 << 20, content, Cancel));
            Assert.Equal(("sync_file_range", 1 << 20, 1 << 20, Errno.EIO), (error.Call, error.Offset, error.LengthBytes, error.Errno));
        }

        using (FaultyLibc.Arm("sync_file_range"))
        {
            await disk.WriteAsync(0, content.AsMemory(0, 256 << 10), Cancel);
            Assert.Equal(1, FaultyLibc.Count);
            await disk.WriteAsync(0, content.AsMemory(0, (256 << 10) - 1), Cancel);
            Assert.Equal(1, FaultyLibc.Count);
        }

        await disk.WriteAsync(77, content, Cancel);
        Assert.Equal(content, (await File.ReadAllBytesAsync(scratch["disk"], Cancel))[77..(77 + content.Length)]);
    }

    /// <summary>The device is 32 MiB behind at most: the thirty-third mebibyte waits for the first, and drops it from the cache.</summary>
    [Theory]
    [InlineData("sync_file_range", "sync_file_range", 1)] // the first call of a write sends it, the second waits for an older one
    [InlineData("posix_fadvise64", "posix_fadvise(DONTNEED)", 0)]
    public async Task A_piece_is_waited_for_and_dropped_when_enough_was_written_since_and_a_failure_names_its_place(string call, string name, int after)
    {
        var content = new byte[1 << 20];
        scratch.Raw("disk", 64 << 20, 1);
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        using (FaultyLibc.Arm("posix_fadvise64"))
        {
            for (var at = 0; at < 32; at++) await disk.WriteAsync(at << 20, content, Cancel);
            Assert.Equal(0, FaultyLibc.Count);
        }

        using (FaultyLibc.Arm(call, Errno.EIO, 1, after: after))
        {
            var error = await Assert.ThrowsAsync<PosixException>(async () => await disk.WriteAsync(32 << 20, content, Cancel));
            Assert.Equal((name, 0, 1 << 20, Errno.EIO), (error.Call, error.Offset, error.LengthBytes, error.Errno));
        }

        using (FaultyLibc.Everywhere("posix_fadvise64", Errno.EIO, only: int.MaxValue))
        {
            await disk.WriteAsync(33 << 20, content, Cancel);
            Assert.Equal(1, FaultyLibc.EverywhereCount);
            await disk.FlushAsync(Cancel);
            Assert.Equal(33, FaultyLibc.EverywhereCount); // with the 32 that were left
            await disk.FlushAsync(Cancel);
            Assert.Equal(33, FaultyLibc.EverywhereCount);
        }
    }

    [Fact]
    public async Task A_flush_fails_by_what_it_does_first_and_by_what_it_does_then()
    {
        scratch.Raw("disk", 2 << 20, 1);
        await using var disk = RawDisk.OpenWrite(scratch["disk"]);
        await disk.WriteAsync(0, new byte[1 << 20], Cancel);
        using (FaultyLibc.Everywhere("fsync", Errno.EIO)) Assert.Equal("fsync", (await Assert.ThrowsAsync<PosixException>(async () => await disk.FlushAsync(Cancel))).Call);
        using (FaultyLibc.Everywhere("posix_fadvise64", Errno.EIO))
        {
            await disk.WriteAsync(0, new byte[1 << 20], Cancel);
            Assert.Equal("posix_fadvise(DONTNEED)", (await Assert.ThrowsAsync<PosixException>(async () => await disk.FlushAsync(Cancel))).Call);
        }
    }

    [Fact]
    public async Task A_range_that_cannot_be_dropped_from_the_cache_is_not_read_back()
    {
        scratch.Raw("disk", 8192, 1, (0, 8192));
        await using var disk = UncachedRawDisk.Open(scratch["disk"], whileWritten: true);
        using var armed = FaultyLibc.Arm("posix_fadvise64", Errno.EIO, 1);
        var error = await Assert.ThrowsAsync<PosixException>(async () => await disk.DropCacheAsync(4096, 4096, Cancel));
        Assert.Equal((4096, 4096), (error.Offset, error.LengthBytes));
    }

    [Fact]
    public async Task A_file_system_without_direct_reads_is_read_all_the_same()
    {
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", 10_000, 1, (0, 10_000)), Cancel);
        UncachedRawDisk disk;
        using (FaultyLibc.Arm("open", Errno.EINVAL, 1, after: 1)) disk = UncachedRawDisk.Open(scratch["disk"]);
        await using (disk)
        {
            Assert.DoesNotContain("O_DIRECT, after", disk.CacheBypass, StringComparison.Ordinal);
            var back = new byte[10_000];
            await disk.ReadAsync(0, back, Cancel);
            Assert.Equal(content, back);
        }
    }

    [Fact]
    public async Task The_end_of_the_file_may_be_refused_and_nothing_before_it()
    {
        var content = await File.ReadAllBytesAsync(scratch.Raw("disk", 10_000, 1, (0, 10_000)), Cancel);
        await using var disk = UncachedRawDisk.Open(scratch["disk"]);
        var back = new byte[10_000];
        // The first read brings what there is, the next one is refused because it starts at an end that is not aligned.
        using (FaultyLibc.Arm("pread64", Errno.EINVAL, 1, after: 1)) await disk.ReadAsync(0, back, Cancel);
        Assert.Equal(content, back);
        using (FaultyLibc.Arm("pread64", Errno.EINVAL, 1)) Assert.Equal(Errno.EINVAL, Assert.Throws<PosixException>(() => Now(disk.ReadAsync(0, back, Cancel))).Errno);
        using (FaultyLibc.Arm("pread64", Errno.EIO, 1, after: 1)) Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => Now(disk.ReadAsync(0, back, Cancel))).Errno);
        using (var file = PosixFile.Open(scratch["disk"], OpenMode.ReadWrite)) file.SetLength(5000);
        Assert.Equal("SL4201", Assert.Throws<SealiftException>(() => Now(disk.ReadAsync(0, back, Cancel))).Code);
    }

    // Faults are of one thread: the call must not be gone on with on another.
    private static void Now(ValueTask call) => call.AsTask().GetAwaiter().GetResult();
}
