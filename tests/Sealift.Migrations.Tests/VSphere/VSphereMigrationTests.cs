using System.Text.Json;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Tests.VSphere;

/// <summary>Machines of vSphere, cold and warm, against a vCenter of which every byte is known.</summary>
public sealed class VSphereMigrationTests : IDisposable
{
    private const int Length = (6 << 20) + 512;

    private readonly MigrationRig rig = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static WarmPlan Plan => new() { Interval = TimeSpan.Zero, ShutdownDeadline = TimeSpan.FromSeconds(30), Patience = TimeSpan.FromSeconds(20) };

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task A_machine_that_is_off_is_copied_in_one_pass_and_left_as_it_was()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        await machine.Client.PowerOffAsync(machine.Machine, Cancel);
        await machine.Server.TagAsync(machine.Machine, "env", "prod", Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Contains("category=\"env\">prod<", await File.ReadAllTextAsync(Path.Combine(rig.Target, "box.xml"), Cancel), StringComparison.Ordinal);
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        var pass = Assert.Single(predicate.GetProperty("passes").EnumerateArray());
        Assert.True(pass.GetProperty("isFinal").GetBoolean());
        Assert.Equal("the machine is off", pass.GetProperty("consistency").GetString());
        Assert.Equal("vddk", Disk(pass).GetProperty("readBy").GetString());
        Assert.Equal("vsphere", predicate.GetProperty("source").GetProperty("kind").GetString());
        Assert.Equal((0, 0), (await machine.Server.CountAsync("CreateSnapshot_Task", Cancel), await machine.Server.CountAsync("ReconfigVM_Task", Cancel)));
        Assert.Equal("poweredOff", await machine.Client.PowerStateAsync(machine.Machine, Cancel));
    }

