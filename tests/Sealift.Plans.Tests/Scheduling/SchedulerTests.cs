using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>Schedulers on a store, with a clock that is moved by hand: they die, hang, lose their store, and share it.</summary>
public sealed class SchedulerTests
{
    private readonly FakeTimeProvider clock = new(Plans.Start);
    private readonly FakeWorld world = new();
    private readonly MemoryPlanStore store;
    private int ids;
    private Func<MachineRun, TimeSpan> takes = m => TimeSpan.FromMinutes(2 + (m.Machine.Length % 5));

    public SchedulerTests() => store = new MemoryPlanStore(clock);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_run_is_carried_out_in_its_waves_and_within_its_limits()
    {
        await CreateAsync(Plans.Of([.. Enumerable.Range(0, 30).Select(i => new PlannedMachine { Name = $"vm{i}", Wave = 1 + (i / 10) })]) with { Limits = new PlanLimits { Machines = 4 } });
        await using (Server(out var scheduler)) await UntilAsync(IsFinished);
        Assert.All(await store.MachinesAsync("run", Cancel), m => Assert.Equal((MachineRunState.Succeeded, Verdict.Sealed), (m.State, m.Verdict)));
        Assert.InRange(world.MostAtWork, 1, 4);
        Assert.Empty(world.Wrongs);
    }

    /// <summary>The process dies right before its n-th write, for each n, or right before its n-th act; another one goes on, and each machine has one migration.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Died_before_any_write_or_act_another_one_goes_on_and_each_machine_is_migrated_once(bool beforeWrites)
    {
        takes = _ => TimeSpan.FromSeconds(15);
        for (var at = 1; ; at++)
        {
            var id = $"run{at}";
            await CreateAsync(Plans.Of([.. Enumerable.Range(0, 6).Select(i => new PlannedMachine { Name = $"{id}-vm{i}", Wave = 1 + (i / 4) })]) with { Limits = new PlanLimits { Machines = 2 } }, id);
            await store.OrderAsync(new RunOrder(id, RunOrderKind.Cancel, $"{id}-vm3", null, "me"), Cancel);
            var (count, isDead) = (0, false);
            var first = Server(out _, r => r.BeforeAct = _ => { if (!beforeWrites || isDead) Die(); });
            store.BeforeWrite = _ => { if (beforeWrites || isDead) Die(); };
            await UntilAsync(() => Task.FromResult(isDead || store.FindRunAsync(id, Cancel).Result!.State == PlanRunState.Finished));
            await first.DisposeAsync();
            store.BeforeWrite = null;
            await using (Server(out _)) await UntilAsync(async () => (await store.FindRunAsync(id, Cancel))!.State == PlanRunState.Finished);
            var machines = await store.MachinesAsync(id, Cancel);
            Assert.All(machines, m => Assert.Equal(m.Machine.EndsWith("vm3", StringComparison.Ordinal) ? MachineRunState.Cancelled : MachineRunState.Succeeded, m.State));
            Assert.Empty(world.Wrongs);
            Assert.Empty(await store.OrdersAsync(id, Cancel));
            Assert.Empty(world.AtWork);
            if (!isDead)
            {
                Assert.True(at > 5, $"only {at} instants"); // five machines are begun
                return;
            }

            void Die()
            {
                if (!isDead && ++count < at) return;
                isDead = true; // from here on this process neither writes nor acts
                throw new SimulatedDeath();
            }
        }
    }

    [Fact]
    public async Task Of_two_schedulers_on_one_store_one_carries_a_run_out_and_the_other_waits()
    {
        await CreateAsync(Plans.Of(20) with { Limits = new PlanLimits { Machines = 3 } });
        await using var second = Server(out var other, place: "there");
        await UntilAsync(() => Task.FromResult(other.Driven.Count == 1));
        await using (Server(out var idle))
        {
            await MoveAsync(TimeSpan.FromMinutes(5));
            Assert.Empty(idle.Driven);
        }

        Assert.Empty(world.Wrongs);
        await UntilAsync(IsFinished);
        Assert.InRange(world.MostAtWork, 1, 3);
    }

    [Fact]
    public async Task Without_its_store_a_scheduler_leaves_off_when_its_lease_runs_out_and_goes_on_when_it_is_back()
    {
        await CreateAsync(Plans.Of(8) with { Limits = new PlanLimits { Machines = 2 } });
        await using var server = Server(out _);
        await UntilAsync(() => Task.FromResult(world.AtWork.Count == 2));
        store.IsGone = true;
        await MoveAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(2, world.AtWork.Count); // less than a lease: nobody else may have it
        await MoveAsync(TimeSpan.FromSeconds(15));
        Assert.Empty(world.AtWork);
        store.IsGone = false;
        await UntilAsync(IsFinished);
        Assert.Empty(world.Wrongs);
    }

