using Sealift.Migrations;
using Sealift.Migrations.Tests;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;
using Sealift.VSphere;

namespace Sealift.Plans.Tests.Running;

/// <summary>Which hosts the machines of a run are on, as a real server of vSphere's API says.</summary>
public sealed class SourceHostsTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private PlanDatabase database = null!;
    private MigrationStore migrations = null!;
    private PlanService service = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await PlanDatabase.OpenSqliteAsync(Path.Combine(rig.State, PlanDatabase.FileName), [SchemaSet.Plans], null, Cancel);
        migrations = rig.OpenStore();
        service = new PlanService(new PlanStore(database), migrations, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        migrations.Dispose();
        await database.DisposeAsync();
        rig.Dispose();
    }

    [Fact]
    public async Task A_limit_of_machines_per_host_counts_on_the_hosts_that_vSphere_says()
    {
        await using var server = await VCenter.StartAsync(Cancel, 8);
        new VSphereRegistry(rig.State).Add(new VSphereProvider { Name = "vc1", Address = server.Address, User = VCenter.User, Password = PasswordPlace.Store, Thumbprint = server.Sha256 }, VCenter.Password);
        var (named, on) = (new List<PlannedMachine>(), new List<string>());
        await using (var client = await server.ConnectAsync(Cancel))
        {
            var inventory = await VSphereInventory.OpenAsync(client, Cancel);
            await foreach (var machine in inventory.MachinesAsync(InventoryFilter.Everything, Cancel))
            {
                // By each of the names that it goes by.
                named.Add((named.Count % 4) switch
                {
                    0 => new PlannedMachine { Name = inventory.PathOf(machine) },
                    1 => new PlannedMachine { Name = machine.Name },
                    2 => new PlannedMachine { Name = $"the {named.Count}th", Id = machine.InstanceUuid!.Value.ToString("D").ToUpperInvariant() },
                    _ => new PlannedMachine { Name = machine.Reference.Value },
                });
                on.Add(inventory.Names.NameOf(machine.Host!.Value)!);
            }
        }

        Assert.InRange(on.Distinct().Count(), 2, 7); // they are on several hosts, and some share one
        named.Add(new PlannedMachine { Name = "gone" });
        await ApplyAsync(new ProviderSpec { Type = ProviderType.Vsphere, Url = "vc1" }, new PlanLimits { Machines = 8, MachinesPerHost = 1 }, named);
        var run = await service.RunAsync("saturday", null, "anna", Cancel);
        var machines = await service.Store.MachinesAsync(run.Id, Cancel);
        Assert.Equal([.. on, string.Empty], machines.Select(m => m.Host));

        var schedule = new Schedule(run, machines, "here", () => Guid.NewGuid().ToString("N"));
        var begun = schedule.Decide(run.CreatedAt).Select(a => a.Machine.Host).ToList();
        Assert.Equal(machines.Select(m => m.Host).Distinct().Order(), begun.Order());
    }

    [Fact]
    public async Task Where_a_server_does_not_answer_a_plan_that_limits_its_hosts_is_not_begun_and_another_is()
    {
        new VSphereRegistry(rig.State).Add(new VSphereProvider { Name = "vc1", Address = new Uri($"https://127.0.0.1:{LoopbackPort.Free()}/"), User = VCenter.User, Password = PasswordPlace.Store, Thumbprint = new string('0', 64) }, VCenter.Password);
        var source = new ProviderSpec { Type = ProviderType.Vsphere, Url = "vc1" };
        await ApplyAsync(source, new PlanLimits { MachinesPerHost = 1 }, [new PlannedMachine { Name = "web" }]);
        _ = await Assert.ThrowsAsync<VSphereException>(() => service.RunAsync("saturday", null, "anna", Cancel));
        Assert.Empty(await service.Store.RunsAsync(null, false, 10, Cancel));
        await ApplyAsync(source, new PlanLimits(), [new PlannedMachine { Name = "web" }]);
        _ = await service.RunAsync("saturday", null, "anna", Cancel);
    }

    [Theory]
    [InlineData("qemu+ssh://root@kvm7/system", "kvm7")]
    [InlineData("qemu:///system", null)]
    public async Task A_machine_of_libvirt_is_on_the_host_of_its_connection(string url, string? host)
    {
        await ApplyAsync(new ProviderSpec { Type = ProviderType.Libvirt, Url = url }, new PlanLimits(), [new PlannedMachine { Name = "web" }]);
        var run = await service.RunAsync("saturday", null, "anna", Cancel);
        Assert.Equal(host ?? Environment.MachineName, Assert.Single(await service.Store.MachinesAsync(run.Id, Cancel)).Host);
    }

    private async Task ApplyAsync(ProviderSpec source, PlanLimits limits, IReadOnlyList<PlannedMachine> machines) => await service.ApplyAsync(
    [
        new ProviderDocument { Metadata = new DocumentMetadata { Name = "there" }, Spec = source },
        new ProviderDocument { Metadata = new DocumentMetadata { Name = "here" }, Spec = new ProviderSpec { Type = ProviderType.Directory, Url = rig.Target } },
        new PlanDocument
        {
            Metadata = new DocumentMetadata { Name = "saturday" },
            Spec = new PlanSpec
            {
                Provider = new PlanProviders { Source = new DocumentReference { Name = "there" }, Destination = new DocumentReference { Name = "here" } },
                Vms = [.. machines.Select((m, i) => m with { TargetName = $"box{i}" })],
                Limits = limits,
            },
        },
    ], Cancel);
}
