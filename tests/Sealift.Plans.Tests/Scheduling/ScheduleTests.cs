using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;
using Sealift.Plans.Store;

namespace Sealift.Plans.Tests.Scheduling;

/// <summary>Single decisions, each the way a user would be told it.</summary>
public sealed class ScheduleTests
{
    private DateTimeOffset now = Plans.Start;
    private int ids;

    [Fact]
    public void A_full_host_holds_up_its_own_machines_and_nobody_behind_them()
    {
        var schedule = Take(Plans.Of(5) with { Limits = new PlanLimits { Machines = 3, MachinesPerHost = 1 } }, i => i < 3 ? "busy" : "free");
        Assert.Equal(["vm0", "vm3"], Begun(schedule));
        End(schedule, "vm0", MachineRunState.Succeeded);
        Assert.Equal(["vm1"], Begun(schedule));
    }

    [Fact]
    public void A_wave_begins_when_all_before_it_are_over_and_stops_where_one_failed_until_somebody_says_so()
    {
        var schedule = Take(Plans.Of(Vm("a"), Vm("b"), Vm("c", wave: 2), Vm("d", wave: 7)) with { WavePolicy = WavePolicy.Stop });
        Assert.Equal(["a", "b"], Begun(schedule));
        End(schedule, "a", MachineRunState.Failed);
        Assert.Empty(Begun(schedule));
        Assert.Equal(PlanRunState.Running, schedule.Run.State);
        End(schedule, "b", MachineRunState.Succeeded);
        Assert.Empty(Begun(schedule));
        Assert.Equal(PlanRunState.Halted, schedule.Run.State);
        Order(schedule, RunOrderKind.Continue);
        Order(schedule, RunOrderKind.Continue); // asked twice
        Assert.Equal(["c"], Begun(schedule));
        Assert.Equal((PlanRunState.Running, 2), (schedule.Run.State, schedule.Run.Wave));
        End(schedule, "c", MachineRunState.Succeeded);
        Assert.Equal(["d"], Begun(schedule));
    }

    [Fact]
    public void A_halted_run_goes_on_where_what_failed_is_tried_again_with_success()
    {
        var schedule = Take(Plans.Of(Vm("a"), Vm("b", wave: 2)) with { WavePolicy = WavePolicy.Stop });
        Begun(schedule);
        End(schedule, "a", MachineRunState.Failed, canResume: true);
        Begun(schedule);
        var id = schedule.Machines[0].Migration;
        Order(schedule, RunOrderKind.Retry, "a");
        Order(schedule, RunOrderKind.Retry, "a");
        Assert.Equal(["a"], Begun(schedule));
        Assert.Equal((PlanRunState.Running, id), (schedule.Run.State, schedule.Machines[0].Migration));
        End(schedule, "a", MachineRunState.Succeeded);
        Assert.Equal(["b"], Begun(schedule));
    }

    [Fact]
    public void A_migration_that_cannot_be_resumed_is_begun_anew_under_another_id()
    {
        var schedule = Take(Plans.Of(Vm("a")));
        Begun(schedule);
        var id = schedule.Machines[0].Migration;
        End(schedule, "a", MachineRunState.Failed, canResume: false);
        Order(schedule, RunOrderKind.Retry);
        Begun(schedule);
        Assert.NotEqual(id, schedule.Machines[0].Migration);
        schedule.Hear("a", id!, new EndedSign(MachineRunState.Succeeded, null, [], false), now); // of long ago
        Assert.Equal(MachineRunState.Migrating, schedule.Machines[0].State);
    }

    [Fact]
    public void A_machine_whose_id_is_anothers_waits_again_and_gets_the_next_one()
    {
        var schedule = Take(Plans.Of(Vm("a"), Vm("b"), Vm("c")) with { Limits = new PlanLimits { Machines = 2 } });
        Assert.Equal(["a", "b"], Begun(schedule));
        var id = schedule.Machines[0].Migration!;
        Tell(schedule, "a", new MigratingSign());
        Tell(schedule, "a", new TakenIdSign());
        Assert.Equal(["a"], Begun(schedule)); // before those behind it
        Assert.NotEqual(id, schedule.Machines[0].Migration);
        schedule.Hear("a", id, new TakenIdSign(), now); // told twice: of an id that it has no more
        Assert.Equal((MachineRunState.Migrating, 0), (schedule.Machines[0].State, schedule.Machines[0].Try));

        // One that is being cancelled is not begun for it.
        Order(schedule, RunOrderKind.Cancel, "a");
        Tell(schedule, "a", new TakenIdSign());
        Assert.Equal((MachineRunState.Cancelled, false), (schedule.Machines[0].State, schedule.Machines[0].CanResume));
        Assert.Equal(["me cancelled it."], schedule.Machines[0].Reasons);
    }

