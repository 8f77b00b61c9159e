using System.Text.Json.Serialization;

namespace Sealift.Plans.Documents;

/// <summary>An order to carry out a plan. As in Forklift, it is what begins a run; its cutover and cancellations steer it.</summary>
public sealed record MigrationDocument : Document
{
    /// <inheritdoc/>
    public override string Kind => DocumentKind.Migration;

    /// <summary>What is ordered.</summary>
    [JsonPropertyOrder(2)]
    public required MigrationSpec Spec { get; init; }
}

/// <summary>An order.</summary>
public sealed record MigrationSpec
{
    /// <summary>The plan to carry out.</summary>
    public required DocumentReference Plan { get; init; }

    /// <summary>When all machines are cut over; null as the plan says.</summary>
    public DateTimeOffset? Cutover { get; init; }

    /// <summary>Machines to cancel.</summary>
    public IReadOnlyList<DocumentReference> Cancel { get; init; } = [];
}
