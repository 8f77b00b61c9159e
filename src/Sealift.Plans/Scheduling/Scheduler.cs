using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Plans.Scheduling;

/// <summary>Carries out all runs of a store that nobody else carries out. Several schedulers may share a store: each run has one at a time.</summary>
public sealed class Scheduler
{
    private readonly IPlanStore store;
    private readonly IMachineRunner runner;
    private readonly IRunNews news;
    private readonly SchedulerOptions options;
    private readonly TimeProvider time;
    private readonly Func<string> newMigration;
    private readonly Dictionary<string, (RunDriver Driver, Task Work)> driven = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> leftUntil = new(StringComparer.Ordinal);

    /// <summary>Makes a scheduler.</summary>
    /// <param name="store">What it carries out.</param>
    /// <param name="runner">What does it.</param>
    /// <param name="news">Who is told.</param>
    /// <param name="options">How it keeps time.</param>
    /// <param name="time">The clock.</param>
    /// <param name="place">Names the state directory of <paramref name="runner"/> for good, such as <c>host7:/var/lib/sealift</c>: after a restart, its migrations are gone on with.</param>
    /// <param name="newMigration">Makes ids for migrations.</param>
    public Scheduler(IPlanStore store, IMachineRunner runner, IRunNews news, SchedulerOptions options, TimeProvider time, string place, Func<string> newMigration)
    {
        ArgumentNullException.ThrowIfNull(time);
        (this.store, this.runner, this.news, this.options, this.time, this.newMigration, Place) = (store, runner, news, options, time, newMigration, place);
        // Each process has the right for itself alone, even beside another one of the same state directory.
        Owner = $"{place}#{Guid.NewGuid():N}";
    }

    /// <summary>The name of the state directory.</summary>
    public string Place { get; }

    /// <summary>Who this scheduler is to the store.</summary>
    public string Owner { get; }

    /// <summary>The last thing that went wrong with a run or with the store, for health pages; null where nothing did.</summary>
    public SealiftException? LastTrouble { get; private set; }

    /// <summary>When <see cref="LastTrouble"/> was met, in UTC; null where nothing went wrong.</summary>
    public DateTimeOffset? LastTroubleAt { get; private set; }

    /// <summary>When runs were last looked for with success.</summary>
    public DateTimeOffset? LastLookAt { get; private set; }

    /// <summary>The runs that are carried out here.</summary>
    public IReadOnlyList<string> Driven
    {
        get
        {
            lock (driven) return [.. driven.Keys];
        }
    }

    /// <summary>Carries out until it is stopped, or, with <see cref="SchedulerOptions.OnlyRun"/>, until that run is finished.</summary>
    /// <param name="drain">Asks to begin nothing more, and to come to an end when nothing is at work.</param>
    /// <param name="stop">Asks to leave off: what is at work can be gone on with by whoever runs next.</param>
    /// <returns>Done when nobody works here any more.</returns>
    public async Task RunAsync(CancellationToken drain, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(drain, stop);
        try
        {
            while (!end.IsCancellationRequested)
            {
                await CollectAsync();
                try
                {
                    if (options.OnlyRun is { } only && await store.FindRunAsync(only, end.Token) is not { State: not PlanRunState.Finished }) break;
                    await LookAsync(drain, stop, end.Token);
                    LastLookAt = time.GetUtcNow();
                }
                catch (SealiftException e)
                {
                    Note(e); // the store is gone for now: what is carried out has its own patience
                }

                await Task.Delay(options.LookInterval, time, end.Token);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // Asked to end: those at work come to theirs below.
        }

        Task[] left;
        lock (driven) left = [.. driven.Values.Select(d => d.Work)];
        await Task.WhenAll(left).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // what they threw is judged one by one below
        await CollectAsync();
    }

    private async Task LookAsync(CancellationToken drain, CancellationToken stop, CancellationToken cancel)
    {
        const int Most = 1000; // unfinished runs at once; each plan has one at most
        foreach (var run in (await store.RunsAsync(null, unfinishedOnly: true, Most, cancel)).Reverse())
        {
            if (options.OnlyRun is { } only && run.Id != only) continue;
            lock (driven)
                if (driven.ContainsKey(run.Id)) continue;
            var now = time.GetUtcNow();
            if (leftUntil.TryGetValue(run.Id, out var until) && now < until && until - now <= options.YieldFor) continue;
            var asked = time.GetTimestamp();
            if (!await store.LeaseAsync(run.Id, Owner, options.Lease, cancel)) continue;
            if (await ScheduleAsync(run.Id, cancel) is not { } schedule)
            {
                await store.ReleaseAsync(run.Id, Owner, cancel);
                continue;
            }

            var driver = new RunDriver(store, runner, news, options, time, Owner, schedule, asked + (long)(options.Lease.TotalSeconds * time.TimestampFrequency));
            lock (driven) driven[run.Id] = (driver, Task.Run(() => driver.RunAsync(drain, stop), CancellationToken.None));
        }
    }

    /// <summary>Takes up a run where it stands, under the lease: it may have gone on since it was listed.</summary>
    /// <returns>Null where it is finished, or cannot be read: one that is damaged holds up no other.</returns>
    private async Task<Schedule?> ScheduleAsync(string run, CancellationToken cancel)
    {
        try
        {
            return await store.FindRunAsync(run, cancel) is { State: not PlanRunState.Finished } fresh ? new Schedule(fresh, await store.MachinesAsync(run, cancel), Place, newMigration) : null;
        }
        catch (SealiftException e)
        {
            Note(e);
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException or ArgumentException)
        {
            Note(PlanErrors.Unexpected(run, e)); // its documents and its machines do not fit each other
        }

        return null;
    }

    private void Note(SealiftException trouble) => (LastTrouble, LastTroubleAt) = (trouble, time.GetUtcNow());

    /// <summary>Takes leave of runs that are over, or lost.</summary>
    private async Task CollectAsync()
    {
        List<(string Run, RunDriver Driver, Task Work)> over;
        lock (driven)
        {
            over = [.. driven.Where(d => d.Value.Work.IsCompleted).Select(d => (d.Key, d.Value.Driver, d.Value.Work))];
            foreach (var one in over) driven.Remove(one.Run);
        }

        foreach (var (run, driver, work) in over)
        {
            driver.Dispose();
            try
            {
                await work;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // A defect in one run ends neither the others nor this: it is taken up again at the next look, from what is written down.
                Note(PlanErrors.Unexpected(run, e));
                continue;
            }

            if (driver.Trouble is { } trouble) Note(trouble);
            if (driver.IsLeftToOthers) leftUntil[run] = time.GetUtcNow() + options.YieldFor;
            else leftUntil.Remove(run);
        }
    }
}