    [Fact]
    public async Task Who_lost_the_lease_stops_at_once()
    {
        await CreateAsync(Plans.Of(8) with { Limits = new PlanLimits { Machines = 2 } });
        await using var server = Server(out var scheduler);
        await UntilAsync(() => Task.FromResult(world.AtWork.Count == 2));
        await store.ReleaseAsync("run", scheduler.Owner, Cancel);
        Assert.True(await store.LeaseAsync("run", "thief", TimeSpan.FromHours(1), Cancel));
        await MoveAsync(TimeSpan.FromSeconds(12)); // a heartbeat
        Assert.Empty(world.AtWork);
        Assert.Equal("SL7674", scheduler.LastTrouble?.Code);
    }

    /// <summary>An order that comes after the last look and before the end is carried out, and is not left for a run that is opened again.</summary>
    [Fact]
    public async Task What_is_asked_for_while_a_run_ends_is_heard()
    {
        await CreateAsync(Plans.Of(2));
        var ends = 0;
        store.BeforeUpdate = run =>
        {
            if (run.State == PlanRunState.Finished && ++ends == 1) store.OrderAsync(new RunOrder("run", RunOrderKind.Retry, "vm0", null, "me"), Cancel).Wait(Cancel);
        };
        await using var server = Server(out _, verdict: m => m.Machine == "vm0" && ends == 0 ? Verdict.Failed : Verdict.Sealed);
        await UntilAsync(IsFinished);
        Assert.Equal(2, ends);
        Assert.All(await store.MachinesAsync("run", Cancel), m => Assert.Equal(MachineRunState.Succeeded, m.State));
        Assert.Empty(await store.OrdersAsync("run", Cancel));
    }

    [Fact]
    public async Task A_damaged_run_holds_up_no_other()
    {
        await CreateAsync(Plans.Of(2), "older");
        await CreateAsync(Plans.Of(2));
        store.Damaged.Add("older");
        await using var server = Server(out var scheduler);
        await UntilAsync(IsFinished);
        Assert.Equal("SL7620", scheduler.LastTrouble?.Code);
        Assert.InRange(scheduler.LastTroubleAt!.Value, Plans.Start, clock.GetUtcNow());
        Assert.True(await store.LeaseAsync("older", "somebody else", TimeSpan.FromMinutes(1), Cancel)); // it was given back
    }

