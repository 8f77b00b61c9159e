namespace Sealift.Migrations;

/// <summary>Where a migration stands.</summary>
public enum MigrationState
{
    /// <summary>A process works on it.</summary>
    Running,

    /// <summary>The process that worked on it died: it can be resumed.</summary>
    Interrupted,

    /// <summary>It has a verdict. One that failed may still be resumed where <see cref="MigrationSummary.CanResume"/> says so.</summary>
    Finished,
}

/// <summary>One migration in a list.</summary>
/// <param name="Id">Its id: sortable by time of creation.</param>
/// <param name="Machine">The machine's name; empty until it is known.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Verdict">How it ended; null where it did not.</param>
/// <param name="Step">The step that is, or was last, at work; empty before the first.</param>
/// <param name="CanResume">Whether <c>resume</c> makes sense.</param>
/// <param name="Sources">Its sources.</param>
/// <param name="TargetDirectory">Where it goes.</param>
/// <param name="CreatedAt">When it was created, in UTC.</param>
/// <param name="EndedAt">When it got its verdict, in UTC.</param>
public sealed record MigrationSummary(
    string Id,
    string Machine,
    MigrationState State,
    Verdict? Verdict,
    string Step,
    bool CanResume,
    IReadOnlyList<string> Sources,
    string TargetDirectory,
    DateTimeOffset CreatedAt,
    DateTimeOffset? EndedAt);

/// <summary>Everything about one migration.</summary>
/// <param name="Summary">As in the list.</param>
/// <param name="Request">The plan.</param>
/// <param name="Steps">Every step in order, as the journal has it.</param>
/// <param name="Artefacts">Every file that Sealift made for it, or was about to make.</param>
/// <param name="Outcome">How it ended; null where it did not.</param>
/// <param name="StateDirectory">Its logs and reports.</param>
public sealed record MigrationDetails(
    MigrationSummary Summary,
    MigrationRequest Request,
    IReadOnlyList<StepRecord> Steps,
    IReadOnlyList<ArtefactRecord> Artefacts,
    MigrationOutcome? Outcome,
    string StateDirectory);

/// <summary>What the journal knows of a step.</summary>
public enum StepState
{
    /// <summary>It is to run.</summary>
    Planned,

    /// <summary>It was begun; whether it did anything is unknown.</summary>
    Started,

    /// <summary>It is done, and its results are durable.</summary>
    Done,

    /// <summary>It failed.</summary>
    Failed,
}

/// <summary>One step in the journal.</summary>
/// <param name="Step">Its name, as in <see cref="StepName"/>.</param>
/// <param name="Disk">The disk's key; empty where the step is about the machine.</param>
/// <param name="State">How far it is.</param>
/// <param name="StartedAt">When it was begun last, in UTC.</param>
/// <param name="EndedAt">When it ended, in UTC.</param>
/// <param name="ElapsedSeconds">How long it took, over all attempts that came to an end.</param>
/// <param name="Summary">One line for people: what came out, or the error.</param>
public sealed record StepRecord(string Step, string Disk, StepState State, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, double ElapsedSeconds, string Summary);

/// <summary>A file that Sealift made, or was about to make: it is journaled before it is made.</summary>
/// <param name="Path">Where.</param>
/// <param name="Kind"><c>work-directory</c>, <c>disk</c>, <c>overlay</c>, <c>block-map</c>, <c>log</c>, <c>domain</c>, <c>start-script</c>, <c>seal</c> …</param>
/// <param name="HandedOver">Whether it belongs to the machine that was handed over.</param>
/// <param name="Device">The device number that it was made on; 0 where it was not made yet.</param>
/// <param name="Inode">Its inode number; 0 where it was not made yet.</param>
public sealed record ArtefactRecord(string Path, string Kind, bool HandedOver, ulong Device, ulong Inode);
