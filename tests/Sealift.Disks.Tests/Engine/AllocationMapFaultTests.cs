using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Disks.Tests;

/// <summary>A file system whose answers about holes are wrong: what it calls a hole would be zeros in the copy, under a hash that is right.</summary>
public sealed class AllocationMapFaultTests : IDisposable
{
    private const long Length = 16 << 20;
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
        using (var meddler = PosixFile.Open(file.Path, OpenMode.ReadWrite)) Assert.True(meddler.TryPunchHole(8 << 20, 65536));
        Contradicts(() => Walk(map, 0, Length));
        Assert.Equal(65536, map.Extents(0, 4 << 20).Where(e => !e.IsHole).Sum(e => e.LengthBytes)); // of a part nothing can be said
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
    public void A_look_that_was_cancelled_ends()
    {
        using var file = Open((0, 65536));
        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        Assert.Throws<OperationCanceledException>(() => AllocationMap.Examine(file, "disk", weighSpace: true, stopped.Token));
    }
}
