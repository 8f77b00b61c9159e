using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Disks.Tests;

/// <summary>A file system whose answers about holes are wrong: what it calls a hole would be zeros in the copy, under a hash that is right.</summary>
public sealed class AllocationMapFaultTests : IDisposable
{
    private const long Length = 16 << 20;
    private static readonly byte[] Data = [.. Enumerable.Repeat((byte)1, 4096)];
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    private PosixFile Open(params (long, int)[] data) => PosixFile.Open(scratch.Raw(Guid.NewGuid().ToString("N"), Length, 1, data), OpenMode.Read);

    private static AllocationMap Examine(PosixFile file) => AllocationMap.Examine(file, "disk", weighSpace: true, Cancel);

    private static void Walk(AllocationMap map, long start, long end) => Assert.NotEmpty(map.Extents(start, end).ToList());

    private static void Contradicts(Action look) => Assert.Equal("SL4203", Assert.Throws<SealiftException>(look).Code);

    [Fact]
    public void Only_a_hole_is_left_is_not_believed_where_there_are_data()
    {
        using var file = Open((0, 65536), (8 << 20, 65536));
        // At data: the place itself is no hole. In a hole: the same question, asked again, finds the data behind it.
        using (FaultyLibc.Arm("lseek64", Errno.ENXIO, 1)) Contradicts(() => Examine(file));
        using (FaultyLibc.Arm("lseek64", Errno.ENXIO, 1, after: 2)) Contradicts(() => Examine(file));
        // At data, and it is said twice: the place is no hole all the same.
        using (FaultyLibc.Meanwhile("lseek64", count => FaultyLibc.Rearm("lseek64", Errno.ENXIO, count is 1 or 3 ? 1 : 0))) Contradicts(() => Examine(file));
    }

    /// <summary>Where a disk is read back while it is written: what comes behind a range does not make a lie of the hole in it.</summary>
    [Theory]
    [InlineData(4 << 20)]
    [InlineData(8 << 20)]
    public void Data_that_come_behind_the_range_meanwhile_are_no_contradiction(int end)
    {
        using var file = Open((8 << 20, 65536));
        using var armed = FaultyLibc.Arm("lseek64", Errno.ENXIO, 1);
        Assert.Equal([new DiskExtent(0, end, IsHole: true)], AllocationMap.Walk(file, "disk", 0, end));
    }

    [Fact]
    public void Data_that_come_between_two_questions_are_not_lost()
    {
        using var file = Open();
        using var meddler = PosixFile.Open(file.Path, OpenMode.ReadWrite);
        using (FaultyLibc.Meanwhile("lseek64", count => { if (count == 3) meddler.WriteAt([1], 0); })) Contradicts(() => Examine(file));
    }

    [Fact]
    public void A_device_is_not_asked_for_its_holes()
    {
        using var file = Open((0, 65536));
        using (FaultyLibc.Device((ulong)Length))
        using (FaultyLibc.Arm("lseek64"))
        {
            Assert.Null(Examine(file).Doubt);
            Assert.Equal(0, FaultyLibc.Count);
        }
    }

    [Fact]
    public void An_answer_that_goes_back_is_refused()
    {
        using var file = Open((0, 65536), (8 << 20, 65536));
        var map = Examine(file);
        using (FaultyLibc.Arm("lseek64", error: 0, times: 1, most: 4096)) Contradicts(() => Walk(map, 8192, Length)); // data before the place that was asked for
        using (FaultyLibc.Arm("lseek64", error: 0, times: 1, after: 1, most: 8192)) Contradicts(() => Walk(map, 8192, Length)); // a hole where data begin
    }

    [Fact]
    public void A_file_system_that_knows_no_holes_has_none_and_another_error_is_one()
    {
        using var file = Open((0, 65536));
        foreach (var errno in new[] { Errno.EINVAL, Errno.EOPNOTSUPP })
            using (FaultyLibc.Arm("lseek64", errno, int.MaxValue))
                Assert.Equal([new DiskExtent(0, Length, IsHole: false)], Examine(file).Extents(0, Length));
        using (FaultyLibc.Arm("lseek64", Errno.EIO, 1)) Assert.Equal(Errno.EIO, Assert.Throws<PosixException>(() => Examine(file)).Errno);
    }

