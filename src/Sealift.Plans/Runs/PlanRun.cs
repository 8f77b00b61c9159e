using System.Text.Json.Serialization;
using Sealift.Migrations;
using Sealift.Plans.Documents;
using Sealift.Plans.Scheduling;

namespace Sealift.Plans.Runs;

/// <summary>A plan that is carried out: the plan and all that it names as they were when it was begun. Editing the plan changes no run.</summary>
/// <param name="Id">Its id, as a migration's: sortable by time of creation.</param>
/// <param name="Plan">The plan's name.</param>
/// <param name="Generation">The plan's generation when it was begun.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Wave">The wave that is at work.</param>
/// <param name="CreatedAt">When it was begun, in UTC.</param>
/// <param name="EndedAt">When the last machine was over, in UTC.</param>
/// <param name="Actor">Who began it.</param>
/// <param name="Documents">The plan and everything that it names.</param>
public sealed record PlanRun(string Id, string Plan, long Generation, PlanRunState State, int Wave, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt, string Actor, IReadOnlyList<Document> Documents)
{
    /// <summary>The plan among <see cref="Documents"/>: lists of runs have none.</summary>
    internal PlanDocument PlanDocument => Documents.OfType<PlanDocument>().First();

    /// <summary>When machines are cut over of which nothing else was ordered: as was said when it was begun, or else as the plan says; null for neither.</summary>
    internal DateTimeOffset? Cutover => Documents.OfType<MigrationDocument>().FirstOrDefault()?.Spec.Cutover ?? PlanDocument.Spec.Precopy?.Cutover;
}

/// <summary>Where a run stands.</summary>
public enum PlanRunState
{
    /// <summary>Machines are at work, or wait for a place or a window.</summary>
    Running,

    /// <summary>A wave has failed machines, and the plan says stop: somebody has to continue or cancel it.</summary>
    Halted,

    /// <summary>Somebody cancelled it, and machines are still ending.</summary>
    Cancelling,

    /// <summary>Every machine is over.</summary>
    Finished,
}

/// <summary>One machine of a run.</summary>
public sealed record MachineRun
{
    /// <summary>The run.</summary>
    public required string Run { get; init; }

    /// <summary>What the plan calls it.</summary>
    public required string Machine { get; init; }

    /// <summary>Its wave.</summary>
    public required int Wave { get; init; }

    /// <summary>Where it stands.</summary>
    public required MachineRunState State { get; init; }

    /// <summary>The id of its migration; null before it was begun.</summary>
    public string? Migration { get; init; }

    /// <summary>The server or process whose state directory has that migration; null before it was begun.</summary>
    public string? Owner { get; init; }

    /// <summary>How it ended; null where it did not.</summary>
    public Verdict? Verdict { get; init; }

    /// <summary>The step that is, or was last, at work; a word of <see cref="StepName"/>, or the name of a hook.</summary>
    public string Step { get; init; } = string.Empty;

    /// <summary>Bytes of the step dealt with.</summary>
    public long DoneBytes { get; init; }

    /// <summary>Bytes of the step; 0 where unknown.</summary>
    public long TotalBytes { get; init; }

    /// <summary>When it last showed progress, in UTC.</summary>
    public DateTimeOffset? HeardAt { get; init; }

    /// <summary>When it was begun, in UTC.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it was over, in UTC.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it is not sealed, or what it waits for: whole sentences with code and next step.</summary>
    public IReadOnlyList<string> Reasons { get; init; } = [];

    /// <summary>The host of the source that it was on when the run was begun; empty where none is known, or nobody asked, which counts as one host.</summary>
    public string Host { get; init; } = string.Empty;

    /// <summary>When it is to be cut over, as somebody asked for this machine; null as the run says.</summary>
    public DateTimeOffset? CutoverAt { get; init; }

    /// <summary>Its windows, where an order brought those that the plan had by then; null for those of the run, empty for always.</summary>
    public IReadOnlyList<MaintenanceWindow>? Windows { get; init; }

