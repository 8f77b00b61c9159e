using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Plans.Scheduling;

/// <summary>Carries out one run for as long as this scheduler has the right to: hears, decides, writes down, and then acts.</summary>
/// <remarks>
/// What is decided is on stable storage before it is done, and the store refuses what comes from somebody without the right. So a process
/// that dies between the two leaves a decision that the next one carries out, and two processes never both believe that they decide.
/// </remarks>
internal sealed class RunDriver : IMachineSigns, IDisposable
{
    private static readonly TimeSpan LongestLeave = TimeSpan.FromMinutes(1);

    private readonly IPlanStore store;
    private readonly IMachineRunner runner;
    private readonly IRunNews news;
    private readonly SchedulerOptions options;
    private readonly TimeProvider time;
    private readonly string owner;
    private readonly string run;
    private readonly Schedule schedule;
    private readonly Lock gate = new();
    private readonly Dictionary<(string Machine, string Migration), ProgressSign> progress = [];
    private readonly Dictionary<string, MachineRun> unwritten = new(StringComparer.Ordinal);
    private List<(string Machine, string Migration, MachineSign Sign, TaskCompletionSource? Written)> heard = [];
    private readonly List<TaskCompletionSource> waiting = [];
    private readonly CancellationTokenSource lost = new();
    private TaskCompletionSource woken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PlanRun? unwrittenRun;
    private List<long> answered = [];
    private long leasedUntil;
    private volatile SealiftException? refusal; // the last that the store said, for as long as it says nothing better
    private bool isClosed;

    public RunDriver(IPlanStore store, IMachineRunner runner, IRunNews news, SchedulerOptions options, TimeProvider time, string owner, Schedule schedule, long leasedUntil)
    {
        (this.store, this.runner, this.news, this.options, this.time, this.owner, this.schedule, this.leasedUntil) = (store, runner, news, options, time, owner, schedule, leasedUntil);
        run = schedule.Run.Id;
    }

    /// <summary>Why the run was left, where this was not asked for; null otherwise.</summary>
    public SealiftException? Trouble { get; private set; }

    /// <summary>Whether nothing of it is left to this scheduler.</summary>
    public bool IsLeftToOthers { get; private set; }

