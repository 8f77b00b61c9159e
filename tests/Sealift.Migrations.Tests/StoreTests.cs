using System.Text.Json;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

public sealed class StoreTests : IDisposable
{
    private readonly MigrationRig rig = new();

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task A_damaged_journal_is_refused_and_stays()
    {
        await rig.StartAsync(rig.Request);
        var path = Path.Combine(rig.State, "sealift.db");
        var bytes = await File.ReadAllBytesAsync(path, MigrationRig.Cancel);
        for (var page = 4096; page < bytes.Length; page += 4096) bytes.AsSpan(page, 200).Fill(0xEE);
        await File.WriteAllBytesAsync(path, bytes, MigrationRig.Cancel);
        Assert.Equal("SL7001", Assert.ThrowsAny<SealiftException>(() => rig.OpenStore().Dispose()).Code);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(path, MigrationRig.Cancel));

        await File.WriteAllTextAsync(path, new string('x', 5000), MigrationRig.Cancel);
        Assert.Equal("SL7001", Assert.ThrowsAny<SealiftException>(() => rig.OpenStore().Dispose()).Code);
        Assert.Equal(5000, new FileInfo(path).Length);
    }

    [Fact]
    public async Task Remove_takes_what_Sealift_made_and_leaves_the_rest()
    {
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Gate }) throw new SimulatedCrash();
        })));
        var details = rig.Show();
        var disk = details.Artefacts.Single(a => a.Kind == "disk").Path;
        var map = details.Artefacts.Single(a => a.Kind == "block-map").Path;
        // Somebody put a file of his own in the place of one of ours, and another beside them.
        File.Move(map, map + ".moved");
        await File.WriteAllTextAsync(map, "mine", MigrationRig.Cancel);
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, details.Summary.Id[..8], includeHandedOver: false);
        Assert.Contains(disk, report.Removed);
        Assert.False(File.Exists(disk));
        Assert.Contains(report.Kept, k => k.StartsWith(map, StringComparison.Ordinal));
        Assert.Equal("mine", await File.ReadAllTextAsync(map, MigrationRig.Cancel));
        Assert.True(File.Exists(map + ".moved"));
        Assert.Empty(store.List());
        Assert.False(Directory.Exists(details.StateDirectory));
    }

    [Fact]
    public async Task Remove_after_a_crash_leaves_nothing_at_all()
    {
        foreach (var step in new[] { StepName.Preflight, StepName.ReadBack, StepName.HandOver, StepName.Seal })
        {
            await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, new Recorder(e =>
            {
                if (e is StepStarted s && s.Step == step) throw new SimulatedCrash();
            })));
            using var store = rig.OpenStore();
            Assert.Empty((await MigrationRunner.RemoveAsync(store, store.List().Single().Id, includeHandedOver: false)).Kept);
            Assert.False(Directory.Exists(rig.Target), step);
        }
    }

    [Fact]
    public async Task What_was_handed_over_stays_unless_asked_for()
    {
        var outcome = await rig.StartAsync(rig.Request);
        var before = rig.TargetSnapshot();
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: false);
        Assert.Equal(before.Count, report.Kept.Count);
        Assert.Equal(before, rig.TargetSnapshot());
    }

    /// <summary>Killed right after the seal, before the journal could note whose the files are now.</summary>
    [Fact]
    public async Task A_sealed_machine_stays_even_where_the_crash_came_right_after_the_seal()
    {
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Seal }) throw new SimulatedCrash();
        })));
        var before = Directory.EnumerateFiles(rig.Target).ToDictionary(f => f, f => new FileInfo(f).Length);
        Assert.Contains(before.Keys, f => f.EndsWith(".seal.json", StringComparison.Ordinal));
        using var store = rig.OpenStore();
        await MigrationRunner.RemoveAsync(store, store.List().Single().Id, includeHandedOver: false);
        Assert.Equal(before, Directory.EnumerateFiles(rig.Target).ToDictionary(f => f, f => new FileInfo(f).Length));
        Assert.Empty(Directory.EnumerateDirectories(rig.Target));
    }

    [Fact]
    public async Task Asked_for_what_was_handed_over_goes_too()
    {
        var outcome = await rig.StartAsync(rig.Request);
        using var store = rig.OpenStore();
        Assert.Empty((await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true)).Kept);
        Assert.False(Directory.Exists(rig.Target));
    }

    [Fact]
    public async Task A_journal_that_was_lost_is_not_taken_for_an_empty_one()
    {
        await rig.StartAsync(rig.Request);
        foreach (var file in Directory.EnumerateFiles(rig.State, "sealift.db*")) File.Delete(file);
        using var store = rig.OpenStore();
        Assert.Equal("SL7001", Assert.ThrowsAny<SealiftException>(store.List).Code);
    }

    [Fact]
    public async Task A_removal_that_died_on_either_side_of_the_journal_can_be_repeated_or_is_done()
    {
        await rig.StartAsync(rig.Request);
        using var store = rig.OpenStore();
        var id = store.List().Single().Id;
        Directory.Move(store.DirectoryOf(id), store.DirectoryOf(id) + ".removed"); // died before the journal forgot it
        await MigrationRunner.RemoveAsync(store, id, includeHandedOver: false);
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(rig.State, "migrations")));

        Directory.CreateDirectory(store.DirectoryOf(id) + ".removed"); // died after it
        Assert.Empty(store.List());
    }

    [Fact]
    public async Task Who_takes_hold_of_a_migration_that_was_just_removed_is_told_so_and_leaves_nothing()
    {
        using var store = rig.OpenStore();
        Assert.Equal("SL7003", (await Assert.ThrowsAnyAsync<SealiftException>(() => store.LockAsync("260101-000000-bcd", MigrationRig.Cancel))).Code);
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(rig.State, "migrations")));
    }

    [Fact]
    public async Task A_running_migration_cannot_be_resumed_or_removed_and_notices_a_cancellation()
    {
        var recorder = new Recorder(e =>
        {
            if (e is not StepStarted { Step: StepName.Copy }) return;
            using var other = rig.OpenStore();
            var summary = other.List().Single();
            Assert.Equal((MigrationState.Running, false), (summary.State, summary.CanResume));
            Assert.Equal("SL7004", Code(() => MigrationRunner.ResumeAsync(other, summary.Id, new Recorder(), MigrationRig.Cancel)));
            Assert.Equal("SL7004", Code(() => MigrationRunner.RemoveAsync(other, summary.Id, false)));
            Assert.Null(MigrationRunner.CancelAsync(other, summary.Id, new Recorder(), MigrationRig.Cancel).GetAwaiter().GetResult());
            Thread.Sleep(1500); // the promise is two seconds, the poll one
        });
        var outcome = await rig.StartAsync(rig.Request, recorder);
        Assert.Equal((Verdict.Cancelled, false), (outcome.Verdict, outcome.CanResume));
        Assert.False(Directory.Exists(rig.Target));
        Assert.Equal("cancelled", MigrationRig.Predicate(outcome.SealPath!).GetProperty("verdict").GetString());

        static string Code(Func<Task> action) => Assert.ThrowsAnyAsync<SealiftException>(action).GetAwaiter().GetResult().Code;
    }

    [Fact]
    public async Task An_interrupted_migration_is_cancelled_where_it_stands()
    {
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) throw new SimulatedCrash();
        })));
        using var store = rig.OpenStore();
        var id = store.List().Single().Id;
        var outcome = await MigrationRunner.CancelAsync(store, id, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Cancelled, outcome!.Verdict);
        Assert.Equal("SL7005", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.ResumeAsync(store, id, new Recorder(), MigrationRig.Cancel))).Code);
        Assert.Equal("SL7006", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.CancelAsync(store, id, new Recorder(), MigrationRig.Cancel))).Code);
        Assert.Equal("SL7003", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.CancelAsync(store, "none", new Recorder(), MigrationRig.Cancel))).Code);
    }

    [Fact]
    public async Task Cancellation_is_not_heard_after_the_gate()
    {
        using var stop = new CancellationTokenSource();
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, rig.Request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Gate }) stop.Cancel();
        }), stop.Token);
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
    }

    [Fact]
    public async Task Plans_events_and_details_survive_JSON()
    {
        var recorder = new Recorder();
        await rig.StartAsync(rig.Request, recorder);
        foreach (var happened in recorder.Events)
        {
            var line = JsonSerializer.Serialize(happened, MigrationJson.Default.MigrationEvent);
            Assert.DoesNotContain('\n', line);
            Assert.Contains("\"event\":", line, StringComparison.Ordinal);
            Assert.Equal(happened.GetType(), JsonSerializer.Deserialize(line, MigrationJson.Default.MigrationEvent)!.GetType());
        }

        var details = rig.Show();
        Assert.Equal(JsonSerializer.Serialize(rig.Request, MigrationJson.Default.MigrationRequest), JsonSerializer.Serialize(details.Request, MigrationJson.Default.MigrationRequest));
    }

    [Fact]
    public async Task How_disks_are_copied_is_kept_in_the_plan_and_an_older_plan_says_nothing_of_it()
    {
        using var store = rig.OpenStore();
        var copying = Opened(rig.Request with { BandwidthBytesPerSecond = 5 << 20, QueueDepth = 3, RequestBytes = 128 << 10 }).Copying;
        Assert.Equal((5L << 20, 3, 128 << 10), (copying.Bandwidth?.BytesPerSecond, copying.Workers, copying.RequestBytes));
        Assert.Equal(CopyOptions.Default, Opened(rig.Request).Copying);

        var older = System.Text.Json.Nodes.JsonNode.Parse(JsonSerializer.Serialize(rig.Request, MigrationJson.Default.MigrationRequest))!.AsObject();
        foreach (var name in new[] { "bandwidthBytesPerSecond", "queueDepth", "requestBytes" }) Assert.True(older.Remove(name));
        Assert.Equal(CopyOptions.Default, Opened(JsonSerializer.Deserialize(older.ToJsonString(), MigrationJson.Default.MigrationRequest)!).Copying);

        var outcome = await rig.StartAsync(rig.Request with { BandwidthBytesPerSecond = 1L << 40, QueueDepth = 1, RequestBytes = 64 << 10 });
        Assert.Equal(Verdict.Degraded, outcome.Verdict);

        MigrationContext Opened(MigrationRequest request) => new(store, store.Find(store.Create(request).Id), MigrationTerms.Alone(store), new EventSink(new Recorder()));
    }

    [Fact]
    public void Of_two_processes_that_begin_a_migration_of_one_id_the_later_is_told_so()
    {
        using var store = rig.OpenStore();
        using var other = rig.OpenStore();
        // In the last moment: what was looked for before is not there yet.
        store.Journal.BeforeWrite = () =>
        {
            store.Journal.BeforeWrite = null;
            _ = other.Create(rig.Request with { TargetDirectory = "/theirs" }, "261128-200000-abcde");
        };
        Assert.Equal("SL7010", Assert.ThrowsAny<SealiftException>(() => store.Create(rig.Request, "261128-200000-abcde")).Code);
        Assert.Equal("/theirs", Assert.Single(store.List()).TargetDirectory);
    }

    [Theory]
    [InlineData("relative")]
    [InlineData("/tmp/x/../y")]
    [InlineData("/")]
    public async Task A_plan_without_sense_is_refused_before_anything_is_journaled(string target)
    {
        using var store = rig.OpenStore();
        Assert.Equal("SL7010", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.StartAsync(store, rig.Request with { TargetDirectory = target }, new Recorder(), MigrationRig.Cancel))).Code);
        Assert.Empty(store.List());
    }
}