    /// <summary>What it waits for, where <see cref="RunWaits.Fill"/> was asked for it; never kept.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MachineWait? WaitsFor { get; init; }

    /// <summary>When its cutover was let through; null before. From then on it is past the windows and holds a place.</summary>
    public DateTimeOffset? CutoverBegunAt { get; init; }

    /// <summary>Whether it could be cut over within the downtime that the plan allows, by what its last pass said.</summary>
    public bool IsReady { get; init; }

    /// <summary>Whether its migration can be resumed: otherwise a retry begins a new one.</summary>
    public bool CanResume { get; init; }

    /// <summary>Whether another try was ordered, and its migration has not been heard of since: what the journal says of its end until then is of the try before.</summary>
    public bool IsTriedAgain { get; init; }

    /// <summary>Which try this is, from 0.</summary>
    public int Try { get; init; }

    /// <summary>Whether it is being cancelled because it took longer than the plan allows: then it counts as failed.</summary>
    public bool IsOverdue { get; init; }

    /// <summary>How long it has been worked on, without the time in which it was followed or nobody worked on its run.</summary>
    public TimeSpan Worked { get; init; }

    /// <summary>Its signed report; null where there is none yet.</summary>
    public string? SealPath { get; init; }

    /// <summary>Its hooks that were begun, in their order; a retry adds to them.</summary>
    public IReadOnlyList<HookRun> Hooks { get; init; } = [];

    /// <summary>Whether nothing more becomes of it by itself.</summary>
    [JsonIgnore]
    public bool IsOver => State is MachineRunState.Succeeded or MachineRunState.Failed or MachineRunState.Cancelled;

    /// <summary>Whether its migration handed it over.</summary>
    [JsonIgnore]
    public bool IsHandedOver => Verdict is Migrations.Verdict.Sealed or Migrations.Verdict.Degraded;
}

/// <summary>One hook of one machine, written down before it runs and when it has ended.</summary>
/// <param name="Hook">Its name.</param>
/// <param name="Step">When it runs.</param>
/// <param name="State">What came of it.</param>
/// <param name="StartedAt">When it was begun last, in UTC.</param>
/// <param name="EndedAt">When it ended, in UTC; null while it runs.</param>
/// <param name="Said">How it ended: exit code or signal, and its last words.</param>
/// <param name="LogPath">Its output, on the server that ran it.</param>
public sealed record HookRun(string Hook, HookStep Step, HookState State, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string Said, string LogPath)
{
    /// <summary>The migration that it belongs to: a new one of the same machine has its hooks run again.</summary>
    public string Migration { get; init; } = string.Empty;

    /// <summary>The try of its machine that it ran in.</summary>
    public int Try { get; init; }
}

/// <summary>What came of a hook.</summary>
public enum HookState
{
    /// <summary>It was begun. Where its server died then, it is run again.</summary>
    Started,

    /// <summary>It ended well.</summary>
    Succeeded,

    /// <summary>It did not, and the plan goes on all the same or not, as the hook says.</summary>
    Failed,

    /// <summary>It was not run: another one that it needs did not succeed.</summary>
    Skipped,
}

/// <summary>Where a machine of a run stands.</summary>
public enum MachineRunState
{
    /// <summary>Its wave, or its turn, has not come, or no window is open.</summary>
    Waiting,

    /// <summary>A hook runs before it.</summary>
    PreHook,

    /// <summary>It is migrated.</summary>
    Migrating,

    /// <summary>It is followed while it runs, and waits for its cutover.</summary>
    Following,

    /// <summary>It has not shown progress for longer than the plan allows. It no longer counts against the limits.</summary>
    Stuck,

    /// <summary>Somebody cancelled it, and it has not ended yet.</summary>
    Cancelling,

    /// <summary>A hook runs after it.</summary>
    PostHook,

    /// <summary>It was handed over.</summary>
    Succeeded,

    /// <summary>It was not handed over, or a hook after it failed.</summary>
    Failed,

    /// <summary>It was cancelled.</summary>
    Cancelled,
}
