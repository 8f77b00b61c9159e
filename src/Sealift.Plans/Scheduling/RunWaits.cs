using Sealift.Plans.Runs;

namespace Sealift.Plans.Scheduling;

/// <summary>Finds out what the machines of a run wait for, for whoever looks at them.</summary>
public static class RunWaits
{
    /// <summary>Machines with what each of them waits for. Asked of the same decisions that a scheduler makes, on what is written down.</summary>
    /// <param name="run">The run, with its documents.</param>
    /// <param name="machines">All of its machines, in the order of the plan.</param>
    /// <param name="now">What time it is.</param>
    public static IReadOnlyList<MachineRun> Fill(PlanRun run, IReadOnlyList<MachineRun> machines, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(machines);
        if (run.State == PlanRunState.Finished || !machines.Any(MayWait)) return machines;
        var schedule = Schedule.ToLookAt(run, machines);
        return [.. machines.Select((m, i) => MayWait(m) ? m with { WaitsFor = schedule.WaitOf(i, now) } : m)];
    }

    private static bool MayWait(MachineRun machine) => machine.State is MachineRunState.Waiting or MachineRunState.Following;
}
