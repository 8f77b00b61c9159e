using Sealift.Disks;

namespace Sealift.Migrations;

/// <summary>How a machine is migrated while it runs.</summary>
public sealed record WarmPlan
{
    /// <summary>How long after the end of a pass the next one begins; zero for at once.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>
    /// How long the machine may be off for the last difference and its audit. Where it is set, passes follow each other until the estimate
    /// is below it, and the cutover begins by itself; a full audit that would take longer is made in the pass before. Null: no limit, and
    /// the cutover waits until it is asked for.
    /// </summary>
    public TimeSpan? Downtime { get; init; }

    /// <summary>When the cutover begins by itself; null: when it is asked for, or by <see cref="Downtime"/>.</summary>
    public DateTimeOffset? CutoverAt { get; init; }

    /// <summary>How much of what the change tracker calls unchanged is read and compared at the last point in time.</summary>
    public AuditScope Audit { get; init; } = AuditScope.Full;

    /// <summary>
    /// How much of the target is read back when the machine is off. Null: all of it, unless a <see cref="Downtime"/> is set that this
    /// would exceed; then what the passes have not read back.
    /// </summary>
    public ReadBackScope? ReadBack { get; init; }

    /// <summary>Whether each pass reads back what it wrote: where that may have to do.</summary>
    internal bool ReadsPassesBack => ReadBack == ReadBackScope.Changed || (ReadBack is null && Downtime is not null);

    /// <summary>Whether the change tracker is used at all; otherwise each pass compares by hash.</summary>
    public bool UseTracker { get; init; } = true;

    /// <summary>How long a source that is lost between two passes, or in the midst of one, is looked for again; zero for not at all. Then the migration fails, and can be resumed.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>How long the guest may take to shut down.</summary>
    public TimeSpan ShutdownDeadline { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Whether a guest that does not shut down in time is stopped where it is, as a power cut would.</summary>
    public bool ForceOff { get; init; }

    /// <summary>Whether the guest is started again at the source where the migration fails or is cancelled after it was shut down.</summary>
    public bool RestartSource { get; init; }

    /// <summary>An absolute path: the directory in which QEMU may make what the guest overwrites meanwhile; null for the migration's own.</summary>
    public string? ScratchDirectory { get; init; }
}

/// <summary>What was asked of a running migration, from another process.</summary>
/// <param name="CutoverAt">When to cut over; null: as planned.</param>
/// <param name="IsPaused">Whether no pass begins.</param>
/// <param name="Interval">Another interval; null: as planned.</param>
public sealed record Steering(DateTimeOffset? CutoverAt, bool IsPaused, TimeSpan? Interval)
{
    /// <summary>A <see cref="CutoverAt"/> that waits until it is asked for, whatever the plan says.</summary>
    public static DateTimeOffset WhenAsked => DateTimeOffset.MaxValue;

    /// <summary>Nothing was asked.</summary>
    public static Steering None { get; } = new(null, false, null);
}