    /// <summary>Carries the run out.</summary>
    /// <param name="drain">Asks to begin nothing more, and to come to an end when nothing is at work.</param>
    /// <param name="stop">Asks to leave off at once.</param>
    /// <returns>Done when nobody works on its machines here any more, and the right to it is given back or lost.</returns>
    public async Task RunAsync(CancellationToken drain, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop, lost.Token);
        var heartbeat = HeartbeatAsync(end.Token);
        try
        {
            await DriveAsync(drain, end.Token);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            if (lost.IsCancellationRequested) Trouble = Late();
        }
        catch (SealiftException e)
        {
            Trouble = e;
        }
        finally
        {
            List<TaskCompletionSource> nobodyWrites;
            lock (gate)
            {
                isClosed = true;
                nobodyWrites = [.. waiting, .. heard.Select(h => h.Written).OfType<TaskCompletionSource>()];
            }

            foreach (var one in nobodyWrites) one.TrySetCanceled(CancellationToken.None);
            await end.CancelAsync();
            await heartbeat;
            try
            {
                await runner.LeaveOffAsync(run).WaitAsync(LongestLeave, time, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                // What hangs in the kernel hears of nothing. The lock of its migration keeps everybody else away from it for as long as it is there.
                Trouble ??= PlanErrors.DoesNotLeave(run, LongestLeave);
            }

            await GiveBackAsync();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => lost.Dispose();

    /// <inheritdoc/>
    public void Tell(string machine, string migration, MachineSign sign)
    {
        lock (gate)
        {
            if (isClosed) return; // whoever goes on with the run finds it out by itself
            // Of progress only the last is of interest, and waits for its time: nothing piles up here however slow the store is.
            if (sign is ProgressSign p)
            {
                progress[(machine, migration)] = p;
                return;
            }

            heard.Add((machine, migration, sign, null));
            woken.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public Task TellDurablyAsync(string machine, string migration, MachineSign sign)
    {
        lock (gate)
        {
            if (isClosed) throw new OperationCanceledException($"run {run} is left");
            var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            heard.Add((machine, migration, sign, written));
            woken.TrySetResult();
            return written.Task;
        }
    }

    private async Task DriveAsync(CancellationToken drain, CancellationToken cancel)
    {
        DateTimeOffset nextOrders = DateTimeOffset.MinValue, nextProgress = DateTimeOffset.MinValue;
        while (true)
        {
            var now = time.GetUtcNow();
            schedule.BeginsNothing = drain.IsCancellationRequested;
            var isUrgent = Hear(now);
            if (now >= nextOrders || nextOrders - now > options.LookInterval)
            {
                if (await AskedAsync(now, cancel)) isUrgent = true;
                nextOrders = now + options.LookInterval;
            }

            var acts = schedule.Decide(now);
            Collect();
            var isWritten = true;
            if (isUrgent || acts.Count > 0 || unwrittenRun is not null || waiting.Count > 0 || answered.Count > 0 || now >= nextProgress || nextProgress - now > options.ProgressInterval)
            {
                isWritten = await WriteAsync(cancel);
                nextProgress = now + options.ProgressInterval;
            }

            foreach (var act in acts)
            {
                // The store has refused nothing: but what it last agreed to may have run out since.
                if (IsLate()) throw Late();
                switch (act)
                {
                    case BeginMachine begin:
                        runner.Begin(schedule.Run, begin.Machine, begin.IsGoingOn, this);
                        break;
                    case CutMachineOver:
                        runner.CutOver(act.Machine);
                        break;
                    case CancelMachine:
                        runner.Cancel(act.Machine);
                        break;
                }
            }

            if (!isWritten)
            {
                // Something was asked for since the last look: it is heard before the run ends.
                nextOrders = DateTimeOffset.MinValue;
                continue;
            }

            if (schedule.IsFinished) return;
            if (schedule.IsLeftToOthers)
            {
                IsLeftToOthers = true;
                return;
            }

            if (drain.IsCancellationRequested && schedule.AtWork == 0) return;
            await WaitAsync(now, nextOrders, nextProgress, drain, cancel);
        }
    }

    /// <summary>Lets the schedule hear what has come in.</summary>
    /// <returns>Whether any of it is more than progress.</returns>
    private bool Hear(DateTimeOffset now)
    {
        List<(string Machine, string Migration, MachineSign Sign, TaskCompletionSource? Written)> news;
        List<KeyValuePair<(string Machine, string Migration), ProgressSign>> steps;
        lock (gate)
        {
            (news, heard) = (heard, []);
            steps = [.. progress];
            progress.Clear();
            if (woken.Task.IsCompleted) woken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.AddRange(news.Select(n => n.Written).OfType<TaskCompletionSource>());
        }

        foreach (var (at, sign) in steps) schedule.Hear(at.Machine, at.Migration, sign, now);
        foreach (var one in news) schedule.Hear(one.Machine, one.Migration, one.Sign, now);
        return news.Count > 0;
    }

    private async Task<bool> AskedAsync(DateTimeOffset now, CancellationToken cancel)
    {
        var orders = await InsistAsync(() => store.OrdersAsync(run, cancel), cancel);
        foreach (var order in orders) schedule.Take(order.Order, now);
        answered = [.. orders.Select(o => o.Number)];
        return orders.Count > 0;
    }

    private void Collect()
    {
        var (changed, machines) = schedule.TakeChanges();
        unwrittenRun = changed ?? unwrittenRun;
        foreach (var machine in machines) unwritten[machine.Machine] = machine;
    }

    /// <summary>Writes down what changed, machines before the run: a run is finished only when all of its machines are.</summary>
    /// <returns>False where the run cannot end yet, because of orders that were not heard.</returns>
    private async Task<bool> WriteAsync(CancellationToken cancel)
    {
        if (unwritten.Count == 0 && unwrittenRun is null && answered.Count == 0 && waiting.Count == 0) return true;
        MachineRun[] machines = [.. unwritten.Values];
        if (machines.Length > 0) await InsistAsync(() => Done(store.UpdateAsync(run, machines, owner, cancel)), cancel);
        var isEnd = unwrittenRun is { State: PlanRunState.Finished };
        // A run ends without orders. What these meant is written down with its machines, each of which is over.
        if (isEnd) await DropAsync();
        var isWritten = unwrittenRun is not { } changed || await InsistAsync(() => store.UpdateAsync(changed, owner, cancel), cancel);
        // Only now: what they mean is written down.
        if (!isEnd) await DropAsync();
        news.Tell(new RunNews(isWritten ? unwrittenRun : null, machines));
        unwritten.Clear();
        if (isWritten) unwrittenRun = null;
        foreach (var one in waiting) one.TrySetResult();
        waiting.Clear();
        return isWritten;

        async Task DropAsync()
        {
            if (answered.Count > 0) await InsistAsync(() => Done(store.DropOrdersAsync(run, answered, owner, cancel)), cancel);
            answered = [];
        }

        static async Task<bool> Done(Task task)
        {
            await task;
            return true;
        }
    }

    /// <summary>Asks the store again for as long as the right to the run lasts: a database that is gone for a moment costs nothing.</summary>
    private async Task<T> InsistAsync<T>(Func<Task<T>> question, CancellationToken cancel)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            if (IsLate()) throw Late();
            try
            {
                var answer = await question();
                refusal = null;
                return answer;
            }
            catch (SealiftException e)
            {
                // Damaged, too new, or not there: it does not pass, and whoever looks after it must hear of it.
                if (e.Code is "SL7620" or "SL7621" or "SL7628" or "SL7629") throw;
                refusal = e;
                // Whether it was refused because the run is somebody else's by now, the lease says; everything else may pass.
                if (await IsLostAsync(cancel)) throw Late();
                await Task.Delay(TimeSpan.FromMilliseconds(500), time, cancel);
            }
        }
    }

    private async Task WaitAsync(DateTimeOffset now, DateTimeOffset nextOrders, DateTimeOffset nextProgress, CancellationToken drain, CancellationToken cancel)
    {
        Task wake;
        bool hasProgress;
        lock (gate) (wake, hasProgress) = (woken.Task, progress.Count > 0 || unwritten.Count > 0);
        var at = nextOrders;
        if (schedule.NextAt(now) is { } next && next < at) at = next;
        // Progress is looked for in its own time also where none has come yet: it does not wake anybody.
        if ((hasProgress || schedule.AtWork > 0) && nextProgress < at) at = nextProgress;
        var delay = at - now;
        if (delay <= TimeSpan.Zero) return;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(drain.IsCancellationRequested ? CancellationToken.None : drain, cancel);
        var timer = Task.Delay(delay, time, either.Token);
        _ = await Task.WhenAny(wake, timer); // whichever it was, the loop looks at everything
        await either.CancelAsync();
        await timer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // cancelled just now
        cancel.ThrowIfCancellationRequested();
    }

    /// <summary>Renews the right to the run in time, or ends everything at the moment when it runs out.</summary>
    private async Task HeartbeatAsync(CancellationToken end)
    {
        try
        {
            while (true)
            {
                await Task.Delay(options.Lease / 3, time, end);
                while (true)
                {
                    try
                    {
                        if (await TryRenewAsync(end)) break;
                        await lost.CancelAsync(); // somebody else has it
                        return;
                    }
                    catch (SealiftException e)
                    {
                        refusal = e;
                        // The database does not answer: until the lease runs out that changes nothing.
                        if (IsLate())
                        {
                            await lost.CancelAsync();
                            return;
                        }

                        await Task.Delay(options.Lease / 15, time, end);
                    }
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The run is left: nothing is to be renewed any more.
        }
    }

    /// <summary>Asks for the right again.</summary>
    /// <returns>False where somebody else has it.</returns>
    private async Task<bool> TryRenewAsync(CancellationToken cancel)
    {
        // From before the question: the store's lease lasts at least as long as ours.
        var asked = time.GetTimestamp();
        var left = time.GetElapsedTime(asked, Interlocked.Read(ref leasedUntil));
        if (left <= TimeSpan.Zero) return false;
        using var inTime = new CancellationTokenSource(left, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, inTime.Token);
        try
        {
            if (!await store.LeaseAsync(run, owner, options.Lease, either.Token)) return false;
            Interlocked.Exchange(ref leasedUntil, asked + (long)(options.Lease.TotalSeconds * time.TimestampFrequency));
            return true;
        }
        catch (OperationCanceledException) when (inTime.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            return false; // it did not answer in time
        }
    }

    /// <summary>Whether somebody else may have the right by now. A store that does not answer has given it to nobody before it runs out.</summary>
    private async Task<bool> IsLostAsync(CancellationToken cancel)
    {
        try
        {
            return !await TryRenewAsync(cancel);
        }
        catch (SealiftException)
        {
            // It does not answer: nobody else has been given the right as long as ours lasts.
            return IsLate();
        }
    }

    private bool IsLate() => time.GetTimestamp() >= Interlocked.Read(ref leasedUntil);

    private SealiftException Late() => PlanErrors.LeaseLost(run, owner, refusal);

    private async Task GiveBackAsync()
    {
        if (lost.IsCancellationRequested || IsLate()) return; // it is not ours any more
        try
        {
            await store.ReleaseAsync(run, owner, CancellationToken.None);
        }
        catch (SealiftException)
        {
            // It runs out by itself.
        }
    }
}
