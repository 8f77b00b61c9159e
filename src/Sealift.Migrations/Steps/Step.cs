namespace Sealift.Migrations.Steps;

/// <summary>
/// A step of the pipeline. It may be run again after a crash at any instant of an earlier run, and then reaches the same end:
/// it makes way for its own files first and reads only what earlier steps made durable.
/// </summary>
internal abstract class Step(string name, string disk)
{
    public PlannedStep Planned { get; } = new(name, disk);

    protected string Disk => Planned.Disk;

    /// <summary>Whether a cancellation may stop it half-way.</summary>
    public virtual bool IsCancellable => true;

    /// <summary>Whether it opens copied disks: those that are on another host are to be served then.</summary>
    public bool ReachesDisks => Planned.Step is not (StepName.Describe or StepName.Preflight or StepName.CheckSource or StepName.Gate or StepName.HandOver or StepName.Seal);

    /// <summary>Does it; when it returns, its results are on stable storage.</summary>
    public abstract Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel);
}

/// <summary>What a step established.</summary>
/// <param name="Summary">One line for people.</param>
/// <param name="Json">For later steps and the seal.</param>
internal sealed record StepResult(string Summary, string Json);
