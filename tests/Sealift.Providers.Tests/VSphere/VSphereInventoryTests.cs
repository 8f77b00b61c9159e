using System.Text.Json;
using Sealift.Posix;
using Sealift.Rigs;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers.Tests.VSphere;

/// <summary>What there is on a server, which of it is meant, and how it changes.</summary>
public sealed class VSphereInventoryTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_client_sees_the_same_machines()
    {
        await using var server = await VCenter.StartAsync(Cancel, 7);
        _ = await SecondClient.RunAsync(server, Cancel, "folder", "prod", "DC0_C0_RP0_VM3");
        await using var client = await VSphereClient.ConnectAsync(server.Options with { PageObjects = 3 }, Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        var ours = new List<string>();
        await foreach (var m in inventory.MachinesAsync(InventoryFilter.Everything, Cancel))
        {
            ours.Add(JsonSerializer.Serialize(new
            {
                reference = m.Reference.Value,
                name = m.Name,
                folder = inventory.Names.PathTo(m.Parent)[^1],
                power = m.PowerState,
                instanceUuid = m.InstanceUuid.ToString(),
                biosUuid = m.BiosUuid.ToString(),
                processors = m.Processors,
                memoryBytes = m.MemoryBytes,
                disks = m.Devices.Disks.Select(d => new { key = d.Key, capacityBytes = d.CapacityBytes, file = d.File }),
                cards = m.Devices.NetworkCards.Select(c => c.Mac),
            }));
        }

        var theirs = (await SecondClient.RunAsync(server, Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Replace("\": ", "\":", StringComparison.Ordinal).Replace(", ", ",", StringComparison.Ordinal));
        Assert.Equal(7, ours.Count);
        Assert.Equal(theirs.Order(StringComparer.Ordinal), ours.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task One_machine_is_found_by_whatever_is_known_of_it()
    {
        await using var server = await VCenter.StartAsync(Cancel, 5);
        _ = await SecondClient.RunAsync(server, Cancel, "folder", "prod", "DC0_C0_RP0_VM3");
        _ = await SecondClient.RunAsync(server, Cancel, "rename", "DC0_C0_RP0_VM2", "a%2fb 100%25");
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await VSphereInventory.FindAsync(client, "DC0_C0_RP0_VM3", Cancel);
        Assert.Equal("DC0_C0_RP0_VM3", machine.Name);
        Assert.Single(machine.Devices.Disks); // all of it was read
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        Assert.Equal("DC0/vm/prod/DC0_C0_RP0_VM3", inventory.PathOf(machine));
        foreach (var place in new[] { inventory.PathOf(machine), "/DC0/vm/prod/DC0_C0_RP0_VM3/", "dc0_c0_rp0_vm3", machine.InstanceUuid.ToString()!, machine.BiosUuid.ToString()!.ToUpperInvariant(), machine.Reference.Value })
            Assert.Equal(machine.Reference, (await VSphereInventory.FindAsync(client, place, Cancel)).Reference);
        Assert.Equal("a%2fb 100%25", (await VSphereInventory.FindAsync(client, "a/b 100%", Cancel)).Name); // as its user wrote it
        Assert.Equal("a%2fb 100%25", (await VSphereInventory.FindAsync(client, "a%2fb 100%25", Cancel)).Name);

        foreach (var place in new[] { "VM3", "DC0/vm/DC0_C0_RP0_VM3", "DC0/vm/prod", "vm-0815", Guid.NewGuid().ToString() })
            Assert.Equal("SL6513", (await Assert.ThrowsAsync<SealiftException>(() => VSphereInventory.FindAsync(client, place, Cancel))).Code);
        var similar = await Assert.ThrowsAsync<SealiftException>(() => VSphereInventory.FindAsync(client, "VM3", Cancel));
        Assert.Contains("DC0_C0_RP0_VM3", similar.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_of_several_machines_is_refused_with_all_of_them()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var folder = (await VSphereInventory.FindAsync(client, "DC0_C0_RP0_VM0", Cancel)).Parent!.Value;
        await SayAsync(("vm-100", "web", "00000000-0000-4000-8000-000000000001"), ("vm-101", "web", "00000000-0000-4000-8000-000000000001"), ("vm-102", "WEB", "00000000-0000-4000-8000-000000000002"));
        await RefusedAsync("web", "DC0/vm/web (vm-100), DC0/vm/web (vm-101)");
        await SayAsync(("vm-100", "web", "00000000-0000-4000-8000-000000000001"), ("vm-101", "db", "00000000-0000-4000-8000-000000000001"));
        await RefusedAsync("00000000-0000-4000-8000-000000000001", "DC0/vm/web (vm-100), DC0/vm/db (vm-101)"); // copies share what their BIOS says
        await SayAsync(("vm-100", "vm-101", "00000000-0000-4000-8000-000000000001"), ("vm-101", "db", "00000000-0000-4000-8000-000000000002"));
        await RefusedAsync("vm-101", "DC0/vm/vm-101 (vm-100), DC0/vm/db (vm-101)");

        Task SayAsync(params (string Reference, string Name, string Uuid)[] machines) => server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", Envelope(
            "<RetrievePropertiesExResponse xmlns=\"urn:vim25\"><returnval>"
            + string.Concat(machines.Select(m => $"<objects><obj type=\"VirtualMachine\">{m.Reference}</obj><propSet><name>config.uuid</name><val xsi:type=\"xsd:string\">{m.Uuid}</val></propSet><propSet><name>name</name><val xsi:type=\"xsd:string\">{m.Name}</val></propSet><propSet><name>parent</name><val type=\"Folder\" xsi:type=\"ManagedObjectReference\">{folder.Value}</val></propSet></objects>"))
            + "</returnval></RetrievePropertiesExResponse>"), Cancel);

        async Task RefusedAsync(string place, string candidates)
        {
            var error = await Assert.ThrowsAsync<SealiftException>(() => VSphereInventory.FindAsync(client, place, Cancel));
            Assert.Equal("SL6512", error.Code);
            Assert.Contains(candidates, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("vm-102", error.Message, StringComparison.Ordinal); // it is called otherwise, by case
        }
    }

    [Fact]
    public async Task A_filter_chooses_by_name_folder_and_power_and_asks_for_all_of_a_machine_only_then()
    {
        await using var server = await VCenter.StartAsync(Cancel, 12);
        await using var client = await VSphereClient.ConnectAsync(server.Options with { PageObjects = 5 }, Cancel);
        _ = await SecondClient.RunAsync(server, Cancel, "folder", "Prod", "DC0_C0_RP0_VM3");
        await client.PowerOffAsync((await VSphereInventory.FindAsync(client, "DC0_C0_RP0_VM4", Cancel)).Reference, Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        Assert.Equal(12, (await ListAsync(InventoryFilter.Everything)).Count);
        Assert.Equal(["VM1", "VM10", "VM11"], await ListAsync(new InventoryFilter { Name = "*vm1*" }));
        Assert.Equal(["VM10", "VM11"], await ListAsync(new InventoryFilter { Name = "DC0_?0_RP0_VM1?" }));
        Assert.Equal(["VM3"], await ListAsync(new InventoryFilter { Folder = "prod" }));
        Assert.Equal(["VM3"], await ListAsync(new InventoryFilter { Folder = "DC0/vm/Prod/" }));
        Assert.Equal(["VM3"], await ListAsync(new InventoryFilter { Folder = "vm/prod", Power = "poweredOn", Name = "*" }));
        Assert.Equal(12, (await ListAsync(new InventoryFilter { Folder = "DC0" })).Count);
        Assert.Empty(await ListAsync(new InventoryFilter { Folder = "vm/DC0" }));
        Assert.Empty(await ListAsync(new InventoryFilter { Folder = "pro" }));
        Assert.Equal(["VM4"], await ListAsync(new InventoryFilter { Power = "poweredOff" }));
        Assert.Empty(await ListAsync(new InventoryFilter { Name = "nothing" }));

        async Task<List<string>> ListAsync(InventoryFilter filter)
        {
            var names = new List<string>();
            await foreach (var machine in inventory.MachinesAsync(filter, Cancel))
            {
                Assert.Single(machine.Devices.Disks);
                names.Add(machine.Name["DC0_C0_RP0_".Length..]);
            }

            names.Sort(StringComparer.Ordinal);
            return names;
        }
    }

    [Fact]
    public async Task Networks_and_datastores_are_listed_once_each()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        var networks = new List<VSphereNetwork>();
        await foreach (var network in inventory.NetworksAsync(InventoryFilter.Everything, Cancel)) networks.Add(network);
        Assert.Equal(["DC0_DVPG0 distributed", "DVS0-DVUplinks-9 distributed", "VM Network network"], networks.Select(n => $"{n.Name} {n.Kind}").Order(StringComparer.Ordinal));
        Assert.Equal(networks.Count, networks.Select(n => n.Reference).Distinct().Count());
        Assert.All(networks, n => Assert.Equal($"DC0/network/{n.Name}", n.Path));
        var stores = new List<VSphereDatastore>();
        await foreach (var store in inventory.DatastoresAsync(new InventoryFilter { Name = "local*" }, Cancel)) stores.Add(store);
        var only = Assert.Single(stores);
        Assert.Equal(("LocalDS_0", "DC0/datastore/LocalDS_0", "OTHER", true), (only.Name, only.Path, only.Kind, only.IsAccessible));
        Assert.InRange(only.FreeBytes!.Value, 1, only.CapacityBytes!.Value);
        await foreach (var none in inventory.DatastoresAsync(new InventoryFilter { Name = "remote*" }, Cancel)) Assert.Fail(none.Name);
    }

    [Fact]
    public async Task Changes_are_told_as_they_happen_and_only_of_what_is_meant()
    {
        await using var server = await VCenter.StartAsync(Cancel, 6);
        await using var client = await server.ConnectAsync(Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        var machine = await VSphereInventory.FindAsync(client, "DC0_C0_RP0_VM1", Cancel);
        using var limit = InTime();
        await using var changes = inventory.WatchAsync(new InventoryFilter { Power = "poweredOn", Name = "DC0_*" }, limit.Token).GetAsyncEnumerator(limit.Token);
        var present = new HashSet<string>();
        for (var i = 0; i < 6; i++) present.Add((await NextAsync(MachineChangeKind.Present)).Path);
        Assert.Equal(6, present.Count);

        await client.PowerOffAsync(machine.Reference, Cancel);
        Assert.Equal("DC0/vm/DC0_C0_RP0_VM1", (await NextAsync(MachineChangeKind.Gone)).Path); // it is not meant any more
        await client.PowerOnAsync(machine.Reference, Cancel);
        Assert.Equal(machine.Reference, (await NextAsync(MachineChangeKind.New)).Reference);
        _ = await client.MakeSnapshotAsync(machine.Reference, "s", string.Empty, quiesce: false, Cancel);
        var changed = await NextAsync(MachineChangeKind.Changed);
        Assert.Equal("s", Assert.Single(changed.Machine!.Snapshots).Name);
        _ = await SecondClient.RunAsync(server, Cancel, "rename", "DC0_C0_RP0_VM1", "retired");
        Assert.Equal((machine.Reference, "DC0/vm/DC0_C0_RP0_VM1"), (await NextAsync(MachineChangeKind.Gone)) is var gone ? (gone.Reference, gone.Path) : default); // as it was called

        // A session that ends begins the state anew: what is there still has changed, at most.
        await server.ExpireSessionsAsync(Cancel);
        var again = new HashSet<string>();
        for (var i = 0; i < 5; i++) again.Add((await NextAsync(MachineChangeKind.Changed)).Path);
        Assert.Equal(5, again.Count);
        _ = await SecondClient.RunAsync(server, Cancel, "folder", "fresh", "DC0_C0_RP0_VM2");
        Assert.Equal("DC0/vm/fresh/DC0_C0_RP0_VM2", (await NextAsync(MachineChangeKind.Changed)).Path); // in a folder that was not there at first

        async Task<MachineChange> NextAsync(MachineChangeKind kind)
        {
            // One thing that happens may be told as several changes of one machine.
            for (var left = 20; ; left--)
            {
                Assert.NotEqual(0, left);
                Assert.True(await changes.MoveNextAsync());
                if (changes.Current.Kind == kind) return changes.Current;
                Assert.Equal(MachineChangeKind.Changed, changes.Current.Kind);
            }
        }
    }

    [Fact]
    public async Task What_went_while_the_session_was_lost_is_told_as_gone()
    {
        await using var server = await VCenter.StartAsync(Cancel, 3);
        await using var client = await server.ConnectAsync(Cancel);
        var inventory = await VSphereInventory.OpenAsync(client, Cancel);
        using var limit = InTime();
        await using var changes = inventory.WatchAsync(InventoryFilter.Everything, limit.Token).GetAsyncEnumerator(limit.Token);
        for (var i = 0; i < 3; i++) Assert.True(await changes.MoveNextAsync());
        await server.ExpireSessionsAsync(Cancel);
        _ = await SecondClient.RunAsync(server, Cancel, "destroy", "DC0_C0_RP0_VM1");
        var seen = new List<(MachineChangeKind, string)>();
        for (var i = 0; i < 3; i++)
        {
            Assert.True(await changes.MoveNextAsync());
            seen.Add((changes.Current.Kind, changes.Current.Path));
        }

        Assert.Equal((MachineChangeKind.Gone, "DC0/vm/DC0_C0_RP0_VM1"), seen[2]);
        Assert.Equal([MachineChangeKind.Changed, MachineChangeKind.Changed], seen.Take(2).Select(s => s.Item1));
        _ = await SecondClient.RunAsync(server, Cancel, "destroy", "DC0_C0_RP0_VM2"); // and while it is watched
        do Assert.True(await changes.MoveNextAsync());
        while (changes.Current.Kind == MachineChangeKind.Changed); // it is off before
        Assert.Equal((MachineChangeKind.Gone, "DC0/vm/DC0_C0_RP0_VM2"), (changes.Current.Kind, changes.Current.Path));
    }

    /// <summary>What is watched goes on without end: what does not come at all is a failure and no hanging test.</summary>
    private static CancellationTokenSource InTime()
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        return limit;
    }

    internal static string Envelope(string body) =>
        $"<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>";
}