    [Fact]
    public void Outside_of_the_windows_cold_machines_wait_and_warm_ones_are_followed_and_not_cut_over()
    {
        var window = new MaintenanceWindow { Start = Plans.Start.AddHours(2), End = Plans.Start.AddHours(3) };
        var schedule = Take(Plans.Of(Vm("cold"), Vm("warm", type: PlanType.Warm), Vm("cold2")) with { MaintenanceWindows = [window], Limits = new PlanLimits { Machines = 1 } });
        Assert.Equal(["warm"], Begun(schedule));
        Tell(schedule, "warm", new FollowingSign(true));
        Order(schedule, RunOrderKind.Cutover);
        Assert.Empty(schedule.Decide(now));
        Assert.Equal(window.Start, schedule.NextAt(window.Start.AddSeconds(-30)));
        now = window.Start;
        // It has waited longer than the cold ones, and there is one place.
        Assert.Equal("warm", Assert.IsType<CutMachineOver>(Assert.Single(schedule.Decide(now))).Machine.Machine);
        now = window.End; // what was begun is finished
        Tell(schedule, "warm", new CuttingOverSign());
        End(schedule, "warm", MachineRunState.Succeeded);
        Assert.Empty(schedule.Decide(now));
        Assert.Equal(MachineRunState.Waiting, schedule.Machines[0].State);
        Assert.Equal((WaitKind.NoWindow, window.End), (schedule.WaitOf(0, now)!.For, schedule.WaitOf(0, now)!.At));
    }

    [Fact]
    public void A_machine_whose_last_window_has_closed_fails_after_a_minute_and_another_try_brings_the_windows_of_the_plan()
    {
        var window = new MaintenanceWindow { Start = Plans.Start, End = Plans.Start.AddHours(1) };
        var schedule = Take(Plans.Of(Vm("a"), Vm("b"), Vm("warm", type: PlanType.Warm)) with { MaintenanceWindows = [window], Limits = new PlanLimits { Machines = 1 } });
        Assert.Equal(["a"], Begun(schedule));
        now = window.End;
        Assert.Empty(Begun(schedule));
        now = now.AddSeconds(30);
        Assert.Empty(Begun(schedule));
        Assert.Equal(MachineRunState.Waiting, schedule.Machines[1].State); // a clock may be set by mistake
        now = now.AddMinutes(-40);
        Begun(schedule);
        now = window.End.AddHours(5);
        Begun(schedule);
        now = now.AddHours(5);
        Begun(schedule); // from the first look after the end on, a minute at most for each, whatever the clock says
        Assert.Equal([MachineRunState.Migrating, MachineRunState.Failed, MachineRunState.Failed], schedule.Machines.Select(m => m.State));
        Assert.Contains("SL7650", Assert.Single(schedule.Machines[1].Reasons), StringComparison.Ordinal);
        End(schedule, "a", MachineRunState.Succeeded);
        Begun(schedule);
        Assert.Equal(PlanRunState.Finished, schedule.Run.State);

        var more = new MaintenanceWindow { Start = now.AddMinutes(10), End = now.AddHours(2) };
        schedule.Take(new RunOrder("run", RunOrderKind.Retry, null, null, "me") { Windows = [more] }, now);
        Assert.Equal(["warm"], Begun(schedule)); // it may be followed
        Assert.Equal((WaitKind.Window, more.Start), (schedule.WaitOf(1, now)!.For, schedule.WaitOf(1, now)!.At));
        Assert.Equal(more.Start, schedule.NextAt(more.Start.AddSeconds(-10)));
        // As it is written down, in another process.
        now = more.Start;
        End(schedule, "warm", MachineRunState.Succeeded);
        schedule = new Schedule(schedule.Run, [.. schedule.Machines], "here", () => $"m{++ids}");
        Assert.Equal(["b"], Begun(schedule));
    }

