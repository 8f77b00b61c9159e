using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>What is there, page by page, and as it changes.</summary>
public sealed class InventoryTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("expire")]
    [InlineData("drop-reply")]
    public async Task A_list_goes_on_after_the_session_or_a_page_was_lost_and_tells_nothing_twice(string what)
    {
        await using var server = await VCenter.StartAsync(Cancel, 20);
        await using var client = await VSphereClient.ConnectAsync(server.Options with { PageObjects = 3 }, Cancel);
        await server.HappenAsync("ContinueRetrievePropertiesEx", what, Cancel, skip: 2);
        var names = new List<string>();
        await foreach (var machine in client.MachinesAsync(null, Cancel)) names.Add(machine.Name);
        Assert.Equal(20, names.Count);
        Assert.Equal(20, names.Distinct().Count());
        Assert.Equal(2, await server.CountAsync("RetrievePropertiesEx", Cancel));
    }

    [Fact]
    public async Task A_list_that_is_lost_again_and_again_is_an_error()
    {
        await using var server = await VCenter.StartAsync(Cancel, 20);
        await using var client = await VSphereClient.ConnectAsync(server.Options with { PageObjects = 3 }, Cancel);
        await server.HappenAsync("ContinueRetrievePropertiesEx", "drop-reply", Cancel, count: 1000);
        var error = await Assert.ThrowsAsync<VSphereException>(async () =>
        {
            await foreach (var machine in client.MachinesAsync(null, Cancel)) Assert.NotEmpty(machine.Name);
        });
        Assert.True(error.IsOutcomeUnknown);
    }

    [Fact]
    public async Task A_machine_is_read_with_all_that_a_migration_needs()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var names = await client.NamesAsync(Cancel);
        var reference = await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel);
        Assert.NotNull(reference);
        var machine = await client.MachineAsync(reference.Value, Cancel);
        Assert.Equal("DC0_C0_RP0_VM0", machine.Name);
        Assert.Equal(["DC0", "vm"], names.PathTo(machine.Parent));
        Assert.Equal("poweredOn", machine.PowerState);
        Assert.Equal(1, machine.Processors);
        Assert.Equal(32L << 20, machine.MemoryBytes);
        Assert.Equal("otherGuest", machine.GuestId);
        Assert.False(machine.IsTemplate);
        Assert.False(machine.HasTpm);
        Assert.Empty(machine.Untold);
        Assert.StartsWith("[LocalDS_0] ", machine.ConfigurationFile, StringComparison.Ordinal);

        var disk = Assert.Single(machine.Devices.Disks);
        Assert.Equal(DiskBacking.Flat, disk.Backing);
        Assert.StartsWith("[LocalDS_0] ", disk.File, StringComparison.Ordinal);
        Assert.Equal("persistent", disk.Mode);
        Assert.True(disk.CapacityBytes > 0);
        Assert.Equal("scsi", machine.Devices.Controllers.Single(c => c.Key == disk.ControllerKey).Bus);
        var card = Assert.Single(machine.Devices.NetworkCards);
        Assert.Matches("^([0-9a-f]{2}:){5}[0-9a-f]{2}$", card.Mac);
        Assert.Equal("DC0_DVPG0", names.NetworkOf(card)); // by the key of its port group
        Assert.NotEmpty(machine.Devices.Others);

        Assert.Equal(reference, await client.FindByUuidAsync(machine.BiosUuid!.Value, isInstanceUuid: false, Cancel));
        Assert.Equal(reference, await client.FindByUuidAsync(machine.InstanceUuid!.Value, isInstanceUuid: true, Cancel));
        Assert.Null(await client.FindByUuidAsync(Guid.NewGuid(), isInstanceUuid: true, Cancel));
        Assert.Null(await client.FindByInventoryPathAsync("DC0/vm/nobody", Cancel));
        var gone = await Assert.ThrowsAsync<VSphereFaultException>(() => client.MachineAsync(new ManagedReference("VirtualMachine", "vm-0815"), Cancel));
        Assert.Equal("SL3313", gone.Code);
    }

    [Fact]
    public async Task Changes_are_seen_as_they_happen_also_in_parts_and_after_the_session_was_lost()
    {
        await using var server = await VCenter.StartAsync(Cancel, 6);
        await using var client = await server.ConnectAsync(Cancel);
        var live = new LiveObjects();
        var query = new PropertyQuery("VirtualMachine", ["name", "runtime.powerState"]) { Container = client.Service.RootFolder };
        await using var sets = client.WatchAsync(query, Cancel).GetAsyncEnumerator(Cancel);

        await NextAsync(anew: true);
        Assert.Equal(6, live.Objects.Count);
        Assert.All(live.Objects.Values, o => Assert.Equal("poweredOn", o["runtime.powerState"]?.Text));
        var machine = live.Objects.Keys.First();
        var name = live.Objects[machine]["name"]?.Text;

        await server.HappenAsync("WaitForUpdatesEx", "drop-request", Cancel, skip: 1); // the task's own look at it is the first
        await client.PowerOffAsync(machine, Cancel);
        for (var left = 20; live.Objects[machine]["runtime.powerState"]?.Text != "poweredOff"; left--)
        {
            Assert.NotEqual(0, left);
            await NextAsync(anew: false);
        }

        Assert.Equal(name, live.Objects[machine]["name"]?.Text); // what did not change is not lost
        await server.ExpireSessionsAsync(Cancel);
        await NextAsync(anew: true);
        Assert.Equal(6, live.Objects.Count);
        Assert.Equal("poweredOff", live.Objects[machine]["runtime.powerState"]?.Text);
        await server.RefuseAsync("WaitForUpdatesEx", "InvalidCollectorVersion", string.Empty, Cancel);
        await NextAsync(anew: true);
        Assert.Equal(6, live.Objects.Count);
        Assert.Equal(1, await server.CountAsync("DestroyView", Cancel)); // what the server forgot was given back

        async Task NextAsync(bool anew)
        {
            Assert.True(await sets.MoveNextAsync());
            Assert.Equal(anew, sets.Current.StartsAnew);
            live.Apply(sets.Current);
        }
    }

    [Fact]
    public async Task A_set_that_comes_in_parts_is_complete_with_its_last()
    {
        await using var server = await VCenter.StartAsync(Cancel, 1100); // 1,000 are asked for at a time
        await using var client = await server.ConnectAsync(Cancel);
        var live = new LiveObjects();
        var query = new PropertyQuery("VirtualMachine", ["name"]) { Container = client.Service.RootFolder };
        var sizes = new List<int>();
        await foreach (var set in client.WatchAsync(query, Cancel))
        {
            live.Apply(set);
            sizes.Add(live.Objects.Count);
            if (live.IsComplete) break;
        }

        Assert.Equal([1000, 1100], sizes);
    }

    [Fact]
    public async Task Missing_privileges_are_named()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var root = client.Service.RootFolder;
        Assert.Empty(await client.MissingPrivilegesAsync([root], ["System.Read"], Cancel));
        await server.AnswerAsync("HasPrivilegeOnEntities", 200, "text/xml", Soap.Envelope($"<HasPrivilegeOnEntitiesResponse xmlns=\"urn:vim25\"><returnval><entity type=\"Folder\">{root.Value}</entity><privAvailability><privId>A.B</privId><isGranted>true</isGranted></privAvailability><privAvailability><privId>C.D</privId><isGranted>false</isGranted></privAvailability></returnval></HasPrivilegeOnEntitiesResponse>"), Cancel);
        var missing = await client.MissingPrivilegesAsync([root, new ManagedReference("Folder", "group-x")], ["A.B", "C.D"], Cancel);
        Assert.Equal(["C.D"], missing[root]);
        Assert.Equal(["A.B", "C.D"], missing[new ManagedReference("Folder", "group-x")]); // not answered for: not granted
    }
}
