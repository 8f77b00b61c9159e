using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;

namespace Sealift.Plans.Scheduling;

/// <summary>
/// Decides what a run does next: which machines begin, are cut over, cancelled or called stuck. It does nothing itself and has no clock:
/// it is told what was heard, what was asked and what time it is, and says what is to be written down, and what is to be done then.
/// </summary>
/// <remarks>
/// Fair: of all machines that may begin, the first in the order of the plan does, whose host has room; a machine behind a full host waits
/// alone. Bounded: begun and cut over is only what has a place. Nothing here depends on the order in which things are heard. A step of
/// time that is longer than <see cref="LongestStep"/> counts as that: neither a clock that is set nor a host that was asleep makes a machine
/// overdue. Not safe for several threads.
/// </remarks>
public sealed class Schedule
{
    /// <summary>The most time that passes for deadlines between two looks.</summary>
    public static readonly TimeSpan LongestStep = TimeSpan.FromMinutes(1);

    /// <summary>With so many stuck machines nothing more begins: what holds them all up is not theirs.</summary>
    public const int MostStuck = 1000;

    private readonly PlanSpec plan;
    private readonly DateTimeOffset? runCutover;
    private readonly string place;
    private readonly Func<string> newMigration;
    private readonly MachineRun[] machines;
    private readonly PlannedMachine[] planned;
    private readonly bool[] hasPreHooks;
    private readonly Dictionary<string, int> byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedSet<(int Wave, int Index)>> waiting = new(StringComparer.Ordinal); // by host
    private readonly SortedSet<(int Wave, int Index, string Host)> heads = []; // the first of each host that has room
    private readonly Dictionary<string, int> atWorkOnHost = new(StringComparer.Ordinal);
    private readonly SortedSet<int> atWork = [], following = [], stuck = [], cancelling = [];
    private readonly SortedDictionary<int, int> unfinishedOfWave = []; // waiting, at work, followed; not stuck
    private readonly Dictionary<int, int> troubledOfWave = []; // failed or stuck
    private readonly Dictionary<int, TimeSpan> silence = [];
    private readonly HashSet<int> changed = [];
    private readonly List<ScheduleAct> acts = [];
    private readonly HashSet<MaintenanceWindow> windows; // of the plan, and those that orders have brought
    private readonly Dictionary<int, TimeSpan> closed = []; // for how long a waiting machine has had no window left
    private int waitingCount, ownWindows;
    private bool runChanged;
    private DateTimeOffset? lastLook;

    /// <summary>Takes a run up where it stands.</summary>
    /// <param name="run">The run.</param>
    /// <param name="machines">Its machines, in the order of the plan.</param>
    /// <param name="place">What names the state directory whose migrations this scheduler can work on.</param>
    /// <param name="newMigration">Makes ids for migrations.</param>
    public Schedule(PlanRun run, IReadOnlyList<MachineRun> machines, string place, Func<string> newMigration)
        : this(run, machines, place, newMigration, goesOn: true)
    {
    }

