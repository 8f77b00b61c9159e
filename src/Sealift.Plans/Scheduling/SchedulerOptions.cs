namespace Sealift.Plans.Scheduling;

/// <summary>How a scheduler keeps time.</summary>
public sealed record SchedulerOptions
{
    /// <summary>How long the right to carry out a run lasts without being renewed. It is renewed three times as often; whoever waits for it waits so long after a crash.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often new runs, and orders for those at work, are looked for.</summary>
    public TimeSpan LookInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often progress is written down. What is more than progress is written at once.</summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a run is left alone of which only another state directory's machines are left, so that its scheduler can take it.</summary>
    public TimeSpan YieldFor { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Only this run is carried out; null for all that nobody else carries out.</summary>
    public string? OnlyRun { get; init; }
}
