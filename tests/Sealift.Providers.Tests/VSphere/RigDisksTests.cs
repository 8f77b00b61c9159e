using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>What the rig says of disks is true, unless it is told to lie: else no test of a migration from it would say anything.</summary>
public sealed class RigDisksTests
{
    private const int Block = 65536;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Changes_are_those_between_two_points_in_time_also_when_their_snapshots_are_gone()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await rig.Client.SetChangeTrackingAsync(rig.Machine, on: true, Cancel);
        var first = await rig.SnapshotAsync("one", Cancel);
        await rig.WriteAsync((3 * Block) + 100, [1, 2, 3], Cancel);
        await rig.WriteAsync(RigMachine.LengthBytes - 1, [9], Cancel);
        var second = await rig.SnapshotAsync("two", Cancel);
        await rig.WriteAsync(40 * Block, [5], Cancel);

        Assert.Equal([new DiskArea(3 * Block, Block), new DiskArea(4 << 20, 512)], await ChangesAsync(rig, second.Snapshot, first.Disk.ChangeId!));
        Assert.Equal([], await ChangesAsync(rig, second.Snapshot, second.Disk.ChangeId!));
        Assert.Equal([new DiskArea(0, 20 * Block), new DiskArea(63 * Block, Block + 512)], await ChangesAsync(rig, second.Snapshot, VSphereClient.AllAllocated));
        Assert.Equal("SL3315", (await Assert.ThrowsAsync<VSphereFaultException>(() => ChangesAsync(rig, null, first.Disk.ChangeId!))).Code); // it runs

        await rig.Client.RemoveSnapshotAsync(rig.Machine, first.Snapshot!.Value, Cancel);
        await rig.Client.RemoveSnapshotAsync(rig.Machine, second.Snapshot!.Value, Cancel);
        await rig.Client.PowerOffAsync(rig.Machine, Cancel);
        Assert.Equal([new DiskArea(40 * Block, Block)], await ChangesAsync(rig, null, second.Disk.ChangeId!));
        Assert.Equal([new DiskArea(3 * Block, Block), new DiskArea(40 * Block, Block), new DiskArea(4 << 20, 512)], await ChangesAsync(rig, null, first.Disk.ChangeId!));
        await rig.Server.LieAsync(rig.Machine, rig.Key, [(40 * Block, Block)], Cancel);
        Assert.Equal([new DiskArea(3 * Block, Block), new DiskArea(4 << 20, 512)], await ChangesAsync(rig, null, first.Disk.ChangeId!));
    }

    [Theory]
    [InlineData("resized")]
    [InlineData("reverted")]
    [InlineData("off and on")]
    public async Task A_change_id_of_before_tracking_began_anew_is_refused(string how)
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await rig.Client.SetChangeTrackingAsync(rig.Machine, on: true, Cancel);
        var before = await rig.SnapshotAsync("one", Cancel);
        await rig.WriteAsync(0, [77], Cancel);
        switch (how)
        {
            case "resized":
                await rig.Server.ResizeDiskAsync(rig.Machine, rig.Key, 8 << 20, Cancel);
                break;
            case "reverted":
                await rig.Server.RevertAsync(rig.Machine, before.Snapshot!.Value, Cancel);
                Assert.NotEqual(77, (await File.ReadAllBytesAsync(await rig.Server.DiskPathAsync(rig.Machine, rig.Key, Cancel), Cancel))[0]);
                break;
            default:
                await rig.Client.SetChangeTrackingAsync(rig.Machine, on: false, Cancel);
                await rig.Client.SetChangeTrackingAsync(rig.Machine, on: true, Cancel);
                break;
        }

        var after = await rig.SnapshotAsync("two", Cancel);
        Assert.NotEqual(before.Disk.ChangeId!.Split('/')[0], after.Disk.ChangeId!.Split('/')[0]);
        Assert.Equal("SL3315", (await Assert.ThrowsAsync<VSphereFaultException>(() => ChangesAsync(rig, after.Snapshot, before.Disk.ChangeId!))).Code);
        Assert.Equal([], await ChangesAsync(rig, after.Snapshot, after.Disk.ChangeId!));
    }

    [Fact]
    public async Task The_oldest_points_in_time_are_forgotten_and_a_deaf_guest_goes_on()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await rig.Client.SetChangeTrackingAsync(rig.Machine, on: true, Cancel);
        var first = await rig.SnapshotAsync("first", Cancel);
        await rig.Client.RemoveSnapshotAsync(rig.Machine, first.Snapshot!.Value, Cancel);
        for (var i = 0; i < 17; i++) await rig.Client.RemoveSnapshotAsync(rig.Machine, (await rig.SnapshotAsync($"s{i}", Cancel)).Snapshot!.Value, Cancel);
        var last = await rig.SnapshotAsync("last", Cancel);
        Assert.Equal("SL3316", (await Assert.ThrowsAsync<VSphereFaultException>(() => ChangesAsync(rig, last.Snapshot, first.Disk.ChangeId!))).Code);

        await rig.Server.DeafenAsync(rig.Machine, deaf: true, Cancel);
        await rig.Client.ShutdownGuestAsync(rig.Machine, Cancel);
        Assert.Equal("poweredOn", await rig.Client.PowerStateAsync(rig.Machine, Cancel));
        await rig.Server.DeafenAsync(rig.Machine, deaf: false, Cancel);
        await rig.Client.ShutdownGuestAsync(rig.Machine, Cancel);
        Assert.Equal("poweredOff", await rig.Client.PowerStateAsync(rig.Machine, Cancel));
    }

    private static async Task<IReadOnlyList<DiskArea>> ChangesAsync(RigMachine rig, ManagedReference? snapshot, string since)
    {
        var capacity = snapshot is { } one ? (await rig.Client.SnapshotDisksAsync(one, Cancel)).Single().CapacityBytes : RigMachine.LengthBytes;
        return await rig.Client.ChangedAreasAsync(rig.Machine, snapshot, rig.Key, since, capacity, Cancel);
    }
}