    [Fact]
    public void Data_that_are_a_hole_at_the_second_look_are_refused()
    {
        using var file = Open((0, 65536), (8 << 20, 65536));
        var map = Examine(file);
        Assert.Equal(2 * 65536, map.Extents(0, Length).Where(e => !e.IsHole).Sum(e => e.LengthBytes));
        foreach (var end in new[] { 65536 + 4096, 8 << 20 }) Assert.Equal([new DiskExtent(65536, end - 65536, IsHole: true)], map.Extents(65536, end)); // where data begin at the earliest
        using (var meddler = PosixFile.Open(file.Path, OpenMode.ReadWrite)) Assert.True(meddler.TryPunchHole(8 << 20, 65536));
        Contradicts(() => Walk(map, 0, Length));
        Assert.Equal(65536, map.Extents(0, 4 << 20).Where(e => !e.IsHole).Sum(e => e.LengthBytes)); // of a part nothing can be said
        Assert.Equal(Length - (4 << 20), map.Extents(4 << 20, Length).Sum(e => e.LengthBytes)); // nor of its end
    }

    [Theory]
    [InlineData(0)]
    [InlineData(70_000)]
    [InlineData((8 << 20) - 1)]
    public void A_byte_in_what_is_called_a_hole_is_found_and_then_nothing_is_believed(int at)
    {
        using var file = Open((at, 1));
        AllocationMap map;
        // The first question is answered with the second data of a file whose first data it does not own up to.
        using (var meddler = PosixFile.Open(file.Path, OpenMode.ReadWrite)) meddler.WriteAt([1], 8 << 20);
        using (FaultyLibc.Arm("lseek64", error: 0, times: 1, most: 8 << 20)) map = AllocationMap.Examine(file, "disk", weighSpace: false, Cancel);
        Assert.Contains(file.Path, map.Doubt, StringComparison.Ordinal);
        Assert.Equal([new DiskExtent(0, Length, IsHole: false)], map.Extents(0, Length));
    }

    [Fact]
    public void The_first_hole_that_is_none_is_the_one_that_is_named()
    {
        using var file = Open((4 << 20, 65536), (12 << 20, 65536));
        using var meddler = PosixFile.Open(file.Path, OpenMode.ReadWrite);
        AllocationMap map;
        // After it was said where the hole ends, and before it is read: both holes get a byte, in their second MiB.
        using (FaultyLibc.Meanwhile("lseek64", count => { if (count is 2 or 4) meddler.WriteAt([1], count == 2 ? (1 << 20) + 5 : 6 << 20); })) map = AllocationMap.Examine(file, "disk", weighSpace: false, Cancel);
        Assert.Contains($"at {(1 << 20) + 5}", map.Doubt, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64 << 20, 70_000)] // just as much as is read whole
    [InlineData(65 << 20, 0)]
    [InlineData(65 << 20, (16 << 20) + 4095)]
    [InlineData(65 << 20, (65 << 20) - 1)] // the end of a hole that is not read whole
    public void A_byte_in_a_large_hole_is_found_where_it_is_looked_at(long hole, long at)
    {
        using var file = Hole(hole);
        Assert.Contains($"data at {at}", ExamineWith(file, at).Doubt, StringComparison.Ordinal);
    }

    [Fact]
    public void So_much_is_read_of_all_holes_together_and_of_the_others_samples()
    {
        using var file = PosixFile.Open(scratch.Raw("holes", 400 << 20, 1, (40 << 20, 4096), (200 << 20, 4096), (241 << 20, 4096), (257 << 20, 4096)), OpenMode.Read);
        using (FaultyLibc.Arm("pread64"))
        {
            Assert.Null(AllocationMap.Examine(file, "disk", weighSpace: false, Cancel).Doubt);
            // 40 MiB whole; 160 MiB in ten samples and the end; 41 MiB in three and the end; 16 MiB whole; 143 MiB in nine and the end.
            Assert.Equal(40 + 11 + 4 + 16 + 10, FaultyLibc.Count);
        }
    }

