using Sealift.Migrations.Seals;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>What may befall a migration that follows a machine for days: no room, another disk, a connection that breaks.</summary>
public sealed class WarmEnduranceTests : IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly Random random = new(13);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static WarmPlan Plan => new() { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50) };

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task A_target_that_fills_up_in_a_pass_fails_it_and_with_more_room_it_goes_on()
    {
        const int Length = 160 << 20;
        await using var target = await MountedDirectory.OfMemoryAsync(Path.Combine(rig.Root, "small"), 80 << 20);
        await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "raw", [Length], Cancel);
        await qemu.WriteAsync(0, 1 << 20, 1 << 20, 7, Cancel);
        var request = rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], TargetDirectory = target.Path, Warm = Plan with { ScratchDirectory = rig.Root } };
        using var store = rig.OpenStore();
        var full = await MigrationRunner.StartAsync(store, request, new Recorder(e =>
        {
            // More than there is room for, in the disk's holes.
            if (e is PassFinished { Pass.Number: 0 }) qemu.WriteAsync(0, 4 << 20, 100 << 20, 9, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.Equal((Verdict.Failed, true), (full.Verdict, full.CanResume));
        Assert.Contains("No space left", full.Reasons[0], StringComparison.Ordinal);
        Assert.Equal("running", await StatusAsync(qemu));
        await qemu.WriteAsync(0, 0, 64 << 10, 11, Cancel); // it goes on, and what it writes is not missed

        await target.GrowAsync(256 << 20, Cancel);
        _ = MigrationRunner.Steer(store, full.Id, s => s with { CutoverAt = DateTimeOffset.UtcNow });
        var outcome = await MigrationRunner.ResumeAsync(store, full.Id, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        Assert.True(qemu.Model(0).SequenceEqual(File.ReadAllBytes(Path.Combine(target.Path, "box-disk1.raw"))));
    }

    [Fact]
    public async Task A_pass_is_given_up_before_the_room_for_what_the_guest_overwrites_is_used_up()
    {
        await using var scratch = await MountedDirectory.OfMemoryAsync(Path.Combine(rig.Root, "scratch"), 600 << 20);
        await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "raw", [8 << 20], Cancel);
        await qemu.WriteAsync(0, 0, 8 << 20, 7, Cancel);
        var filler = Path.Combine(scratch.Path, "somebody-else");
        // Slow enough that the pass is still under way when somebody else takes the room.
        var request = rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], Warm = Plan with { ScratchDirectory = scratch.Path }, BandwidthBytesPerSecond = 4 << 20 };
        using var store = rig.OpenStore();
        var filled = false;
        var given = await MigrationRunner.StartAsync(store, request, new Recorder(e =>
        {
            if (filled || e is not StepProgress { Step: StepName.Precopy, DoneBytes: > 0 }) return;
            filled = true;
            using var file = new FileStream(filler, FileMode.CreateNew);
            file.Write(new byte[400 << 20]);
        }), Cancel);
        Assert.True(filled);
        Assert.Equal((Verdict.Failed, true), (given.Verdict, given.CanResume));
        Assert.Contains("SL7303", given.Reasons[0], StringComparison.Ordinal);
        Assert.Equal([filler], Directory.EnumerateFileSystemEntries(scratch.Path)); // nothing of ours
        await qemu.WriteAsync(0, 0, 64 << 10, 11, Cancel); // the guest was not disturbed

        File.Delete(filler);
        _ = MigrationRunner.Steer(store, given.Id, s => s with { CutoverAt = DateTimeOffset.UtcNow });
        var outcome = await MigrationRunner.ResumeAsync(store, given.Id, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        Assert.True(qemu.Model(0).SequenceEqual(File.ReadAllBytes(Path.Combine(rig.Target, "box-disk1.raw"))));
    }

    [Fact]
    public async Task A_disk_that_is_added_while_it_is_followed_ends_it_with_the_machine_as_it_was()
    {
        await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "raw", [1 << 20], Cancel);
        var added = Path.Combine(rig.SourceDirectory, "added.raw");
        await File.WriteAllBytesAsync(added, new byte[1 << 20], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], Warm = Plan }, new Recorder(e =>
        {
            if (e is PassFinished { Pass.Number: 0 }) qemu.AddDiskAsync(added, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7301", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal("running", await StatusAsync(qemu));
        var removed = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: false);
        Assert.Empty(removed.Kept);
        await using var machine = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        Assert.Empty(await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
    }

    [Fact]
    public async Task A_connection_that_breaks_in_the_midst_of_a_pass_is_made_again()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 6 << 20)], Cancel);
        await using var sshd = await SshServer.StartAsync(rig.Root, Cancel);
        await domain.WriteAsync(0, 0, 6 << 20, 5, Cancel);
        using var store = rig.OpenStore();
        var broken = 0;
        var recorder = new Recorder(e =>
        {
            if (broken > 0 || e is not StepProgress { Step: StepName.Precopy, DoneBytes: > 0 }) return;
            broken = sshd.Disconnect();
            domain.WriteSomewhereAsync(random, Cancel).GetAwaiter().GetResult();
        });
        var request = rig.Request with
        {
            Sources = [$"qemu+ssh://root@127.0.0.1:{sshd.Port}/system/{domain.Name}?command={sshd.Client}&keyfile={sshd.KeyFile}"],
            Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow },
            BandwidthBytesPerSecond = 4 << 20,
        };
        var outcome = await MigrationRunner.StartAsync(store, request, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        Assert.True(broken > 0);
        Assert.Contains(recorder.Events.OfType<Note>(), n => n.Text.StartsWith("the source was lost", StringComparison.Ordinal));
        Assert.True(domain.Model(0).SequenceEqual(File.ReadAllBytes(Path.Combine(rig.Target, "box-disk1.raw"))));
        Assert.Equal(string.Empty, await LibvirtDaemon.VirshAsync(Cancel, "checkpoint-list", "--name", domain.Name));
    }

    [Fact]
    public async Task A_domains_disk_that_is_resized_is_copied_anew_at_its_new_length()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 2 << 20)], Cancel);
        await domain.WriteAsync(0, 0, 2 << 20, 5, Cancel);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is PassFinished { Pass.Number: 0 }) domain.ResizeAsync(0, 3 << 20, Cancel).GetAwaiter().GetResult();
            if (e is PassFinished { Pass: { Number: 1, IsFinal: false } }) _ = MigrationRunner.Steer(store, store.List().Single().Id, s => s with { CutoverAt = DateTimeOffset.UtcNow });
        });
        var outcome = await MigrationRunner.StartAsync(store, rig.Request with { Sources = [domain.Source], Warm = Plan }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        Assert.Contains("it had 2097152 bytes, and has 3145728 now", store.Journal.Passes(outcome.Id)[1].Disks[0].FullBecause, StringComparison.Ordinal);
        Assert.True(domain.Model(0).SequenceEqual(File.ReadAllBytes(Path.Combine(rig.Target, "box-disk1.raw"))));
    }

    [Fact]
    public async Task A_domain_that_was_stopped_by_force_by_a_run_that_was_killed_is_not_said_to_have_shut_down()
    {
        await using var domain = await RunningDomain.StartAsync([("qcow2", 1 << 20)], Cancel);
        await using (var first = await RunningSource.ConnectAsync(domain.Source, null, Cancel)) Assert.True(await first.ShutDownAsync(Plan.ShutdownDeadline, force: true, Cancel));
        await using var second = await RunningSource.ConnectAsync(domain.Source, null, Cancel);
        Assert.True(await second.ShutDownAsync(Plan.ShutdownDeadline, force: true, Cancel));
        await second.QuitAsync(Cancel);
        Assert.Equal("shut off", await domain.StateAsync(Cancel));
    }

    [Fact]
    public async Task What_is_left_of_a_point_in_time_whose_qemu_was_killed_too_is_removed()
    {
        const string Owner = "sealift-endurance";
        await using var domain = await RunningDomain.StartAsync([("qcow2", 1 << 20)], Cancel);
        await using var killed = await RunningSource.ConnectAsync(domain.Source, null, Cancel);
        IReadOnlyList<FrozenDisk> disks = [.. (await killed.DisksAsync(Cancel)).Select(d => new FrozenDisk("disk1", d.Node, d.LengthBytes, []))];
        var scratch = killed.ScratchDirectory(null, rig.Root);
        _ = await killed.FreezeAsync(Owner, null, disks, scratch, rig.Root, Cancel); // as one is left by whoever is killed
        await domain.KillAsync(Cancel);
        Assert.NotEmpty(Directory.EnumerateFiles(Assert.Single(Directory.EnumerateDirectories(scratch, Owner + "*"))));
        await using var next = await RunningSource.ConnectAsync(domain.Source, null, Cancel);
        await next.RemoveAsync(Owner, keepBitmaps: false, Cancel);
        await next.RemoveScratchAsync(scratch, Owner, Cancel);
        Assert.Empty(Directory.EnumerateDirectories(scratch, Owner + "*"));
    }

    private static async Task<string?> StatusAsync(RunningQemu qemu) => (await qemu.AskAsync("query-status", null, Cancel)).GetProperty("status").GetString();
}
