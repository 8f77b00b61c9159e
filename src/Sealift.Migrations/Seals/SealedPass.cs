using System.Text.Json.Serialization;
using Sealift.Disks;

namespace Sealift.Migrations.Seals;

/// <summary>A pass over the disks of a machine that ran, or, the last one, that had just been shut down.</summary>
public sealed record SealedPass
{
    /// <summary>Its number; a pass that was interrupted has one too, and is not listed.</summary>
    public required int Number { get; init; }

    /// <summary>The instant that it is of.</summary>
    public required DateTimeOffset PointInTime { get; init; }

    /// <summary>How long its copying took.</summary>
    public required double ElapsedSeconds { get; init; }

    /// <summary>Whether the machine was off.</summary>
    public required bool IsFinal { get; init; }

    /// <summary>What was done about a guest that was writing at that instant: whether an agent froze its file systems; null in seals of versions that did not say.</summary>
    public string? Consistency { get; init; }

    /// <summary>How much of what the change tracker called unchanged was read and compared.</summary>
    [JsonConverter(typeof(LowerCaseName<AuditScope>))]
    public required AuditScope Audit { get; init; }

    /// <summary>Its part for each disk.</summary>
    public required IReadOnlyList<SealedPassDisk> Disks { get; init; }

    internal static SealedPass Of(PassRecord pass) => new()
    {
        Number = pass.Number,
        PointInTime = pass.PointInTime!.Value,
        ElapsedSeconds = pass.Seconds,
        IsFinal = pass.IsFinal,
        Consistency = pass.Consistency,
        Audit = pass.Audit,
        Disks = [.. pass.Disks.Select(d => new SealedPassDisk(d.Key, d.FullBecause, d.ClaimedBytes, d.ReadBytes, d.ComparedBytes, d.LieBytes, [.. d.Lies.Select(r => new SealedRange(r.Offset, r.LengthBytes))], d.Root) { ProvenBytes = d.ProvenBytes, ReadBy = d.ReadBy })],
    };
}

/// <summary>One disk's part of a pass.</summary>
/// <param name="Key">The disk.</param>
/// <param name="FullBecause">Why everything was read and compared by hash; null where the change tracker was believed.</param>
/// <param name="ClaimedBytes">Bytes that the tracker named.</param>
/// <param name="ReadBytes">Bytes that were read from the source.</param>
/// <param name="ComparedBytes">Of these, bytes that were read to be compared with what was known.</param>
/// <param name="LieBytes">Bytes that had changed though the tracker called them unchanged. They were copied.</param>
/// <param name="Lies">Where: the first ranges.</param>
/// <param name="Root">The blkhash of the disk at that instant.</param>
public sealed record SealedPassDisk(string Key, string? FullBecause, long ClaimedBytes, long ReadBytes, long ComparedBytes, long LieBytes, IReadOnlyList<SealedRange> Lies, string? Root)
{
    /// <summary>By which of several ways the source was read: <c>vddk</c>, <c>https</c> or <c>nfc</c> of vSphere; null where there is only one.</summary>
    public string? ReadBy { get; init; }

    /// <summary>Bytes of the target that were read back in this pass, zeros in believed holes among them; 0 where passes read nothing back.</summary>
    public long ProvenBytes { get; init; }
}