    private Schedule(PlanRun run, IReadOnlyList<MachineRun> machines, string place, Func<string> newMigration, bool goesOn)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(machines);
        (Run, this.place, this.newMigration) = (run, place, newMigration);
        plan = run.PlanDocument.Spec;
        runCutover = run.Cutover;
        this.machines = [.. machines];
        var spec = new Dictionary<string, PlannedMachine>(StringComparer.Ordinal);
        foreach (var machine in plan.Vms) spec[machine.Name] = machine;
        planned = [.. machines.Select(m => spec[m.Machine])];
        var all = plan.Hooks.Any(h => h.Step == HookStep.PreHook);
        hasPreHooks = [.. planned.Select(m => all || m.Hooks.Any(h => h.Step == HookStep.PreHook))];
        windows = [.. plan.MaintenanceWindows];
        for (var i = 0; i < machines.Count; i++)
        {
            byName.Add(machines[i].Machine, i);
            Enlist(i);
            TakeWindows(machines[i].Windows);
            if (!goesOn || machines[i].IsOver || machines[i].State == MachineRunState.Waiting) continue;
            // Whoever worked on it is gone. What was decided then is done again: it knows by itself how far it came.
            if (machines[i].Owner == place) GoOn(i);
            else if (machines[i].State != MachineRunState.Stuck) Set(i, machines[i] with { State = MachineRunState.Stuck, Reasons = [PlanErrors.ElsewhereAtWork(machines[i].Machine, machines[i].Migration ?? "-", machines[i].Owner ?? "-").Message] });
        }
    }

    /// <summary>A run as it stands, to be asked and not to be carried out.</summary>
    internal static Schedule ToLookAt(PlanRun run, IReadOnlyList<MachineRun> machines) => new(run, machines, string.Empty, () => throw new InvalidOperationException("nothing is begun here"), goesOn: false);

    /// <summary>The run as it stands.</summary>
    public PlanRun Run { get; private set; }

    /// <summary>Its machines as they stand, in the order of the plan.</summary>
    public IReadOnlyList<MachineRun> Machines => machines;

    /// <summary>Machines that hold a place.</summary>
    public int AtWork => atWork.Count;

    /// <summary>Whether nothing is begun or cut over for now: whoever carries this out is about to end.</summary>
    public bool BeginsNothing { get; set; }

    /// <summary>Whether every machine is over.</summary>
    public bool IsFinished => waitingCount == 0 && atWork.Count == 0 && following.Count == 0 && cancelling.Count == 0 && stuck.Count == 0;

    /// <summary>Whether all that is left, as long as nobody says continue, is the work of another state directory's scheduler.</summary>
    public bool IsLeftToOthers => !IsFinished && (waitingCount == 0 || Run.State == PlanRunState.Halted) && stuck.Count > 0 && atWork.Count == 0 && following.Count == 0 && cancelling.Count == 0 && stuck.All(i => machines[i].Owner != place);

    /// <summary>Takes in what was heard of a machine.</summary>
    /// <param name="name">What the plan calls it.</param>
    /// <param name="migration">The migration that the sign is of: of one that was given up long ago, nothing is heard.</param>
    /// <param name="sign">What was heard.</param>
    /// <param name="now">What time it is.</param>
    public void Hear(string name, string migration, MachineSign sign, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(sign);
        if (!byName.TryGetValue(name, out var index)) return;
        var machine = machines[index];
        if (machine.Migration != migration) return;
        if (sign is EndedSign ended)
        {
            // Also of one that was given up because it did not answer: how it really ended is what counts.
            if (machine.State != MachineRunState.Waiting) End(index, ended, now);
            return;
        }

        if (sign is TakenIdSign)
        {
            if (machine.State != MachineRunState.Waiting) GiveUpId(index, now);
            return;
        }

        if (machine.IsOver || machine.State == MachineRunState.Waiting) return; // late
        silence[index] = TimeSpan.Zero;
        machine = machine with { HeardAt = now };
        machine = sign switch
        {
            ProgressSign p => machine with { Step = p.Step, DoneBytes = p.DoneBytes, TotalBytes = p.TotalBytes },
            PostHooksSign p => machine with { Verdict = p.Outcome.Verdict, SealPath = p.Outcome.SealPath, Reasons = p.Outcome.Reasons, Step = string.Empty, DoneBytes = 0, TotalBytes = 0 },
            HookSign h => machine with { Step = h.Hook.Hook, DoneBytes = 0, TotalBytes = 0, Hooks = With(machine.Hooks, h.Hook) },
            FollowingSign f => machine with { IsReady = f.IsReady },
            CuttingOverSign => machine with { CutoverBegunAt = machine.CutoverBegunAt ?? now },
            _ => machine,
        };
        // Its migration is at work: how it ended before is in its journal no more.
        if (sign is ProgressSign or FollowingSign or CuttingOverSign or PostHooksSign) machine = machine with { IsTriedAgain = false };
        if (machine.State != MachineRunState.Cancelling || sign is PostHooksSign)
        {
            var state = sign switch
            {
                PostHooksSign => MachineRunState.PostHook,
                FollowingSign when machine.CutoverBegunAt is null && IsWarm(index) => MachineRunState.Following, // a cold one keeps its place: it is cut over after this pass
                MigratingSign when machine.State is MachineRunState.PreHook or MachineRunState.Stuck => MachineRunState.Migrating,
                CuttingOverSign => MachineRunState.Migrating,
                HookSign h when machine.State == MachineRunState.Stuck => h.Hook.Step == HookStep.PreHook ? MachineRunState.PreHook : MachineRunState.PostHook,
                _ when machine.State == MachineRunState.Stuck => machine.IsHandedOver ? MachineRunState.PostHook : MachineRunState.Migrating,
                _ => machine.State,
            };
            machine = machine with { State = state, Reasons = machines[index].State == MachineRunState.Stuck && state != MachineRunState.PostHook ? [] : machine.Reasons };
        }

        Set(index, machine);
    }

    /// <summary>Takes in what somebody asked for. Asked twice, it is the same as once.</summary>
    /// <param name="order">What is asked for.</param>
    /// <param name="now">What time it is.</param>
    public void Take(RunOrder order, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (order.Machine is not null && !byName.ContainsKey(order.Machine)) return; // it was refused when it was asked; documents do not change
        var asked = order.Machine is { } name ? [byName[name]] : Enumerable.Range(0, machines.Length);
        switch (order.Kind)
        {
            case RunOrderKind.Continue when Run.State == PlanRunState.Halted:
                Advance(isTold: true);
                break;
            case RunOrderKind.Cancel:
                if (order.Machine is null && Run.State != PlanRunState.Finished) SetRun(Run with { State = PlanRunState.Cancelling });
                foreach (var i in asked) Cancel(i, [$"{order.Actor} cancelled it."], isOverdue: false, now);
                break;
            case RunOrderKind.Cutover:
                foreach (var i in asked)
                    if (IsWarm(i) && !machines[i].IsOver && machines[i].CutoverBegunAt is null) Set(i, machines[i] with { CutoverAt = order.At ?? DateTimeOffset.MinValue, Windows = order.Windows ?? machines[i].Windows });
                TakeWindows(order.Windows);
                break;
            case RunOrderKind.Retry when Run.State != PlanRunState.Cancelling:
                // All that failed; one that was cancelled only if it is named.
                foreach (var i in asked)
                    if (machines[i].State == MachineRunState.Failed || (machines[i].State == MachineRunState.Cancelled && order.Machine is not null)) Retry(i, order.Windows);
                    else if (machines[i].State == MachineRunState.Waiting && order.Windows is not null) Set(i, machines[i] with { Windows = order.Windows });
                TakeWindows(order.Windows);
                break;
        }
    }

    /// <summary>Decides. What it says is done only after what it changed was written down.</summary>
    /// <param name="now">What time it is.</param>
    /// <returns>What is to be done, in this order.</returns>
    public IReadOnlyList<ScheduleAct> Decide(DateTimeOffset now)
    {
        Pass(now);
        Advance(isTold: false);
        if (!BeginsNothing && Run.State is (PlanRunState.Running or PlanRunState.Halted))
        {
            // What is followed already comes before what has not begun: its window may be short.
            foreach (var i in following.ToArray())
            {
                if (atWork.Count >= plan.Limits.Machines) break;
                if (ObstacleOf(i, now) == WaitKind.Turn) LetCutOver(i, now);
            }

            BeginWaiting(now);
        }

        if (IsFinished && Run.State != PlanRunState.Finished) SetRun(Run with { State = PlanRunState.Finished, EndedAt = now });
        ScheduleAct[] decided = [.. acts];
        acts.Clear();
        return decided;
    }

    /// <summary>When to decide again at the latest, as far as time alone may change something; null where it cannot.</summary>
    /// <param name="now">What time it is.</param>
    public DateTimeOffset? NextAt(DateTimeOffset now)
    {
        if (IsFinished) return null;
        var next = now + LongestStep;
        foreach (var window in windows)
            if (window.Start > now && window.Start < next) next = window.Start;
        foreach (var i in following)
            if ((machines[i].CutoverAt ?? runCutover) is { } at && at > now && at < next) next = at;
        return next;
    }

    /// <summary>What changed since the last call, to be written down.</summary>
    /// <returns>The run where it changed, and the machines that did.</returns>
    public (PlanRun? Run, IReadOnlyList<MachineRun> Machines) TakeChanges()
    {
        var result = (runChanged ? Run : null, (IReadOnlyList<MachineRun>)[.. changed.Order().Select(i => machines[i])]);
        runChanged = false;
        changed.Clear();
        return result;
    }

    /// <summary>What a machine waits for that has not begun, or that is followed; null for any other. It is what <see cref="Decide"/> goes by.</summary>
    /// <param name="index">Its place in the plan.</param>
    /// <param name="now">What time it is.</param>
    public MachineWait? WaitOf(int index, DateTimeOffset now)
    {
        var machine = machines[index];
        if (machine.State is not (MachineRunState.Waiting or MachineRunState.Following)) return null;
        var obstacle = ObstacleOf(index, now);
        return obstacle switch
        {
            WaitKind.Wave or WaitKind.Continue => new MachineWait(obstacle) { Wave = Run.Wave },
            WaitKind.Window => new MachineWait(obstacle) { At = WindowsOf(index).Where(w => w.Start > now && w.End > w.Start).Min(w => w.Start) },
            WaitKind.NoWindow => new MachineWait(obstacle) { At = WindowsOf(index).Max(w => w.End) },
            WaitKind.Host => new MachineWait(obstacle) { Host = machine.Host, Places = plan.Limits.MachinesPerHost },
            WaitKind.Place => new MachineWait(obstacle) { Places = plan.Limits.Machines },
            WaitKind.CutoverTime => new MachineWait(obstacle) { At = machine.CutoverAt ?? runCutover },
            _ => new MachineWait(obstacle),
        };
    }

    /// <summary>Whether a machine may be begun, if it is cold, or cut over, at an instant, as far as its windows say.</summary>
    /// <param name="index">Its place in the plan.</param>
    /// <param name="at">The instant.</param>
    public bool IsOpen(int index, DateTimeOffset at)
    {
        var own = WindowsOf(index);
        if (own.Count == 0) return true;
        foreach (var window in own)
            if (window.Contains(at)) return true;
        return false;
    }

    /// <summary>Whether a machine is followed while it runs.</summary>
    /// <param name="index">Its place in the plan.</param>
    public bool IsWarm(int index) => plan.TypeOf(planned[index]) == PlanType.Warm;

    /// <summary>What stands in the way of a machine that has not begun, or is followed.</summary>
    private WaitKind ObstacleOf(int index, DateTimeOffset now)
    {
        var machine = machines[index];
        var isFollowed = machine.State == MachineRunState.Following;
        if ((isFollowed || !machine.IsHandedOver) && IsClosedForGood(index, now)) return WaitKind.NoWindow;
        if (isFollowed)
        {
            if ((machine.CutoverAt ?? runCutover) is { } at)
            {
                if (now < at) return WaitKind.CutoverTime;
            }
            else if (plan.Precopy?.Downtime is null) return WaitKind.CutoverOrder;
            else if (!machine.IsReady) return WaitKind.Downtime;
        }
        else if (machine.Wave > Run.Wave) return Run.State == PlanRunState.Halted ? WaitKind.Continue : WaitKind.Wave;

        if (isFollowed ? !IsOpen(index, now) : !MayBegin(index, now)) return WaitKind.Window;
        if (!HasRoom(machine.Host)) return WaitKind.Host;
        if (atWork.Count >= plan.Limits.Machines) return WaitKind.Place;
        return !isFollowed && stuck.Count >= MostStuck ? WaitKind.Stuck : WaitKind.Turn;
    }

    /// <summary>Whether a machine may begin, as far as windows are concerned. What only has hooks left was begun long ago.</summary>
    private bool MayBegin(int index, DateTimeOffset now) => machines[index].IsHandedOver || (IsWarm(index) ? !IsClosedForGood(index, now) : IsOpen(index, now));

    private IReadOnlyList<MaintenanceWindow> WindowsOf(int index) => machines[index].Windows ?? plan.MaintenanceWindows;

    private bool IsClosedForGood(int index, DateTimeOffset now)
    {
        var own = WindowsOf(index);
        foreach (var window in own)
            if (window.End > now && window.End > window.Start) return false;
        return own.Count > 0;
    }

    private void TakeWindows(IReadOnlyList<MaintenanceWindow>? brought)
    {
        if (brought is null) return;
        windows.UnionWith(brought);
        ownWindows++;
    }

    private void LetCutOver(int index, DateTimeOffset now)
    {
        Set(index, machines[index] with { State = MachineRunState.Migrating, CutoverBegunAt = now, HeardAt = now });
        silence[index] = TimeSpan.Zero;
        acts.Add(new CutMachineOver(machines[index]));
    }

    private void BeginWaiting(DateTimeOffset now)
    {
        while (atWork.Count < plan.Limits.Machines && stuck.Count < MostStuck && NextToBegin(now) is { } index)
        {
            var machine = machines[index];
            machine = machine with
            {
                State = machine.IsHandedOver ? MachineRunState.PostHook : hasPreHooks[index] ? MachineRunState.PreHook : MachineRunState.Migrating,
                Migration = machine.Migration ?? newMigration(),
                Owner = place,
                StartedAt = machine.StartedAt ?? now,
                HeardAt = now,
                Reasons = [],
            };
            Set(index, machine);
            silence[index] = TimeSpan.Zero;
            acts.Add(new BeginMachine(machine, IsGoingOn: false));
        }
    }

    /// <summary>The first machine in the order of waves and of the plan that may begin now.</summary>
    private int? NextToBegin(DateTimeOffset now)
    {
        (int Wave, int Index)? best = null;
        foreach (var head in heads)
        {
            if (head.Wave > Run.Wave || (best is { } found && (head.Wave, head.Index).CompareTo(found) > 0)) break; // and so are all behind it
            if (MayBegin(head.Index, now)) return best is { } earlier && earlier.CompareTo((head.Wave, head.Index)) < 0 ? earlier.Index : head.Index;
            // Outside of the windows the host's first cold machine does not hold up a warm one behind it.
            foreach (var next in waiting[head.Host])
            {
                if (next.Wave > Run.Wave || (best is { } so && next.CompareTo(so) > 0)) break;
                if (!MayBegin(next.Index, now)) continue;
                best = next;
                break;
            }
        }

        return best?.Index;
    }

    private bool HasRoom(string host) => plan.Limits.MachinesPerHost is not { } most || atWorkOnHost.GetValueOrDefault(host) < most;

    /// <summary>Goes on to the next wave where all that went before is over, and halts where the plan says so.</summary>
    private void Advance(bool isTold)
    {
        if (Run.State is PlanRunState.Cancelling or PlanRunState.Finished) return;
        while (true)
        {
            // Everything up to the present wave is over or stuck: a stuck machine holds nobody up.
            if (unfinishedOfWave.Count == 0 || unfinishedOfWave.First().Key <= Run.Wave)
            {
                if (Run.State == PlanRunState.Halted) SetRun(Run with { State = PlanRunState.Running });
                return;
            }

            if (plan.WavePolicy == WavePolicy.Stop && !isTold && troubledOfWave.GetValueOrDefault(Run.Wave) > 0)
            {
                if (Run.State != PlanRunState.Halted) SetRun(Run with { State = PlanRunState.Halted });
                return;
            }

            isTold = false;
            SetRun(Run with { State = PlanRunState.Running, Wave = unfinishedOfWave.First().Key });
        }
    }

    /// <summary>Lets time pass: for who is silent, and for who takes too long.</summary>
    private void Pass(DateTimeOffset now)
    {
        var step = now - (lastLook ?? now);
        lastLook = now;
        step = step < TimeSpan.Zero ? TimeSpan.Zero : step > LongestStep ? LongestStep : step;
        if (step == TimeSpan.Zero) return;
        GiveUpClosed(step, now);
        foreach (var i in atWork.Concat(stuck).Concat(cancelling).ToArray())
        {
            var machine = machines[i];
            var isElsewhere = machine.Owner != place;
            // Seldom enough that ten thousand machines can be written down, often enough that a crash forgets no more than a little.
            machines[i] = machine with { Worked = machine.Worked + step };
            // A hook has a deadline of its own.
            if (machine.State is MachineRunState.PreHook or MachineRunState.PostHook) continue;
            var silent = silence[i] = silence.GetValueOrDefault(i) + step;
            if (machine.State == MachineRunState.Cancelling)
            {
                if (silent >= plan.Deadlines.Silence) End(i, new EndedSign(MachineRunState.Failed, null, [.. machine.Reasons, PlanErrors.DoesNotEnd(machine.Machine, machine.Migration!, silent).Message], CanResume: true), now);
                continue;
            }

            if (plan.Deadlines.Machine is { } deadline && machines[i].Worked >= deadline && !isElsewhere && !machine.IsHandedOver)
                Cancel(i, [PlanErrors.DeadlineOver(machine.Machine, deadline).Message], isOverdue: true, now);
            else if (machine.State != MachineRunState.Stuck && silent >= plan.Deadlines.Silence)
                Set(i, machines[i] with { State = MachineRunState.Stuck, Reasons = [PlanErrors.Stuck(machine.Machine, machine.Step, plan.Deadlines.Silence).Message] });
        }
    }

    /// <summary>Ends machines that no window is left for. Not at once: a clock that is set by mistake is set again, and who has just been told of the end of a window may give another one.</summary>
    private void GiveUpClosed(TimeSpan step, DateTimeOffset now)
    {
        // With windows to come nobody is looked at: there may be ten thousand.
        if (waitingCount == 0 || windows.Count == 0 || (ownWindows == 0 && windows.Any(w => w.End > now)))
        {
            closed.Clear();
            return;
        }

        for (var i = 0; i < machines.Length; i++)
        {
            var machine = machines[i];
            if (machine.State != MachineRunState.Waiting || machine.IsHandedOver || !IsClosedForGood(i, now)) _ = closed.Remove(i); // it may have been there
            else if ((closed[i] = closed.TryGetValue(i, out var before) ? before + step : TimeSpan.Zero) >= LongestStep)
            {
                _ = closed.Remove(i); // it is there
                End(i, new EndedSign(MachineRunState.Failed, null, [PlanErrors.NoWindowLeft(machine.Machine, WindowsOf(i).Max(w => w.End)).Message], CanResume: machine.Migration is not null), now);
            }
        }
    }

    private void Cancel(int index, IReadOnlyList<string> reasons, bool isOverdue, DateTimeOffset now)
    {
        var machine = machines[index];
        // Handed over, it cannot be taken back; its hooks come to their ends or to their deadlines.
        if (machine.IsOver || machine.State is MachineRunState.Cancelling or MachineRunState.PostHook) return;
        if (machine.State == MachineRunState.Waiting || machine.Owner != place)
        {
            var said = machine.State == MachineRunState.Waiting ? reasons : [.. reasons, .. machine.Reasons];
            // One that waits for another try keeps what it has.
            End(index, new EndedSign(MachineRunState.Cancelled, null, said, machine.CanResume || (machine.State == MachineRunState.Waiting && machine.Migration is not null)), now);
            return;
        }

        Set(index, machine with { State = MachineRunState.Cancelling, IsOverdue = isOverdue, Reasons = reasons });
        silence[index] = TimeSpan.Zero;
        acts.Add(new CancelMachine(machines[index]));
    }

    private void Retry(int index, IReadOnlyList<MaintenanceWindow>? brought)
    {
        var machine = machines[index];
        // Handed over, only its hooks are left. A migration that cannot be resumed is begun anew, under an id of its own.
        var keeps = machine.IsHandedOver || (machine.CanResume && machine.Owner == place);
        var cleared = machine with { State = MachineRunState.Waiting, Migration = keeps ? machine.Migration : null, EndedAt = null, CanResume = false, IsOverdue = false, IsTriedAgain = true, Try = machine.Try + 1, IsReady = false, CutoverBegunAt = null, Worked = TimeSpan.Zero, Reasons = [], Step = string.Empty, DoneBytes = 0, TotalBytes = 0, Windows = brought ?? machine.Windows };
        Set(index, machine.IsHandedOver ? cleared : cleared with { Verdict = null, SealPath = null });
        if (Run.State == PlanRunState.Finished) SetRun(Run with { State = PlanRunState.Running, EndedAt = null });
    }

    /// <summary>Lets a machine wait again whose id was another's: it gets the next one when it is begun.</summary>
    private void GiveUpId(int index, DateTimeOffset now)
    {
        var machine = machines[index];
        if (machine.State == MachineRunState.Cancelling) End(index, new EndedSign(MachineRunState.Cancelled, null, [], CanResume: false), now);
        else if (machine.IsOver) Set(index, machine with { CanResume = false }); // given up before this was heard: another try is another migration
        else
        {
            silence.Remove(index);
            Set(index, machine with { State = MachineRunState.Waiting, Migration = null, HeardAt = now, IsReady = false, CutoverBegunAt = null, Reasons = [], Step = string.Empty, DoneBytes = 0, TotalBytes = 0 });
        }
    }

    private void End(int index, EndedSign sign, DateTimeOffset now)
    {
        var machine = machines[index];
        var state = sign.State == MachineRunState.Cancelled && machine.IsOverdue ? MachineRunState.Failed : sign.State;
        // What was said while it was cancelled says by whom, or why; it is of no interest where it succeeded all the same.
        IReadOnlyList<string> reasons = machine.State == MachineRunState.Cancelling && state != MachineRunState.Succeeded ? [.. machine.Reasons, .. sign.Reasons.Except(machine.Reasons)] : sign.Reasons;
        silence.Remove(index);
        Set(index, machine with
        {
            State = state,
            Verdict = sign.Outcome?.Verdict ?? machine.Verdict,
            SealPath = sign.Outcome?.SealPath ?? machine.SealPath,
            Reasons = reasons,
            CanResume = sign.CanResume,
            IsTriedAgain = false,
            EndedAt = now,
            HeardAt = machine.State == MachineRunState.Waiting ? machine.HeardAt : now,
        });
    }

    /// <summary>After a crash: what was decided for a machine that was at work is done again.</summary>
    private void GoOn(int index)
    {
        var machine = machines[index];
        if (machine.State == MachineRunState.Stuck) Set(index, machine = machine with { State = machine.IsHandedOver ? MachineRunState.PostHook : MachineRunState.Migrating, Reasons = [] });
        acts.Add(new BeginMachine(machine, IsGoingOn: true));
        if (machine.CutoverBegunAt is not null && machine.State == MachineRunState.Migrating) acts.Add(new CutMachineOver(machine));
        if (machine.State == MachineRunState.Cancelling) acts.Add(new CancelMachine(machine));
    }

    private void Set(int index, MachineRun machine)
    {
        var before = machines[index];
        if (before.State != machine.State) Delist(index);
        machines[index] = machine;
        if (before.State != machine.State) Enlist(index);
        changed.Add(index);
    }

    private void SetRun(PlanRun run)
    {
        Run = run;
        runChanged = true;
    }

    private void Enlist(int index) => Count(index, +1);

    private void Delist(int index) => Count(index, -1);

    /// <summary>Keeps the sums that decisions are made by.</summary>
    private void Count(int index, int sign)
    {
        var machine = machines[index];
        var (isUnfinished, isTroubled) = (false, false);
        switch (machine.State)
        {
            case MachineRunState.Waiting:
                waitingCount += sign;
                isUnfinished = true;
                var queue = waiting.TryGetValue(machine.Host, out var found) ? found : waiting[machine.Host] = [];
                var head = HeadOf(machine.Host);
                _ = sign > 0 ? queue.Add((machine.Wave, index)) : queue.Remove((machine.Wave, index)); // whether it was there follows from its state
                Rehead(machine.Host, head);
                break;
            case MachineRunState.PreHook or MachineRunState.Migrating or MachineRunState.PostHook:
                isUnfinished = true;
                Occupy(index, sign);
                break;
            case MachineRunState.Cancelling:
                // It holds no place: one that does not end must not hold up others.
                isUnfinished = true;
                _ = sign > 0 ? cancelling.Add(index) : cancelling.Remove(index); // whether it was there follows from its state
                break;
            case MachineRunState.Following:
                isUnfinished = true;
                _ = sign > 0 ? following.Add(index) : following.Remove(index); // likewise
                break;
            case MachineRunState.Stuck:
                isTroubled = true;
                _ = sign > 0 ? stuck.Add(index) : stuck.Remove(index); // likewise
                break;
            case MachineRunState.Failed:
                isTroubled = true;
                break;
        }

        if (isUnfinished && (unfinishedOfWave[machine.Wave] = unfinishedOfWave.GetValueOrDefault(machine.Wave) + sign) == 0) unfinishedOfWave.Remove(machine.Wave);
        if (isTroubled) troubledOfWave[machine.Wave] = troubledOfWave.GetValueOrDefault(machine.Wave) + sign;
    }

    private void Occupy(int index, int sign)
    {
        var host = machines[index].Host;
        var head = HeadOf(host);
        _ = sign > 0 ? atWork.Add(index) : atWork.Remove(index); // whether it was there follows from its state
        atWorkOnHost[host] = atWorkOnHost.GetValueOrDefault(host) + sign;
        Rehead(host, head);
    }

    private (int Wave, int Index, string Host)? HeadOf(string host) =>
        waiting.TryGetValue(host, out var queue) && queue.Count > 0 && HasRoom(host) ? (queue.Min.Wave, queue.Min.Index, host) : null;

    private void Rehead(string host, (int Wave, int Index, string Host)? before)
    {
        var after = HeadOf(host);
        if (before == after) return;
        if (before is { } gone) heads.Remove(gone);
        if (after is { } come) heads.Add(come);
    }

    private static IReadOnlyList<HookRun> With(IReadOnlyList<HookRun> hooks, HookRun hook)
    {
        // The last record of a hook is the one that goes on; a retry of one that failed is another.
        for (var i = hooks.Count - 1; i >= 0; i--)
            if (hooks[i].Hook == hook.Hook && hooks[i].Step == hook.Step && hooks[i].Migration == hook.Migration && hooks[i].State == HookState.Started) return [.. hooks.Take(i), hook, .. hooks.Skip(i + 1)];
        return [.. hooks, hook];
    }
}
