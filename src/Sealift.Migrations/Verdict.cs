namespace Sealift.Migrations;

/// <summary>How a migration ended. There is no fifth, and nothing prints success without one.</summary>
public enum Verdict
{
    /// <summary>Everything required was proven; the machine was handed over.</summary>
    Sealed,

    /// <summary>Less than everything was proven (a waived finding, a check that was left out); the seal says what. Handed over only where the plan accepts it.</summary>
    Degraded,

    /// <summary>Nothing was handed over. The report says what, where and what to do next.</summary>
    Failed,

    /// <summary>Somebody stopped it. Nothing was handed over.</summary>
    Cancelled,
}