    [Fact]
    public void A_window_that_is_made_longer_before_it_closes_reaches_machines_that_wait()
    {
        var window = new MaintenanceWindow { Start = Plans.Start, End = Plans.Start.AddHours(1) };
        var schedule = Take(Plans.Of(Vm("a"), Vm("b")) with { Limits = new PlanLimits { Machines = 1 }, MaintenanceWindows = [window] });
        Assert.Equal(["a"], Begun(schedule));
        schedule.Take(new RunOrder("run", RunOrderKind.Retry, null, null, "me") { Windows = [window with { End = window.End.AddHours(2) }] }, now);
        now = window.End.AddMinutes(5);
        End(schedule, "a", MachineRunState.Succeeded);
        Assert.Equal(["b"], Begun(schedule));
    }

    [Fact]
    public void A_followed_machine_whose_last_window_has_closed_stays_followed_and_is_cut_over_in_a_window_that_an_order_brings()
    {
        var window = new MaintenanceWindow { Start = Plans.Start, End = Plans.Start.AddHours(1) };
        var schedule = Take(Plans.Of(Vm("a", type: PlanType.Warm)) with { MaintenanceWindows = [window] });
        Begun(schedule);
        Tell(schedule, "a", new FollowingSign(true));
        Begun(schedule);
        Assert.Equal(WaitKind.CutoverOrder, schedule.WaitOf(0, now)!.For);
        now = window.End;
        for (var i = 0; i < 10; i++, now = now.AddMinutes(1)) Assert.Empty(schedule.Decide(now));
        Assert.Equal((MachineRunState.Following, WaitKind.NoWindow), (schedule.Machines[0].State, schedule.WaitOf(0, now)!.For));
        schedule.Take(new RunOrder("run", RunOrderKind.Cutover, "a", null, "me") { Windows = [] }, now);
        Assert.IsType<CutMachineOver>(Assert.Single(schedule.Decide(now)));
    }

    [Fact]
    public void Each_machine_is_told_what_it_waits_for()
    {
        var schedule = Take(Plans.Of(Vm("a"), Vm("b"), Vm("c"), Vm("d", wave: 2)) with { WavePolicy = WavePolicy.Stop, Limits = new PlanLimits { Machines = 2, MachinesPerHost = 1 } }, i => i < 2 ? "esx1" : "esx2");
        Assert.Equal(["waits for whoever carries the run out", "waits for its wave; wave 1 is at work"], [schedule.WaitOf(0, now)!.Said, schedule.WaitOf(3, now)!.Said]);
        Begun(schedule);
        Assert.Null(schedule.WaitOf(0, now));
        Assert.Equal("waits for room on host esx1, which takes 1 at once", schedule.WaitOf(1, now)!.Said);
        foreach (var name in new[] { "a", "b", "c" })
        {
            End(schedule, name, name == "c" ? MachineRunState.Failed : MachineRunState.Succeeded);
            Begun(schedule);
        }

        Assert.Equal("waits for an order to continue, because machines of wave 1 failed", schedule.WaitOf(3, now)!.Said);

        var one = Take(Plans.Of(2) with { Limits = new PlanLimits { Machines = 1 } });
        Begun(one);
        Assert.Equal("waits for the one place of the plan", one.WaitOf(1, now)!.Said);
    }

    [Fact]
    public void A_machine_is_cut_over_by_itself_only_when_its_downtime_is_short_enough_and_never_where_nobody_asked()
    {
        var ready = Take(Plans.Of(Vm("a", type: PlanType.Warm)) with { Precopy = new PrecopySpec { Downtime = TimeSpan.FromSeconds(30) } });
        Begun(ready);
        Tell(ready, "a", new FollowingSign(false));
        Assert.Empty(ready.Decide(now));
        Tell(ready, "a", new FollowingSign(true));
        Assert.IsType<CutMachineOver>(Assert.Single(ready.Decide(now)));

        var asked = Take(Plans.Of(Vm("a", type: PlanType.Warm)));
        Begun(asked);
        Tell(asked, "a", new FollowingSign(true));
        Assert.Empty(asked.Decide(now));
        asked.Take(new RunOrder("run", RunOrderKind.Cutover, "a", now.AddMinutes(30), "me"), now);
        Assert.Empty(asked.Decide(now));
        now = now.AddMinutes(30);
        Assert.IsType<CutMachineOver>(Assert.Single(asked.Decide(now)));
    }

