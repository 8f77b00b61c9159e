using Sealift.Disks;
using Sealift.Guests.Luks;

namespace Sealift.Migrations;

/// <summary>What whoever runs many migrations at once sets for one of them. Nothing of it is journaled.</summary>
public sealed record MigrationTerms
{
    /// <summary>The id of one that is begun: one of <see cref="MigrationStore.NewId"/>; null for any. An id that was written down before it is begun cannot be begun twice.</summary>
    public string? Id { get; init; }

    /// <summary>The keys of its encrypted volumes, by <see cref="MigrationRequest.LuksKeys"/>. The caller clears them.</summary>
    public IReadOnlyList<VolumeKey> Keys { get; init; } = [];

    /// <summary>What all of them together may read; null where each has its own limit, or none.</summary>
    public BandwidthLimit? Bandwidth { get; init; }

    /// <summary>
    /// Makes it leave off where it stands, as the death of its process would: there is no verdict, nothing is taken back, and it can be
    /// resumed. A commit or a hand-over that is under way may be finished first.
    /// </summary>
    public CancellationToken LeaveOff { get; init; }

    /// <summary>Those of one that has the process to itself.</summary>
    internal static MigrationTerms Alone(MigrationStore store) => new() { Keys = store.Keys };
}
