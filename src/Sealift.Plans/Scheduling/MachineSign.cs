using Sealift.Migrations;
using Sealift.Plans.Runs;

namespace Sealift.Plans.Scheduling;

/// <summary>What is heard of a machine that is at work.</summary>
public abstract record MachineSign;

/// <summary>It shows progress.</summary>
/// <param name="Step">The step that is at work.</param>
/// <param name="DoneBytes">Bytes of it dealt with.</param>
/// <param name="TotalBytes">Bytes of it; 0 where unknown.</param>
public sealed record ProgressSign(string Step, long DoneBytes, long TotalBytes) : MachineSign;

/// <summary>It is migrated: the hooks before it are over.</summary>
public sealed record MigratingSign : MachineSign;

/// <summary>A pass over a running machine is done, and it waits for its cutover.</summary>
/// <param name="IsReady">Whether it could be cut over within the downtime that the plan allows.</param>
public sealed record FollowingSign(bool IsReady) : MachineSign;

/// <summary>It is cut over, whoever asked for that.</summary>
public sealed record CuttingOverSign : MachineSign;

/// <summary>It was handed over, and the hooks after it run.</summary>
/// <param name="Outcome">How its migration ended.</param>
public sealed record PostHooksSign(MigrationOutcome Outcome) : MachineSign;

/// <summary>A hook of it is about to run, or has ended.</summary>
/// <param name="Hook">The hook as it stands.</param>
public sealed record HookSign(HookRun Hook) : MachineSign;

/// <summary>
/// The id of its migration is another machine's: another process gave it too, and was the first to begin. Nothing was done under it, and nobody
/// works on this machine any more. It is told of none that was handed over.
/// </summary>
public sealed record TakenIdSign : MachineSign;

/// <summary>Nobody works on it any more.</summary>
/// <param name="State">Succeeded, failed or cancelled.</param>
/// <param name="Outcome">How its migration ended; null where none was begun.</param>
/// <param name="Reasons">Why it is not sealed: whole sentences.</param>
/// <param name="CanResume">Whether its migration can be resumed.</param>
public sealed record EndedSign(MachineRunState State, MigrationOutcome? Outcome, IReadOnlyList<string> Reasons, bool CanResume) : MachineSign;
