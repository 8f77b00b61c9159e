namespace Sealift.Providers;

/// <summary>How much a concern weighs.</summary>
public enum ConcernSeverity
{
    /// <summary>Worth knowing.</summary>
    Note,

    /// <summary>The new machine lacks something, or the migration takes more care.</summary>
    Warning,

    /// <summary>The migration cannot be done this way.</summary>
    Obstacle,
}

/// <summary>Something about a machine at its source that a migration meets, known before anything moves.</summary>
/// <param name="Class">Its stable name: <c>vsphere.snapshots</c>.</param>
/// <param name="Severity">How much it weighs.</param>
/// <param name="Subject">What it is about: the machine, a disk, a card.</param>
/// <param name="Text">What it is, in one sentence.</param>
/// <param name="NextStep">What the reader should do: one imperative sentence.</param>
public sealed record Concern(string Class, ConcernSeverity Severity, string Subject, string Text, string NextStep);
