using CsCheck;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>Random plans, failures, orders, crashes and clocks: what must hold holds after every step.</summary>
public sealed class ScheduleProperties
{
    private sealed record Case(int Machines, int Waves, int Hosts, int Limit, int? PerHost, bool Stops, bool HasWindow, int WarmOneIn, int Seed);

    private static readonly Gen<Case> Cases =
        from machines in Gen.Int[1, 40]
        from waves in Gen.Int[1, 4]
        from hosts in Gen.Int[1, 5]
        from limit in Gen.Int[1, 6]
        from perHost in Gen.Int[0, 3]
        from stops in Gen.Bool
        from window in Gen.Bool
        from warm in Gen.Int[1, 4]
        from seed in Gen.Int
        select new Case(machines, waves, hosts, limit, perHost == 0 ? null : perHost, stops, window, warm, seed);

    [Fact]
    public void Whatever_happens_limits_waves_and_windows_hold_and_every_machine_ends() => Cases.Sample(Hold, iter: 3000);

    private static void Hold(Case the)
    {
        var random = new Random(the.Seed);
        var now = Plans.Start;
        var spec = Plans.Of([.. Enumerable.Range(0, the.Machines).Select(i => new PlannedMachine { Name = $"vm{i}", Wave = random.Next(1, the.Waves + 1), Type = random.Next(the.WarmOneIn) == 0 ? PlanType.Warm : PlanType.Cold })]) with
        {
            Limits = new PlanLimits { Machines = the.Limit, MachinesPerHost = the.PerHost },
            WavePolicy = the.Stops ? WavePolicy.Stop : WavePolicy.Continue,
            MaintenanceWindows = the.HasWindow ? [new MaintenanceWindow { Start = now.AddMinutes(30), End = now.AddMinutes(90) }, new MaintenanceWindow { Start = now.AddHours(10), End = random.Next(2) == 0 ? now.AddYears(1) : now.AddDays(3) }] : [],
            Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(10), Machine = random.Next(3) == 0 ? TimeSpan.FromMinutes(40) : null },
            Precopy = new PrecopySpec { Downtime = random.Next(2) == 0 ? TimeSpan.FromSeconds(30) : null },
        };
        var (run, machines) = Plans.Run(spec, i => $"host{i % the.Hosts}");
        var ids = 0;
        var schedule = new Schedule(run, machines, "here", () => $"m{++ids}");
        var migrated = new Dictionary<string, string>(); // migration -> machine, once for all
        var alive = new Dictionary<string, string>(); // machine -> migration that somebody works on
        var cancelled = new HashSet<string>();

        for (var step = 0; step < 400 && !schedule.IsFinished; step++)
        {
            now += random.Next(20) switch { 0 => TimeSpan.FromDays(-2), 1 => TimeSpan.FromDays(2), _ => TimeSpan.FromSeconds(random.Next(90)) };
            for (var i = random.Next(4); i > 0; i--) Something();
            if (random.Next(25) == 0) Crash();
            Check();
        }

        // From here on nothing but time and answers: it comes to its end.
        schedule.Take(new RunOrder("run", RunOrderKind.Cancel, null, null, "me"), now);
        for (var step = 0; step < 200 && !schedule.IsFinished; step++)
        {
            now += TimeSpan.FromMinutes(1);
            // One that answers nothing at all is given up; half of the others answer.
            foreach (var (machine, migration) in alive.ToArray())
                if (machine.GetHashCode(StringComparison.Ordinal) % 3 != 0 || schedule.Machines.Single(m => m.Machine == machine).State == MachineRunState.PostHook) Tell(machine, migration, new EndedSign(MachineRunState.Cancelled, null, [], false));
            Check();
        }

        Assert.True(schedule.IsFinished, "it does not end");
        Check();
        Assert.Equal(PlanRunState.Finished, schedule.Run.State);
        Assert.All(schedule.Machines, m => Assert.True(m.IsOver));

