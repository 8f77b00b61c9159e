using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>What a unit says of its holes is believed where it reads as zeros for sure, and nowhere else.</summary>
public sealed class UnitMapTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const byte Mapped = 0, Deallocated = 1, Anchored = 2;
    private const byte Read = 0x88;

    private readonly string folder = Directory.CreateTempSubdirectory("unitmap-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("stream")]
    [InlineData("xcopy")]
    public async Task Holes_are_neither_copied_nor_read_but_to_be_believed(string way)
    {
        var (run, array) = Make();
        using var _ = run;
        array.Status = StandInArray.Honest;
        var asked = 0L;
        array.Instead = (file, command, output) =>
        {
            // A command of the array names what it copies: nothing of it lies in a hole.
            for (var at = 80; command.OperationCode == 0x83 && at < output.Length; at += 28) Interlocked.Add(ref asked, System.Buffers.Binary.BinaryPrimitives.ReadUInt16BigEndian(output.Span[(at + 10)..]) * 512L);
            return null;
        };
        // What the target held is gone where the source has a hole.
        await File.WriteAllBytesAsync(run.Target, Enumerable.Repeat((byte)0xEE, 200 * MiB).ToArray(), TestContext.Current.CancellationToken);
        var report = await run.CopyAsync(way);
        run.DemandSame(report);
        Assert.Null(report.Copied!.MapDoubt);
        Assert.Equal((197L * MiB, 3L * MiB), (report.Copied.HoleBytes, report.Copied.DataBytes));
        Assert.Equal(way, report.Transfer!.Used);
        Assert.Equal(way == "xcopy" ? 3L * MiB : 0, asked);
        Assert.Empty(report.Repaired);
    }

    /// <summary>Far beyond what is read whole; and at the very end, where it is always looked.</summary>
    [Theory]
    [InlineData(150L * MiB, 32 * MiB)]
    [InlineData((200L * MiB) - 512, 512)]
    [InlineData(10L * MiB, 512)]
    public async Task Data_in_a_claimed_hole_are_found_and_no_hole_is_believed(long offset, int length)
    {
        var (run, array) = Make();
        using var _ = run;
        using (var file = PosixFile.Open(run.Source, OpenMode.ReadWrite)) file.WriteAt(Enumerable.Repeat((byte)1, length).ToArray(), offset);
        array.Status = (_, block) => [(block, (200 * MiB / 512) - block, Deallocated)];
        var report = await run.CopyAsync("stream");
        run.DemandSame(report);
        Assert.StartsWith("the unit calls a range deallocated, and there are data at ", report.Copied!.MapDoubt, StringComparison.Ordinal);
        Assert.Equal(0, report.Copied.HoleBytes);
    }

    [Theory]
    [InlineData(0xC0, 0xE0, "the unit does not say that blocks without space read as zeros (LBPRZ)")]
    [InlineData(0x80, 0xE4, "the unit does not say that blocks without space read as zeros (LBPRZ)")]
    [InlineData(0x40, 0xE4, null)] // it is not thin: there are no holes, and nothing is doubted
    [InlineData(0x00, 0x00, null)]
    public async Task A_unit_that_does_not_promise_zeros_in_both_places_has_no_holes(byte thin, byte provisioning, string? doubt)
    {
        var (run, array) = Make();
        using var _ = run;
        (array.Thin, array.Provisioning, array.Status) = (thin, provisioning, StandInArray.Honest);
        await DemandNoHolesAsync(run, doubt);
    }

    [Theory]
    [InlineData(Mapped)]
    [InlineData(Anchored)]
    [InlineData(3)]
    [InlineData(0x0F)]
    public async Task Whatever_else_it_says_of_blocks_they_are_data(byte status)
    {
        var (run, array) = Make();
        using var _ = run;
        array.Status = (_, block) => [(block, (200 * MiB / 512) - block, status)];
        await DemandNoHolesAsync(run, null);
    }

    [Fact]
    public async Task A_unit_that_does_not_tell_has_no_holes_and_that_is_said()
    {
        var (run, _) = Make();
        using var done = run;
        var report = await run.CopyAsync("stream");
        run.DemandSame(report);
        Assert.Matches(@"^the unit does not tell which blocks have no space: to GET LBA STATUS it says illegal request, .*\(sense 5/20/00\)$", report.Copied!.MapDoubt);
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(-1, 8)]
    [InlineData(0, 0)]
    [InlineData(0, int.MaxValue)]
    public async Task What_makes_no_sense_is_not_believed_not_even_in_part(long off, long blocks)
    {
        var (run, array) = Make();
        using var _ = run;
        array.Status = (_, block) => block < 8192 ? [(block, 8192, Deallocated)] : [(block + off, blocks, Deallocated)];
        using (var file = PosixFile.Open(run.Source, OpenMode.ReadWrite)) file.WriteAt(new byte[4 * MiB], 0);
        await DemandNoHolesAsync(run, "what the unit says of its blocks from 8192 on makes no sense (24 bytes)");
    }

    /// <summary>One block in each answer, for ever.</summary>
    [Fact]
    public async Task A_unit_that_goes_into_detail_is_not_asked_for_ever()
    {
        var (run, array) = Make(64L << 30);
        using var _ = run;
        array.Status = (_, block) => [(block, 1, Deallocated)];
        using var unit = await ScsiUnit.OpenAsync(array.Place("source"), mayWrite: false, null, TestContext.Current.CancellationToken);
        var map = UnitMap.Examine(unit, TestContext.Current.CancellationToken);
        Assert.StartsWith("the unit describes its blocks in too many pieces", map.Doubt, StringComparison.Ordinal);
        Assert.InRange(array.Commands.Count(c => c.Code == 0x9E), 1, 20000);
        Assert.All(map.Extents(0, 64L << 30), e => Assert.False(e.IsHole));
    }

    /// <summary>However long the holes are, they are looked at in a few thousand places.</summary>
    [Fact]
    public async Task A_long_hole_is_not_read_for_ever()
    {
        const long Length = 4L << 40;
        var (run, array) = Make(Length);
        using var _ = run;
        array.Status = (_, block) => [(block, Math.Min(1L << 30, (Length / 512) - block), Deallocated)];
        using var unit = await ScsiUnit.OpenAsync(array.Place("source"), mayWrite: false, null, TestContext.Current.CancellationToken);
        // The stand-in's own data are not at the places that are looked at after the first.
        using (var file = PosixFile.Open(run.Source, OpenMode.ReadWrite)) Assert.True(file.TryPunchHole(0, Length));
        var map = UnitMap.Examine(unit, TestContext.Current.CancellationToken);
        Assert.Null(map.Doubt);
        Assert.InRange(array.Commands.Count(c => c.Code == Read), 16384, 17000);
        Assert.Equal([new DiskExtent(5, 7, IsHole: true)], map.Extents(5, 12));
    }

    [Fact]
    public async Task A_range_is_cut_out_of_the_map()
    {
        var (run, array) = Make();
        using var _ = run;
        array.Status = StandInArray.Honest;
        using var unit = await ScsiUnit.OpenAsync(array.Place("source"), mayWrite: false, null, TestContext.Current.CancellationToken);
        var map = UnitMap.Examine(unit, TestContext.Current.CancellationToken);
        Assert.Equal(
            [new(0, MiB, IsHole: false), new(MiB, 79L * MiB, IsHole: true), new(80L * MiB, 2 * MiB, IsHole: false), new(82L * MiB, 118L * MiB, IsHole: true)],
            map.Extents(0, 200L * MiB));
        Assert.Equal([new DiskExtent(MiB + 512, 1024, IsHole: true)], map.Extents(MiB + 512, MiB + 1536));
        Assert.Equal([new DiskExtent((80L * MiB) - 512, 512, IsHole: true), new DiskExtent(80L * MiB, 512, IsHole: false)], map.Extents((80L * MiB) - 512, (80L * MiB) + 512));
        Assert.Equal([new DiskExtent(81L * MiB, MiB, IsHole: false)], map.Extents(81L * MiB, 82L * MiB));
    }

    private static async Task DemandNoHolesAsync(TransferRun run, string? doubt)
    {
        var report = await run.CopyAsync("stream");
        run.DemandSame(report);
        Assert.Equal((0L, doubt), (report.Copied!.HoleBytes, report.Copied.MapDoubt));
    }

    /// <summary>1 MiB of data at the start, 2 MiB at 80 MiB.</summary>
    private (TransferRun Run, StandInArray Array) Make(long lengthBytes = 200L * MiB)
    {
        var array = new StandInArray(folder);
        var run = new TransferRun(folder) { Units = array.Pair() };
        run.Make(lengthBytes, (0, MiB), (80L * MiB, 2 * MiB));
        return (run, array);
    }
}
