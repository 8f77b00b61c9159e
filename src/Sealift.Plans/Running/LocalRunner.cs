using System.Collections.Concurrent;
using Sealift.Disks;
using Sealift.Guests.Luks;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Hooks;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Posix;

namespace Sealift.Plans.Running;

/// <summary>Makes the plan of one machine's migration out of a run's documents.</summary>
/// <param name="run">The run.</param>
/// <param name="machine">The machine.</param>
/// <exception cref="SealiftException">It cannot be made.</exception>
public delegate MigrationRequest RequestOf(PlanRun run, PlannedMachine machine);

/// <summary>Carries machines out in this process, with the migrations of one state directory. What goes wrong with one is its own end and nobody else's.</summary>
public sealed class LocalRunner : IMachineRunner
{
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    private readonly MigrationStore migrations;
    private readonly RequestOf requestOf;
    private readonly TimeProvider time;
    private readonly ConcurrentDictionary<JobKey, Job> jobs = new();
    private readonly ConcurrentDictionary<string, BandwidthLimit> bandwidths = new(StringComparer.Ordinal);

    /// <summary>Makes a runner.</summary>
    /// <param name="migrations">Its migrations.</param>
    /// <param name="requestOf">What a machine's migration is to be.</param>
    /// <param name="time">The clock.</param>
    public LocalRunner(MigrationStore migrations, RequestOf requestOf, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(migrations);
        (this.migrations, this.requestOf, this.time) = (migrations, requestOf, time);
    }

    /// <inheritdoc/>
    public void Begin(PlanRun run, MachineRun machine, bool isGoingOn, IMachineSigns signs)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(machine);
        var job = new Job(run, machine, isGoingOn, signs, WorkAsync);
        while (true)
        {
            var there = jobs.GetOrAdd(job.Key, job);
            if (there == job) break;
            if (!there.Cancel.IsCancellationRequested && !there.IsOver) return; // it is at work
            // One that is on its way out is followed by the new one as soon as it has gone: two never work on one migration.
            job.Before = there.Work;
            if (jobs.TryUpdate(job.Key, job, there)) break;
        }

