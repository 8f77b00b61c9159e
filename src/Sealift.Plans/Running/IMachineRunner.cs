using Sealift.Plans.Runs;
using Sealift.Plans.Scheduling;

namespace Sealift.Plans.Running;

/// <summary>Carries machines out. No call waits for what it begins, none throws for what becomes of a machine, and each may come twice.</summary>
public interface IMachineRunner
{
    /// <summary>Begins a machine under the migration's id that is written down, or goes on with it where it stands, until its <see cref="EndedSign"/>, or its <see cref="TakenIdSign"/> where that id is another machine's.</summary>
    /// <param name="run">Its run.</param>
    /// <param name="machine">The machine as it is written down.</param>
    /// <param name="isGoingOn">Whether an earlier process may have come to its end without anybody hearing of it: then that end is told.</param>
    /// <param name="signs">Told of what becomes of it.</param>
    void Begin(PlanRun run, MachineRun machine, bool isGoingOn, IMachineSigns signs);

    /// <summary>Cuts a machine over as soon as it is followed.</summary>
    void CutOver(MachineRun machine);

    /// <summary>Cancels a machine. Its end is told as any other.</summary>
    void Cancel(MachineRun machine);

    /// <summary>Leaves off from all machines of a run where they stand, so that somebody can go on with them. Nothing more is told of them.</summary>
    /// <param name="run">The run's id.</param>
    /// <returns>Done when nobody works on them any more.</returns>
    Task LeaveOffAsync(string run);
}

/// <summary>Who is told of machines.</summary>
public interface IMachineSigns
{
    /// <summary>Takes something that need not be kept at once. Never waits.</summary>
    void Tell(string machine, string migration, MachineSign sign);

    /// <summary>Takes something that nothing may go on without.</summary>
    /// <returns>Done when it is written down.</returns>
    /// <exception cref="OperationCanceledException">It will not be: somebody else carries the run out, or this server stops.</exception>
    Task TellDurablyAsync(string machine, string migration, MachineSign sign);
}
