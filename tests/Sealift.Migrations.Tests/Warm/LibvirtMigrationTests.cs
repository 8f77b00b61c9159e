using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>Domains of a real libvirt that are migrated while their disks are written, byte by byte.</summary>
public sealed class LibvirtMigrationTests : IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly Random random = new(12);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // Without an operating system nobody hears the power button.
    private static WarmPlan Plan => new() { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50) };

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task A_domain_that_is_written_is_followed_cut_over_and_sealed_with_a_disk_that_libvirt_does_not_track()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 8 << 20), ("raw", (1 << 20) + 512)], Cancel);
        await WriteAsync(domain, 20);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(domain), Following(store, domain), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(domain);
        await AssertLeftAsync(domain, "shut off");
        var passes = MigrationRig.Predicate(outcome.SealPath!).GetProperty("passes").EnumerateArray().ToList();
        Assert.Equal(4, passes.Count);
        Assert.Contains("power cut", passes[0].GetProperty("consistency").GetString(), StringComparison.Ordinal);
        Assert.Equal("the machine is off", passes[^1].GetProperty("consistency").GetString());
        foreach (var disks in passes.Skip(1).Select(p => p.GetProperty("disks")))
        {
            Assert.Equal(System.Text.Json.JsonValueKind.Null, disks[0].GetProperty("fullBecause").ValueKind); // its tracker was there and was believed
            Assert.Equal(0, disks[0].GetProperty("lieBytes").GetInt64());
            Assert.Contains("it is raw", disks[1].GetProperty("fullBecause").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Died_anywhere_it_goes_on_and_misses_nothing_that_was_written_meanwhile()
    {
        var writes = 0;
        await using (var domain = await RunningDomain.StartAsync([("qcow2", 2 << 20)], Cancel))
        {
            using var store = rig.OpenStore();
            store.Journal.BeforeWrite = () => writes++;
            Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, Request(domain), Following(store, domain), Cancel)).Verdict);
        }

        for (var crash = 7; crash <= writes; crash += 23) // each takes many seconds
        {
            Directory.Delete(rig.State, recursive: true);
            if (Directory.Exists(rig.Target)) Directory.Delete(rig.Target, recursive: true);
            await using var domain = await RunningDomain.StartAsync([("qcow2", 2 << 20)], Cancel);
            await WriteAsync(domain, 5);
            using (var store = rig.OpenStore())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash) throw new SimulatedCrash();
                };
                await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request(domain), Following(store, domain), Cancel));
            }

            if (await domain.StateAsync(Cancel) == "running") await WriteAsync(domain, 3);
            using var again = rig.OpenStore();
            var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, Following(again, domain), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash} of {writes}: {string.Join(' ', outcome.Reasons)}");
            AssertSame(domain);
            await AssertLeftAsync(domain, "shut off");
        }
    }

    [Fact]
    public async Task A_domain_whose_qemu_was_killed_has_lost_its_trackers_and_everything_is_compared()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 4 << 20)], Cancel);
        await WriteAsync(domain, 10);
        using var store = rig.OpenStore();
        await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request(domain), new Recorder(e =>
        {
            if (e is PassFinished { Pass.Number: 1 }) throw new SimulatedCrash();
        }), Cancel));
        await domain.KillAsync(Cancel);
        await domain.StartAgainAsync(Cancel);
        await WriteAsync(domain, 5);
        var outcome = await MigrationRunner.ResumeAsync(store, store.List().Single().Id, Following(store, domain), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(domain);
        Assert.Contains("inconsistent", store.Journal.Passes(outcome.Id)[2].Disks[0].FullBecause, StringComparison.Ordinal);
        await AssertLeftAsync(domain, "shut off");
    }

    [Fact]
    public async Task A_domain_that_somebody_starts_after_its_cutover_does_not_pass_the_gate()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 1 << 20)], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(domain) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow } }, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) LibvirtDaemon.VirshAsync(Cancel, "resume", domain.Name).GetAwaiter().GetResult();
        }), Cancel);
        Assert.Equal((Verdict.Failed, false), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL7307", outcome.Reasons[0], StringComparison.Ordinal);
        await AssertLeftAsync(domain, "running");
    }

    [Fact]
    public async Task A_domain_that_was_written_to_while_it_was_off_does_not_pass_the_gate()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 1 << 20)], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(domain) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow } }, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) domain.WriteAsync(0, 0, 512, 1, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7307", outcome.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_it_fails_after_the_cutover_the_guest_is_started_again_and_nothing_stays_when_it_is_given_up()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 1 << 20)], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(domain) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow, RestartSource = true } }, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) File.Delete(store.Show(store.List().Single().Id).Artefacts.Single(a => a.Kind == "disk").Path);
        }), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Equal("running", await domain.StateAsync(Cancel));
        var removed = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: false);
        Assert.True(removed.Kept.Count == 0, string.Join(' ', removed.Kept));
        await AssertLeftAsync(domain, "running");
    }

    [Fact]
    public async Task A_domain_of_another_host_is_reached_by_ssh_alone_for_what_is_asked_and_what_is_read()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 4 << 20)], Cancel);
        await using var sshd = await SshServer.StartAsync(rig.Root, Cancel);
        await WriteAsync(domain, 10);
        using var store = rig.OpenStore();
        var request = Request(domain) with { Sources = [$"qemu+ssh://root@127.0.0.1:{sshd.Port}/system/{domain.Name}?command={sshd.Client}&keyfile={sshd.KeyFile}"], Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow } };
        var outcome = await MigrationRunner.StartAsync(store, request, new Recorder(e =>
        {
            if (e is PassFinished { Pass.IsFinal: false }) domain.WriteSomewhereAsync(random, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(domain);
        await AssertLeftAsync(domain, "shut off");
        // A host whose key is not the known one is not talked to.
        await File.WriteAllTextAsync(sshd.KnownHosts, (await File.ReadAllTextAsync(sshd.KnownHosts, Cancel)).Replace("AAAA", "AAAB", StringComparison.Ordinal), Cancel);
        var stranger = await MigrationRunner.StartAsync(store, request with { Overwrite = true }, new Recorder(), Cancel);
        Assert.Contains("SL6418", stranger.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_followed_is_refused_with_the_reason()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 1 << 20)], Cancel);
        using var store = rig.OpenStore();
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", domain.Name);
        var off = await MigrationRunner.StartAsync(store, Request(domain), new Recorder(), Cancel);
        Assert.Contains("SL6414", off.Reasons[0], StringComparison.Ordinal);
        Assert.Contains(domain.Images[0], off.Reasons[0], StringComparison.Ordinal);
        var unknown = await MigrationRunner.StartAsync(store, Request(domain) with { Sources = ["qemu:///system/no-such-domain"] }, new Recorder(), Cancel);
        Assert.Contains("SL6412", unknown.Reasons[0], StringComparison.Ordinal);
    }

    private static Recorder Following(MigrationStore store, RunningDomain domain)
    {
        var random = new Random(5);
        return new Recorder(e =>
        {
            if (e is not PassFinished { Pass: { IsFinal: false } pass }) return;
            for (var i = 0; i < 3; i++) domain.WriteSomewhereAsync(random, Cancel).GetAwaiter().GetResult();
            if (pass.Number >= 2) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
        });
    }

    private MigrationRequest Request(RunningDomain domain) => rig.Request with { Sources = [domain.Source], Warm = Plan };

    private async Task WriteAsync(RunningDomain domain, int writes)
    {
        for (var i = 0; i < writes; i++) await domain.WriteSomewhereAsync(random, Cancel);
    }

    private void AssertSame(RunningDomain domain)
    {
        for (var disk = 0; disk < domain.Images.Count; disk++) Assert.True(domain.Model(disk).SequenceEqual(File.ReadAllBytes(Path.Combine(rig.Target, $"box-disk{disk + 1}.raw"))), $"disk {disk} differs");
    }

    /// <summary>No job, no checkpoint, no bitmap in an image, no file in the directory for what a guest overwrites.</summary>
    private static async Task AssertLeftAsync(RunningDomain domain, string state)
    {
        Assert.Equal(state, await domain.StateAsync(Cancel));
        await using var machine = await RunningSource.ConnectAsync(domain.Source, null, Cancel);
        Assert.Empty(await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
        var image = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "info", "-U", "--output=json", domain.Images[0]), Cancel);
        if (state == "shut off") Assert.DoesNotContain("\"bitmaps\"", image.Output, StringComparison.Ordinal);
        // Of this domain: other tests follow theirs at the same time.
        var its = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(domain.Name)))[..8];
        Assert.DoesNotContain(Directory.EnumerateDirectories("/var/tmp", $"sealift-*-{its}"), _ => true);
    }
}
