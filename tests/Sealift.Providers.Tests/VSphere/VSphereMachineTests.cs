using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>A machine of vSphere as what a migration copies from; whole migrations are tried with those.</summary>
public sealed class VSphereMachineTests
{
    private const string Owner = "sealift-test";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Whoever is killed, or gives up, while the server makes a snapshot does not see it; it comes all the same.</summary>
    [Fact]
    public async Task A_snapshot_that_was_being_made_when_we_went_is_waited_for_and_removed()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        await rig.Server.HappenAsync("CreateSnapshot_Task", "slow", Cancel);
        await using var machine = await ConnectAsync(rig); // its session goes on, as that of one that was killed does
        var disks = (await machine.DisksAsync(Cancel)).Select(d => new FrozenDisk("disk1", d.Node, d.LengthBytes, [])).ToList();
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var freezing = machine.FreezeAsync(Owner, $"{Owner}-0", disks, rig.WorkDirectory, rig.WorkDirectory, killed.Token);
        while (await rig.Server.CountAsync("CreateSnapshot_Task", Cancel) == 0) await Task.Delay(20, Cancel);
        await killed.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => freezing);
        Assert.Empty(await rig.Client.SnapshotsAsync(rig.Machine, Cancel)); // it is not there yet
        await using var next = await ConnectAsync(rig);
        Assert.Equal([$"snapshot {Owner}-0"], await next.LeftoversAsync(Owner, Cancel));
        await next.RemoveAsync(Owner, keepBitmaps: true, Cancel);
        Assert.Empty(await rig.Client.SnapshotsAsync(rig.Machine, Cancel));
    }

    [Fact]
    public async Task What_is_not_ours_is_neither_listed_nor_removed()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        _ = await rig.Client.MakeSnapshotAsync(rig.Machine, "before the update", string.Empty, quiesce: false, Cancel);
        _ = await rig.Client.MakeSnapshotAsync(rig.Machine, $"{Owner}-3-off", string.Empty, quiesce: false, Cancel);
        await using var machine = await ConnectAsync(rig);
        await Assert.ThrowsAsync<ArgumentException>(() => machine.RemoveAsync("before", keepBitmaps: false, Cancel));
        await machine.RemoveAsync(Owner, keepBitmaps: true, Cancel); // one of the machine off is kept so
        Assert.Equal([$"snapshot {Owner}-3-off"], await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
        await machine.RemoveAsync(Owner, keepBitmaps: false, Cancel);
        Assert.Equal(["before the update"], (await rig.Client.SnapshotsAsync(rig.Machine, Cancel)).SelectMany(s => s.All()).Select(s => s.Name));
    }

    /// <summary>A name of its own would do for another machine by then.</summary>
    [Fact]
    public async Task It_is_described_by_its_own_uuid_and_found_by_it()
    {
        await using var rig = await RigMachine.StartAsync(Cancel);
        SourceMachine described;
        await using (var machine = await ConnectAsync(rig)) described = await machine.DescribeAsync(new MachineOverrides(), Cancel);
        var name = VSphereName.Parse(described.RunningName!);
        Assert.Equal((await rig.Client.MachineAsync(rig.Machine, Cancel)).InstanceUuid, name.InstanceUuid);
        await using var again = await VSphereMachine.ConnectAsync(name, rig.Access, Cancel);
        Assert.False(await again.IsOffAsync(Cancel));
        Assert.Equal(RigMachine.LengthBytes, Assert.Single(await again.DisksAsync(Cancel)).LengthBytes);
    }

    [Theory]
    [InlineData("vsphere://vc1/DC0/vm/a b", "vc1", "DC0/vm/a b", null)]
    [InlineData("vsphere://vc1/DC0/vm/a?b", "vc1", "DC0/vm/a?b", null)]
    [InlineData("vsphere://vc1/DC0/vm/a?instance=4f7c1b6e-7b53-4f7f-9d3b-0c4d1d4b1a11", "vc1", "DC0/vm/a", "4f7c1b6e-7b53-4f7f-9d3b-0c4d1d4b1a11")]
    [InlineData("vsphere://vc1/DC0/vm/a?instance=x", "vc1", "DC0/vm/a?instance=x", null)]
    [InlineData("vsphere://vc1", null, null, null)]
    [InlineData("vsphere://vc1/", null, null, null)]
    [InlineData("vsphere:///vm", null, null, null)]
    [InlineData("vsphere://vc1:443/vm", null, null, null)]
    [InlineData("vsphere://vc1/a\nb", null, null, null)]
    public void A_name_is_read_whole_or_refused(string source, string? server, string? place, string? uuid)
    {
        if (server is null)
        {
            Assert.Equal("SL6541", Assert.Throws<SealiftException>(() => VSphereName.Parse(source)).Code);
            return;
        }

        var name = VSphereName.Parse(source);
        Assert.Equal((server, place, uuid is null ? (Guid?)null : Guid.Parse(uuid)), (name.Server, name.Place, name.InstanceUuid));
    }

    private static Task<VSphereMachine> ConnectAsync(RigMachine rig) => VSphereMachine.ConnectAsync(VSphereName.Parse("vsphere://rig/DC0/vm/DC0_C0_RP0_VM0"), rig.Access, Cancel);
}
