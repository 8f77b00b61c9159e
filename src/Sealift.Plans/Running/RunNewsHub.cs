using System.Runtime.CompilerServices;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Plans.Running;

/// <summary>
/// Passes on what happens in runs to any number of readers: what schedulers of this process tell, and what others wrote into the store. For
/// each reader there is at most one piece of news a machine, the newest: whoever reads slowly holds nobody up and fills no memory.
/// </summary>
public sealed class RunNewsHub : IRunNews
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);

    private readonly IPlanStore store;
    private readonly TimeProvider time;
    private readonly Func<string, bool> isOurs;
    private readonly Lock gate = new();
    private readonly List<Reader> readers = [];
    private readonly Dictionary<string, (PlanRun Run, Dictionary<string, State> Machines)> known = new(StringComparer.Ordinal);
    private Task looking = Task.CompletedTask;

    /// <summary>Makes one.</summary>
    /// <param name="store">What other processes write into.</param>
    /// <param name="time">The clock.</param>
    /// <param name="isOurs">Whether a run is carried out in this process, which then tells of it itself.</param>
    public RunNewsHub(IPlanStore store, TimeProvider time, Func<string, bool> isOurs) => (this.store, this.time, this.isOurs) = (store, time, isOurs);

    /// <inheritdoc/>
    public void Tell(RunNews news)
    {
        ArgumentNullException.ThrowIfNull(news);
        lock (gate)
            foreach (var reader in readers) reader.Take(news);
    }

    /// <summary>What happens from now on; ends with <paramref name="cancel"/>.</summary>
    /// <param name="run">Of one run; null for all.</param>
    /// <param name="cancel">Ends it.</param>
    public async IAsyncEnumerable<RunNews> WatchAsync(string? run, [EnumeratorCancellation] CancellationToken cancel)
    {
        var reader = new Reader(run);
        lock (gate)
        {
            readers.Add(reader);
            // One look at the store for all readers, for as long as there are any.
            if (looking.IsCompleted) looking = Task.Run(LookAsync, CancellationToken.None);
        }

        try
        {
            while (!cancel.IsCancellationRequested)
            {
                await reader.Any.WaitAsync(cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // cancelled is the end, below
                foreach (var news in reader.Next()) yield return news;
            }
        }
        finally
        {
            lock (gate) readers.Remove(reader);
        }
    }

    private async Task LookAsync()
    {
        while (true)
        {
            lock (gate)
            {
                if (readers.Count == 0)
                {
                    known.Clear();
                    looking = Task.CompletedTask;
                    return;
                }
            }

            try
            {
                await LookOnceAsync();
            }
            catch (SealiftException)
            {
                // The store is gone for now; what changed meanwhile is seen when it is back.
            }

            await Task.Delay(LookInterval, time);
        }
    }

    private async Task LookOnceAsync()
    {
        const int Most = 1000;
        var unfinished = (await store.RunsAsync(null, unfinishedOnly: true, Most, CancellationToken.None)).ToDictionary(r => r.Id);
        // Those that were unfinished at the last look are looked at once more.
        foreach (var id in unfinished.Keys.Concat(known.Keys).Distinct().ToList())
        {
            if (isOurs(id))
            {
                known.Remove(id);
                continue;
            }

            bool isWanted;
            lock (gate) isWanted = readers.Exists(r => r.Wants(id));
            if (!isWanted) continue;
            var run = unfinished.GetValueOrDefault(id) ?? await store.FindRunAsync(id, CancellationToken.None);
            if (run is null)
            {
                known.Remove(id);
                continue;
            }

            var machines = await store.MachinesAsync(id, CancellationToken.None);
            var isFirst = !known.TryGetValue(id, out var before);
            var now = machines.ToDictionary(m => m.Machine, State.Of, StringComparer.Ordinal);
            // At the first look there is nothing to compare with: a reader knows how it stands, and hears of what comes.
            if (!isFirst)
            {
                var changed = machines.Where(m => !before.Machines.TryGetValue(m.Machine, out var was) || was != now[m.Machine]).ToList();
                var hasRunChanged = (before.Run.State, before.Run.Wave, before.Run.EndedAt) != (run.State, run.Wave, run.EndedAt);
                if (hasRunChanged || changed.Count > 0) Tell(new RunNews(run, changed));
            }

            if (run.State == PlanRunState.Finished) known.Remove(id);
            else known[id] = (run, now);
        }
    }

    /// <summary>What of a machine is news when it changes.</summary>
    private readonly record struct State(MachineRunState Stands, Sealift.Migrations.Verdict? Verdict, string Step, long Done, long Total, DateTimeOffset? Ended, DateTimeOffset? Cutover, DateTimeOffset? Begun, bool IsReady, int Hooks, int Reasons)
    {
        public static State Of(MachineRun m) => new(m.State, m.Verdict, m.Step, m.DoneBytes, m.TotalBytes, m.EndedAt, m.CutoverAt, m.CutoverBegunAt, m.IsReady, m.Hooks.Count(h => h.State != HookState.Started) + m.Hooks.Count, m.Reasons.Count);
    }

    private sealed class Reader(string? run)
    {
        private readonly Lock gate = new();
        private readonly Dictionary<string, (PlanRun? Run, Dictionary<string, MachineRun> Machines)> news = new(StringComparer.Ordinal);
        private TaskCompletionSource any = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Any
        {
            get
            {
                lock (gate) return any.Task;
            }
        }

        public bool Wants(string id) => run is null || run == id;

        public void Take(RunNews told)
        {
            var id = told.Run?.Id ?? (told.Machines.Count > 0 ? told.Machines[0].Run : null);
            if (id is null || !Wants(id)) return;
            lock (gate)
            {
                var (before, machines) = news.TryGetValue(id, out var found) ? found : (null, new Dictionary<string, MachineRun>(StringComparer.Ordinal));
                foreach (var machine in told.Machines) machines[machine.Machine] = machine;
                news[id] = (told.Run ?? before, machines);
                any.TrySetResult();
            }
        }

        public List<RunNews> Next()
        {
            lock (gate)
            {
                List<RunNews> all = [.. news.Values.Select(n => new RunNews(n.Run, [.. n.Machines.Values]))];
                news.Clear();
                if (any.Task.IsCompleted) any = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return all;
            }
        }
    }
}
