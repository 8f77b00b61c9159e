using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Providers.Tests.Running;

/// <summary>A real QEMU whose disks are written all the time: each pass brings the target to exactly one instant, and nothing stays in QEMU.</summary>
public sealed class QemuMachineTests : IDisposable
{
    private const string Owner = "sealift-test";
    private static readonly BlkhashParameters Hash = new(BlkhashAlgorithm.Sha256, 65536);
    private readonly TemporaryDirectory directory = new();
    private readonly Random random = new(7);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task Passes_follow_a_running_machine_and_the_last_one_is_all_of_it(string format)
    {
        await using var qemu = await RunningQemu.StartAsync(directory.Path, format, [24 << 20, (8 << 20) + 512], Cancel);
        await using var machine = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        var source = await machine.DescribeAsync(new MachineOverrides(), Cancel);
        Assert.Equal("rig", source.Machine.Name);
        Assert.Equal([24 << 20, (8 << 20) + 512], source.Machine.Disks.Select(d => (int)d.Image.VirtualLengthBytes));
        Assert.Equal([DiskBus.VirtioBlk, DiskBus.VirtioBlk], source.Machine.Disks.Select(d => d.Bus));
        await WriteAsync(qemu, 100);

        var targets = Targets(source);
        for (var pass = 0; pass < 3; pass++)
        {
            var frozen = Disks(await machine.DisksAsync(Cancel), pass == 0 ? [] : [Bitmap(pass - 1)]);
            await using (var point = await machine.FreezeAsync(Owner, Bitmap(pass), frozen, directory.Path, directory.Path, Cancel))
            {
                var models = new[] { qemu.Snapshot(0), qemu.Snapshot(1) };
                await WriteAsync(qemu, 40); // the guest goes on
                for (var disk = 0; disk < 2; disk++)
                {
                    var result = await PassAsync(point, frozen[disk].Key, targets[disk], pass == 0, AuditScope.None);
                    Assert.Equal(models[disk], await File.ReadAllBytesAsync(targets[disk].Path, Cancel));
                    // Whole blocks, and not more of them than the tracker names.
                    if (pass > 0) Assert.InRange(result.ReadBytes, 0, result.ClaimedBytes);
                }
            }

            if (pass > 0) await machine.ForgetAsync([Bitmap(pass - 1)], Cancel);
            Assert.Equal([$"bitmap {Bitmap(pass)} on src0", $"bitmap {Bitmap(pass)} on src1"], await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
            await WriteAsync(qemu, 20);
        }

        Assert.True(await machine.ShutDownAsync(TimeSpan.FromMilliseconds(200), force: true, Cancel)); // there is nobody to shut it down
        var last = Disks(await machine.DisksAsync(Cancel), [Bitmap(2)]);
        await using (var end = await machine.ShowStoppedAsync(Owner, $"{Owner}-end", last, directory.Path, directory.Path, Cancel))
        {
            for (var disk = 0; disk < 2; disk++)
            {
                _ = await PassAsync(end, last[disk].Key, targets[disk], false, AuditScope.Full);
                Assert.Equal(qemu.Snapshot(disk), await File.ReadAllBytesAsync(targets[disk].Path, Cancel));
            }

            Assert.Null(await machine.StirredAsync($"{Owner}-end", default, Cancel));
            await qemu.WriteAsync(0, 4096, 512, 9, Cancel);
            Assert.Contains("written to", await machine.StirredAsync($"{Owner}-end", default, Cancel), StringComparison.Ordinal);
        }

        await machine.RemoveAsync(RunningSource.Prefix, keepBitmaps: false, Cancel);
        Assert.Empty(await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
        Assert.DoesNotContain(Directory.EnumerateFiles(directory.Path), f => f.EndsWith(".scratch", StringComparison.Ordinal));
        await machine.StartAgainAsync(Cancel);
        Assert.Equal("running", await machine.StatusAsync(Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_tracker_that_lies_is_caught_by_the_audit_and_one_that_is_gone_is_not_needed(bool lies)
    {
        await using var qemu = await RunningQemu.StartAsync(directory.Path, "qcow2", [16 << 20], Cancel);
        await using var machine = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        await WriteAsync(qemu, 60);
        var targets = Targets(await machine.DescribeAsync(new MachineOverrides(), Cancel));
        await using (var point = await machine.FreezeAsync(Owner, Bitmap(0), Disks(await machine.DisksAsync(Cancel), []), directory.Path, directory.Path, Cancel))
            _ = await PassAsync(point, "disk1", targets[0], true, AuditScope.None);

        await qemu.WriteAsync(0, 3 << 16, 100 << 10, 0xAA, Cancel);
        await qemu.ClearBitmapAsync(0, Bitmap(0), Cancel);
        await qemu.WriteAsync(0, 40 << 16, 512, 0xBB, Cancel);
        var frozen = Disks(await machine.DisksAsync(Cancel), lies ? [Bitmap(0)] : []);
        await using (var point = await machine.FreezeAsync(Owner, Bitmap(1), frozen, directory.Path, directory.Path, Cancel))
        {
            var result = await PassAsync(point, "disk1", targets[0], !lies, AuditScope.Full);
            Assert.Equal(qemu.Snapshot(0), await File.ReadAllBytesAsync(targets[0].Path, Cancel));
            Assert.Equal(lies ? [new DiskRange(3 << 16, 2 << 16)] : [], result.Lies);
            Assert.Equal(lies ? 1 << 16 : 0, result.ClaimedBytes);
        }
    }

    [Fact]
    public async Task What_a_killed_run_left_is_found_and_taken_back_and_the_next_point_in_time_can_be_taken()
    {
        await using var qemu = await RunningQemu.StartAsync(directory.Path, "qcow2", [4 << 20], Cancel);
        await WriteAsync(qemu, 10);
        var killed = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        _ = await killed.FreezeAsync(Owner, Bitmap(0), Disks(await killed.DisksAsync(Cancel), []), directory.Path, directory.Path, Cancel); // never released
        await killed.DisposeAsync();

        await using var machine = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        Assert.Equal([$"bitmap {Bitmap(0)} on src0", "export sealift-test-d1", "job sealift-test-d1", "node sealift-test-d1"], await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
        await machine.RemoveAsync(RunningSource.Prefix, keepBitmaps: true, Cancel);
        Assert.Equal([$"bitmap {Bitmap(0)} on src0"], await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
        File.Delete(Path.Combine(directory.Path, "sealift-test-d1.scratch"));
        await using (var point = await machine.FreezeAsync(Owner, Bitmap(1), Disks(await machine.DisksAsync(Cancel), [Bitmap(0)]), directory.Path, directory.Path, Cancel))
        {
        }

        await machine.RemoveAsync(RunningSource.Prefix, keepBitmaps: false, Cancel);
        Assert.Empty(await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
    }

    [Fact]
    public async Task An_nbd_server_of_somebody_elses_is_left_alone()
    {
        await using var qemu = await RunningQemu.StartAsync(directory.Path, "raw", [1 << 20], Cancel);
        await qemu.AskAsync("nbd-server-start", w =>
        {
            w.WriteStartObject("addr");
            w.WriteString("type", "unix");
            w.WriteStartObject("data");
            w.WriteString("path", directory.File("theirs"));
            w.WriteEndObject();
            w.WriteEndObject();
        }, Cancel);
        await qemu.AskAsync("block-export-add", w =>
        {
            w.WriteString("type", "nbd");
            w.WriteString("id", "theirs");
            w.WriteString("node-name", "src0");
        }, Cancel);
        await using var machine = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        var frozen = Disks(await machine.DisksAsync(Cancel), []);
        var error = await Assert.ThrowsAsync<SealiftException>(() => machine.FreezeAsync(Owner, Bitmap(0), frozen, directory.Path, directory.Path, Cancel));
        Assert.Equal("SL6404", error.Code);
        Assert.Empty(await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
        await using var theirs = await NbdClient.ConnectAsync(NbdUri.Unix(directory.File("theirs"), "src0"), new NbdOptions(), Cancel);
    }

    public void Dispose() => directory.Dispose();

    private static string Bitmap(int pass) => $"{Owner}-{pass}";


    private static IReadOnlyList<FrozenDisk> Disks(IReadOnlyList<RunningDisk> disks, IReadOnlyList<string> since) => [.. disks.Select((d, i) => new FrozenDisk($"disk{i + 1}", d.Node, d.LengthBytes, since))];

    private List<Target> Targets(SourceMachine source)
    {
        var targets = new List<Target>();
        foreach (var disk in source.Machine.Disks)
        {
            var target = new Target(directory.File($"{disk.Key}.target"), directory.File($"{disk.Key}.map"));
            using (var file = PosixFile.Open(target.Path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(disk.Image.VirtualLengthBytes);
            BlockMap.Create(target.MapPath, disk.Image.VirtualLengthBytes, Hash).Close();
            targets.Add(target);
        }

        return targets;
    }

    private async Task<WarmPassResult> PassAsync(PointInTime point, string key, Target target, bool everything, AuditScope audit)
    {
        await using var source = await point.OpenAsync(key, Cancel);
        using var map = BlockMap.OpenForUpdate(target.MapPath);
        await using var writer = await DiskImage.OpenWriteAsync(target.Path, ImageFormat.Raw, directory.Path, Cancel);
        var changed = everything ? null : await source.ChangedAsync(Hash.BlockBytes, Cancel);
        var result = await WarmPass.RunAsync(source.Reader, writer, map, new WarmPassPlan(changed, audit), CopyOptions.Default, _ => null, Cancel);
        map.Close();
        return result;
    }

    private async Task WriteAsync(RunningQemu qemu, int writes)
    {
        for (var i = 0; i < writes; i++) await qemu.WriteSomewhereAsync(random, Cancel);
    }

    private sealed record Target(string Path, string MapPath);
}
