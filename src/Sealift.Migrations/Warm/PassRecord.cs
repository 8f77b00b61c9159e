using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Providers;

namespace Sealift.Migrations;

/// <summary>A pass over the disks of a running machine: planned in the journal before the source is touched, and again when it is done.</summary>
/// <param name="Number">From 0. Each try has a number of its own.</param>
/// <param name="IsFinal">Whether the machine was off.</param>
/// <param name="Bitmap">The bitmap that records what changes after it.</param>
/// <param name="StartedAt">When it was planned.</param>
/// <param name="Audit">How much of what the tracker called unchanged was looked at.</param>
/// <param name="Disks">Its part for each disk.</param>
public sealed record PassRecord(int Number, bool IsFinal, string Bitmap, DateTimeOffset StartedAt, AuditScope Audit, IReadOnlyList<PassDisk> Disks)
{
    /// <summary>The instant that it is of; null where it was not reached.</summary>
    public DateTimeOffset? PointInTime { get; init; }

    /// <summary>What was done about a guest that was writing, so that its disks are consistent; null where the instant was not reached.</summary>
    public string? Consistency { get; init; }

    /// <summary>When it was done; null where it was not.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Whether it came to its end.</summary>
    public bool IsDone => EndedAt is not null;

    /// <summary>How long its copying took, in seconds; 0 where it is not done.</summary>
    public double Seconds => EndedAt is { } end && PointInTime is { } begin ? (end - begin).TotalSeconds : 0;
}

/// <summary>One disk's part of a pass.</summary>
/// <param name="Key">The disk's key.</param>
/// <param name="Identity">What named it at the source.</param>
/// <param name="Node">The block node it was read from.</param>
/// <param name="File">The file below it.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Since">The bitmaps whose changes were copied, or the mark that they were asked for since.</param>
/// <param name="FullBecause">Why everything was read and compared by hash; null where the tracker was believed.</param>
public sealed record PassDisk(string Key, string Identity, string Node, string File, long LengthBytes, IReadOnlyList<string> Since, string? FullBecause)
{
    /// <summary>What the hypervisor's tracker calls this instant, where it knows instants by marks (a change id of vSphere's); null where it keeps bitmaps, or nothing.</summary>
    public TrackerMark? Mark { get; init; }

    /// <summary>By which of several ways the source was read; null where there is only one.</summary>
    public string? ReadBy { get; init; }

    /// <summary>Bytes that the tracker named, in whole blocks.</summary>
    public long ClaimedBytes { get; init; }

    /// <summary>Bytes that were read from the source.</summary>
    public long ReadBytes { get; init; }

    /// <summary>Of these, bytes that were read to be compared.</summary>
    public long ComparedBytes { get; init; }

    /// <summary>Bytes that had changed though the tracker called them unchanged.</summary>
    public long LieBytes { get; init; }

    /// <summary>Where they are: the first ranges.</summary>
    public IReadOnlyList<DiskRange> Lies { get; init; } = [];

    /// <summary>Bytes of the target that were read back at its end or while it was copied; zeros in holes by its checked allocation map are counted.</summary>
    public long ProvenBytes { get; init; }

    /// <summary>The time that nothing of what counts as read back is older than; null where nothing does.</summary>
    public DateTimeOffset? ProvenSince { get; init; }

    /// <summary>What first read back different, and was copied again.</summary>
    public IReadOnlyList<SealedMismatch> Mismatches { get; init; } = [];

    /// <summary>The target as the pass left it, of which the proofs are; null where there are none.</summary>
    public TargetState? Target { get; init; }

    /// <summary>Who copied it, where the pass began it anew; otherwise null: what changed is copied by stream.</summary>
    public TransferReport? Transfer { get; init; }

    /// <summary>The root of the disk at this point in time, in lower-case hex; null where the pass was not done.</summary>
    public string? Root { get; init; }
}
