using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>What a pass may believe: an unbroken chain on the same disk, or nothing.</summary>
public sealed class WarmChainTests
{
    private const long Length = 1 << 20;
    private static readonly SourceDisk Described = new("disk1", "vd0", new ImageReference(new ImageLocation("a"), ImageFormat.Raw, string.Empty, Length, Length, null, []), DiskBus.VirtioBlk, string.Empty);

    [Theory]
    [InlineData("0r", "0", "b0")]               // its own bitmap goes on recording
    [InlineData("0r,1", "0", "b0")]             // the next pass was killed before it began
    [InlineData("0,1r", "0,1", "b0,b1")]        // … and after it began
    [InlineData("0,1,2r", "0,1,2", "b0,b1,b2")] // … twice
    [InlineData("0,1r,2", "0,1", "b0,b1")]
    [InlineData("1r", "", "")]                  // QEMU was restarted
    [InlineData("", "", "")]
    [InlineData("0,2r", "", "")]                // somebody removed one
    [InlineData("0,1", "", "")]                 // nobody records
    [InlineData("0", "", "")]
    [InlineData("0i,1r", "", "")]               // inconsistent
    public void Only_an_unbroken_chain_is_believed(string there, string used, string expected)
    {
        var passes = new[] { Pass(0, done: true), Pass(1, done: false), Pass(2, done: false) };
        var bitmaps = there.Split(',', StringSplitOptions.RemoveEmptyEntries).Where(b => used.Length == 0 || b.Length > 1 || used.Contains(b[0], StringComparison.Ordinal))
            .Select(b => new DirtyBitmap($"b{b[0]}", 0, b.EndsWith('r'), b.EndsWith('i'))).ToList();
        var disk = Assert.Single(WarmChain.Next([Described], [Now() with { Bitmaps = bitmaps }], passes, useTracker: true));
        Assert.Equal(expected, string.Join(',', disk.Since));
        Assert.Equal(expected.Length == 0, disk.FullBecause is not null);
    }

    /// <summary>Each pass that was not done adds one, where a source is lost again and again; a pass that asks for more of them than can be asked for would end every run.</summary>
    [Theory]
    [InlineData(14, true)]
    [InlineData(15, false)]
    public void A_chain_that_is_too_long_to_be_asked_for_at_once_means_a_full_pass(int undone, bool isBelieved)
    {
        var passes = Enumerable.Range(0, undone + 1).Select(i => Pass(i, done: i == 0)).ToList();
        var bitmaps = passes.ConvertAll(p => new DirtyBitmap(p.Bitmap, 0, p == passes[^1], false));
        var disk = Assert.Single(WarmChain.Next([Described], [Now() with { Bitmaps = bitmaps }], passes, useTracker: true));
        Assert.Equal(isBelieved ? undone + 1 : 0, disk.Since.Count);
        if (isBelieved) Assert.Null(disk.FullBecause);
        else Assert.Contains($"{undone} passes in a row", disk.FullBecause, StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_that_is_elsewhere_and_a_tracker_that_lied_or_is_not_wanted_mean_a_full_pass_with_the_reason()
    {
        var bitmaps = new List<DirtyBitmap> { new("b0", 0, true, false) };
        var now = Now() with { Bitmaps = bitmaps };
        Assert.Null(Why(now, Pass(0, done: true)));
        Assert.Contains("first pass", Why(now)!, StringComparison.Ordinal);
        Assert.Contains("lies in b now", Why(now with { File = "b" }, Pass(0, done: true))!, StringComparison.Ordinal);
        Assert.Contains("snapshot", Why(now with { Node = "other" }, Pass(0, done: true))!, StringComparison.Ordinal);
        var lied = Pass(0, done: true);
        Assert.Contains("lied in pass 0", Why(now, lied with { Disks = [lied.Disks[0] with { LieBytes = 1 }] })!, StringComparison.Ordinal);
        Assert.Contains("no change tracker", WarmChain.Next([Described], [now], [Pass(0, done: true)], useTracker: false)[0].FullBecause!, StringComparison.Ordinal);

        static string? Why(RunningDisk now, params PassRecord[] passes) => WarmChain.Next([Described], [now], passes, useTracker: true)[0].FullBecause;
    }

    [Fact]
    public void Disks_that_come_or_go_are_refused_and_one_that_grows_is_copied_anew()
    {
        Assert.Equal("SL7301", Assert.Throws<SealiftException>(() => WarmChain.Next([Described], [Now(), Now() with { Identity = "vd1" }], [], true)).Code);
        Assert.Equal("SL7301", Assert.Throws<SealiftException>(() => WarmChain.Next([Described], [], [], true)).Code);
        var grown = Now() with { LengthBytes = 2 * Length, Bitmaps = [new DirtyBitmap("b0", 0, true, false)] };
        foreach (var passes in new PassRecord[][] { [], [Pass(0, done: true)], [Pass(0, done: true), Pass(1, done: false)] })
        {
            var disk = Assert.Single(WarmChain.Next([Described], [grown], passes, true));
            Assert.Equal((2 * Length, 0), (disk.LengthBytes, disk.Since.Count));
            Assert.Contains("it had 1048576 bytes, and has 2097152 now", disk.FullBecause!, StringComparison.Ordinal);
        }

        var since = Pass(0, done: true);
        Assert.Null(Assert.Single(WarmChain.Next([Described], [grown], [since with { Disks = [since.Disks[0] with { LengthBytes = 2 * Length }] }], true)).FullBecause);
    }

    private static RunningDisk Now() => new("vd0", "node", "a", Length, Length, []);

    private static PassRecord Pass(int number, bool done) =>
        new(number, false, $"b{number}", DateTimeOffset.UnixEpoch, AuditScope.None, [new PassDisk("disk1", "vd0", "node", "a", Length, [], null)]) { EndedAt = done ? DateTimeOffset.UnixEpoch : null };
}
