using System.Xml.Linq;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>Machines that go to a real libvirt: pool, domain, power, and everything that is taken back.</summary>
public sealed class LibvirtTargetTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private StoragePoolRig pool = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private MigrationRequest Request => rig.Request with
    {
        TargetDirectory = string.Empty,
        Target = new MachineTarget { Libvirt = new LibvirtTarget("qemu:///system", pool.Name) },
        Overrides = rig.Request.Overrides with { Name = pool.Name },
    };

    public async ValueTask InitializeAsync() => pool = await StoragePoolRig.StartAsync(Cancel);

    public async ValueTask DisposeAsync()
    {
        await pool.DisposeAsync();
        rig.Dispose();
    }

    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task It_becomes_a_domain_whose_disks_are_volumes_and_the_seal_says_which(ImageFormat format)
    {
        var outcome = await rig.StartAsync(Request with { Format = format });
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        var disk = $"{pool.Name}-disk1.{(format == ImageFormat.Raw ? "raw" : "qcow2")}";
        Assert.Equal($"qemu:///system/{pool.Name}", outcome.DefinedDomain);
        Assert.Equal(Directory.EnumerateFiles(pool.Directory).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal), await pool.VolumesAsync(Cancel));
        Assert.Contains(disk, await pool.VolumesAsync(Cancel));
        Assert.Equal("shut off", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
        Assert.DoesNotContain(pool.Name, await LibvirtDaemon.VirshAsync(Cancel, "list", "--all", "--autostart", "--name"), StringComparison.Ordinal);
        var domain = XElement.Parse(await LibvirtDaemon.VirshAsync(Cancel, "dumpxml", pool.Name));
        Assert.Equal(Path.Combine(pool.Directory, disk), domain.Descendants("source").First(s => s.Attribute("file") is not null).Attribute("file")!.Value);
        var target = MigrationRig.Predicate(outcome.SealPath!).GetProperty("target");
        Assert.Equal(("qemu:///system", pool.Name, pool.Name, disk), (target.GetProperty("uri").GetString(), target.GetProperty("domain").GetString(), target.GetProperty("pool").GetString(), target.GetProperty("volumes")[0].GetString()));
        Assert.Equal(domain.Element("uuid")!.Value, target.GetProperty("uuid").GetString());
        Assert.Equal(await LibvirtDaemon.VirshAsync(Cancel, "pool-uuid", pool.Name), target.GetProperty("poolUuid").GetString());
    }

    [Fact]
    public async Task It_is_started_after_the_seal_and_nothing_of_it_goes_while_it_runs()
    {
        var request = Request with { Target = new MachineTarget { Libvirt = new LibvirtTarget("qemu:///system", pool.Name) { Start = true, Autostart = true } } };
        string? stateAtSeal = null;
        var outcome = await rig.StartAsync(request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Seal }) stateAtSeal = LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name).GetAwaiter().GetResult();
        }));
        Assert.True(outcome is { Verdict: Verdict.Degraded, CanResume: false }, string.Join(' ', outcome.Reasons));
        Assert.Equal("shut off", stateAtSeal);
        Assert.Equal("running", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
        Assert.Contains(pool.Name, await LibvirtDaemon.VirshAsync(Cancel, "list", "--all", "--autostart", "--name"), StringComparison.Ordinal);

        using var store = rig.OpenStore();
        var id = store.List().Single().Id;
        Assert.Equal("SL7124", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.RemoveAsync(store, id, includeHandedOver: true))).Code);
        Assert.True(File.Exists(Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw")));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var report = await MigrationRunner.RemoveAsync(store, id, includeHandedOver: true);
        Assert.Empty(report.Kept);
        Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        Assert.Empty(await pool.VolumesAsync(Cancel));
    }

    /// <summary>QEMU connects to it as whoever libvirt runs it as.</summary>
    [Fact]
    public async Task A_disk_on_an_export_is_a_network_disk_of_the_domain_which_starts_with_it()
    {
        var storage = Path.Combine(rig.Root, "storage");
        await File.WriteAllBytesAsync(storage, new byte[4 << 20], Cancel);
        await using var server = await ServedExport.ByNbdkitAsync(rig.Root, "file", storage);
        var outcome = await rig.StartAsync(Request with { Target = new MachineTarget { Libvirt = new LibvirtTarget("qemu:///system", pool.Name) { Start = true }, Disks = [new DiskTarget("disk1", server.Uri)] } });
        Assert.True(outcome is { Verdict: Verdict.Degraded, CanResume: false }, string.Join(' ', outcome.Reasons));
        Assert.Equal("running", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
        var source = XElement.Parse(await LibvirtDaemon.VirshAsync(Cancel, "dumpxml", pool.Name)).Descendants("source").First(s => s.Attribute("protocol") is not null);
        Assert.Equal(("nbd", "127.0.0.1"), (source.Attribute("protocol")!.Value, source.Element("host")!.Attribute("name")!.Value));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        using var store = rig.OpenStore();
        Assert.Empty((await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true)).Kept);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, Cancel), (await File.ReadAllBytesAsync(storage, Cancel))[..(int)new FileInfo(rig.First).Length]);
    }

    [Fact]
    public async Task What_was_handed_over_stays_where_its_migration_is_removed()
    {
        Assert.Equal(Verdict.Degraded, (await rig.StartAsync(Request)).Verdict);
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, store.List().Single().Id, includeHandedOver: false);
        Assert.Contains(report.Kept, k => k.StartsWith("qemu:///system/", StringComparison.Ordinal));
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
    }

    [Fact]
    public async Task A_domain_that_was_defined_anew_by_somebody_else_stays_where_everything_is_removed()
    {
        var outcome = await rig.StartAsync(Request);
        var uuid = MigrationRig.Predicate(outcome.SealPath!).GetProperty("target").GetProperty("uuid").GetGuid();
        _ = await LibvirtDaemon.VirshAsync(Cancel, "undefine", pool.Name);
        await pool.DefineOtherAsync(pool.Name, uuid, Cancel);
        using var store = rig.OpenStore();
        var id = store.List().Single().Id;
        _ = await LibvirtDaemon.VirshAsync(Cancel, "start", pool.Name);
        Assert.Equal("SL7124", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.RemoveAsync(store, id, includeHandedOver: true))).Code);
        Assert.True(File.Exists(Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw")));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var report = await MigrationRunner.RemoveAsync(store, id, includeHandedOver: true);
        Assert.Contains(report.Kept, k => k.Contains("it is not the one that Sealift defined, and stays", StringComparison.Ordinal));
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Equal([$"{pool.Name}-disk1.raw"], Directory.EnumerateFileSystemEntries(pool.Directory).Select(p => Path.GetFileName(p)!));
    }

    /// <summary>As after a restart of the host, where the pool mounts something: its directory is there, and bare.</summary>
    [Fact]
    public async Task A_pool_that_is_not_mounted_any_more_is_neither_resumed_into_nor_forgotten()
    {
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Gate }) pool.DefineOtherAsync(pool.Name, Guid.NewGuid(), Cancel).GetAwaiter().GetResult();
        }));
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "undefine", pool.Name);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "pool-destroy", pool.Name);
        var mounted = pool.Directory + "-mounted";
        Directory.Move(pool.Directory, mounted);
        PosixPath.CreateDirectory(pool.Directory, 0x1C9 /* 0711 */);
        using (var store = rig.OpenStore())
        {
            Assert.Equal("SL6603", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), Cancel))).Code);
            Assert.Equal("SL6603", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: false))).Code);
            Assert.Equal(Verdict.Failed, store.List().Single().Verdict);
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        Directory.Delete(pool.Directory);
        Directory.Move(mounted, pool.Directory);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "pool-start", pool.Name);
        var resumed = await rig.ResumeAsync();
        Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
    }

    [Fact]
    public async Task What_is_in_the_way_is_said_before_a_byte_is_copied()
    {
        await pool.DefineOtherAsync(pool.Name, Guid.NewGuid(), Cancel);
        var recorder = new Recorder();
        var outcome = await rig.StartAsync(Request with { Overrides = Request.Overrides with { NetworkInterfaces = [new NetworkInterface(NicModel.Virtio, null, "a"), new NetworkInterface(NicModel.Virtio, null, "b")], NetworkMap = new SortedDictionary<string, string> { ["a"] = "no-such-net", ["b"] = "bridge:no-such-bridge" } } }, recorder);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.DoesNotContain(recorder.Events, e => e is StepStarted { Step: StepName.Copy });
        var told = string.Join(' ', [.. outcome.Reasons, .. recorder.Events.OfType<Note>().Select(n => n.Text)]);
        Assert.Contains("SL7120", told, StringComparison.Ordinal);
        Assert.Contains("no-such-net", told, StringComparison.Ordinal);
        Assert.Contains("no-such-bridge", told, StringComparison.Ordinal);
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));

        // The cause gone, and networks that are there: the same plan goes on where only the name was in the way.
        using var store = rig.OpenStore();
        var forecast = await MigrationRunner.DescribeAsync(store, Request, Cancel);
        Assert.Equal(("SL7120", pool.Directory), (Assert.Single(forecast.Problems).Split(':')[0], Path.GetDirectoryName(forecast.TargetPaths[0])));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "undefine", pool.Name);
        Assert.Empty((await MigrationRunner.DescribeAsync(store, Request, Cancel)).Problems);
    }

    [Fact]
    public async Task The_same_machine_is_not_defined_a_second_time()
    {
        Assert.Equal(Verdict.Degraded, (await rig.StartAsync(Request)).Verdict);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "domrename", pool.Name, pool.Name + "-old");
        using var store = rig.OpenStore();
        var forecast = await MigrationRunner.DescribeAsync(store, Request with { Overwrite = true }, Cancel);
        Assert.StartsWith("SL7120", Assert.Single(forecast.Problems), StringComparison.Ordinal);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "domrename", pool.Name + "-old", pool.Name);
    }

    [Fact]
    public async Task A_directory_that_qemu_cannot_come_to_is_refused()
    {
        PosixPath.SetPermissions(pool.Directory, 0x1C0 /* 0700 */);
        using var store = rig.OpenStore();
        Assert.StartsWith("SL7122", Assert.Single((await MigrationRunner.DescribeAsync(store, Request, Cancel)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pool_that_is_not_there_or_not_active_is_refused()
    {
        using var store = rig.OpenStore();
        Assert.Equal("SL6602", await CodeAsync(Request with { Target = new MachineTarget { Libvirt = new LibvirtTarget("qemu:///system", "no-such-pool") } }));
        Assert.Equal("SL7010", await CodeAsync(Request with { TargetDirectory = rig.Target }));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "pool-destroy", pool.Name);
        Assert.Equal("SL6603", await CodeAsync(Request));
        Assert.Empty(store.List());

        async Task<string> CodeAsync(MigrationRequest request) => (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.StartAsync(store, request, new Recorder(), Cancel))).Code;
    }

    [Fact]
    public async Task A_domain_that_appears_meanwhile_is_neither_replaced_nor_undefined_and_nothing_is_handed_over_by_halves()
    {
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Gate }) pool.DefineOtherAsync(pool.Name, Guid.NewGuid(), Cancel).GetAwaiter().GetResult();
        }));
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.StartsWith("SL7120", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Empty(Directory.EnumerateFiles(pool.Directory));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "undefine", pool.Name);
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
    }

    [Fact]
    public async Task A_domain_that_somebody_starts_before_it_is_sealed_is_not_sealed_and_not_torn_down()
    {
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Seal }) _ = LibvirtDaemon.VirshAsync(Cancel, "start", pool.Name).GetAwaiter().GetResult();
        }));
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.StartsWith("SL7124", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal("running", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
        Assert.True(File.Exists(Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw"))); // it would lose its disk otherwise
        Assert.StartsWith("SL7124", (await rig.ResumeAsync()).Reasons[0], StringComparison.Ordinal);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var resumed = await rig.ResumeAsync();
        Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
        Assert.Equal("shut off", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
    }

    [Fact]
    public async Task A_start_that_fails_takes_no_seal_back_and_a_resume_tries_again()
    {
        var request = Request with { Target = new MachineTarget { Libvirt = new LibvirtTarget("qemu:///system", pool.Name) { Start = true } } };
        var outcome = await rig.StartAsync(request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Seal }) PosixPath.SetPermissions(pool.Directory, 0x1C0 /* 0700: QEMU cannot come to the disk */);
        }));
        Assert.Equal((Verdict.Degraded, true), (outcome.Verdict, outcome.CanResume));
        Assert.Contains(outcome.Reasons, r => r.StartsWith("SL7126", StringComparison.Ordinal));
        Assert.Equal("shut off", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
        PosixPath.SetPermissions(pool.Directory, 0x1C9 /* 0711 */);
        outcome = await rig.ResumeAsync();
        Assert.True(outcome is { Verdict: Verdict.Degraded, CanResume: false }, string.Join(' ', outcome.Reasons));
        Assert.Equal("running", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
    }

    /// <summary>Death right before each write of the journal from the hand-over on: a resume comes to the same end, and a removal leaves nothing.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Killed_at_any_write_of_a_hand_over_it_is_resumed_or_removed_without_a_trace(bool resume)
    {
        for (var crash = 1; ; crash++)
        {
            if (Directory.Exists(rig.State)) Directory.Delete(rig.State, recursive: true);
            var died = false;
            var isSealed = false;
            using (var store = rig.OpenStore())
            {
                int? left = null;
                store.Journal.BeforeWrite = () =>
                {
                    if (left is not { } n || (left = n - 1) > 0) return;
                    died = true;
                    throw new SimulatedCrash();
                };
                try
                {
                    Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, Request, new Recorder(e =>
                    {
                        if (e is StepStarted { Step: StepName.HandOver }) left = crash;
                        if (e is StepFinished { Step: StepName.Seal }) isSealed = true;
                    }), Cancel)).Verdict);
                }
                catch (SimulatedCrash)
                {
                    // As if killed.
                }
            }

            using (var store = rig.OpenStore())
            {
                var id = store.List().Single().Id;
                if (resume && died)
                {
                    var outcome = await MigrationRunner.ResumeAsync(store, id, new Recorder(), Cancel);
                    Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash}: {string.Join(' ', outcome.Reasons)}");
                    Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel), $"died before write {crash}: no domain");
                    Assert.True(File.Exists(Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw")), $"died before write {crash}: no disk");
                }

                var report = await MigrationRunner.RemoveAsync(store, id, includeHandedOver: resume || isSealed || !died);
                Assert.True(isSealed || resume || report.Kept.Count == 0 || report.Kept.All(k => k.EndsWith("handed over", StringComparison.Ordinal)), $"died before write {crash}: {string.Join(' ', report.Kept)}");
                if (report.Kept.Count > 0)
                {
                    // The seal stood, and only its record was missing: then the machine counts as handed over.
                    Assert.True(File.Exists(Path.Combine(pool.Directory, $"{pool.Name}.seal.json")), $"died before write {crash}: {string.Join(' ', report.Kept)}");
                    await LibvirtDaemon.RemoveDomainAsync(pool.Name);
                    foreach (var file in Directory.EnumerateFiles(pool.Directory)) File.Delete(file);
                }
            }

            Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel), $"died before write {crash}: the domain stayed");
            Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
            if (died) continue;
            Assert.True(crash > 10, $"only {crash} writes");
            return;
        }
    }

    /// <summary>A hand-over that fails at the seal takes its domain back; killed at any write of that, a resume ends as if nothing had happened.</summary>
    [Fact]
    public async Task Killed_while_a_domain_is_taken_back_nothing_is_lost()
    {
        var seal = Path.Combine(pool.Directory, $"{pool.Name}.seal.json");
        for (var crash = 1; ; crash++)
        {
            if (Directory.Exists(rig.State)) Directory.Delete(rig.State, recursive: true);
            var died = false;
            using (var store = rig.OpenStore())
            {
                int? left = null;
                store.Journal.BeforeWrite = () =>
                {
                    if (left is { } n && (left = n - 1) <= 0) throw new SimulatedCrash();
                };
                try
                {
                    Assert.Equal(Verdict.Failed, (await MigrationRunner.StartAsync(store, Request, new Recorder(e =>
                    {
                        if (e is StepStarted { Step: StepName.Seal }) File.WriteAllText(seal, "somebody else's");
                        if (e is StepFailed { Step: StepName.Seal }) left = crash;
                    }), Cancel)).Verdict);
                    Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
                }
                catch (SimulatedCrash)
                {
                    died = true;
                }
            }

            File.Delete(seal);
            var outcome = await rig.ResumeAsync();
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died at write {crash}: {string.Join(' ', outcome.Reasons)}");
            Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel), $"died at write {crash}: no domain");
            using (var store = rig.OpenStore()) Assert.Empty((await MigrationRunner.RemoveAsync(store, store.List().Single().Id, includeHandedOver: true)).Kept);
            if (!died) return;
        }
    }
}