        job.Start();
    }

    /// <inheritdoc/>
    public void CutOver(MachineRun machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        JobOf(machine)?.CutOver.TrySetResult();
    }

    /// <inheritdoc/>
    public void Cancel(MachineRun machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        JobOf(machine)?.CancelSoon();
    }

    /// <inheritdoc/>
    public async Task LeaveOffAsync(string run)
    {
        var left = jobs.Values.Where(j => j.Run.Id == run).ToList();
        foreach (var job in left) job.LeaveOffSoon();
        await Task.WhenAll(left.Select(j => j.Work));
    }

    private Job? JobOf(MachineRun machine) => jobs.GetValueOrDefault(JobKey.Of(machine));

    private async Task WorkAsync(Job job)
    {
        var (name, id) = (job.Machine.Machine, job.Machine.Migration!);
        try
        {
            await job.Before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // it has told its own end
            MachineSign end;
            try
            {
                end = await CarryOutAsync(job);
            }
            catch (OperationCanceledException) when (job.LeaveOff.IsCancellationRequested)
            {
                return; // whoever goes on with it finds it as it stands
            }
            catch (OperationCanceledException) when (job.Cancel.IsCancellationRequested)
            {
                end = new EndedSign(MachineRunState.Cancelled, null, [], CanResume: true);
            }
            catch (SealiftException e)
            {
                end = new EndedSign(MachineRunState.Failed, null, [e.Message], CanResume: true);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // A defect ends this machine, and neither the others nor the scheduler.
                end = new EndedSign(MachineRunState.Failed, null, [PlanErrors.Unexpected(name, e).Message], CanResume: true);
            }

            // Gone before its end is told: whoever hears of it may begin the machine again.
            jobs.TryRemove(new KeyValuePair<JobKey, Job>(job.Key, job)); // false: another one has taken its place
            job.Signs.Tell(name, id, end);
        }
        finally
        {
            job.Dispose();
            jobs.TryRemove(new KeyValuePair<JobKey, Job>(job.Key, job)); // likewise; it was left off
        }
    }

    private async Task<MachineSign> CarryOutAsync(Job job)
    {
        var id = job.Machine.Migration!;
        var owner = OwnerOf(job);
        if (owner == IdOwner.Another && !job.Machine.IsHandedOver) return new TakenIdSign();
        var outcome = owner == IdOwner.Ours ? migrations.OutcomeOf(id) : null;
        // What was handed over stays so, even where somebody has taken its migration out of the journal since.
        if (outcome is null && job.Machine is { IsHandedOver: true, Verdict: { } verdict }) outcome = new MigrationOutcome(id, verdict, job.Machine.SealPath, null, null, null, [], CanResume: false);
        // What was ordered is written down before anything is done: after a crash in between, the end that the journal has is of the try before.
        var isOver = outcome is not null && ((job.IsGoingOn && !job.Machine.IsTriedAgain) || !outcome.CanResume || IsHandedOver(outcome.Verdict));
        if (!isOver)
        {
            if (owner == IdOwner.Nobody && await HooksAsync(job, HookStep.PreHook, null) is { Count: > 0 } failed) return new EndedSign(MachineRunState.Failed, null, [.. failed, .. job.Remarks()], CanResume: true);
            job.Signs.Tell(job.Machine.Machine, id, new MigratingSign());
            if (await MigrateAsync(job) is not { } ended) return new TakenIdSign();
            outcome = ended;
        }

        if (!IsHandedOver(outcome!.Verdict)) return new EndedSign(outcome.Verdict == Verdict.Cancelled ? MachineRunState.Cancelled : MachineRunState.Failed, outcome, [.. outcome.Reasons, .. job.Remarks()], outcome.CanResume);
        await job.Signs.TellDurablyAsync(job.Machine.Machine, id, new PostHooksSign(outcome));
        var after = await HooksAsync(job, HookStep.PostHook, outcome);
        return new EndedSign(after.Count == 0 ? MachineRunState.Succeeded : MachineRunState.Failed, outcome, [.. outcome.Reasons, .. job.Remarks(), .. after], CanResume: false);
    }

    /// <summary>
    /// Whose migration the id of a machine names. Another process on this state directory may have given it in the same second, to a machine of
    /// another run; the journal takes each only once. Once it is ours it stays so; until then it is looked at before each use, as hooks may
    /// have run for an hour.
    /// </summary>
    private IdOwner OwnerOf(Job job)
    {
        var id = job.Machine.Migration!;
        if (!migrations.Exists(id)) return IdOwner.Nobody;
        return migrations.Show(id).Request.Sources.SequenceEqual(requestOf(job.Run, job.Planned).Sources) ? IdOwner.Ours : IdOwner.Another;
    }

    /// <summary>When a running machine is cut over is the scheduler's to say, which knows the windows and the limits; what all may read together is shared.</summary>
    private static MigrationRequest Governed(Job job, MigrationRequest request) => request with
    {
        Warm = request.Warm is { } warm ? warm with { CutoverAt = Steering.WhenAsked } : null,
        BandwidthBytesPerSecond = job.Plan.Limits.Bandwidth is null ? request.BandwidthBytesPerSecond : null,
    };

    /// <summary>Begins the migration of a machine, or goes on with it.</summary>
    /// <returns>How it ended; null where its id is another machine's.</returns>
    private async Task<MigrationOutcome?> MigrateAsync(Job job)
    {
        var id = job.Machine.Migration!;
        var owner = OwnerOf(job);
        if (owner == IdOwner.Another) return null;
        var request = owner == IdOwner.Ours ? migrations.Show(id).Request : Governed(job, requestOf(job.Run, job.Planned));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(job.LeaveOff);
        var keys = KeysOf(request);
        // Of a cold machine that runs nobody says when: it is shut down after its first pass.
        if (job.Plan.TypeOf(job.Planned) == PlanType.Cold) job.CutOver.TrySetResult();
        var steering = SteerAsync(job, end.Token);
        var before = migrations.EndOf(id);
        try
        {
            var terms = new MigrationTerms { Id = id, Keys = keys, LeaveOff = job.LeaveOff, Bandwidth = BandwidthOf(job) };
            var observer = new JobObserver(job);
            while (true)
            {
                try
                {
                    if (owner == IdOwner.Another) return null;
                    return owner == IdOwner.Ours
                        ? await MigrationRunner.ResumeAsync(migrations, id, terms, observer, job.Cancel)
                        : await MigrationRunner.StartAsync(migrations, request, terms, observer, job.Cancel);
                }
                catch (SealiftException e) when (e.Code == "SL7010" && OwnerOf(job) == IdOwner.Another)
                {
                    return null; // somebody was faster by a moment
                }
                catch (OperationCanceledException) when (job.Cancel.IsCancellationRequested && !job.LeaveOff.IsCancellationRequested && OwnerOf(job) == IdOwner.Ours)
                {
                    // Before its lock was had: whoever holds it is told by the journal, and is waited for.
                    if (await CancelElsewhereAsync(id, observer, end.Token) is { } cancelled) return cancelled;
                }
                catch (SealiftException e) when (e.Code == "SL7004")
                {
                    // Another process, such as one that lost the right to this run and has not noticed yet: the lock is the last word.
                    await Task.Delay(TryAgain, time, end.Token);
                    if (migrations.OutcomeOf(id) is { } told && migrations.EndOf(id) is { } at && at != before) return told;
                }

                owner = OwnerOf(job);
            }
        }
        finally
        {
            await end.CancelAsync();
            await steering;
            foreach (var key in keys) key.Dispose();
        }
    }

    /// <summary>Cancels a migration that another process may be working on.</summary>
    /// <returns>How it ended; null where that is not known yet.</returns>
    private async Task<MigrationOutcome?> CancelElsewhereAsync(string id, IMigrationObserver observer, CancellationToken end)
    {
        try
        {
            if (await MigrationRunner.CancelAsync(migrations, id, observer, end) is { } outcome) return outcome;
        }
        catch (SealiftException e) when (e.Code == "SL7006")
        {
            // It is over, or past the gate: then it is handed over, and that is how it ends.
            if (migrations.OutcomeOf(id) is { } over) return over;
        }

        await Task.Delay(TryAgain, time, end);
        return migrations.OutcomeOf(id);
    }

    /// <summary>Passes a cutover on once it is wanted and as soon as there is something to tell it to.</summary>
    private async Task SteerAsync(Job job, CancellationToken end)
    {
        var id = job.Machine.Migration!;
        try
        {
            await job.CutOver.Task.WaitAsync(end);
            while (true)
            {
                try
                {
                    if (OwnerOf(job) != IdOwner.Ours)
                    {
                        await Task.Delay(TryAgain, time, end); // it does not exist yet
                        continue;
                    }

                    _ = MigrationRunner.Steer(migrations, id, s => s with { CutoverAt = DateTimeOffset.UnixEpoch /* now, whatever the clock does */, IsPaused = false }); // what is asked now is known
                    return;
                }
                catch (SealiftException e) when (e.Code is "SL7305" or "SL7306")
                {
                    return; // it is past that
                }
                catch (SealiftException)
                {
                    // It does not listen yet, or the journal is busy: asked again until it is told, or the migration is over.
                    await Task.Delay(TryAgain, time, end);
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The migration is over, with or without a cutover.
        }
    }

    /// <summary>Runs the hooks of a machine at a step.</summary>
    /// <returns>Why the machine counts as failed; empty where it does not.</returns>
    private async Task<List<string>> HooksAsync(Job job, HookStep step, MigrationOutcome? outcome)
    {
        var (machine, id) = (job.Machine, job.Machine.Migration!);
        var fatal = new List<string>();
        var failed = new HashSet<string>();
        foreach (var hook in HookOrder.Of(job.Run.Documents, job.Planned, step))
        {
            job.ThrowIfStopped(step);
            var name = hook.Metadata.Name;
            if (machine.Hooks.Any(h => h.Hook == name && h.Step == step && h.Migration == id && h.State == HookState.Succeeded)) continue;
            // One that failed in this try, and does not matter, has been: another process wrote it down before it died.
            if (hook.Spec.OnFailure == HookFailure.Continue && machine.Hooks.Any(h => h.Hook == name && h.Step == step && h.Migration == id && h.Try == machine.Try && h.State is HookState.Failed or HookState.Skipped))
            {
                failed.Add(name);
                continue;
            }

            var log = Path.Combine(migrations.StateDirectory, "runs", job.Run.Id, id, $"{step.ToString().ToLowerInvariant()}-{name}.log");
            var record = new HookRun(name, step, HookState.Started, time.GetUtcNow(), null, string.Empty, log) { Migration = id, Try = machine.Try };
            SealiftException? trouble = null;
            if (hook.Spec.After.Select(a => a.Name).FirstOrDefault(failed.Contains) is { } needed)
            {
                trouble = PlanErrors.HookSkipped(name, machine.Machine, needed);
                record = record with { State = HookState.Skipped, EndedAt = time.GetUtcNow(), Said = trouble.Message };
            }
            else
            {
                // Written down before it runs: after a crash it is known that it may have run.
                await job.Signs.TellDurablyAsync(machine.Machine, id, new HookSign(record));
                try
                {
                    var said = await HookProcess.RunAsync(hook, InputOf(job, step, outcome), log, step == HookStep.PreHook ? job.Cancel : job.LeaveOff);
                    record = record with { State = HookState.Succeeded, EndedAt = time.GetUtcNow(), Said = said };
                }
                catch (SealiftException e)
                {
                    job.ThrowIfStopped(step); // killed by that, and not by itself
                    trouble = PlanErrors.HookFailed(name, machine.Machine, e.Message, log);
                    record = record with { State = HookState.Failed, EndedAt = time.GetUtcNow(), Said = e is ChildException { End: { } how } ? $"{how}; {e.Message}" : e.Message };
                }
            }

            await job.Signs.TellDurablyAsync(machine.Machine, id, new HookSign(record));
            job.Hooks.Add(record);
            if (trouble is null) continue;
            failed.Add(name);
            if (hook.Spec.OnFailure == HookFailure.Fail) fatal.Add(trouble.Message);
            // Nothing is done for a machine that will not be migrated; after the migration, the other hooks have work of their own.
            if (fatal.Count > 0 && step == HookStep.PreHook) break;
        }

        return fatal;
    }

    private static HookInput InputOf(Job job, HookStep step, MigrationOutcome? outcome) => new()
    {
        Machine = job.Machine.Machine,
        Plan = job.Run.Plan,
        Run = job.Run.Id,
        Migration = job.Machine.Migration!,
        Step = step.ToString(),
        Verdict = outcome?.Verdict.ToString().ToLowerInvariant(),
        SealPath = outcome?.SealPath,
        DomainPath = outcome?.DomainPath,
    };

    private static List<VolumeKey> KeysOf(MigrationRequest request)
    {
        var keys = new List<VolumeKey>();
        try
        {
            foreach (var source in request.LuksKeys) keys.Add(PlanKeys.Read(source));
            return keys;
        }
        catch
        {
            foreach (var key in keys) key.Dispose();
            throw;
        }
    }

    private BandwidthLimit? BandwidthOf(Job job) => job.Plan.Limits.Bandwidth is { } rate
        ? bandwidths.GetOrAdd(job.Run.Id, _ => new BandwidthLimit(Math.Max(rate, BandwidthLimit.MinimumBytesPerSecond), TimeProvider.System))
        : null;

    private static bool IsHandedOver(Verdict verdict) => verdict is Verdict.Sealed or Verdict.Degraded;

    /// <summary>What tells one job from another: the id of a migration alone may be two machines' for a moment.</summary>
    private readonly record struct JobKey(string Run, string Machine, string? Migration)
    {
        public static JobKey Of(MachineRun machine) => new(machine.Run, machine.Machine, machine.Migration);
    }

    /// <summary>Whose migration an id names.</summary>
    private enum IdOwner
    {
        /// <summary>There is none of it.</summary>
        Nobody,

        /// <summary>That of the machine which was given it.</summary>
        Ours,

        /// <summary>That of another machine.</summary>
        Another,
    }

    /// <summary>One machine at work.</summary>
    private sealed class Job : IDisposable
    {
        private readonly Lock gate = new();
        private readonly CancellationTokenSource cancel = new(), leaveOff = new(), either;
        private readonly Task<Task> work;

        public Job(PlanRun run, MachineRun machine, bool isGoingOn, IMachineSigns signs, Func<Job, Task> work)
        {
            this.work = new Task<Task>(() => work(this));
            Work = this.work.Unwrap(); // there to be waited for before it is started
            (Run, Machine, IsGoingOn, Signs) = (run, machine, isGoingOn, signs);
            Plan = run.PlanDocument.Spec;
            Planned = Plan.Vms.First(m => m.Name == machine.Machine);
            either = CancellationTokenSource.CreateLinkedTokenSource(cancel.Token, leaveOff.Token);
            (Cancel, LeaveOff) = (either.Token, leaveOff.Token);
        }

        public JobKey Key => JobKey.Of(Machine);

        public PlanRun Run { get; }

        public MachineRun Machine { get; }

        public PlanSpec Plan { get; }

        public PlannedMachine Planned { get; }

        public bool IsGoingOn { get; }

        public IMachineSigns Signs { get; }

        /// <summary>The hooks that have ended here, as they were written down.</summary>
        public List<HookRun> Hooks { get; } = [];

        public TaskCompletionSource CutOver { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>It is cancelled, or left.</summary>
        public CancellationToken Cancel { get; }

        public CancellationToken LeaveOff { get; }

        /// <summary>An earlier one of the same migration that is on its way out.</summary>
        public Task Before { get; set; } = Task.CompletedTask;

        public Task Work { get; }

        public bool IsOver { get; private set; }

        /// <summary>What is to be said of hooks that failed and do not matter, whichever process ran them: from what is written down.</summary>
        public IEnumerable<string> Remarks()
        {
            var last = new Dictionary<(string, HookStep), HookRun>();
            foreach (var hook in Machine.Hooks.Concat(Hooks))
                if (hook.Migration == Machine.Migration) last[(hook.Hook, hook.Step)] = hook;
            foreach (var hook in last.Values)
            {
                if (Run.Documents.OfType<HookDocument>().FirstOrDefault(h => h.Metadata.Name == hook.Hook)?.Spec.OnFailure != HookFailure.Continue) continue;
                if (hook.State == HookState.Failed) yield return PlanErrors.HookFailed(hook.Hook, Machine.Machine, hook.Said, hook.LogPath).Message;
                else if (hook.State == HookState.Skipped) yield return hook.Said;
            }
        }

        public void Start() => work.Start(TaskScheduler.Default);

        public void CancelSoon() => Fire(cancel);

        public void LeaveOffSoon() => Fire(leaveOff);

        public void ThrowIfStopped(HookStep step)
        {
            (step == HookStep.PreHook ? Cancel : LeaveOff).ThrowIfCancellationRequested();
        }

        public void Dispose()
        {
            lock (gate)
            {
                IsOver = true;
                either.Dispose();
                cancel.Dispose();
                leaveOff.Dispose();
            }
        }

        private void Fire(CancellationTokenSource source)
        {
            lock (gate)
            {
                // By a timer: what is registered kills children and waits for them, which is not done on the scheduler's time.
                if (!IsOver) source.CancelAfter(TimeSpan.Zero);
            }
        }
    }

    /// <summary>Turns what happens in a migration into signs.</summary>
    private sealed class JobObserver(Job job) : IMigrationObserver
    {
        private string step = string.Empty;
        private long done, total;

        public void Report(MigrationEvent happened)
        {
            // Ends also what hears of no cancellation, such as a commit, as the death of the process would.
            job.LeaveOff.ThrowIfCancellationRequested();
            switch (happened)
            {
                case StepStarted e:
                    (step, done, total) = (e.Disk.Length == 0 ? e.Step : $"{e.Step} {e.Disk}", 0, 0);
                    if (e.Step == StepName.Cutover) Tell(new CuttingOverSign());
                    break;
                case StepProgress e:
                    (done, total) = (e.DoneBytes, e.TotalBytes);
                    break;
                case CutoverEstimated e:
                    Tell(new FollowingSign(e.IsShortEnough));
                    break;
            }

            Tell(new ProgressSign(step, done, total));
        }

        private void Tell(MachineSign sign) => job.Signs.Tell(job.Machine.Machine, job.Machine.Migration!, sign);
    }
}
