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
public sealed class SchedulerTests : SchedulerRig
{
    [Fact]
    public async Task A_run_is_carried_out_in_its_waves_and_within_its_limits()
    {
        await CreateAsync(Plans.Of([.. Enumerable.Range(0, 30).Select(i => new PlannedMachine { Name = $"vm{i}", Wave = 1 + (i / 10) })]) with { Limits = new PlanLimits { Machines = 4 } });
        await using (Server(out var scheduler)) await UntilAsync(IsFinished);
        Assert.All(await Store.MachinesAsync("run", Cancel), m => Assert.Equal((MachineRunState.Succeeded, Verdict.Sealed), (m.State, m.Verdict)));
        Assert.InRange(World.MostAtWork, 1, 4);
        Assert.Empty(World.Wrongs);
    }

    /// <summary>The process dies right before its n-th write, for each n, or right before its n-th act; another one goes on, and each machine has one migration.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Died_before_any_write_or_act_another_one_goes_on_and_each_machine_is_migrated_once(bool beforeWrites)
    {
        Takes = _ => TimeSpan.FromSeconds(15);
        for (var at = 1; ; at++)
        {
            var id = $"run{at}";
            await CreateAsync(Plans.Of([.. Enumerable.Range(0, 6).Select(i => new PlannedMachine { Name = $"{id}-vm{i}", Wave = 1 + (i / 4) })]) with { Limits = new PlanLimits { Machines = 2 } }, id);
            await Store.OrderAsync(new RunOrder(id, RunOrderKind.Cancel, $"{id}-vm3", null, "me"), Cancel);
            var (count, isDead) = (0, false);
            var first = Server(out _, r => r.BeforeAct = _ => { if (!beforeWrites || isDead) Die(); });
            Store.BeforeWrite = _ => { if (beforeWrites || isDead) Die(); };
            await UntilAsync(() => Task.FromResult(isDead || Store.FindRunAsync(id, Cancel).Result!.State == PlanRunState.Finished));
            await first.DisposeAsync();
            Store.BeforeWrite = null;
            await using (Server(out _)) await UntilAsync(async () => (await Store.FindRunAsync(id, Cancel))!.State == PlanRunState.Finished);
            var machines = await Store.MachinesAsync(id, Cancel);
            Assert.All(machines, m => Assert.Equal(m.Machine.EndsWith("vm3", StringComparison.Ordinal) ? MachineRunState.Cancelled : MachineRunState.Succeeded, m.State));
            Assert.Empty(World.Wrongs);
            Assert.Empty(await Store.OrdersAsync(id, Cancel));
            Assert.Empty(World.AtWork);
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

        Assert.Empty(World.Wrongs);
        await UntilAsync(IsFinished);
        Assert.InRange(World.MostAtWork, 1, 3);
    }

    [Fact]
    public async Task Without_its_store_a_scheduler_leaves_off_when_its_lease_runs_out_and_goes_on_when_it_is_back()
    {
        await CreateAsync(Plans.Of(8) with { Limits = new PlanLimits { Machines = 2 } });
        await using var server = Server(out _);
        await UntilAsync(() => Task.FromResult(World.AtWork.Count == 2));
        Store.IsGone = true;
        await MoveAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(2, World.AtWork.Count); // less than a lease: nobody else may have it
        await MoveAsync(TimeSpan.FromSeconds(15));
        Assert.Empty(World.AtWork);
        Store.IsGone = false;
        await UntilAsync(IsFinished);
        Assert.Empty(World.Wrongs);
    }

    [Fact]
    public async Task Who_lost_the_lease_stops_at_once()
    {
        await CreateAsync(Plans.Of(8) with { Limits = new PlanLimits { Machines = 2 } });
        await using var server = Server(out var scheduler);
        await UntilAsync(() => Task.FromResult(World.AtWork.Count == 2));
        await Store.ReleaseAsync("run", scheduler.Owner, Cancel);
        Assert.True(await Store.LeaseAsync("run", "thief", TimeSpan.FromHours(1), Cancel));
        await MoveAsync(TimeSpan.FromSeconds(12)); // a heartbeat
        Assert.Empty(World.AtWork);
        Assert.Equal("SL7674", scheduler.LastTrouble?.Code);
    }

    /// <summary>An order that comes after the last look and before the end is carried out, and is not left for a run that is opened again.</summary>
    [Fact]
    public async Task What_is_asked_for_while_a_run_ends_is_heard()
    {
        await CreateAsync(Plans.Of(2));
        var ends = 0;
        Store.BeforeUpdate = run =>
        {
            if (run.State == PlanRunState.Finished && ++ends == 1) Store.OrderAsync(new RunOrder("run", RunOrderKind.Retry, "vm0", null, "me"), Cancel).Wait(Cancel);
        };
        await using var server = Server(out _, verdict: m => m.Machine == "vm0" && ends == 0 ? Verdict.Failed : Verdict.Sealed);
        await UntilAsync(IsFinished);
        Assert.Equal(2, ends);
        Assert.All(await Store.MachinesAsync("run", Cancel), m => Assert.Equal(MachineRunState.Succeeded, m.State));
        Assert.Empty(await Store.OrdersAsync("run", Cancel));
    }

    [Fact]
    public async Task A_damaged_run_holds_up_no_other()
    {
        await CreateAsync(Plans.Of(2), "older");
        await CreateAsync(Plans.Of(2));
        Store.Damaged.Add("older");
        await using var server = Server(out var scheduler);
        await UntilAsync(IsFinished);
        Assert.Equal("SL7620", scheduler.LastTrouble?.Code);
        Assert.InRange(scheduler.LastTroubleAt!.Value, Plans.Start, Clock.GetUtcNow());
        Assert.True(await Store.LeaseAsync("older", "somebody else", TimeSpan.FromMinutes(1), Cancel)); // it was given back
    }

    [Fact]
    public async Task Machines_that_hang_hold_up_nobody()
    {
        await CreateAsync(Plans.Of(12) with { Limits = new PlanLimits { Machines = 3 }, Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(10) } });
        await using var server = Server(out _, r => r.Hangs = m => m.Machine is "vm0" or "vm1" or "vm2");
        await UntilAsync(async () => (await Store.MachinesAsync("run", Cancel)).Count(m => m.State == MachineRunState.Succeeded) == 9);
        Assert.Equal(3, (await Store.MachinesAsync("run", Cancel)).Count(m => m.State == MachineRunState.Stuck));
        await Store.OrderAsync(new RunOrder("run", RunOrderKind.Cancel, null, null, "me"), Cancel);
        await UntilAsync(IsFinished);
        Assert.Equal(3, (await Store.MachinesAsync("run", Cancel)).Count(m => m.State == MachineRunState.Cancelled));
    }

    [Fact]
    public async Task Drained_it_begins_nothing_more_and_finishes_what_is_at_work()
    {
        await CreateAsync(Plans.Of(8) with { Limits = new PlanLimits { Machines = 2 } });
        using var drain = new CancellationTokenSource();
        var scheduler = new Scheduler(Store, new FakeRunner(World, Clock, Takes, _ => Verdict.Sealed), new NoNews(), new SchedulerOptions(), Clock, "here", NewId);
        var work = Task.Run(() => scheduler.RunAsync(drain.Token, Cancel), Cancel);
        await UntilAsync(() => Task.FromResult(World.AtWork.Count == 2));
        await drain.CancelAsync();
        await UntilAsync(() => Task.FromResult(work.IsCompleted));
        await work;
        Assert.Equal([MachineRunState.Succeeded, MachineRunState.Succeeded, MachineRunState.Waiting], (await Store.MachinesAsync("run", Cancel)).Take(3).Select(m => m.State));
        Assert.True(await Store.LeaseAsync("run", "next", TimeSpan.FromMinutes(1), Cancel)); // given back
    }

    private sealed class SimulatedDeath : Exception;
}