    [Fact]
    public void A_hole_shorter_than_a_sample_is_not_mistaken_for_the_data_before_it()
    {
        // The file ends in 512 bytes of hole, after all that is read whole was read.
        using var file = PosixFile.Open(scratch.Raw("tail", (70L << 20) + 4096 + 512, 1, (64 << 20, 4096), (70 << 20, 4096)), OpenMode.Read);
        Assert.Equal(new DiskExtent((70L << 20) + 4096, 512, IsHole: true), AllocationMap.Examine(file, "disk", weighSpace: false, Cancel).Extents(0, file.Facts().LengthBytes).Last());
    }

    [Fact]
    public async Task Space_is_weighed_to_the_byte_in_units_of_the_file_system_and_only_where_it_says_something()
    {
        var path = scratch.Raw("spacious", 16 << 20, 1, (0, 65536));
        await Scratch.ToolAsync("fallocate", "-o", "1M", "-l", "64K", path); // set aside, not written
        using var file = PosixFile.Open(path, OpenMode.Read);
        file.Sync();
        var unexplained = (ulong)file.Facts().AllocatedBytes - 65536;
        Assert.True(unexplained > 2 * 4096, $"{unexplained}");
        Assert.Null(DoubtWherePreferred(unexplained / 2)); // two units are explained
        Assert.NotNull(DoubtWherePreferred((unexplained / 2) - 1));
        Assert.NotNull(DoubtWherePreferred(512));
        using (FaultyLibc.Prefers(512))
        {
            using var honest = Open((0, 4096)); // its one unit is 4096 bytes, whatever is preferred
            Assert.Null(Examine(honest).Doubt);
        }

        file.DropCache();
        Assert.NotNull(SourceFiles.Measure([path]).MapDoubt(weighSpace: true, Cancel));
        file.DropCache();
        Assert.Null(SourceFiles.Measure([path]).MapDoubt(weighSpace: false, Cancel));

        string? DoubtWherePreferred(ulong bytes)
        {
            file.DropCache(); // what was read of it counts as data
            using (FaultyLibc.Prefers(bytes)) return Examine(file).Doubt;
        }
    }

    /// <summary>ext4 splits a full block of its extents where something is put between them, and leaves blocks behind that are nearly empty: they are no reason for doubt.</summary>
    [Fact]
    public void Metadata_of_what_was_written_later_between_the_rest_are_not_taken_for_data()
    {
        using var file = PosixFile.Open(scratch.Raw("between", 4L << 30, 1), OpenMode.ReadWrite);
        for (var i = 0; i < 1024; i++) file.WriteAt(Data, (long)i << 22);
        file.Sync();
        for (var i = 0; i < 1024; i++) file.WriteAt(Data, ((long)i << 22) + (1 << 20));
        file.Sync();
        Assert.Null(Examine(file).Doubt);
    }

    [Fact]
    public void A_look_that_was_cancelled_ends()
    {
        using var file = Open((0, (int)Length));
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() => AllocationMap.Examine(file, "disk", weighSpace: true, stopped.Token));
    }

    [Fact]
    public void A_look_into_a_hole_ends_with_the_read_that_it_was_cancelled_in()
    {
        using var file = Hole(65 << 20);
        using var stop = new CancellationTokenSource();
        var reads = 0;
        using (FaultyLibc.Meanwhile("pread64", count => { reads = count; stop.Cancel(); }))
            Assert.Throws<OperationCanceledException>(() => AllocationMap.Examine(file, "disk", weighSpace: false, stop.Token));
        Assert.Equal(1, reads);
    }

    /// <summary>A hole, and data after it.</summary>
    private PosixFile Hole(long length) => PosixFile.Open(scratch.Raw(Guid.NewGuid().ToString("N"), length + 4096, 1, (length, 4096)), OpenMode.Read);

    /// <summary>Examines a file that has a byte in its first hole, which its file system does not own up to.</summary>
    private static AllocationMap ExamineWith(PosixFile file, long at)
    {
        using var meddler = PosixFile.Open(file.Path, OpenMode.ReadWrite);
        using (FaultyLibc.Meanwhile("lseek64", count => { if (count == 2) meddler.WriteAt([1], at); })) return AllocationMap.Examine(file, "disk", weighSpace: false, Cancel);
    }
}
