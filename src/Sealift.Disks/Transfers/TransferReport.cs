using System.Text.Json.Serialization;

namespace Sealift.Disks;

/// <summary>Who copied a disk, and why nobody faster did.</summary>
/// <param name="Used"><c>stream</c>, or the name of a provider.</param>
/// <param name="PassedOver">The providers that would have come before it, the fastest first.</param>
public sealed record TransferReport(string Used, IReadOnlyList<TransferPassedOver> PassedOver)
{
    /// <summary>By what means the storage copied, and why by no better one; null where it has one only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? How { get; init; }

    /// <summary>Bytes of the disk that the storage says it copied; the rest, but for holes, was copied by <c>stream</c>.</summary>
    public long OffloadedBytes { get; init; }

    /// <summary>Where the storage declined in the middle, in bytes from the start of the disk: from there on <c>stream</c> copied. Null where it did not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? DeclinedAt { get; init; }

    /// <summary>What the storage said there.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Declined { get; init; }

    /// <summary>Bytes that the read-back found different from the source although the storage said that they were copied, and that <c>stream</c> copied instead.</summary>
    public long RepairedBytes { get; init; }

    /// <summary>Whether storage copied any of it.</summary>
    [JsonIgnore]
    public bool IsOffload => Used != TransferPlan.Stream;

    /// <summary>What became of it, in words.</summary>
    public override string ToString() => (IsOffload, DeclinedAt) switch
    {
        (false, _) => Used,
        (true, null) => $"{Used}{Repairs}",
        _ => $"{Used} up to offset {DeclinedAt}, then stream{Repairs}",
    };

    private string Repairs => RepairedBytes == 0 ? string.Empty : $", {RepairedBytes} bytes of it repaired by stream";
}

/// <summary>A provider that was not chosen.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Why">Why not, in plain words.</param>
public sealed record TransferPassedOver(string Name, string Why);
