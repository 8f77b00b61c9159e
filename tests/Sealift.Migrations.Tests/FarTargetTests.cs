using System.Xml.Linq;
using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>Machines that go to libvirt of another host, over a real sshd: volumes there, their servers, and everything that is taken back.</summary>
public sealed class FarTargetTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private StoragePoolRig pool = null!;
    private SshServer ssh = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Uri => LibvirtHost.Parse(ssh.LibvirtUri);

    private string Volume => Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw");

    // As rig.First, with a length that storage with large sectors takes as well.
    private string Source => Path.Combine(rig.SourceDirectory, "whole.raw");

    private MigrationRequest Request => rig.Request with
    {
        Sources = [Source],
        TargetDirectory = rig.Target,
        Target = new MachineTarget { Libvirt = new LibvirtTarget(Uri, pool.Name) },
        Overrides = rig.Request.Overrides with { Name = pool.Name },
    };

    public async ValueTask InitializeAsync()
    {
        pool = await StoragePoolRig.StartAsync(Cancel);
        ssh = await SshServer.StartAsync(rig.Root, Cancel);
        await File.WriteAllBytesAsync(Source, [.. await File.ReadAllBytesAsync(rig.First, Cancel), .. new byte[4096 - 1536 + 8192]], Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await ssh.DisposeAsync();
        await pool.DisposeAsync();
        rig.Dispose();
    }

    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task It_becomes_a_domain_there_whose_volumes_hold_every_byte_and_the_seal_finds_them_again(ImageFormat format)
    {
        var request = Request with { Format = format };
        var outcome = await rig.StartAsync(request);
        Assert.True(outcome is { Verdict: Verdict.Degraded, CanResume: false, StartScriptPath: null }, string.Join(' ', outcome.Reasons));
        var volume = Path.ChangeExtension(Volume, format == ImageFormat.Raw ? "raw" : "qcow2");
        Assert.Equal(await File.ReadAllBytesAsync(request.Sources[0], Cancel), await rig.DiskBytesAsync(volume, format == ImageFormat.Raw ? "raw" : "qcow2"));
        // Nothing but the volume is there, and libvirt knows it.
        Assert.Equal([Path.GetFileName(volume)], Directory.EnumerateFileSystemEntries(pool.Directory).Select(p => Path.GetFileName(p)!));
        Assert.Equal([Path.GetFileName(volume)], await pool.VolumesAsync(Cancel));
        AssertNothingServes(outcome.Id);
        var domain = XElement.Parse(await LibvirtDaemon.VirshAsync(Cancel, "dumpxml", pool.Name));
        Assert.Equal(volume, domain.Descendants("source").First(s => s.Attribute("file") is not null).Attribute("file")!.Value);
        Assert.Equal("shut off", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));

        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.Equal(Path.GetFileName(volume), predicate.GetProperty("target").GetProperty("volumes")[0].GetString());
        Assert.Contains("O_DIRECT by qemu-nbd on 127.0.0.1", predicate.GetProperty("disks")[0].GetProperty("cacheBypass").GetString(), StringComparison.Ordinal);
        Assert.Equal($"qemu+ssh://root@127.0.0.1:{ssh.Port}/system:{volume}", predicate.GetProperty("disks")[0].GetProperty("targetVolume").GetString());
        Assert.Equal($"qemu+ssh://root@127.0.0.1:{ssh.Port}/system:{volume}\n", await File.ReadAllTextAsync(Path.Combine(rig.Target, $"{pool.Name}-disk1.volume"), Cancel));

        Assert.True(await HoldsAsync(outcome.SealPath!, volume));
        await ChangeAsync(volume);
        Assert.False(await HoldsAsync(outcome.SealPath!, volume));
        Assert.DoesNotContain("sealift-verify", string.Join(' ', Directory.EnumerateFileSystemEntries("/var/tmp")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_started_there_after_the_seal_and_removed_again()
    {
        var outcome = await rig.StartAsync(Request with { TargetDirectory = string.Empty, Target = new MachineTarget { Libvirt = new LibvirtTarget(Uri, pool.Name) { Start = true } } });
        Assert.True(outcome is { Verdict: Verdict.Degraded, CanResume: false }, string.Join(' ', outcome.Reasons));
        Assert.StartsWith(Path.Combine(rig.State, "hosts", $"127.0.0.1-{pool.Name}-{(await LibvirtDaemon.VirshAsync(Cancel, "pool-uuid", pool.Name))[..8]}") + "/", outcome.SealPath, StringComparison.Ordinal);
        Assert.Equal("running", await LibvirtDaemon.VirshAsync(Cancel, "domstate", pool.Name));
        using var store = rig.OpenStore();
        Assert.Equal("SL7124", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true))).Code);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var report = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true);
        Assert.Empty(report.Kept);
        Assert.Contains($"{Uri}:{Volume}", report.Removed);
        Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        Assert.Empty(await pool.VolumesAsync(Cancel));
    }

    [Fact]
    public async Task What_was_handed_over_stays_where_its_migration_is_removed()
    {
        var outcome = await rig.StartAsync(Request);
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: false);
        Assert.Contains($"{Uri}:{Volume}: it was handed over", report.Kept);
        Assert.True(File.Exists(Volume));
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
    }

    [Fact]
    public async Task What_is_in_the_way_there_is_said_before_a_byte_is_copied()
    {
        await File.WriteAllTextAsync(Volume, "somebody else's", Cancel);
        var recorder = new Recorder();
        var outcome = await rig.StartAsync(Request with { Overwrite = true }, recorder);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL6607", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.DoesNotContain(recorder.Events, e => e is StepStarted { Step: StepName.Copy });
        Assert.Equal("somebody else's", await File.ReadAllTextAsync(Volume, Cancel));
        Assert.Equal([Volume], Directory.EnumerateFileSystemEntries(pool.Directory));
    }

    [Fact]
    public async Task A_volume_that_appears_under_the_name_meanwhile_is_not_replaced_and_the_hand_over_is_taken_back()
    {
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Gate }) File.WriteAllText(Volume, "somebody else's");
        }));
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.StartsWith("SL6607", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal("somebody else's", await File.ReadAllTextAsync(Volume, Cancel));
        AssertNothingServes(outcome.Id);
        File.Delete(Volume);
        var resumed = await rig.ResumeAsync();
        Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
        Assert.Equal(await File.ReadAllBytesAsync(Source, Cancel), await File.ReadAllBytesAsync(Volume, Cancel));
    }

    [Fact]
    public async Task A_volume_that_is_written_to_there_after_its_proof_does_not_pass_the_gate()
    {
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Gate }) ChangeAsync(Directory.EnumerateFiles(pool.Directory).Single()).GetAwaiter().GetResult();
        }));
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL7206", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        using var store = rig.OpenStore();
        _ = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: false); // what it removed is looked at below
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
    }

    /// <summary>QEMU's own lock is held there for as long as the volume is served.</summary>
    [Fact]
    public async Task No_machine_starts_with_it_while_it_is_brought_there()
    {
        string? said = null;
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) said = ChildProcess.RunAsync(new ChildCommand("timeout", "10", "qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-display", "none", "-S", "-drive", $"if=virtio,format=raw,file={Directory.EnumerateFiles(pool.Directory).Single()}") { AcceptedExitCodes = [1, 124] }, Cancel).GetAwaiter().GetResult().ErrorTail;
        }));
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.Contains("lock", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_that_breaks_in_the_copy_leaves_what_is_taken_back_and_gone_on_with()
    {
        var ended = 0;
        var outcome = await rig.StartAsync(Request with { Sources = [rig.Second, Source], BandwidthBytesPerSecond = 512 << 10 }, new Recorder(e =>
        {
            if (e is StepProgress { Step: StepName.Copy, Disk: "disk2", DoneBytes: > 0 } && ended == 0) ended = ssh.Disconnect();
        }));
        Assert.NotEqual(0, ended);
        Assert.True(outcome is { Verdict: Verdict.Failed, CanResume: true }, string.Join(' ', outcome.Reasons));
        Assert.Contains("the server of the volume on 127.0.0.1 ended", string.Join(' ', outcome.Reasons), StringComparison.Ordinal);
        Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        var resumed = await rig.ResumeAsync();
        Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
        Assert.Equal(await File.ReadAllBytesAsync(rig.Second, Cancel), await File.ReadAllBytesAsync(Volume, Cancel));
        Assert.Equal(await File.ReadAllBytesAsync(Source, Cancel), await File.ReadAllBytesAsync(Path.Combine(pool.Directory, $"{pool.Name}-disk2.raw"), Cancel));
        AssertNothingServes(outcome.Id);
    }

    /// <summary>Every write of the journal is where a process may die: what it left there is taken back by a resume, or by a removal.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Killed_before_any_write_of_the_journal_nothing_of_it_is_lost_or_left(bool resume)
    {
        for (var crash = resume ? 3 : 8; ; crash += 11) // each takes many seconds
        {
            var died = false;
            string? id = null;
            using (var store = rig.OpenStore())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash) throw new SimulatedCrash();
                };
                try
                {
                    var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), Cancel);
                    Assert.True(outcome.Verdict == Verdict.Degraded, $"{crash}: {string.Join(' ', outcome.Reasons)}");
                    id = outcome.Id;
                }
                catch (SimulatedCrash)
                {
                    died = true;
                }
            }

            using (var store = rig.OpenStore())
            {
                id ??= store.List().SingleOrDefault()?.Id;
                if (id is not null)
                {
                    if (resume && died)
                    {
                        var outcome = await MigrationRunner.ResumeAsync(store, id, new Recorder(), Cancel);
                        Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash}: {string.Join(' ', outcome.Reasons)}");
                        Assert.Equal(await File.ReadAllBytesAsync(Source, Cancel), await File.ReadAllBytesAsync(Volume, Cancel));
                        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel), $"died before write {crash}: no domain");
                    }

                    var report = await MigrationRunner.RemoveAsync(store, id, includeHandedOver: true);
                    Assert.True(report.Kept.Count == 0, $"died before write {crash}: {string.Join(' ', report.Kept)}");
                    AssertNothingServes(id);
                }
            }

            Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel), $"died before write {crash}: the domain stayed");
            Assert.True(!Directory.EnumerateFileSystemEntries(pool.Directory).Any(), $"died before write {crash}: {string.Join(' ', Directory.EnumerateFileSystemEntries(pool.Directory))}");
            if (died) continue;
            Assert.True(crash > 20, $"only {crash} writes");
            return;
        }
    }

    /// <summary>QEMU would not run it from such storage, either; what was made of it there does not stay.</summary>
    [Fact]
    public async Task A_disk_that_its_storage_does_not_take_past_the_cache_is_refused_before_a_byte_is_copied()
    {
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request with { Sources = [rig.First] }, new Recorder(), Cancel);
        if (outcome.Verdict == Verdict.Degraded) return; // storage with sectors of 512 bytes does take it
        Assert.StartsWith("SL6616", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        AssertNothingServes(outcome.Id);
    }

    [Fact]
    public async Task A_host_that_knows_nobody_and_a_pool_that_is_not_there_are_refused()
    {
        using var store = rig.OpenStore();
        Assert.Equal("SL6602", await CodeAsync(Request with { Target = new MachineTarget { Libvirt = new LibvirtTarget(Uri, "no-such-pool") } }));
        Assert.Equal("SL7010", await CodeAsync(Request with { Target = Request.Target with { Disks = [new DiskTarget("disk1", "nbd://127.0.0.1/x")] } }));
        await File.WriteAllTextAsync(ssh.KnownHosts, string.Empty, Cancel);
        Assert.Equal("SL6418", await CodeAsync(Request));
        Assert.Empty(store.List());

        async Task<string> CodeAsync(MigrationRequest request) => (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.StartAsync(store, request, new Recorder(), Cancel))).Code;
    }

    /// <summary>What lies beside a seal is not signed: it cannot lead a verification to another host, or to another file of this one.</summary>
    [Fact]
    public async Task What_stands_for_a_disk_and_says_something_else_than_the_seal_is_not_followed()
    {
        var outcome = await rig.StartAsync(Request);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        var stands = Path.Combine(rig.Target, $"{pool.Name}-disk1.volume");
        var asSealed = await File.ReadAllTextAsync(stands, Cancel);
        var copy = Path.Combine(pool.Directory, "copy.raw");
        File.Copy(Volume, copy); // the same bytes, elsewhere
        foreach (var said in new[] { asSealed.Replace("127.0.0.1", "localhost", StringComparison.Ordinal), asSealed.Replace(Volume, copy, StringComparison.Ordinal), "/etc/shadow", string.Empty, new string('x', 5000) })
        {
            await File.WriteAllTextAsync(stands, said, Cancel);
            var claim = await ClaimAsync(outcome.SealPath!);
            Assert.False(claim.Holds);
            Assert.Contains("SL7145", claim.Text, StringComparison.Ordinal);
        }

        // Nor by a link to one that says the right thing.
        var elsewhere = Path.Combine(rig.Root, "elsewhere");
        await File.WriteAllTextAsync(elsewhere, asSealed, Cancel);
        File.Delete(stands);
        File.CreateSymbolicLink(stands, elsewhere);
        Assert.DoesNotContain("SL6418", (await ClaimAsync(outcome.SealPath!)).Text, StringComparison.Ordinal);

        File.Delete(stands);
        await File.WriteAllTextAsync(stands, asSealed, Cancel);
        // As sealed, it is logged in to, by the ssh of whoever verifies and to hosts that they know; who asks can say how.
        Assert.Contains("SL6418", (await ClaimAsync(outcome.SealPath!)).Text, StringComparison.Ordinal);
        Assert.True((await ClaimAsync(outcome.SealPath!, $"{Uri}:{Volume}")).Holds);
    }

    private async Task<bool> HoldsAsync(string sealPath, string volume) => (await ClaimAsync(sealPath, $"{Uri}:{volume}")).Holds;

    private async Task<ClaimResult> ClaimAsync(string sealPath, string? named = null) =>
        (await SealVerifier.VerifyAsync(sealPath, new SealVerifyOptions { StateDirectory = rig.State, DiskFiles = named is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["disk1"] = named } }, null, Cancel)).Claims.Single(c => c.Subject == "disk1");

    private static async Task ChangeAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Position = file.Length / 2;
        await file.WriteAsync(new byte[] { 1, 2, 3 }, Cancel);
    }

    private static void AssertNothingServes(string id)
    {
        Assert.False(Directory.Exists($"/var/tmp/sealift-{id}"));
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), out _)))
        {
            try
            {
                Assert.DoesNotContain($"sealift-{id}", File.ReadAllText(Path.Combine(process, "cmdline")), StringComparison.Ordinal);
            }
            catch (IOException)
            {
                // It has ended: it serves nothing.
            }
        }
    }
}