    [Fact]
    public async Task Machines_that_hang_hold_up_nobody()
    {
        await CreateAsync(Plans.Of(12) with { Limits = new PlanLimits { Machines = 3 }, Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(10) } });
        await using var server = Server(out _, r => r.Hangs = m => m.Machine is "vm0" or "vm1" or "vm2");
        await UntilAsync(async () => (await store.MachinesAsync("run", Cancel)).Count(m => m.State == MachineRunState.Succeeded) == 9);
        Assert.Equal(3, (await store.MachinesAsync("run", Cancel)).Count(m => m.State == MachineRunState.Stuck));
        await store.OrderAsync(new RunOrder("run", RunOrderKind.Cancel, null, null, "me"), Cancel);
        await UntilAsync(IsFinished);
        Assert.Equal(3, (await store.MachinesAsync("run", Cancel)).Count(m => m.State == MachineRunState.Cancelled));
    }

    [Fact]
    public async Task Drained_it_begins_nothing_more_and_finishes_what_is_at_work()
    {
        await CreateAsync(Plans.Of(8) with { Limits = new PlanLimits { Machines = 2 } });
        using var drain = new CancellationTokenSource();
        var scheduler = new Scheduler(store, new FakeRunner(world, clock, takes, _ => Verdict.Sealed), new NoNews(), new SchedulerOptions(), clock, "here", () => $"m{Interlocked.Increment(ref ids)}");
        var work = Task.Run(() => scheduler.RunAsync(drain.Token, Cancel), Cancel);
        await UntilAsync(() => Task.FromResult(world.AtWork.Count == 2));
        await drain.CancelAsync();
        await UntilAsync(() => Task.FromResult(work.IsCompleted));
        await work;
        Assert.Equal([MachineRunState.Succeeded, MachineRunState.Succeeded, MachineRunState.Waiting], (await store.MachinesAsync("run", Cancel)).Take(3).Select(m => m.State));
        Assert.True(await store.LeaseAsync("run", "next", TimeSpan.FromMinutes(1), Cancel)); // given back
    }

    /// <summary>Ten thousand machines on two hundred hosts, one in fifty of which fails, one in a thousand of which hangs.</summary>
    [Fact]
    public async Task Ten_thousand_machines()
    {
        const int Count = 10_000;
        await CreateAsync(
            Plans.Of([.. Enumerable.Range(0, Count).Select(i => new PlannedMachine { Name = $"vm{i}", Wave = 1 + (i / 2500) })]) with { Limits = new PlanLimits { Machines = 500, MachinesPerHost = 4 }, Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(15) } },
            host: i => $"host{i % 200}");
        GC.Collect();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var watch = Stopwatch.StartNew();
        var news = new Counting();
        await using (Server(out _, r => r.Hangs = m => m.Machine.EndsWith("777", StringComparison.Ordinal), news: news, verdict: m => m.Machine.EndsWith("50", StringComparison.Ordinal) ? Verdict.Failed : Verdict.Sealed))
        {
            var most = 0L;
            await UntilAsync(async () =>
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: false));
                var counts = await store.CountAsync("run", Cancel);
                return counts.GetValueOrDefault(MachineRunState.Stuck) == 10 && counts.GetValueOrDefault(MachineRunState.Succeeded) + counts.GetValueOrDefault(MachineRunState.Failed) == Count - 10;
            }, limit: TimeSpan.FromMinutes(8));
            TestContext.Current.TestOutputHelper!.WriteLine($"{Count} machines in {(clock.GetUtcNow() - Plans.Start).TotalHours:0.0} hours of simulated time, {watch.Elapsed.TotalSeconds:0.0} s of ours; at most {(most - before) / 1e6:0} MB more; {store.Writes} writes, {news.Machines} states of machines written");
            Assert.True(most - before < 400_000_000, $"{(most - before) / 1e6:0} MB");
        }

        Assert.Empty(world.Wrongs);
        Assert.InRange(world.MostAtWork, 400, 510); // the ten that hang hold no place
    }

    /// <summary>What one decision takes with ten thousand machines, five hundred of them at work.</summary>
    [Fact]
    public void Decisions_about_ten_thousand_machines_take_no_time()
    {
        const int Count = 10_000;
        var (run, machines) = Plans.Run(Plans.Of(Count) with { Limits = new PlanLimits { Machines = 500, MachinesPerHost = 4 } }, i => $"host{i % 200}");
        var now = Plans.Start;
        var schedule = new Schedule(run, machines, "here", () => $"m{++ids}");
        var begun = new Queue<MachineRun>(schedule.Decide(now).Select(a => a.Machine));
        var times = new List<double>(Count);
        while (begun.TryDequeue(out var machine))
        {
            var watch = Stopwatch.GetTimestamp();
            now = now.AddSeconds(1);
            schedule.Hear(machine.Machine, machine.Migration!, new EndedSign(MachineRunState.Succeeded, null, [], false), now);
            foreach (var act in schedule.Decide(now)) begun.Enqueue(act.Machine);
            schedule.TakeChanges();
            times.Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
        }

        Assert.Equal(PlanRunState.Finished, schedule.Run.State);
        times.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine($"a verdict heard and the next machine decided: {times[Count / 2]:0.000} ms at the median, {times[Count * 99 / 100]:0.000} ms at the 99th percentile, {times[^1]:0.0} ms at most");
    }

    private async Task<bool> IsFinished() => (await store.FindRunAsync("run", Cancel))!.State == PlanRunState.Finished;

    private async Task CreateAsync(PlanSpec spec, string id = "run", Func<int, string>? host = null)
    {
        var (run, machines) = Plans.Run(spec, host, id);
        await store.CreateRunAsync(run, machines, Cancel);
    }

    private Running Server(out Scheduler scheduler, Action<FakeRunner>? setUp = null, string place = "here", IRunNews? news = null, Func<MachineRun, Verdict>? verdict = null)
    {
        var runner = new FakeRunner(world, clock, takes, verdict ?? (_ => Verdict.Sealed));
        setUp?.Invoke(runner);
        var made = scheduler = new Scheduler(store, runner, news ?? new NoNews(), new SchedulerOptions(), clock, place, () => $"m{Interlocked.Increment(ref ids)}");
        return new Running(made, clock);
    }

    /// <summary>Moves the clock until something holds.</summary>
    private async Task UntilAsync(Func<Task<bool>> holds, TimeSpan? limit = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(watch.Elapsed < (limit ?? TimeSpan.FromMinutes(2)), "it does not come about");
            await MoveAsync(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Moves the clock in steps, and gives everybody who waits for it the time to do what they do then.</summary>
    private async Task MoveAsync(TimeSpan by)
    {
        for (var left = by; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(1))
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            for (var i = 0; i < 20; i++) await Task.Yield();
            await Task.Delay(1, Cancel); // ours, not the fake one: what runs on other threads gets its turn
        }
    }

    private sealed class Running : IAsyncDisposable
    {
        private readonly CancellationTokenSource stop = new();
        private readonly FakeTimeProvider clock;
        private readonly Task work;

        public Running(Scheduler scheduler, FakeTimeProvider clock)
        {
            this.clock = clock;
            work = Task.Run(() => scheduler.RunAsync(CancellationToken.None, stop.Token));
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            for (var i = 0; i < 5000 && !work.IsCompleted; i++)
            {
                await Task.Delay(1);
                clock.Advance(TimeSpan.FromMilliseconds(100));
            }

            await work;
            stop.Dispose();
        }
    }

    private sealed class SimulatedDeath : Exception;

    private sealed class NoNews : IRunNews
    {
        public void Tell(RunNews news)
        {
            // Nobody reads it.
        }
    }

    private sealed class Counting : IRunNews
    {
        public int Machines { get; private set; }

        public void Tell(RunNews news) => Machines += news.Machines.Count;
    }
}
