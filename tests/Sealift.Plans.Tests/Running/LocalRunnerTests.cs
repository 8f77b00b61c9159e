using System.Collections.Concurrent;
using System.Diagnostics;
using Sealift.Migrations;
using Sealift.Migrations.Tests;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Plans.Tests.Running;

/// <summary>Real migrations of small disks, by a scheduler on a real database.</summary>
public sealed class LocalRunnerTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private PlanDatabase database = null!;
    private PlanStore store = null!;
    private MigrationStore migrations = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Told => Path.Combine(rig.Root, "told");

    public async ValueTask InitializeAsync()
    {
        database = await PlanDatabase.OpenSqliteAsync(Path.Combine(rig.State, PlanDatabase.FileName), [SchemaSet.Plans], null, Cancel);
        store = new PlanStore(database);
        migrations = rig.OpenStore();
        Directory.CreateDirectory(Told);
    }

    public async ValueTask DisposeAsync()
    {
        migrations.Dispose();
        await database.DisposeAsync();
        rig.Dispose();
    }

    [Fact]
    public async Task Of_three_machines_the_broken_one_fails_alone_and_hooks_run_around_the_others()
    {
        await File.WriteAllTextAsync(Path.Combine(rig.SourceDirectory, "broken.vmdk"), "KDMV and nothing more", Cancel);
        var spec = Scheduling.Plans.Of(Vm("first.raw"), Vm("broken.vmdk"), Vm("second.raw")) with
        {
            Hooks = [Use("tell", HookStep.PreHook), Use("tell", HookStep.PostHook), Use("fails", HookStep.PostHook), Use("needs", HookStep.PostHook)],
            Limits = new PlanLimits { Machines = 2, Bandwidth = 64 << 20 },
        };
        var needs = Hook("needs", "true");
        await CreateAsync(spec, Hook("tell", $"cat >{Told}/$(date +%s%N)"), Hook("fails", "echo oh dear; exit 3", HookFailure.Continue), needs with { Spec = needs.Spec with { OnFailure = HookFailure.Continue, After = [new DocumentReference { Name = "fails" }] } });
        await FinishAsync();

        var machines = await store.MachinesAsync("run", Cancel);
        Assert.Equal([MachineRunState.Succeeded, MachineRunState.Failed, MachineRunState.Succeeded], machines.Select(m => m.State));
        Assert.Equal([Verdict.Degraded, Verdict.Failed, Verdict.Degraded], machines.Select(m => m.Verdict));
        Assert.All(machines, m => Assert.True(File.Exists(m.SealPath), "every verdict has its report"));
        Assert.Contains("SL", machines[1].Reasons[0], StringComparison.Ordinal);
        Assert.Equal([("tell", HookStep.PreHook, HookState.Succeeded), ("tell", HookStep.PostHook, HookState.Succeeded), ("fails", HookStep.PostHook, HookState.Failed), ("needs", HookStep.PostHook, HookState.Skipped)], machines[0].Hooks.Select(h => (h.Hook, h.Step, h.State)));
        Assert.Equal([("tell", HookStep.PreHook, HookState.Succeeded)], machines[1].Hooks.Select(h => (h.Hook, h.Step, h.State)));
        Assert.Contains(machines[0].Reasons, r => r.Contains("SL7660", StringComparison.Ordinal) && r.Contains("exit code 3", StringComparison.Ordinal));
        Assert.Contains(machines[0].Reasons, r => r.Contains("SL7661", StringComparison.Ordinal));
        Assert.Equal(["oh dear"], await File.ReadAllLinesAsync(machines[0].Hooks[2].LogPath, Cancel));
        Assert.Equal(5, Directory.GetFiles(Told).Length);
        Assert.Equal(machines.Select(m => m.Migration).Order(), migrations.List().Select(m => m.Id).Order());
        Assert.All(machines, m => Assert.Equal("here", m.Owner));
    }

    [Fact]
    public async Task A_hook_before_it_that_fails_keeps_a_machine_where_it_is_and_a_retry_goes_on_from_there()
    {
        var spec = Scheduling.Plans.Of(Vm("first.raw")) with { Hooks = [Use("once", HookStep.PreHook), Use("gate", HookStep.PreHook)] };
        await CreateAsync(spec, Hook("once", $"echo . >>{Told}/once"), Hook("gate", $"test -e {Told}/open"));
        await FinishAsync();
        var machine = Assert.Single(await store.MachinesAsync("run", Cancel));
        Assert.Equal((MachineRunState.Failed, null), (machine.State, machine.Verdict));
        Assert.Contains("SL7660", Assert.Single(machine.Reasons), StringComparison.Ordinal);
        Assert.Empty(migrations.List());

        await File.WriteAllTextAsync(Path.Combine(Told, "open"), "", Cancel);
        await ReopenAsync(new RunOrder("run", RunOrderKind.Retry, null, null, "me"));
        await FinishAsync();
        var again = Assert.Single(await store.MachinesAsync("run", Cancel));
        Assert.Equal((MachineRunState.Succeeded, machine.Migration), (again.State, again.Migration));
        Assert.Single(await File.ReadAllLinesAsync(Path.Combine(Told, "once"), Cancel)); // what succeeded is not run again
    }

    [Fact]
    public async Task Left_in_the_midst_of_a_copy_it_is_gone_on_with_under_the_same_id()
    {
        await CreateAsync(Scheduling.Plans.Of(Vm("first.raw")) with { Limits = new PlanLimits { Bandwidth = 512 << 10 } });
        using (var stop = new CancellationTokenSource())
        {
            var work = Scheduler().RunAsync(CancellationToken.None, stop.Token);
            await UntilAsync(async () => (await store.MachinesAsync("run", Cancel))[0] is { DoneBytes: > 0, State: MachineRunState.Migrating });
            await stop.CancelAsync();
            await work;
        }

        var left = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal(MachineRunState.Migrating, left.State);
        Assert.Equal((MigrationState.Interrupted, left.Migration), (migrations.List().Single().State, migrations.List().Single().Id));
        await FinishAsync();
        var machine = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal((MachineRunState.Succeeded, left.Migration), (machine.State, machine.Migration));
        Assert.Single(migrations.List());
    }

    [Fact]
    public async Task A_verdict_that_nobody_heard_is_told_after_a_crash_and_not_made_again()
    {
        // The migration came to its end, and its process died before the run knew.
        var (run, machines) = await CreateAsync(Scheduling.Plans.Of(Vm("first.raw")));
        var outcome = await MigrationRunner.StartAsync(migrations, rig.Request, new MigrationTerms { Id = "261128-200000-abc" }, new Recorder(), Cancel);
        Assert.True(await store.LeaseAsync(run.Id, "dead", TimeSpan.FromMinutes(1), Cancel));
        await store.UpdateAsync(run.Id, [machines[0] with { State = MachineRunState.Migrating, Migration = outcome.Id, Owner = "here" }], "dead", Cancel);
        await store.ReleaseAsync(run.Id, "dead", Cancel);
        await FinishAsync();
        var machine = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal((MachineRunState.Succeeded, outcome.SealPath), (machine.State, machine.SealPath));
        Assert.Single(migrations.List());
    }

    /// <summary>Two processes on one state directory gave the same id in the same second, and this one comes second.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_two_machines_that_were_given_one_id_the_later_gets_the_next(bool whileHooksRun)
    {
        const string Id = "261128-200000-abcde";
        File.Copy(rig.First, Path.Combine(rig.SourceDirectory, "other.raw"));
        await CreateAsync(
            Scheduling.Plans.Of(Vm("other.raw")) with { Hooks = whileHooksRun ? [Use("slow", HookStep.PreHook)] : [] },
            Hook("slow", $"echo . >>{Told}/slow; until test -e {Told}/open; do sleep 0.05; done"));
        MigrationOutcome? theirs = null;
        if (!whileHooksRun) theirs = await TheirsAsync();
        var ids = new Queue<string>([Id]);
        var work = FinishAsync(Scheduler(newMigration: () => ids.TryDequeue(out var id) ? id : MigrationStore.NewId(DateTimeOffset.UtcNow, MigrationIds.Letters)));
        if (whileHooksRun)
        {
            await UntilAsync(() => Task.FromResult(File.Exists(Path.Combine(Told, "slow"))));
            theirs = await TheirsAsync();
            await File.WriteAllTextAsync(Path.Combine(Told, "open"), "", Cancel);
        }

        await work;
        var machine = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal((MachineRunState.Succeeded, 0), (machine.State, machine.Try)); // and nobody had to ask for another try
        Assert.NotEqual(Id, machine.Migration);
        Assert.NotEqual(theirs!.SealPath, machine.SealPath);
        Assert.Equal(theirs, migrations.OutcomeOf(Id)! with { Reasons = theirs.Reasons });
        Assert.Equal(["first.raw", "other.raw"], migrations.List().Select(m => Path.GetFileName(m.Sources[0])).Order());

        Task<MigrationOutcome> TheirsAsync() => MigrationRunner.StartAsync(migrations, rig.Request, new MigrationTerms { Id = Id }, new Recorder(), Cancel);
    }

    /// <summary>The process dies right after it has written down that a machine is tried again, and before the migration hears of it.</summary>
    [Fact]
    public async Task Another_try_that_was_ordered_is_made_also_where_the_process_dies_before_it_begins()
    {
        var source = Path.Combine(rig.SourceDirectory, "box.vmdk");
        await File.WriteAllTextAsync(source, "KDMV and nothing more", Cancel);
        await CreateAsync(Scheduling.Plans.Of(Vm("box.vmdk")));
        await FinishAsync();
        var failed = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal((MachineRunState.Failed, true), (failed.State, failed.CanResume));
        Assert.True(migrations.OutcomeOf(failed.Migration!) is { CanResume: true, Verdict: Verdict.Failed }, "the journal has an end that can be resumed");

        File.Move(await MigrationRig.ConvertSourceAsync(rig.First, "vmdk"), source, overwrite: true);
        await ReopenAsync(new RunOrder("run", RunOrderKind.Retry, null, null, "me"));
        using (var death = CancellationTokenSource.CreateLinkedTokenSource(Cancel)) await Scheduler(new DyingRunner(death)).RunAsync(CancellationToken.None, death.Token);
        Assert.Empty(await store.OrdersAsync("run", Cancel));
        Assert.Equal(MachineRunState.Migrating, (await store.MachinesAsync("run", Cancel))[0].State);
        await FinishAsync();
        var machine = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal((MachineRunState.Succeeded, failed.Migration, false), (machine.State, machine.Migration, machine.IsTriedAgain));
    }

    [Fact]
    public async Task What_is_to_be_said_of_a_hook_that_failed_and_does_not_matter_survives_a_restart()
    {
        var spec = Scheduling.Plans.Of(Vm("first.raw")) with { Hooks = [Use("before", HookStep.PreHook), Use("after", HookStep.PostHook), Use("slow", HookStep.PostHook)] };
        await CreateAsync(spec, Hook("before", $"echo . >>{Told}/before; exit 4", HookFailure.Continue), Hook("after", $"echo . >>{Told}/after; exit 5", HookFailure.Continue), Hook("slow", $"test -e {Told}/slow && exit 0; touch {Told}/slow; sleep 300"));
        using (var stop = new CancellationTokenSource())
        {
            var work = Scheduler().RunAsync(CancellationToken.None, stop.Token);
            await UntilAsync(() => Task.FromResult(File.Exists(Path.Combine(Told, "slow"))));
            await stop.CancelAsync();
            await work;
        }

        Assert.Equal(MachineRunState.PostHook, (await store.MachinesAsync("run", Cancel))[0].State);
        await FinishAsync();
        var machine = (await store.MachinesAsync("run", Cancel))[0];
        Assert.Equal(MachineRunState.Succeeded, machine.State);
        foreach (var (hook, code) in new[] { ("before", 4), ("after", 5) })
        {
            Assert.Contains(machine.Reasons, r => r.Contains($"run hook {hook}", StringComparison.Ordinal) && r.Contains($"exit code {code}", StringComparison.Ordinal));
            Assert.Single(await File.ReadAllLinesAsync(Path.Combine(Told, hook), Cancel)); // it was not run again
        }
    }

    [Fact]
    public async Task Cancelled_a_machine_ends_whether_it_is_copied_or_a_hook_runs()
    {
        var spec = Scheduling.Plans.Of(Vm("first.raw"), Vm("second.raw") with { Hooks = [Use("slow", HookStep.PreHook)] }) with { Limits = new PlanLimits { Bandwidth = 128 << 10 } };
        await CreateAsync(spec, Hook("slow", $"touch {Told}/slow; sleep 300"));
        var work = Scheduler().RunAsync(CancellationToken.None, Cancel);
        await UntilAsync(async () => (await store.MachinesAsync("run", Cancel))[0].DoneBytes > 0 && File.Exists(Path.Combine(Told, "slow")));
        await store.OrderAsync(new RunOrder("run", RunOrderKind.Cancel, null, null, "anna"), Cancel);
        await work;
        var machines = await store.MachinesAsync("run", Cancel);
        Assert.All(machines, m => Assert.Equal(MachineRunState.Cancelled, m.State));
        Assert.All(machines, m => Assert.Contains("anna cancelled it.", m.Reasons));
        Assert.Equal([Verdict.Cancelled, null], machines.Select(m => m.Verdict));
    }

    private static PlannedMachine Vm(string file) => new() { Name = file };

    private static HookUse Use(string name, HookStep step) => new() { Hook = new DocumentReference { Name = name }, Step = step };

    private static HookDocument Hook(string name, string script, HookFailure onFailure = HookFailure.Fail) =>
        new() { Metadata = new DocumentMetadata { Name = name }, Spec = new HookSpec { Program = "/bin/sh", Arguments = ["-c", script], Deadline = 60, OnFailure = onFailure } };

    private async Task<(PlanRun Run, IReadOnlyList<MachineRun> Machines)> CreateAsync(PlanSpec spec, params Document[] others)
    {
        var (run, machines) = Scheduling.Plans.Run(spec, others: others);
        await store.CreateRunAsync(run, machines, Cancel);
        return (run, machines);
    }

    private async Task ReopenAsync(RunOrder order)
    {
        Assert.True(await store.LeaseAsync("run", "me", TimeSpan.FromMinutes(1), Cancel));
        await store.UpdateAsync((await store.FindRunAsync("run", Cancel))! with { State = PlanRunState.Running, EndedAt = null }, "me", Cancel);
        await store.OrderAsync(order, Cancel);
        await store.ReleaseAsync("run", "me", Cancel);
    }

    private Scheduler Scheduler(IMachineRunner? other = null, Func<string>? newMigration = null)
    {
        var runner = other ?? new LocalRunner(migrations, RequestOf, TimeProvider.System);
        return new Scheduler(store, runner, new NoNews(), new SchedulerOptions { OnlyRun = "run", LookInterval = TimeSpan.FromMilliseconds(100), ProgressInterval = TimeSpan.FromMilliseconds(50) }, TimeProvider.System, "here", newMigration ?? (() => MigrationStore.NewId(DateTimeOffset.UtcNow, MigrationIds.Letters)));
    }

    private MigrationRequest RequestOf(PlanRun run, PlannedMachine machine) => rig.Request with
    {
        Sources = [Path.Combine(rig.SourceDirectory, machine.Name)],
        TargetDirectory = Path.Combine(rig.Target, machine.Name),
        Overrides = rig.Request.Overrides with { Name = Path.GetFileNameWithoutExtension(machine.Name) },
        QueueDepth = 1,
        RequestBytes = 64 << 10,
    };

    private async Task FinishAsync(Scheduler? scheduler = null)
    {
        using var inTime = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        inTime.CancelAfter(TimeSpan.FromMinutes(3));
        await (scheduler ?? Scheduler()).RunAsync(CancellationToken.None, inTime.Token);
        Assert.Equal(PlanRunState.Finished, (await store.FindRunAsync("run", Cancel))!.State);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var watch = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(2), "it does not come about");
            await Task.Delay(10, Cancel);
        }
    }

    /// <summary>The death of the process in the moment in which a machine is to begin: from then on nothing is done and nothing is written.</summary>
    private sealed class DyingRunner(CancellationTokenSource death) : IMachineRunner
    {
        public void Begin(PlanRun run, MachineRun machine, bool isGoingOn, IMachineSigns signs) => death.Cancel();

        public void CutOver(MachineRun machine) => throw new InvalidOperationException();

        public void Cancel(MachineRun machine) => throw new InvalidOperationException();

        public Task LeaveOffAsync(string run) => Task.CompletedTask;
    }

    private sealed class NoNews : IRunNews
    {
        public void Tell(RunNews news)
        {
            // Nobody reads it.
        }
    }
}