        void Something()
        {
            if (alive.Count > 0 && random.Next(10) < 7)
            {
                var (machine, migration) = alive.ElementAt(random.Next(alive.Count));
                MachineSign sign = random.Next(10) switch
                {
                    9 when !schedule.Machines.Single(m => m.Machine == machine).IsHandedOver => new TakenIdSign(),
                    0 => new FollowingSign(random.Next(2) == 0),
                    1 => new CuttingOverSign(),
                    2 => new MigratingSign(),
                    3 => new PostHooksSign(new MigrationOutcome(migration, Verdict.Sealed, "/s", null, null, null, [], false)),
                    4 or 5 => new EndedSign((MachineRunState)random.Next((int)MachineRunState.Succeeded, (int)MachineRunState.Cancelled + 1), null, ["why"], random.Next(2) == 0),
                    _ => new ProgressSign("copy", random.Next(100), 100),
                };
                Tell(machine, migration, sign);
                return;
            }

            var kind = (RunOrderKind)random.Next(0, 4);
            if (kind == RunOrderKind.Cancel && random.Next(8) != 0) kind = RunOrderKind.Cutover;
            string? target = kind == RunOrderKind.Continue || random.Next(3) == 0 ? null : $"vm{random.Next(the.Machines)}";
            if (kind == RunOrderKind.Cancel) target = $"vm{random.Next(the.Machines)}"; // all of them at the end
            schedule.Take(new RunOrder("run", kind, target, random.Next(2) == 0 ? null : now.AddMinutes(random.Next(60)), "me"), now);
        }

        void Tell(string machine, string migration, MachineSign sign)
        {
            schedule.Hear(machine, migration, sign, now);
            if (sign is EndedSign or TakenIdSign) alive.Remove(machine);
        }

        void Crash()
        {
            // All that was written down is there, in a new process; what worked is gone.
            schedule = new Schedule(schedule.Run, [.. schedule.Machines], "here", () => $"m{++ids}");
            alive.Clear();
        }

        void Check()
        {
            var (wave, open) = (schedule.Run.Wave, spec.MaintenanceWindows.Count == 0 || spec.MaintenanceWindows.Any(w => w.Start <= now && now < w.End));
            var told = RunWaits.Fill(schedule.Run, schedule.Machines, now).Select(m => m.WaitsFor).ToList();
            var before = schedule.Machines.ToDictionary(m => m.Machine);
            var busy = schedule.Machines.Count(IsAtWork);
            var acts = schedule.Decide(now);
            foreach (var act in acts)
            {
                var after = schedule.Machines.Single(m => m.Machine == act.Machine.Machine);
                Assert.NotNull(act.Machine.Migration);
                if (act is BeginMachine begin)
                {
                    // One migration is one machine's, for good; and nobody begins it twice without a crash.
                    Assert.Equal(act.Machine.Machine, migrated.GetValueOrDefault(act.Machine.Migration, act.Machine.Machine));
                    migrated[act.Machine.Migration] = act.Machine.Machine;
                    alive[act.Machine.Machine] = act.Machine.Migration;
                    if (begin.IsGoingOn) continue;
                    Assert.True(act.Machine.Wave <= schedule.Run.Wave, "a wave too early");
                    Assert.True(open || spec.Vms.Single(v => v.Name == act.Machine.Machine).Type == PlanType.Warm || act.Machine.IsHandedOver, "a cold one outside of the windows");
                    Assert.Equal(MachineRunState.Waiting, before[act.Machine.Machine].State);
                }

                if (act is CutMachineOver && before[act.Machine.Machine].State == MachineRunState.Following) Assert.True(open, "a cutover outside of the windows");
            }

            // Who begins was said to wait for its turn, or for what others have given up just now.
            foreach (var act in acts.Where(a => before[a.Machine.Machine].State is MachineRunState.Waiting or MachineRunState.Following))
                if (act is BeginMachine { IsGoingOn: false } or CutMachineOver) Assert.True(told[schedule.Machines.Index().Single(m => m.Item.Machine == act.Machine.Machine).Index]!.For is WaitKind.Turn or WaitKind.Wave or WaitKind.Continue or WaitKind.Place or WaitKind.Host, "begun against what was said");
            // Who does not is told what it waits for, and that is so.
            var seen = RunWaits.Fill(schedule.Run, schedule.Machines, now);
            foreach (var (i, machine) in schedule.Machines.Index()) CheckWait(machine, schedule.WaitOf(i, now), seen[i].WaitsFor, open);

            // Whatever is begun has a place; more than the limit there are only of those that were stuck and went on.
            var fresh = acts.OfType<BeginMachine>().Count(b => !b.IsGoingOn) + acts.OfType<CutMachineOver>().Count(c => before[c.Machine.Machine].State == MachineRunState.Following);
            if (fresh > 0)
            {
                Assert.True(schedule.Machines.Count(IsAtWork) <= the.Limit, "more than the limit");
                Assert.Equal(schedule.Machines.Count(IsAtWork), schedule.AtWork);
                foreach (var act in acts.Where(a => a is BeginMachine { IsGoingOn: false }))
                    if (the.PerHost is { } most) Assert.True(schedule.Machines.Count(m => IsAtWork(m) && m.Host == act.Machine.Host) <= most, "more than the limit of a host");
            }

            if (schedule.Run.Wave > wave)
                Assert.DoesNotContain(schedule.Machines, m => m.Wave < schedule.Run.Wave && !m.IsOver && m.State is not MachineRunState.Stuck && !acts.Any(a => a.Machine.Machine == m.Machine));
            // Nobody waits for nothing: where there is room, whoever may begin has begun.
            if (schedule.Run.State == PlanRunState.Running && schedule.AtWork < the.Limit)
                Assert.DoesNotContain(schedule.Machines, m => m.State == MachineRunState.Waiting && m.Wave <= schedule.Run.Wave && (open || (spec.Vms.Single(v => v.Name == m.Machine).Type == PlanType.Warm && spec.MaintenanceWindows.Any(w => w.End > now))) && (the.PerHost is not { } most || schedule.Machines.Count(o => IsAtWork(o) && o.Host == m.Host) < most));
            Assert.True(busy >= 0);
        }