    [Fact]
    public void A_stuck_machine_gives_its_place_to_others_and_goes_on_when_it_is_heard_again()
    {
        var schedule = Take(Plans.Of(Vm("a"), Vm("b"), Vm("c", wave: 2)) with { Limits = new PlanLimits { Machines = 1 }, Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(5) } });
        Assert.Equal(["a"], Begun(schedule));
        Pass(schedule, minutes: 4);
        Tell(schedule, "a", new ProgressSign("copy", 1, 2));
        Assert.Empty(Pass(schedule, minutes: 4));
        Assert.Equal(["b"], Pass(schedule, minutes: 1));
        Assert.Equal(MachineRunState.Stuck, schedule.Machines[0].State);
        Assert.Contains("SL7651", Assert.Single(schedule.Machines[0].Reasons), StringComparison.Ordinal);
        End(schedule, "b", MachineRunState.Succeeded);
        Assert.Equal(["c"], Begun(schedule)); // nor does it hold up a wave
        Tell(schedule, "a", new ProgressSign("copy", 2, 2));
        Assert.Equal(MachineRunState.Migrating, schedule.Machines[0].State);
        Assert.Empty(schedule.Machines[0].Reasons);
        End(schedule, "a", MachineRunState.Succeeded);
        End(schedule, "c", MachineRunState.Succeeded);
        Begun(schedule);
        Assert.Equal(PlanRunState.Finished, schedule.Run.State);
    }

    [Fact]
    public void A_clock_that_is_set_makes_nobody_late()
    {
        var schedule = Take(Plans.Of(1) with { Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(5), Machine = TimeSpan.FromHours(1) } });
        Begun(schedule);
        now = now.AddDays(3);
        Assert.Empty(schedule.Decide(now));
        now = now.AddDays(-10);
        Assert.Empty(schedule.Decide(now));
        Assert.Equal(MachineRunState.Migrating, schedule.Machines[0].State);
    }

    [Fact]
    public void A_machine_that_takes_too_long_is_cancelled_and_counts_as_failed()
    {
        var schedule = Take(Plans.Of(Vm("a"), Vm("b", wave: 2)) with { WavePolicy = WavePolicy.Stop, Deadlines = new PlanDeadlines { Machine = TimeSpan.FromMinutes(3) } });
        Begun(schedule);
        for (var i = 0; i < 2; i++)
        {
            now = now.AddMinutes(1);
            Tell(schedule, "a", new ProgressSign("copy", i, 9));
            Assert.Empty(schedule.Decide(now));
        }

        now = now.AddMinutes(1);
        Assert.IsType<CancelMachine>(Assert.Single(schedule.Decide(now)));
        End(schedule, "a", MachineRunState.Cancelled);
        Begun(schedule);
        Assert.Equal((MachineRunState.Failed, PlanRunState.Halted), (schedule.Machines[0].State, schedule.Run.State));
        Assert.Contains("SL7652", schedule.Machines[0].Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_run_begins_nothing_and_ends_also_where_a_machine_does_not()
    {
        var schedule = Take(Plans.Of(3) with { Limits = new PlanLimits { Machines = 2 }, Deadlines = new PlanDeadlines { Silence = TimeSpan.FromMinutes(2) } });
        Begun(schedule);
        Order(schedule, RunOrderKind.Cancel);
        Assert.Equal(["vm0", "vm1"], schedule.Decide(now).Select(a => Assert.IsType<CancelMachine>(a).Machine.Machine));
        Assert.Equal([MachineRunState.Cancelling, MachineRunState.Cancelling, MachineRunState.Cancelled], schedule.Machines.Select(m => m.State));
        End(schedule, "vm0", MachineRunState.Succeeded); // it was past the gate
        Pass(schedule, minutes: 3);
        Assert.Equal((PlanRunState.Finished, MachineRunState.Failed), (schedule.Run.State, schedule.Machines[1].State));
        Assert.Contains(schedule.Machines[1].Reasons, r => r.Contains("SL7653", StringComparison.Ordinal));
        End(schedule, "vm1", MachineRunState.Cancelled); // after all
        Assert.Equal(MachineRunState.Cancelled, schedule.Machines[1].State);
    }

    [Fact]
    public void After_a_crash_what_was_decided_is_done_again_and_what_is_elsewhere_is_left()
    {
        var spec = Plans.Of(Vm("a"), Vm("b", type: PlanType.Warm), Vm("c"), Vm("d"), Vm("e")) with { Limits = new PlanLimits { Machines = 4 } };
        var (run, machines) = Plans.Run(spec);
        machines[0] = machines[0] with { State = MachineRunState.Migrating, Migration = "1", Owner = "here" };
        machines[1] = machines[1] with { State = MachineRunState.Migrating, Migration = "2", Owner = "here", CutoverBegunAt = now };
        machines[2] = machines[2] with { State = MachineRunState.Cancelling, Migration = "3", Owner = "here" };
        machines[3] = machines[3] with { State = MachineRunState.Migrating, Migration = "4", Owner = "there" };
        var schedule = new Schedule(run, machines, "here", () => $"new{++ids}");
        Assert.Equal(
            [("BeginMachine", "a"), ("BeginMachine", "b"), ("CutMachineOver", "b"), ("BeginMachine", "c"), ("CancelMachine", "c"), ("BeginMachine", "e")],
            schedule.Decide(now).Select(a => (a.GetType().Name, a.Machine.Machine)));
        Assert.Equal(["1", "2", "3", "4", "new1"], schedule.Machines.Select(m => m.Migration));
        Assert.Equal(MachineRunState.Stuck, schedule.Machines[3].State);
        Assert.Contains("SL7654", Assert.Single(schedule.Machines[3].Reasons), StringComparison.Ordinal);
        foreach (var name in new[] { "a", "b", "c", "e" }) End(schedule, name, MachineRunState.Succeeded);
        Assert.True(schedule.IsLeftToOthers);
    }

    [Fact]
    public void A_hook_after_it_that_failed_is_tried_again_without_another_migration()
    {
        var schedule = Take(Plans.Of(Vm("a")));
        Begun(schedule);
        var id = schedule.Machines[0].Migration!;
        var outcome = new MigrationOutcome(id, Verdict.Sealed, "/seal", null, null, null, [], false);
        Tell(schedule, "a", new PostHooksSign(outcome));
        schedule.Hear("a", id, new EndedSign(MachineRunState.Failed, outcome, ["SL7660"], false), now);
        Order(schedule, RunOrderKind.Retry);
        Assert.Equal(["a"], Begun(schedule));
        Assert.Equal((MachineRunState.PostHook, id, (Verdict?)Verdict.Sealed), (schedule.Machines[0].State, schedule.Machines[0].Migration, schedule.Machines[0].Verdict));
        Order(schedule, RunOrderKind.Cancel, "a"); // it is handed over: nothing is left to cancel
        Assert.Equal(MachineRunState.PostHook, schedule.Machines[0].State);
    }

    private static PlannedMachine Vm(string name, int wave = 1, PlanType? type = null) => new() { Name = name, Wave = wave, Type = type };

    private Schedule Take(PlanSpec spec, Func<int, string>? host = null)
    {
        var (run, machines) = Plans.Run(spec, host);
        return new Schedule(run, machines, "here", () => $"m{++ids}");
    }

    private List<string> Begun(Schedule schedule) => [.. schedule.Decide(now).OfType<BeginMachine>().Select(a => a.Machine.Machine)];

    private List<string> Pass(Schedule schedule, int minutes)
    {
        var begun = new List<string>();
        for (var i = 0; i < minutes; i++)
        {
            now = now.AddMinutes(1);
            begun.AddRange(Begun(schedule));
        }

        return begun;
    }

    private void Tell(Schedule schedule, string machine, MachineSign sign) => schedule.Hear(machine, schedule.Machines.Single(m => m.Machine == machine).Migration!, sign, now);

    private void End(Schedule schedule, string machine, MachineRunState state, bool canResume = false) => Tell(schedule, machine, new EndedSign(state, null, [], canResume));

    private void Order(Schedule schedule, RunOrderKind kind, string? machine = null) => schedule.Take(new RunOrder("run", kind, machine, null, "me"), now);
}
