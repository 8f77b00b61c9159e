using Sealift.Migrations;
using Sealift.Plans.Running;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>What the world remembers of migrations, whichever process dies: which were begun, which are over, and who works on one now.</summary>
public sealed class FakeWorld
{
    private readonly Lock gate = new();

    public Dictionary<string, string> MachineOf { get; } = [];

    public Dictionary<string, MigrationOutcome> Outcomes { get; } = [];

    public HashSet<string> AtWork { get; } = [];

    public int MostAtWork { get; private set; }

    /// <summary>Machines that had a second migration, or one on which two worked at once.</summary>
    public List<string> Wrongs { get; } = [];

    public bool Enter(string machine, string migration)
    {
        lock (gate)
        {
            if (MachineOf.TryGetValue(migration, out var known) ? known != machine : MachineOf.ContainsValue(machine)) Wrongs.Add($"{machine} has a second migration {migration}");
            MachineOf[migration] = machine;
            if (!AtWork.Add(migration)) return false; // the lock of the migration
            MostAtWork = Math.Max(MostAtWork, AtWork.Count);
            return true;
        }
    }

    public void Leave(string migration)
    {
        lock (gate) AtWork.Remove(migration);
    }

    public MigrationOutcome End(string migration, Verdict verdict)
    {
        lock (gate)
        {
            if (Outcomes.TryGetValue(migration, out var told)) return told;
            return Outcomes[migration] = new MigrationOutcome(migration, verdict, $"/seals/{migration}", null, null, null, [], CanResume: false);
        }
    }
}

/// <summary>A runner that takes its time on a clock and does nothing.</summary>
public sealed class FakeRunner(FakeWorld world, TimeProvider time, Func<MachineRun, TimeSpan> takes, Func<MachineRun, Verdict> verdict) : IMachineRunner
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, (string Run, CancellationTokenSource Cancel, CancellationTokenSource LeaveOff, Task Work)> jobs = [];

    /// <summary>Called before each act; what it throws is the death of the process.</summary>
    public Action<string>? BeforeAct { get; set; }

    /// <summary>Machines that are never heard of again once they were begun.</summary>
    public Func<MachineRun, bool> Hangs { get; set; } = _ => false;

    public void Begin(PlanRun run, MachineRun machine, bool isGoingOn, IMachineSigns signs)
    {
        BeforeAct?.Invoke($"begin {machine.Machine}");
        var (cancel, leave) = (new CancellationTokenSource(), new CancellationTokenSource());
        lock (gate)
        {
            if (jobs.ContainsKey(machine.Migration!)) return;
            jobs[machine.Migration!] = (run.Id, cancel, leave, Task.Run(() => WorkAsync(machine, signs, cancel.Token, leave.Token)));
        }
    }

    public void CutOver(MachineRun machine) => BeforeAct?.Invoke($"cut over {machine.Machine}");

    public void Cancel(MachineRun machine)
    {
        BeforeAct?.Invoke($"cancel {machine.Machine}");
        lock (gate)
            if (jobs.TryGetValue(machine.Migration!, out var job)) job.Cancel.Cancel();
    }

    public async Task LeaveOffAsync(string run)
    {
        List<Task> left = [];
        lock (gate)
        {
            foreach (var job in jobs.Values.Where(j => j.Run == run))
            {
                job.LeaveOff.Cancel();
                left.Add(job.Work);
            }
        }

        await Task.WhenAll(left);
    }

    private async Task WorkAsync(MachineRun machine, IMachineSigns signs, CancellationToken cancel, CancellationToken leave)
    {
        var id = machine.Migration!;
        try
        {
            while (!world.Enter(machine.Machine, id)) await Task.Delay(TimeSpan.FromSeconds(1), time, leave);
            try
            {
                signs.Tell(machine.Machine, id, new MigratingSign());
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, leave);
                MigrationOutcome outcome;
                try
                {
                    if (Hangs(machine)) await Task.Delay(Timeout.InfiniteTimeSpan, time, either.Token);
                    var left = world.Outcomes.ContainsKey(id) ? TimeSpan.Zero : takes(machine);
                    for (var step = TimeSpan.FromMinutes(1); left > TimeSpan.Zero; left -= step)
                    {
                        await Task.Delay(left < step ? left : step, time, either.Token);
                        signs.Tell(machine.Machine, id, new ProgressSign("copy", 1, 2));
                    }

                    outcome = world.End(id, verdict(machine));
                }
                catch (OperationCanceledException) when (!leave.IsCancellationRequested)
                {
                    outcome = world.End(id, Verdict.Cancelled);
                }

                if (outcome.Verdict is Verdict.Sealed or Verdict.Degraded) await signs.TellDurablyAsync(machine.Machine, id, new PostHooksSign(outcome));
                var state = outcome.Verdict switch { Verdict.Cancelled => MachineRunState.Cancelled, Verdict.Failed => MachineRunState.Failed, _ => MachineRunState.Succeeded };
                lock (gate) jobs.Remove(id);
                world.Leave(id); // before anybody hears of it and begins another
                signs.Tell(machine.Machine, id, new EndedSign(state, outcome, [], CanResume: false));
            }
            finally
            {
                world.Leave(id);
            }
        }
        catch (OperationCanceledException)
        {
            // Left off.
        }
        finally
        {
            lock (gate) jobs.Remove(id);
        }
    }
}
