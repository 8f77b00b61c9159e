using System.Text.Json.Serialization;
using Sealift.Disks;
using Sealift.Guests;

namespace Sealift.Migrations;

/// <summary>Told of everything that happens, in order, one call at a time. What it throws ends the run as a crash would.</summary>
public interface IMigrationObserver
{
    /// <summary>Something happened.</summary>
    void Report(MigrationEvent happened);
}

/// <summary>One thing that happened in a migration. As JSON (<see cref="MigrationJson"/>) it is one line with a field <c>event</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(MigrationStarted), "migration-started")]
[JsonDerivedType(typeof(StepStarted), "step-started")]
[JsonDerivedType(typeof(StepProgress), "step-progress")]
[JsonDerivedType(typeof(StepFinished), "step-finished")]
[JsonDerivedType(typeof(StepFailed), "step-failed")]
[JsonDerivedType(typeof(FindingReported), "finding")]
[JsonDerivedType(typeof(PassFinished), "pass-finished")]
[JsonDerivedType(typeof(CutoverEstimated), "cutover-estimated")]
[JsonDerivedType(typeof(Note), "note")]
[JsonDerivedType(typeof(MigrationFinished), "migration-finished")]
public abstract record MigrationEvent
{
    /// <summary>When, in UTC.</summary>
    public DateTimeOffset At { get; init; } = DateTimeOffset.UtcNow;
}

/// <summary>A migration was started or resumed.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Resumed">Whether an earlier run was interrupted.</param>
/// <param name="Machine">The machine's name; until it is known, the name of the first source.</param>
/// <param name="TargetDirectory">Where it goes.</param>
public sealed record MigrationStarted(string Id, bool Resumed, string Machine, string TargetDirectory) : MigrationEvent;

/// <summary>A step begins.</summary>
/// <param name="Step">Its name, as in <see cref="StepName"/>.</param>
/// <param name="Disk">The disk's key; empty where the step is about the machine.</param>
public sealed record StepStarted(string Step, string Disk) : MigrationEvent;

/// <summary>How far a step is. Sent at most a few times a second.</summary>
/// <param name="Step">Its name.</param>
/// <param name="Disk">The disk's key or empty.</param>
/// <param name="DoneBytes">Bytes of the disk dealt with, holes included.</param>
/// <param name="TotalBytes">The disk's length (or the length of the work), in bytes; 0 where unknown.</param>
/// <param name="DataBytes">Bytes that really were read or written so far.</param>
public sealed record StepProgress(string Step, string Disk, long DoneBytes, long TotalBytes, long DataBytes) : MigrationEvent
{
    /// <summary>Where the time of the last seconds went; null where that is not measured.</summary>
    public StageReport? Performance { get; init; }
}

/// <summary>A step is done and its results are durable.</summary>
/// <param name="Step">Its name.</param>
/// <param name="Disk">The disk's key or empty.</param>
/// <param name="ElapsedSeconds">How long it took.</param>
/// <param name="Summary">One line for people.</param>
/// <param name="Earlier">Whether it had been done by an earlier run and was taken over from the journal.</param>
public sealed record StepFinished(string Step, string Disk, double ElapsedSeconds, string Summary, bool Earlier) : MigrationEvent;

/// <summary>A step failed.</summary>
/// <param name="Step">Its name.</param>
/// <param name="Disk">The disk's key or empty.</param>
/// <param name="Message">The whole error.</param>
public sealed record StepFailed(string Step, string Disk, string Message) : MigrationEvent;

/// <summary>A checker or the conversion reported something.</summary>
/// <param name="Step">The step that saw it.</param>
/// <param name="Finding">What it reported.</param>
public sealed record FindingReported(string Step, Finding Finding) : MigrationEvent;

/// <summary>A pass over the disks of a running machine is done.</summary>
/// <param name="Step">The step that it belongs to.</param>
/// <param name="Pass">What it did.</param>
public sealed record PassFinished(string Step, PassRecord Pass) : MigrationEvent;

/// <summary>How long a running machine would be off for what is left to copy, if it were cut over now.</summary>
/// <param name="Step">The step that follows it.</param>
/// <param name="Seconds">The last difference; a full audit where no tracker is to be believed.</param>
/// <param name="IsShortEnough">Whether that is less than the plan allows; true where it says nothing.</param>
public sealed record CutoverEstimated(string Step, double Seconds, bool IsShortEnough) : MigrationEvent;

/// <summary>Something worth telling that changes nothing.</summary>
/// <param name="Step">The step; empty where none.</param>
/// <param name="Text">One line.</param>
public sealed record Note(string Step, string Text) : MigrationEvent
{
    /// <summary>Says only what a step is busy with: of no interest once it is done.</summary>
    public bool IsPassing { get; init; }
}

/// <summary>The migration is over.</summary>
/// <param name="Outcome">How it ended.</param>
public sealed record MigrationFinished(MigrationOutcome Outcome) : MigrationEvent;
