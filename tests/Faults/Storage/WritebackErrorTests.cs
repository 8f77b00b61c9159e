using Sealift.Posix;

namespace Sealift.Faults.Storage;

/// <summary>
/// The kernel accepts what is written and cannot store it: the only word of it is the one error of one call that waits for the device,
/// sync_file_range or fsync. (On such a device nbdcopy --flush and qemu-img convert -t writeback end with exit code 0.)
/// </summary>
public sealed class WritebackErrorTests(OtherSide side)
{
    [Theory]
    [InlineData("pwrite:EIO:1500000", "SL4212|SL4213 EIO")]
    [InlineData("pwrite:EIO:5000000", "SL4212|SL4213 EIO")]
    [InlineData("pwrite:EIO", "SL4212|SL4213 EIO")]
    [InlineData("pwrite:ENOSPC:1500000", "SL4212|SL4213")]
    [InlineData("flush:EIO", "SL1001 EIO fsync")]
    public async Task A_copy_to_a_device_says_that_its_bytes_were_lost(string fault, string says)
    {
        var run = new DisturbedRun(side) { MustSay = says.Split(' ') };
        await using var device = await FailingDevice.StartAsync(run.Folder, mounted: false, fault);
        var source = run["source.raw"];
        side.WriteDisk(source);
        device.Fails(true);
        await run.RunAsync(["copy", source, device.Node, "--overwrite"], _ => DisturbedRun.Bytes(device.Stored).AsSpan().StartsWith(side.Disk), () => true);
        device.Fails(false);
        // One that cannot flush is refused when it is looked at, before anything is begun that could be gone on with.
        await run.SucceedAsync("copy", source, device.Node, "--overwrite", fault.StartsWith("flush", StringComparison.Ordinal) ? "--restart" : "--resume");
        Assert.Equal(side.Disk, DisturbedRun.Bytes(device.Stored)[..side.Disk.Length]);
    }

    [Theory]
    [InlineData(Way.Copy, "pwrite:EIO")]
    [InlineData(Way.Migrate, "pwrite:EIO")]
    [InlineData(Way.Copy, "flush:EIO")]
    [InlineData(Way.Migrate, "flush:EIO")]
    public async Task A_copy_to_a_file_system_says_that_its_bytes_were_lost(Way way, string fault)
    {
        var folder = side.NewDirectory();
        await using var device = await FailingDevice.StartAsync(folder, mounted: true, fault);
        var disk = new DisturbedCopy(side, way, ["SL4212|SL4213", "EIO", "fsync|sync_file_range"], device.View);
        await disk.RunAsync(disk.Fault("pause", "/disk" + (way == Way.Migrate ? "1.raw" : string.Empty), 1_500_000), disk.AtThePause(() => device.Fails(true)));
        device.Fails(false);
        await disk.GoOnAsync();
    }
}