        void CheckWait(MachineRun machine, MachineWait? wait, MachineWait? seen, bool open)
        {
            Assert.Equal(wait, seen); // whoever looks from outside is told the same
            if (machine.State is not (MachineRunState.Waiting or MachineRunState.Following) || schedule.IsFinished)
            {
                Assert.Null(wait);
                return;
            }

            Assert.NotNull(wait);
            if (schedule.Run.State == PlanRunState.Cancelling && machine.State == MachineRunState.Following) return; // its end is on its way
            Assert.NotEqual(WaitKind.Turn, wait.For);
            Assert.True(wait.For switch
            {
                WaitKind.Wave => machine.Wave > schedule.Run.Wave && schedule.Run.State == PlanRunState.Running,
                WaitKind.Continue => machine.Wave > schedule.Run.Wave && schedule.Run.State == PlanRunState.Halted,
                WaitKind.Window => !open && wait.At > now && spec.MaintenanceWindows.Any(w => w.Start == wait.At),
                WaitKind.NoWindow => the.HasWindow && spec.MaintenanceWindows.All(w => w.End <= now),
                WaitKind.Host => schedule.Machines.Count(m => IsAtWork(m) && m.Host == machine.Host) >= the.PerHost && wait.Host == machine.Host,
                WaitKind.Place => schedule.Machines.Count(IsAtWork) >= the.Limit,
                WaitKind.CutoverTime => wait.At > now && wait.At == machine.CutoverAt,
                WaitKind.CutoverOrder => machine.CutoverAt is null && spec.Precopy!.Downtime is null,
                WaitKind.Downtime => machine.CutoverAt is null && spec.Precopy!.Downtime is not null && !machine.IsReady,
                _ => false,
            }, $"{machine.State} waits for {wait.Said}");
        }
    }

    private static bool IsAtWork(MachineRun machine) => machine.State is MachineRunState.PreHook or MachineRunState.Migrating or MachineRunState.PostHook;
}
