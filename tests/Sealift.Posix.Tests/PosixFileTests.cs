namespace Sealift.Posix.Tests;

public sealed class PosixFileTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void What_is_written_is_read_back_at_its_offset()
    {
        using var file = PosixFile.Open(directory.File("a"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.WriteAt([1, 2, 3, 4], 1000);
        file.Sync();
        file.SyncData();
        var back = new byte[6];
        Assert.Equal(5, file.ReadAt(back, 999));
        Assert.Equal([0, 1, 2, 3, 4, 0], back);
        Assert.Equal(1004, file.Facts().LengthBytes);
    }

    [Fact]
    public void Reading_past_the_end_is_an_error_that_names_where_the_file_ends()
    {
        using var file = PosixFile.Open(directory.File("short"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.WriteAt(new byte[100], 0);
        var error = Assert.Throws<SealiftException>(() => file.ReadExactlyAt(new byte[64], 50));
        Assert.Equal("SL1002", error.Code);
        Assert.Contains("ends at 100", error.Message, StringComparison.Ordinal);
        Assert.Contains(directory.File("short"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_names_the_call_the_path_and_the_errno()
    {
        var error = Assert.Throws<PosixException>(() => PosixFile.Open(directory.File("missing"), OpenMode.Read));
        Assert.Equal(Errno.ENOENT, error.Errno);
        Assert.Equal("open", error.Call);
        Assert.Contains(directory.File("missing"), error.Message, StringComparison.Ordinal);
        Assert.Contains("ENOENT", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_device_is_an_error_with_offset_and_length()
    {
        using var full = PosixFile.Open("/dev/full", OpenMode.ReadWrite);
        var error = Assert.Throws<PosixException>(() => full.WriteAt(new byte[512], 4096));
        Assert.Equal(Errno.ENOSPC, error.Errno);
        Assert.Equal(4096, error.Offset);
        Assert.Equal(512, error.LengthBytes);
    }

    [Theory]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    [InlineData(FileAccess.Read, 100)] // as a reader of QEMU's marks its image
    [InlineData(FileAccess.ReadWrite, 5000)] // behind the end
    public void A_record_lock_of_somebody_else_is_seen_wherever_it_lies(FileAccess access, long at)
    {
        using var file = PosixFile.Open(directory.File("locked"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.WriteAt(new byte[1000], 0);
        Assert.True(file.TryLock());
        Assert.False(file.HasForeignRecordLock()); // that of flock(2) is of another kind
        file.Unlock();
        // A record lock of the process stands in the way of one of an open file.
        using var other = new FileStream(directory.File("locked"), FileMode.Open, access, FileShare.ReadWrite);
        other.Lock(at, 1);
        Assert.True(file.HasForeignRecordLock());
        other.Unlock(at, 1);
        Assert.False(file.HasForeignRecordLock());
    }

    [Fact]
    public void A_range_that_was_written_back_and_dropped_reads_as_it_was_written()
    {
        var data = new byte[1 << 20];
        new Random(9).NextBytes(data);
        using var file = PosixFile.Open(directory.File("dropped"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.WriteAt(data, 77);
        file.WriteBack(77, data.Length);
        file.DropCache(77, data.Length);
        var back = new byte[data.Length];
        file.ReadExactlyAt(back, 77);
        Assert.Equal(data, back);
    }

    [Fact]
    public void Create_new_never_opens_what_exists()
    {
        File.WriteAllText(directory.File("there"), "precious");
        var error = Assert.Throws<PosixException>(() => PosixFile.Open(directory.File("there"), OpenMode.ReadWrite | OpenMode.CreateNew));
        Assert.Equal(Errno.EEXIST, error.Errno);
        Assert.Equal("precious", File.ReadAllText(directory.File("there")));
    }

    [Fact]
    public void A_symbolic_link_is_refused_where_none_is_wanted()
    {
        File.CreateSymbolicLink(directory.File("link"), "/etc/passwd");
        var error = Assert.Throws<PosixException>(() => PosixFile.Open(directory.File("link"), OpenMode.Read | OpenMode.NoFollow));
        Assert.Equal(Errno.ELOOP, error.Errno);
    }

    [Fact]
    public void Data_and_holes_are_told_apart()
    {
        using var file = PosixFile.Open(directory.File("sparse"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(16 << 20);
        file.WriteAt(new byte[65536], 8 << 20);
        Assert.Equal(8 << 20, file.SeekData(0));
        Assert.Equal((8 << 20) + 65536, file.SeekHole(8 << 20));
        Assert.Equal(-1, file.SeekData(9 << 20));
        Assert.True(file.TryPunchHole(8 << 20, 65536));
        Assert.Equal(-1, file.SeekData(0));
        Assert.Equal(16 << 20, file.Facts().LengthBytes);
    }

    [Fact]
    public void Data_and_holes_at_the_very_start_are_found_there()
    {
        using var file = PosixFile.Open(directory.File("sparse"), OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(16 << 20);
        Assert.Equal(0, file.SeekHole(0));
        file.WriteAt(new byte[65536], 0);
        Assert.Equal(0, file.SeekData(0));
        Assert.Equal(65536, file.SeekHole(0));
    }

    [Fact]
    public void A_read_that_is_gone_on_with_stays_within_its_buffer()
    {
        using var file = PosixFile.Open(directory.File("long"), OpenMode.ReadWrite | OpenMode.CreateNew);
        var data = new byte[4000];
        Array.Fill(data, (byte)7);
        file.WriteAt(data, 0);
        var room = new byte[2000];
        using (FaultyLibc.Arm("pread64", most: 600)) Assert.Equal(1000, file.ReadAt(room.AsSpan(0, 1000), 0));
        Assert.Equal(1000, room.AsSpan().IndexOf((byte)0));
    }

    [Fact]
    public void Zeroing_a_range_zeroes_just_that_range()
    {
        using var file = PosixFile.Open(directory.File("z"), OpenMode.ReadWrite | OpenMode.CreateNew);
        var data = new byte[3 * 4096];
        Array.Fill(data, (byte)7);
        file.WriteAt(data, 0);
        if (!file.TryZeroRange(4096, 4096)) file.WriteAt(new byte[4096], 4096);
        Array.Clear(data, 4096, 4096);
        var back = new byte[data.Length];
        file.ReadExactlyAt(back, 0);
        Assert.Equal(data, back);
    }

    [Fact]
    public void Holes_and_zeros_are_asked_for_without_changing_the_length_and_done_means_done()
    {
        using var file = PosixFile.Open(directory.File("z"), OpenMode.ReadWrite | OpenMode.CreateNew);
        using (FaultyLibc.Arm("fallocate64", error: 0, times: 1))
        {
            Assert.True(file.TryPunchHole(4096, 8192));
            Assert.Equal((1 | 2, 4096, 8192), (FaultyLibc.Argument(0), FaultyLibc.Argument(1), FaultyLibc.Argument(2))); // KEEP_SIZE, PUNCH_HOLE
        }

        using (FaultyLibc.Arm("fallocate64", error: 0, times: 1))
        {
            Assert.True(file.TryZeroRange(4096, 8192));
            Assert.Equal((1 | 16, 4096, 8192), (FaultyLibc.Argument(0), FaultyLibc.Argument(1), FaultyLibc.Argument(2))); // KEEP_SIZE, ZERO_RANGE
        }
    }

    [Fact]
    public void A_failing_close_is_thrown_once()
    {
        var file = PosixFile.Open(directory.File("c"), OpenMode.ReadWrite | OpenMode.CreateNew);
        // Somebody else's bug: the descriptor is closed behind our back.
        using (var stolen = new Microsoft.Win32.SafeHandles.SafeFileHandle(Descriptor(file), ownsHandle: true))
        {
        }

        var error = Assert.Throws<PosixException>(file.Close);
        Assert.Equal(Errno.EBADF, error.Errno);
        file.Close();
    }

    [Fact]
    public void A_lock_is_held_by_one_at_a_time()
    {
        using var first = PosixFile.Open(directory.File("lock"), OpenMode.ReadWrite | OpenMode.Create);
        Assert.True(first.TryLock());
        using (var second = PosixFile.Open(directory.File("lock"), OpenMode.ReadWrite | OpenMode.Create))
            Assert.False(second.TryLock());
        first.Close();
        using var third = PosixFile.Open(directory.File("lock"), OpenMode.ReadWrite | OpenMode.Create);
        Assert.True(third.TryLock());
    }

    [Fact]
    public void Direct_reads_see_what_was_synced()
    {
        var data = new byte[2 * PosixFile.DirectAlignmentBytes];
        Random.Shared.NextBytes(data);
        using (var file = PosixFile.Open(directory.File("d"), OpenMode.ReadWrite | OpenMode.CreateNew))
        {
            file.WriteAt(data, 0);
            file.Sync();
            file.DropCache();
        }

        using var direct = PosixFile.Open(directory.File("d"), OpenMode.Read | OpenMode.Direct);
        var room = GC.AllocateUninitializedArray<byte>(data.Length + PosixFile.DirectAlignmentBytes, pinned: true);
        var skip = AlignmentSkip(room);
        direct.ReadExactlyAt(room.AsSpan(skip, data.Length), 0);
        Assert.Equal(data, room.AsSpan(skip, data.Length).ToArray());
    }

    private static unsafe int AlignmentSkip(byte[] room)
    {
        fixed (byte* p = room) return (int)((PosixFile.DirectAlignmentBytes - ((nint)p % PosixFile.DirectAlignmentBytes)) % PosixFile.DirectAlignmentBytes);
    }

    internal static nint Descriptor(PosixFile file)
    {
        foreach (var link in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            if (new FileInfo(link).LinkTarget == file.Path) return nint.Parse(Path.GetFileName(link), System.Globalization.CultureInfo.InvariantCulture);
        }

        throw new InvalidOperationException("The descriptor was not found");
    }
}
