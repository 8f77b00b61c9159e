using Sealift.Plans;
using Sealift.Providers;
using Sealift.Server.Accounts;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Server.Api;

/// <summary>The servers that machines come from, and what is on them. Passwords are never shown.</summary>
internal static class ProvidersApi
{
    private const int MostMachines = 10_000;

    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/providers", (IPlanService plans) =>
        {
            var registry = new VSphereRegistry(plans.Migrations.StateDirectory);
            return registry.Names().Select(n => ProviderView.Of(registry.Provider(n)));
        }).Needs(Scope.Read).WithSummary("The vCenter servers and ESXi hosts that were registered on this server.");

        api.MapGet("/providers/{provider}/machines", async (string provider, string? name, string? folder, string? power, bool? concerns, IPlanService plans, IHostApplicationLifetime application, CancellationToken aborted) =>
        {
            using var ends = application.EndsWith(aborted);
            var cancel = ends.Token;
            await using var client = await ConnectAsync(plans, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            var examination = concerns == true ? await VSphereExamination.PrepareAsync(client, inventory.Names, cancel) : null;
            var filter = new InventoryFilter { Name = name, Folder = folder, Power = power switch { "on" => "poweredOn", "off" => "poweredOff", _ => power } };
            var machines = inventory.MachinesAsync(filter, cancel).Take(MostMachines);
            var found = new List<MachineView>();
            if (examination is null)
            {
                await foreach (var machine in machines) found.Add(MachineView.Of(machine, inventory.PathOf(machine), null));
                return found;
            }

            await foreach (var examined in examination.EachAsync(machines, m => m.PowerState == "poweredOn", null, cancel))
                found.Add(MachineView.Of(examined.Machine, inventory.PathOf(examined.Machine), examined.Concerns));
            return found;
        }).Needs(Scope.Read).WithSummary("The machines of a server; with concerns=true also what a migration of each will meet. At most 10,000: name and folder choose.");

        api.MapGet("/providers/{provider}/networks", async (string provider, IPlanService plans, IHostApplicationLifetime application, CancellationToken aborted) =>
        {
            using var ends = application.EndsWith(aborted);
            var cancel = ends.Token;
            await using var client = await ConnectAsync(plans, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            return await inventory.NetworksAsync(InventoryFilter.Everything, cancel).Take(MostMachines).Select(n => new PlaceView(n.Name, n.Path, n.Kind, null, null)).ToListAsync(cancel);
        }).Needs(Scope.Read).WithSummary("The networks of a server.");

        api.MapGet("/providers/{provider}/datastores", async (string provider, IPlanService plans, IHostApplicationLifetime application, CancellationToken aborted) =>
        {
            using var ends = application.EndsWith(aborted);
            var cancel = ends.Token;
            await using var client = await ConnectAsync(plans, provider, cancel);
            var inventory = await VSphereInventory.OpenAsync(client, cancel);
            return await inventory.DatastoresAsync(InventoryFilter.Everything, cancel).Take(MostMachines).Select(d => new PlaceView(d.Name, d.Path, d.Kind, d.CapacityBytes, d.FreeBytes)).ToListAsync(cancel);
        }).Needs(Scope.Read).WithSummary("The datastores of a server.");
    }

    private static Task<VSphereClient> ConnectAsync(IPlanService plans, string provider, CancellationToken cancel)
    {
        var registry = new VSphereRegistry(plans.Migrations.StateDirectory);
        // The name is looked for among those there are before it becomes part of a path.
        if (!registry.Names().Contains(provider)) throw ServerErrors.NotFound("provider", provider);
        return VSphereClient.ConnectAsync(registry.Access(provider).Options, cancel);
    }

    /// <summary>A registered server.</summary>
    internal sealed record ProviderView(string Name, string Kind, string Address, string User, string Password)
    {
        public static ProviderView Of(VSphereProvider provider) => new(provider.Name, "vsphere", provider.Address.AbsoluteUri, provider.User, provider.Password.Kind.ToString().ToLowerInvariant());
    }

    /// <summary>A network or a datastore.</summary>
    internal sealed record PlaceView(string Name, string Path, string Kind, long? CapacityBytes, long? FreeBytes);

    /// <summary>A machine of a server.</summary>
    internal sealed record MachineView(string Name, string Path, string Reference, Guid? InstanceUuid, string PowerState, string Guest, int Processors, long MemoryBytes, string Firmware, bool IsTemplate, int Snapshots, IReadOnlyList<Concern>? Concerns)
    {
        public static MachineView Of(Machine machine, string path, IReadOnlyList<Concern>? concerns) => new(
            machine.Name, path, machine.Reference.ToString(), machine.InstanceUuid, machine.PowerState, machine.GuestName, machine.Processors, machine.MemoryBytes, machine.Firmware, machine.IsTemplate, machine.Snapshots.Count, concerns);
    }
}