    [Fact]
    public async Task A_machine_that_is_written_all_the_time_is_followed_by_its_change_ids_cut_over_and_sealed()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Writing(machine, store, passes: 3), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        var passes = Passes(outcome);
        Assert.Equal(4, passes.Count);
        Assert.Equal(["it is the first pass", null, null, null], passes.Select(p => Disk(p).GetProperty("fullBecause").GetString()));
        // What was not written is not read: only the last pass reads everything, for its audit.
        Assert.All(passes[1..3], p => Assert.InRange(Disk(p).GetProperty("readBytes").GetInt64(), 1, 3 << 20));
        Assert.All(passes, p => Assert.Equal(0, Disk(p).GetProperty("lieBytes").GetInt64()));
        Assert.Equal("poweredOff", await machine.Client.PowerStateAsync(machine.Machine, Cancel));
        Assert.Empty(await machine.SnapshotsAsync(Cancel));
    }

    [Fact]
    public async Task Without_a_library_a_machine_that_is_off_is_read_over_https()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        machine.HasLibrary = false;
        await machine.Client.PowerOffAsync(machine.Machine, Cancel);
        using var store = Open(machine);
        var recorder = new Recorder();
        var outcome = await MigrationRunner.StartAsync(store, Request, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Equal("https", Disk(Passes(outcome)[0]).GetProperty("readBy").GetString());
        Assert.Contains(recorder.Events.OfType<Note>(), n => n.Text.StartsWith("disk1 is read by https; not by vddk: ", StringComparison.Ordinal));
    }

    /// <summary>Each pass then exports all of it, and copies what the change ids name.</summary>
    [Fact]
    public async Task Without_a_library_a_machine_that_runs_is_exported_for_each_pass()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        machine.HasLibrary = false;
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Writing(machine, store, passes: 2), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Equal("nfc", Disk(Passes(outcome)[0]).GetProperty("readBy").GetString());
        Assert.Null(Disk(Passes(outcome)[1]).GetProperty("fullBecause").GetString());
        Assert.Empty(Directory.EnumerateFiles(rig.Root, "nfc-*", SearchOption.AllDirectories));
        Assert.Empty(await machine.SnapshotsAsync(Cancel));
    }

    [Fact]
    public async Task An_old_snapshot_is_gone_before_a_new_one_is_made_and_the_last_stays_until_the_seal()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var (between, sealing) = (new List<IReadOnlyList<string>>(), new List<IReadOnlyList<string>>());
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(e =>
        {
            if (e is PassFinished { Pass.IsFinal: false })
            {
                between.Add(machine.SnapshotsAsync(Cancel).GetAwaiter().GetResult());
                if (between.Count == 2) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
            }

            if (e is StepStarted { Step: StepName.Seal }) sealing.Add(machine.SnapshotsAsync(Cancel).GetAwaiter().GetResult());
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        Assert.All(between, Assert.Empty);
        Assert.EndsWith("-off", Assert.Single(Assert.Single(sealing)), StringComparison.Ordinal);
        Assert.Empty(await machine.SnapshotsAsync(Cancel));
    }

    [Fact]
    public async Task A_tracker_that_lies_is_caught_named_and_distrusted()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () =>
        {
            machine.WriteAsync(5 << 16, new byte[4096], Cancel).GetAwaiter().GetResult();
            machine.Server.LieAsync(machine.Machine, machine.Key, [(5 << 16, 1 << 16)], Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Equal(65536, Disk(Passes(outcome)[^1]).GetProperty("lieBytes").GetInt64());
    }

    /// <summary>A list of changes that is cut off at 2,000 areas has lost what follows, in other tools.</summary>
    [Fact]
    public async Task More_areas_than_one_answer_holds_are_all_copied()
    {
        const int Areas = 2100, Step = 2 << 16;
        await using var machine = await RigMachine.StartAsync(rig.Root, Areas * Step, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request with { Warm = Plan with { Audit = Disks.AuditScope.None } }, Once(store, () =>
        {
            for (var i = 0; i < Areas; i++) machine.WriteAsync(((long)i * Step) + 1000, [(byte)(i | 1), (byte)(i >> 8)], Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Equal((long)Areas << 16, Disk(Passes(outcome)[^1]).GetProperty("claimedBytes").GetInt64());
        Assert.True(await machine.Server.CountAsync("QueryChangedDiskAreas", Cancel) >= 2);
    }

    [Fact]
    public async Task After_a_revert_change_ids_of_before_mean_nothing_and_everything_is_compared()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var theirs = await machine.Client.MakeSnapshotAsync(machine.Machine, "theirs", "", quiesce: false, Cancel);
        await machine.Client.SetChangeTrackingAsync(machine.Machine, on: true, Cancel);
        var then = machine.Content.ToArray();
        await machine.WriteSomewhereAsync(10, Cancel);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () =>
        {
            machine.Server.RevertAsync(machine.Machine, theirs.Snapshot, Cancel).GetAwaiter().GetResult();
            then.CopyTo(machine.Content, 0);
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.NotNull(Disk(Passes(outcome)[^1]).GetProperty("fullBecause").GetString());
        Assert.Equal(["theirs"], await machine.SnapshotsAsync(Cancel)); // which is not ours
    }

    [Fact]
    public async Task A_disk_that_is_resized_is_copied_anew_at_its_new_length()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () => machine.ResizeAsync(Length + 4096, Cancel).GetAwaiter().GetResult()), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Contains($"it had {Length} bytes, and has {Length + 4096} now", Disk(Passes(outcome)[^1]).GetProperty("fullBecause").GetString(), StringComparison.Ordinal);
    }

    /// <summary>Other tools have read the file below all snapshots, which holds what the disk was before the first.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_newest_file_of_a_machine_with_snapshots_is_its_disk_and_not_the_base(bool isOff)
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        await machine.Client.SetChangeTrackingAsync(machine.Machine, on: true, Cancel);
        _ = await machine.Client.MakeSnapshotAsync(machine.Machine, "theirs", "", quiesce: false, Cancel);
        var below = await machine.Server.DiskPathAsync(machine.Machine, machine.Key, Cancel);
        await machine.Server.AddDeltaAsync(machine.Machine, machine.Key, Cancel);
        await machine.WriteSomewhereAsync(20, Cancel);
        if (isOff) await machine.Client.PowerOffAsync(machine.Machine, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Writing(machine, store, passes: 2), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        var held = await File.ReadAllBytesAsync(below, Cancel);
        Assert.False(machine.Content.AsSpan().SequenceEqual(held), "the base holds the same, and the test shows nothing");
        Assert.Equal(["theirs"], await machine.SnapshotsAsync(Cancel));
    }

    /// <summary>What the machine writes to may be another file from then on.</summary>
    [Fact]
    public async Task A_snapshot_that_somebody_else_takes_meanwhile_is_left_alone_and_costs_a_full_pass()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () =>
        {
            machine.WriteSomewhereAsync(3, Cancel).GetAwaiter().GetResult();
            _ = machine.Client.MakeSnapshotAsync(machine.Machine, "theirs", "", quiesce: false, Cancel).GetAwaiter().GetResult();
            machine.WriteSomewhereAsync(3, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Equal(["theirs"], await machine.SnapshotsAsync(Cancel));
    }

    /// <summary>Asked for twice, it would be made twice, and one of them forgotten.</summary>
    [Fact]
    public async Task A_snapshot_of_which_the_reply_was_lost_is_found_and_not_made_twice()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        await machine.Server.HappenAsync("CreateSnapshot_Task", "drop-reply", Cancel, skip: 1);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () => { }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Equal(5, await machine.Server.CountAsync("CreateSnapshot_Task", Cancel)); // for the tracking to begin, the first pass, the last, and twice to see whether anything changed since
        Assert.Empty(await machine.SnapshotsAsync(Cancel));
    }

    [Fact]
    public async Task A_server_that_does_not_know_a_change_id_costs_a_full_pass_and_nothing_else()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () =>
        {
            machine.WriteSomewhereAsync(5, Cancel).GetAwaiter().GetResult();
            machine.Server.RefuseAsync("QueryChangedDiskAreas", "FileFault", "<file>[LocalDS_0] x.vmdk</file>", Cancel).GetAwaiter().GetResult();
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Contains("does not answer", Disk(Passes(outcome)[^1]).GetProperty("fullBecause").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_that_cannot_be_made_quiet_is_copied_as_after_a_power_cut_and_that_is_said()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var toolsRun = (await machine.Client.MachineAsync(machine.Machine, Cancel)).ToolsRunning == "guestToolsRunning";
        if (toolsRun) await machine.Server.RefuseAsync("CreateSnapshot_Task", "FilesystemQuiesceFault", string.Empty, Cancel);
        var outcome = await MigrationRunner.StartAsync(store, Request, Once(store, () => { }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Contains("as after a power cut", Passes(outcome)[0].GetProperty("consistency").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_guest_that_does_not_shut_down_is_stopped_only_where_the_plan_says_so(bool force)
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        await machine.Server.DeafenAsync(machine.Machine, deaf: true, Cancel);
        using var store = Open(machine);
        var request = Request with { Warm = Plan with { ForceOff = force, ShutdownDeadline = TimeSpan.FromSeconds(2) } };
        var outcome = await MigrationRunner.StartAsync(store, request, Once(store, () => { }), Cancel);
        if (force)
        {
            Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
            AssertSame(machine);
            return;
        }

        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL6402", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal("poweredOn", await machine.Client.PowerStateAsync(machine.Machine, Cancel));
    }

    /// <summary>Nobody is handed a machine whose source has gone on, also where nobody keeps track of what changes on it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_source_that_was_started_after_it_was_copied_stops_the_migration(bool warm)
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        if (!warm) await machine.Client.PowerOffAsync(machine.Machine, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, AtTheGate(store, () =>
        {
            machine.Client.PowerOnAsync(machine.Machine, Cancel).GetAwaiter().GetResult();
            machine.Client.PowerOffAsync(machine.Machine, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        AssertRefused(outcome, "it was started at");
    }

    /// <summary>Whoever writes to a disk of a machine that is off starts nothing: a second machine that has the disk too, or an editor of files.</summary>
    [Fact]
    public async Task A_source_that_was_written_to_after_it_was_copied_stops_the_migration()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, AtTheGate(store, () => machine.WriteSomewhereAsync(2, Cancel).GetAwaiter().GetResult()), Cancel);
        AssertRefused(outcome, "written to");
    }

    [Fact]
    public async Task The_last_snapshot_is_not_made_anew_where_somebody_has_removed_it()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var outcome = await MigrationRunner.StartAsync(store, Request, AtTheGate(store, () =>
        {
            var last = machine.Client.SnapshotsAsync(machine.Machine, Cancel).GetAwaiter().GetResult().Single();
            machine.Client.RemoveSnapshotAsync(machine.Machine, last.Snapshot, Cancel).GetAwaiter().GetResult();
        }), Cancel);
        AssertRefused(outcome, "is gone");
    }

    [Fact]
    public async Task A_session_that_ends_in_the_midst_of_a_pass_is_opened_again()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        await machine.Server.HappenAsync("RemoveSnapshot_Task", "expire", Cancel);
        var outcome = await MigrationRunner.StartAsync(store, Request, Writing(machine, store, passes: 2), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(machine);
        Assert.Empty(await machine.SnapshotsAsync(Cancel));
    }

    [Fact]
    public async Task Died_anywhere_it_goes_on_misses_nothing_and_leaves_no_snapshot()
    {
        var writes = 0;
        await using var machine = await RigMachine.StartAsync(rig.Root, 1 << 20, Cancel);
        using (var store = Open(machine))
        {
            store.Journal.BeforeWrite = () => writes++;
            Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, Request, Writing(machine, store, passes: 2), Cancel)).Verdict);
        }

        for (var crash = 5; crash <= writes; crash += 7)
        {
            Directory.Delete(rig.State, recursive: true);
            Directory.Delete(rig.Target, recursive: true);
            await machine.Client.PowerOnAsync(machine.Machine, Cancel);
            using (var store = Open(machine))
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash) throw new SimulatedCrash();
                };
                await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request, Writing(machine, store, passes: 2), Cancel));
            }

            if (await machine.Client.PowerStateAsync(machine.Machine, Cancel) == "poweredOn") await machine.WriteSomewhereAsync(3, Cancel);
            using var again = Open(machine);
            var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, Writing(machine, again, passes: 2), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash} of {writes}: {string.Join(' ', outcome.Reasons)}");
            AssertSame(machine);
            Assert.Empty(await machine.SnapshotsAsync(Cancel));
        }
    }

    [Fact]
    public async Task What_cannot_be_migrated_is_refused_with_every_obstacle_before_anything_moves()
    {
        await using var machine = await RigMachine.StartAsync(rig.Root, Length, Cancel);
        using var store = Open(machine);
        var missing = await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.DescribeAsync(store, Request with { Sources = ["vsphere://rig/DC0/vm/nobody"] }, Cancel));
        Assert.Equal("SL6513", missing.Code);
        // One that was bound to its own UUID is not looked for by its place any more.
        var gone = await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.DescribeAsync(store, Request with { Sources = [$"vsphere://rig/{RigMachine.Place}?instance={Guid.NewGuid()}"] }, Cancel));
        Assert.Equal("SL6542", gone.Code);
        var bad = await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.DescribeAsync(store, Request with { Sources = ["vsphere://admin:secret@host/vm"] }, Cancel));
        Assert.Equal("SL6541", bad.Code);
        Assert.DoesNotContain("secret", bad.Message, StringComparison.Ordinal);
    }

    private void AssertRefused(MigrationOutcome outcome, string because)
    {
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7307", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Contains(because, outcome.Reasons[0], StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(rig.Target, "box-disk1.raw")));
    }

    private MigrationRequest Request => rig.Request with { Sources = [$"vsphere://rig/{RigMachine.Place}"], Warm = Plan };

    private MigrationStore Open(RigMachine machine) => new(rig.State) { Servers = machine.Access };

    /// <summary>Writes as the guest after each pass, and cuts over after some.</summary>
    private static Recorder Writing(RigMachine machine, MigrationStore store, int passes) => new(e =>
    {
        if (e is not PassFinished { Pass: { IsFinal: false } pass }) return;
        machine.WriteSomewhereAsync(8, Cancel).GetAwaiter().GetResult();
        if (pass.Number >= passes - 1) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
    });

    /// <summary>Cuts over after the first pass, and does something when everything is copied and proven.</summary>
    private static Recorder AtTheGate(MigrationStore store, Action act) => new(e =>
    {
        if (e is PassFinished { Pass.IsFinal: false }) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
        if (e is StepStarted { Step: StepName.Gate }) act();
    });

    /// <summary>Does something after the first pass, and cuts over.</summary>
    private static Recorder Once(MigrationStore store, Action act) => new(e =>
    {
        if (e is not PassFinished { Pass: { Number: 0 } }) return;
        act();
        store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
    });

    private void AssertSame(RigMachine machine) => Assert.True(machine.Content.AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(rig.Target, "box-disk1.raw"))), "the disk differs");

    private static List<JsonElement> Passes(MigrationOutcome outcome) => [.. MigrationRig.Predicate(outcome.SealPath!).GetProperty("passes").EnumerateArray()];

    private static JsonElement Disk(JsonElement pass) => pass.GetProperty("disks")[0];
}
