using System.Diagnostics;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>Memory is measured, so nothing else runs beside these.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Ten thousand machines in one plan.</summary>
[Collection(nameof(Alone))]
public sealed class SchedulerScaleTests : SchedulerRig
{
    /// <summary>Ten thousand machines on two hundred hosts, one in fifty of which fails, one in a thousand of which hangs.</summary>
    [Fact]
    public async Task Ten_thousand_machines()
    {
        const int Count = 10_000;
        await CreateAsync(
            Plans.Of([.. Enumerable.Range(0, Count).Select(i => new PlannedMachine { Name = $"vm{i}", Wave = 1 + (i / 2500) })]) with { Limits = new PlanLimits { Machines = 500, MachinesPerHost = 4 }, Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(15) } },
            host: i => $"host{i % 200}");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var watch = Stopwatch.StartNew();
        var news = new Counting();
        await using (Server(out _, r => r.Hangs = m => m.Machine.EndsWith("777", StringComparison.Ordinal), news: news, verdict: m => m.Machine.EndsWith("50", StringComparison.Ordinal) ? Verdict.Failed : Verdict.Sealed))
        {
            var (most, looks) = (0L, 0);
            await UntilAsync(async () =>
            {
                // What is alive: how much garbage lies about is for the runtime to decide.
                if (++looks % 200 == 0) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true));
                var counts = await Store.CountAsync("run", Cancel);
                return counts.GetValueOrDefault(MachineRunState.Stuck) == 10 && counts.GetValueOrDefault(MachineRunState.Succeeded) + counts.GetValueOrDefault(MachineRunState.Failed) == Count - 10;
            }, limit: TimeSpan.FromMinutes(8));
            TestContext.Current.TestOutputHelper!.WriteLine($"{Count} machines in {(Clock.GetUtcNow() - Plans.Start).TotalHours:0.0} hours of simulated time, {watch.Elapsed.TotalSeconds:0.0} s of ours; at most {(most - before) / 1e6:0} MB more alive; {Store.Writes} writes, {news.Machines} states of machines written");
            Assert.True(most - before < 100_000_000, $"{(most - before) / 1e6:0} MB");
        }

        Assert.Empty(World.Wrongs);
        Assert.InRange(World.MostAtWork, 400, 510); // the ten that hang hold no place
    }

    /// <summary>What one decision takes with ten thousand machines, five hundred of them at work.</summary>
    [Fact]
    public void Decisions_about_ten_thousand_machines_take_no_time()
    {
        const int Count = 10_000;
        var (run, machines) = Plans.Run(Plans.Of(Count) with { Limits = new PlanLimits { Machines = 500, MachinesPerHost = 4 } }, i => $"host{i % 200}");
        var now = Plans.Start;
        var schedule = new Schedule(run, machines, "here", NewId);
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

    private sealed class Counting : IRunNews
    {
        public int Machines { get; private set; }

        public void Tell(RunNews news) => Machines += news.Machines.Count;
    }
}
