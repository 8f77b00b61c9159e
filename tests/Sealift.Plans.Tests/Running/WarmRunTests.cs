using System.Diagnostics;
using Sealift.Migrations;
using Sealift.Migrations.Tests;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;
using Sealift.Rigs;

namespace Sealift.Plans.Tests.Running;

/// <summary>A machine that runs, on a real QEMU whose every byte is known, through the scheduler.</summary>
public sealed class WarmRunTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private readonly MovedClock clock = new();
    private readonly Random random = new(7);
    private PlanDatabase database = null!;
    private PlanStore store = null!;
    private MigrationStore migrations = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await PlanDatabase.OpenSqliteAsync(Path.Combine(rig.State, PlanDatabase.FileName), [SchemaSet.Plans], null, Cancel);
        store = new PlanStore(database);
        migrations = rig.OpenStore();
    }

    public async ValueTask DisposeAsync()
    {
        migrations.Dispose();
        await database.DisposeAsync();
        rig.Dispose();
    }

    [Fact]
    public async Task It_is_followed_through_a_restart_and_cut_over_when_that_was_ordered_and_its_window_is_open()
    {
        await using var qemu = await RunningQemu.StartAsync(rig.Root, "raw", [6 << 20], Cancel);
        for (var i = 0; i < 20; i++) await qemu.WriteSomewhereAsync(random, Cancel);
        var window = new MaintenanceWindow { Start = clock.GetUtcNow().AddDays(1), End = clock.GetUtcNow().AddDays(2) };
        var (run, machines) = Scheduling.Plans.Run(Scheduling.Plans.Of(new PlannedMachine { Name = "box" }) with { Type = PlanType.Warm, MaintenanceWindows = [window] });
        await store.CreateRunAsync(run, machines, Cancel);

        string id;
        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel))
        {
            var work = Scheduler(qemu).RunAsync(CancellationToken.None, stop.Token);
            await UntilAsync(work, m => m.State == MachineRunState.Following);
            Assert.Equal(WaitKind.CutoverOrder, (await WaitAsync()).For);
            id = (await MachineAsync()).Migration!;
            await stop.CancelAsync();
            await work;
        }

        // What is written while nobody follows it is not lost.
        for (var i = 0; i < 20; i++) await qemu.WriteSomewhereAsync(random, Cancel);
        await store.OrderAsync(new RunOrder("run", RunOrderKind.Cutover, null, null, "me"), Cancel);
        using var inTime = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        inTime.CancelAfter(TimeSpan.FromMinutes(4));
        var again = Scheduler(qemu).RunAsync(CancellationToken.None, inTime.Token);
        await UntilAsync(again, m => m is { State: MachineRunState.Following, CutoverAt: not null });
        var ordered = clock.GetUtcNow();
        await UntilAsync(again, m => m.HeardAt > ordered.AddSeconds(2) || m.State != MachineRunState.Following); // it is followed on, and no more
        Assert.Equal(MachineRunState.Following, (await MachineAsync()).State);
        Assert.Equal((WaitKind.Window, window.Start), ((await WaitAsync()).For, (await WaitAsync()).At));
        Assert.True(qemu.IsRunning);

        clock.Moved = TimeSpan.FromDays(1);
        await again;
        var machine = await MachineAsync();
        Assert.True(machine.State == MachineRunState.Succeeded, string.Join(' ', machine.Reasons));
        Assert.Equal(id, machine.Migration);
        Assert.InRange(machine.CutoverBegunAt!.Value, window.Start, window.End);
        Assert.Equal(qemu.Snapshot(0), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), Cancel));
        await qemu.EndedAsync(Cancel); // it was shut down, by the cutover
    }

    private Scheduler Scheduler(RunningQemu qemu)
    {
        MigrationRequest Of(PlanRun run, PlannedMachine machine) => rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], Warm = new WarmPlan { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50) } };
        return new Scheduler(store, new LocalRunner(migrations, Of, TimeProvider.System), new NoNews(), new SchedulerOptions { OnlyRun = "run", LookInterval = TimeSpan.FromMilliseconds(100), ProgressInterval = TimeSpan.FromMilliseconds(50) }, clock, "here", () => MigrationStore.NewId(DateTimeOffset.UtcNow, MigrationIds.Letters));
    }

    private async Task<MachineRun> MachineAsync() => Assert.Single(await store.MachinesAsync("run", Cancel));

    private async Task<MachineWait> WaitAsync() => Assert.Single(RunWaits.Fill((await store.FindRunAsync("run", Cancel))!, [await MachineAsync()], clock.GetUtcNow())).WaitsFor!;

    private async Task UntilAsync(Task work, Func<MachineRun, bool> holds)
    {
        var watch = Stopwatch.StartNew();
        while (await MachineAsync() is var machine && !holds(machine))
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(3) && !work.IsCompleted, $"it does not come about: {machine.State}; {string.Join(' ', machine.Reasons)}");
            await Task.Delay(20, Cancel);
        }
    }

    /// <summary>The system's clock, as somebody sets it; timers do not mind.</summary>
    private sealed class MovedClock : TimeProvider
    {
        public TimeSpan Moved { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Moved;
    }

    private sealed class NoNews : IRunNews
    {
        public void Tell(RunNews news)
        {
            // Nobody reads it.
        }
    }
}
