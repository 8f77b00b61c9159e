using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Blkhash.Tests;

/// <summary>The kernel refuses one call of the map's own: what is on storage is the checkpoint before, and the map does not go on as if nothing had happened.</summary>
public sealed class BlockMapFaultTests : IDisposable
{
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Md5, 4);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    private string Path => directory.File("map");

    private BlockMap New() => BlockMap.Create(Path, 4 * 4096 * 3, Small);

    private void AssertNotOpen() => Assert.DoesNotContain(Directory.EnumerateFileSystemEntries("/proc/self/fd"), link => new FileInfo(link).LinkTarget?.StartsWith(Path, StringComparison.Ordinal) == true);

    [Fact]
    public void Pages_reach_storage_before_the_header_that_tells_of_them_and_the_header_before_anybody_is_told()
    {
        using var map = New();
        map.SetData(5, new byte[16]);
        using (FaultyLibc.Arm("fsync"))
        {
            map.Checkpoint();
            Assert.Equal(2, FaultyLibc.Count);
        }

        using (FaultyLibc.Arm("fsync"))
        {
            map.Checkpoint();
            Assert.Equal(0, FaultyLibc.Count); // nothing was set since
        }

        using (FaultyLibc.Arm("fsync"))
        {
            map.SetZeroes(0, 4, BlockState.Hole);
            map.Close();
            Assert.Equal(4, FaultyLibc.Count); // a checkpoint, the other header, the file's length
        }
    }

    [Fact]
    public void A_checkpoint_writes_what_changed_since_the_last_and_no_more()
    {
        using var map = New();
        map.SetData(0, new byte[16]);
        map.SetData(4096, new byte[16]);
        map.Checkpoint();
        using (FaultyLibc.Arm("pwrite64"))
        {
            map.SetData(1, new byte[16]);
            map.Checkpoint();
            Assert.Equal(3, FaultyLibc.Count); // the page, the index, the header
        }
    }

    [Fact]
    public void A_close_of_what_was_not_changed_writes_nothing()
    {
        New().Close();
        using var map = BlockMap.OpenForUpdate(Path);
        using (FaultyLibc.Arm("pwrite64"))
        {
            map.Close();
            Assert.Equal(0, FaultyLibc.Count);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_checkpoint_that_cannot_be_flushed_fails_and_the_map_with_it(int flush)
    {
        var before = new MapModel(4 * 4096 * 3, Small);
        MapModel after;
        using (var map = New())
        {
            before.SetData(map, 5, 5);
            map.Checkpoint();
            after = before.Clone();
            after.SetData(map, 6, 6);
            using (FaultyLibc.Arm("fsync", Errno.EIO, 1, after: flush))
                Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(map.Checkpoint).Errno);
            AssertUnusable(map);
        }

        AssertNotOpen();
        using var again = BlockMap.Open(Path);
        again.Verify(TestContext.Current.CancellationToken);
        // Where not even the pages were flushed, no header may tell of them.
        if (flush == 0) Assert.Null(before.Mismatch(again));
        else Assert.True(before.Mismatch(again) is null || after.Mismatch(again) is null);
    }

    /// <summary>The pages that the file was opened with belong to a checkpoint as those that were written since do: nothing is written over them before the next.</summary>
    [Fact]
    public void What_was_in_the_file_when_it_was_opened_is_whole_after_a_checkpoint_that_failed()
    {
        var before = new MapModel(4 * 4096 * 3, Small);
        using (var map = New())
        {
            for (var page = 0; page < 3; page++) before.SetData(map, page * 4096L, page);
            map.Close();
        }

        using (var map = BlockMap.OpenForUpdate(Path))
        {
            for (var page = 0; page < 3; page++) map.SetData((page * 4096L) + 1, new byte[16]);
            using (FaultyLibc.Arm("fsync", Errno.EIO, 1)) Assert.Throws<PosixException>(map.Checkpoint);
        }

        using var again = BlockMap.Open(Path);
        again.Verify(TestContext.Current.CancellationToken);
        Assert.Null(before.Mismatch(again));
    }

    [Theory]
    [InlineData("fsync", 4)]
    [InlineData("pwrite64", 4)]
    [InlineData("ftruncate64", 1)]
    public void A_close_that_fails_anywhere_says_so(string call, int calls)
    {
        for (var failing = 0; failing < calls; failing++)
        {
            using (var map = New())
            {
                map.SetData(5, new byte[16]);
                using (FaultyLibc.Arm(call, Errno.ENOSPC, 1, after: failing))
                    Assert.Equal(Errno.ENOSPC, Assert.Throws<PosixException>(map.Close).Errno);
                AssertUnusable(map);
            }

            AssertNotOpen();
            using (var again = BlockMap.OpenForUpdate(Path)) again.Verify(TestContext.Current.CancellationToken);
            File.Delete(Path);
        }
    }

    [Fact]
    public void The_kernels_own_close_is_asked_too()
    {
        var map = New();
        using (FaultyLibc.Arm("close", Errno.EIO, 1)) Assert.Equal("close", Assert.Throws<PosixException>(map.Close).Call);
        map.Dispose();
        var other = BlockMap.Open(Path);
        using (FaultyLibc.Arm("close", Errno.EIO, 1)) Assert.Equal("close", Assert.Throws<PosixException>(other.Dispose).Call);
        AssertNotOpen();
    }

    [Theory]
    [InlineData("flock", Errno.ENOLCK, 1)]
    [InlineData("pwrite64", Errno.ENOSPC, 2)]
    [InlineData("fsync", Errno.EIO, 4)]
    public void A_map_that_could_not_be_made_is_not_there(string call, Errno errno, int calls)
    {
        for (var failing = 0; failing < calls; failing++)
        {
            using (FaultyLibc.Arm(call, errno, 1, after: failing)) Assert.Equal(errno, Assert.Throws<PosixException>(New).Errno);
            Assert.False(File.Exists(Path), $"{call} {failing}");
            AssertNotOpen();
        }

        // The first checkpoint's two flushes, that of its mirror, and that of the directory: no more and no less.
        using (FaultyLibc.Arm("fsync"))
        using (New())
            Assert.Equal(4, FaultyLibc.Count);
    }

    [Fact]
    public void A_new_map_that_somebody_locks_at_once_is_not_shared()
    {
        using (FaultyLibc.Arm("flock", Errno.EAGAIN, 1)) Assert.Equal("SL2107", Assert.Throws<SealiftException>(New).Code);
        Assert.False(File.Exists(Path));
        AssertNotOpen();
    }

    [Fact]
    public void A_writer_takes_the_lock_and_gives_it_back_and_a_reader_needs_none()
    {
        using (FaultyLibc.Arm("flock"))
        {
            New().Dispose();
            Assert.Equal(2, FaultyLibc.Count);
        }

        using (FaultyLibc.Arm("flock"))
        {
            BlockMap.Open(Path).Dispose();
            Assert.Equal(0, FaultyLibc.Count);
        }

        using (FaultyLibc.Arm("flock"))
        {
            BlockMap.OpenForUpdate(Path).Close();
            Assert.Equal(2, FaultyLibc.Count);
        }
    }

    [Theory]
    [InlineData("pread64", Errno.EIO)]
    [InlineData("flock", Errno.ENOLCK)]
    [InlineData("pwrite64", Errno.ENOSPC)]
    [InlineData("fsync", Errno.EIO)]
    public void Opening_for_update_that_fails_leaves_nothing_open(string call, Errno errno)
    {
        New().Dispose();
        using (FaultyLibc.Arm(call, errno, 1)) Assert.Equal(errno, Assert.Throws<PosixException>(() => BlockMap.OpenForUpdate(Path)).Errno);
        AssertNotOpen();
        if (call == "pread64")
        {
            using (FaultyLibc.Arm(call, errno, 1)) Assert.Throws<PosixException>(() => BlockMap.Open(Path));
            AssertNotOpen();
        }

        BlockMap.OpenForUpdate(Path).Close(); // and whoever comes next is not kept out
    }

    [Fact]
    public void A_page_that_could_not_be_put_aside_fails_the_map()
    {
        // More pages than stay in memory: the longest unused one has to be written.
        using var map = BlockMap.Create(Path, 4096L * 4 * 200, Small);
        using (FaultyLibc.Arm("pwrite64", Errno.ENOSPC, 1))
            Assert.Equal(Errno.ENOSPC, Assert.Throws<PosixException>(() =>
            {
                for (var page = 0; page < 200; page++) map.SetData(page * 4096L, new byte[16]);
            }).Errno);
        AssertUnusable(map);
    }

    [Fact]
    public void A_file_that_was_cut_short_behind_our_back_is_noticed_page_by_page()
    {
        using (var map = New())
        {
            map.SetData(0, new byte[16]);
            map.Close();
        }

        using var reader = BlockMap.Open(Path);
        using (var file = PosixFile.Open(Path, OpenMode.ReadWrite)) file.SetLength(12 << 10);
        var error = Assert.Throws<SealiftException>(() => reader.Read(0, new byte[16]));
        Assert.Equal("SL2106", error.Code);
        Assert.Contains("before the end of the page", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Nobody knows what the file holds: nothing is answered and nothing is taken any more.</summary>
    private static void AssertUnusable(BlockMap map)
    {
        void Refused(Action use) => Assert.Equal("SL2110", Assert.Throws<SealiftException>(use).Code);
        Refused(() => map.SetData(0, new byte[16]));
        Refused(() => map.SetZeroes(0, 1, BlockState.Zero));
        Refused(() => map.SetUnknown(0, 4096));
        Refused(() => map.Read(0, new byte[16]));
        Refused(() => _ = map.Runs().Count());
        Refused(() => map.Root());
        Refused(map.Checkpoint);
        Refused(() => map.Verify(TestContext.Current.CancellationToken));
        Refused(map.Close);
    }
}
