using Sealift.Migrations;
using Sealift.Migrations.Tests;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Rigs;

namespace Sealift.Plans.Tests.Running;

/// <summary>A plan whose machine goes to libvirt of another host, over a real sshd.</summary>
public sealed class FarRunTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_machine_of_a_plan_becomes_a_domain_there_and_its_forecast_said_so()
    {
        using var rig = new MigrationRig();
        await using var pool = await StoragePoolRig.StartAsync(Cancel);
        await using var ssh = await SshServer.StartAsync(rig.Root, Cancel);
        await using var database = await PlanDatabase.OpenSqliteAsync(Path.Combine(rig.State, PlanDatabase.FileName), [SchemaSet.Plans], null, Cancel);
        using var migrations = rig.OpenStore();
        var service = new PlanService(new PlanStore(database), migrations, TimeProvider.System);
        _ = await service.ApplyAsync(
        [
            new ProviderDocument { Metadata = new DocumentMetadata { Name = "images" }, Spec = new ProviderSpec { Type = ProviderType.Image, Url = rig.SourceDirectory } },
            new ProviderDocument { Metadata = new DocumentMetadata { Name = "far" }, Spec = new ProviderSpec { Type = ProviderType.Libvirt, Url = ssh.LibvirtUri } },
            new StorageMapDocument { Metadata = new DocumentMetadata { Name = "pool" }, Spec = new StorageMapSpec { Map = [new StoragePair { Source = new DocumentReference { Name = "*" }, Destination = new StorageDestination { StorageClass = pool.Name } }] } },
            new PlanDocument
            {
                Metadata = new DocumentMetadata { Name = "saturday" },
                Spec = new PlanSpec
                {
                    Provider = new PlanProviders { Source = new DocumentReference { Name = "images" }, Destination = new DocumentReference { Name = "far" } },
                    Map = new PlanMaps { Storage = new DocumentReference { Name = "pool" } },
                    Vms = [new PlannedMachine { Name = "second.raw", TargetName = pool.Name }],
                    SkipGuestConversion = true,
                    Check = false,
                    AcceptDegraded = true,
                    BootCheck = BootCheck.Never,
                },
            },
        ], Cancel); // what changed is not of interest
        var volume = Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw");
        var forecast = Assert.Single((await service.ValidateAsync("saturday", null, Cancel)).Machines);
        Assert.True(forecast.Problems.Count == 0, string.Join(' ', forecast.Problems.Select(p => p.Said)));
        Assert.EndsWith($":{volume}", forecast.Forecast!.Disks[0].TargetPath, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));

        var run = await service.RunAsync("saturday", null, "anna", Cancel);
        using (var inTime = CancellationTokenSource.CreateLinkedTokenSource(Cancel))
        {
            inTime.CancelAfter(TimeSpan.FromMinutes(3));
            await service.CreateScheduler(new SchedulerOptions { OnlyRun = run.Id, LookInterval = TimeSpan.FromMilliseconds(200) }).RunAsync(CancellationToken.None, inTime.Token);
        }

        var machine = Assert.Single(await service.Store.MachinesAsync(run.Id, Cancel));
        Assert.True(machine is { State: MachineRunState.Succeeded, Verdict: Verdict.Degraded }, string.Join(' ', machine.Reasons));
        Assert.True(File.Exists(machine.SealPath));
        Assert.Equal(await File.ReadAllBytesAsync(rig.Second, Cancel), await File.ReadAllBytesAsync(volume, Cancel));
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
    }
}
