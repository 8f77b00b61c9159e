using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Disks.Tests;

/// <summary>Who is chosen to copy a disk, and what is said of the others.</summary>
public sealed class TransferChoiceTests(MountedStorage storage) : IClassFixture<MountedStorage>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("xfs", "reflink", null, null)]
    [InlineData("btrfs", "reflink", null, null)]
    [InlineData("plain-xfs", "stream", "this xfs cannot share blocks: it was made without reflink=1", "on xfs this host moves the bytes itself: that is no faster than stream, which hashes them on the way")]
    [InlineData("ext4", "stream", "ext4 cannot share blocks", "on ext4 this host moves the bytes itself: that is no faster than stream, which hashes them on the way")]
    [InlineData("tmpfs", "stream", "tmpfs cannot share blocks", "on tmpfs this host moves the bytes itself: that is no faster than stream, which hashes them on the way")]
    public async Task The_fastest_that_can_is_taken_and_the_others_say_why_not(string kind, string used, string? reflink, string? copyRange)
    {
        var report = await ChooseAsync(TransferPlan.Auto, Ends(storage[kind]));
        Assert.Equal(used, report.Used);
        var clone = used == "stream" ? "no ESXi host was named (--esxi)" : null;
        Assert.Equal([.. new[] { ("reflink", reflink), ("copy-range", copyRange), ("xcopy", used == "stream" ? "the source is no SCSI unit over iSCSI" : null), ("esxi-clone", clone) }.Where(o => o.Item2 is not null)], report.PassedOver.Select(o => (o.Name, (string?)o.Why)));
    }

    [Theory]
    [InlineData("reflink")]
    [InlineData("copy-range")]
    public async Task Two_file_systems_are_said(string way)
    {
        var (here, there) = (Ends(storage["xfs"]), Ends(storage["btrfs"]));
        await RefusedAsync(way, here with { Target = there.Target }, "source and target are not on one file system");
    }

    [Theory]
    [InlineData("reflink")]
    [InlineData("copy-range")]
    public async Task What_is_no_raw_file_is_said(string way)
    {
        var ends = Ends(storage["xfs"]);
        await RefusedAsync(way, ends with { Source = ends.Source with { Path = null } }, "the source is an NBD export");
        await RefusedAsync(way, ends with { Target = ends.Target with { Path = null } }, "the target is an NBD export");
        await RefusedAsync(way, ends with { Source = ends.Source with { Format = ImageFormat.Qcow2 } }, "the source is qcow2: its file does not hold the bytes as the disk has them");
        await RefusedAsync(way, ends with { Target = ends.Target with { Format = ImageFormat.Qcow2 } }, "the target is qcow2: its file does not hold the bytes as the disk has them");
        await RefusedAsync(way, ends with { Target = ends.Target with { Path = "/dev/null" } }, "the target is no file (Other)");
    }

    [Fact]
    public async Task Blocks_can_be_shared_where_they_begin_and_end_with_those_of_the_file_system()
    {
        var ends = Ends(storage["xfs"], 1 << 20);
        await RefusedAsync("reflink", ends with { Source = ends.Source with { Offset = 512 } }, "the disk begins at byte 512 of its file, which is not where a block of 4096 bytes begins");
        await RefusedAsync("reflink", ends with { Source = ends.Source with { LengthBytes = (1 << 20) - 512 } }, "the disk ends within a block of its file, which goes on");
        await RefusedAsync("reflink", ends with { BlockBytes = 512 }, "blocks of 512 bytes are hashed, and xfs shares blocks of 4096");
        Assert.Equal("reflink", (await ChooseAsync("reflink", ends with { Source = ends.Source with { Offset = 8192, LengthBytes = 65536 } })).Used);
        Assert.Equal("copy-range", (await ChooseAsync("copy-range", ends with { Source = ends.Source with { Offset = 512, LengthBytes = 100_000 } })).Used);
    }

    [Fact]
    public async Task What_could_not_be_slowed_is_not_used_where_that_is_wanted()
    {
        var ends = Ends(storage["ext4"]) with { IsSlowed = true };
        await RefusedAsync("copy-range", ends, "a limit of the bandwidth was asked for, and what storage copies by itself cannot be slowed down");
        Assert.Equal("reflink", (await ChooseAsync(TransferPlan.Auto, Ends(storage["xfs"]) with { IsSlowed = true })).Used); // it moves nothing
    }

    [Fact]
    public async Task The_plan_is_followed_and_an_unknown_way_refused()
    {
        var ends = Ends(storage["xfs"]);
        Assert.Equal([("reflink", "stream was asked for"), ("copy-range", "stream was asked for"), ("xcopy", "stream was asked for"), ("esxi-clone", "stream was asked for")], (await ChooseAsync(TransferPlan.Stream, ends)).PassedOver.Select(o => (o.Name, o.Why)));
        Assert.Equal([("reflink", "copy-range was asked for")], (await ChooseAsync("copy-range", ends)).PassedOver.Select(o => (o.Name, o.Why)));
        Assert.Equal("SL4282", (await Assert.ThrowsAsync<SealiftException>(() => ChooseAsync("teleport", ends))).Code);
    }

    /// <summary>Asking changes nothing, neither the files nor their times.</summary>
    [Theory]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    [InlineData("ext4")]
    public async Task To_ask_changes_nothing(string kind)
    {
        var ends = Ends(storage[kind], 10_240);
        using (var file = PosixFile.Open(ends.Target.Path!, OpenMode.ReadWrite)) file.WriteAt("kept"u8, 0);
        var (source, target) = (FileIdentity.Of(ends.Source.Path!), FileIdentity.Of(ends.Target.Path!));
        foreach (var way in TransferPlan.Providers) _ = await way.LookAsync(ends, Cancel); // whatever the answer
        Assert.Null(FileIdentity.Of(ends.Source.Path!).ChangeSince(source));
        Assert.Null(FileIdentity.Of(ends.Target.Path!).ChangeSince(target));
    }

    private static async Task<TransferReport> ChooseAsync(string way, TransferEnds ends) => (await Offload.ChooseAsync(new TransferPlan(way), ends, Cancel)).Report;

    private static async Task RefusedAsync(string way, TransferEnds ends, string why)
    {
        var refused = await Assert.ThrowsAsync<SealiftException>(() => ChooseAsync(way, ends));
        Assert.Equal(("SL4281", why), (refused.Code, refused.Said));
    }

    private static TransferEnds Ends(string folder, int lengthBytes = 65536)
    {
        var (source, target) = (Path.Combine(folder, "from"), Path.Combine(folder, "to"));
        File.WriteAllBytes(source, new byte[lengthBytes]);
        File.WriteAllBytes(target, new byte[lengthBytes]);
        return new TransferEnds(new TransferEnd(source, 0, lengthBytes, ImageFormat.Raw), new TransferEnd(target, 0, lengthBytes, ImageFormat.Raw), 65536, false);
    }
}
