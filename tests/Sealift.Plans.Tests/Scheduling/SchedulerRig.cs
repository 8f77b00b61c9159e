using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>Schedulers on a store in memory, with runners that do nothing and a clock that is moved by hand.</summary>
public abstract class SchedulerRig
{
    private int ids;

    protected SchedulerRig() => Store = new MemoryPlanStore(Clock);

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected FakeTimeProvider Clock { get; } = new(Plans.Start);

    protected FakeWorld World { get; } = new();

    protected MemoryPlanStore Store { get; }

    /// <summary>How long a machine takes.</summary>
    protected Func<MachineRun, TimeSpan> Takes { get; set; } = m => TimeSpan.FromMinutes(2 + (m.Machine.Length % 5));

    protected string NewId() => $"m{Interlocked.Increment(ref ids)}";

    protected async Task<bool> IsFinished() => (await Store.FindRunAsync("run", Cancel))!.State == PlanRunState.Finished;

    protected async Task CreateAsync(PlanSpec spec, string id = "run", Func<int, string>? host = null)
    {
        var (run, machines) = Plans.Run(spec, host, id);
        await Store.CreateRunAsync(run, machines, Cancel);
    }

    protected Running Server(out Scheduler scheduler, Action<FakeRunner>? setUp = null, string place = "here", IRunNews? news = null, Func<MachineRun, Verdict>? verdict = null)
    {
        var runner = new FakeRunner(World, Clock, Takes, verdict ?? (_ => Verdict.Sealed));
        setUp?.Invoke(runner);
        var made = scheduler = new Scheduler(Store, runner, news ?? new NoNews(), new SchedulerOptions(), Clock, place, NewId);
        return new Running(made, Clock);
    }

    /// <summary>Moves the clock until something holds.</summary>
    protected async Task UntilAsync(Func<Task<bool>> holds, TimeSpan? limit = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(watch.Elapsed < (limit ?? TimeSpan.FromMinutes(2)), "it does not come about");
            await MoveAsync(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Moves the clock in steps, and gives everybody who waits for it the time to do what they do then.</summary>
    protected async Task MoveAsync(TimeSpan by)
    {
        for (var left = by; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(1))
        {
            Clock.Advance(TimeSpan.FromSeconds(1));
            for (var i = 0; i < 20; i++) await Task.Yield();
            await Task.Delay(1, Cancel); // ours, not the fake one: what runs on other threads gets its turn
        }
    }

    protected sealed class Running : IAsyncDisposable
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

    protected sealed class NoNews : IRunNews
    {
        public void Tell(RunNews news)
        {
            // Nobody reads it.
        }
    }
}
