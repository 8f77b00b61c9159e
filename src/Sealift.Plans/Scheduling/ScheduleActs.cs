using Sealift.Plans.Runs;

namespace Sealift.Plans.Scheduling;

/// <summary>Something that a <see cref="Schedule"/> decided is done now. Each can be asked again after a crash: whoever carries it out finds out how far it came.</summary>
/// <param name="Machine">The machine as it was written down.</param>
public abstract record ScheduleAct(MachineRun Machine);

/// <summary>Begin a machine, or go on with it.</summary>
/// <param name="Machine">The machine as it was written down.</param>
/// <param name="IsGoingOn">Whether it was at work when this schedule took its run up: then it may have come to an end of which nobody heard.</param>
public sealed record BeginMachine(MachineRun Machine, bool IsGoingOn) : ScheduleAct(Machine);

/// <summary>Cut a machine over that is followed.</summary>
public sealed record CutMachineOver(MachineRun Machine) : ScheduleAct(Machine);

/// <summary>Cancel a machine that is at work.</summary>
public sealed record CancelMachine(MachineRun Machine) : ScheduleAct(Machine);
