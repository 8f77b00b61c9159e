using System.Text.Json.Serialization;

namespace Sealift.Disks;

/// <summary>What one stage of a copy did.</summary>
/// <param name="Stage">Which.</param>
/// <param name="Bytes">Bytes that went through it; of hashing beside a read-back, the bytes of both.</param>
/// <param name="Seconds">How long it kept the workers busy: the time that each of them was at it, summed, over their number; of hashing, over the number of those that have a processor.</param>
public readonly record struct StageFigures(CopyStage Stage, long Bytes, double Seconds)
{
    /// <summary>Bytes a second that it would carry if the workers did nothing else.</summary>
    public double BytesPerSecond => Seconds > 0 ? Bytes / Seconds : 0;
}

/// <summary>Where the time of a copy went.</summary>
/// <param name="ElapsedSeconds">How long it took by the clock.</param>
/// <param name="Stages">The stages that took part, in the order in which a block passes them.</param>
public sealed record StageReport(double ElapsedSeconds, IReadOnlyList<StageFigures> Stages)
{
    /// <summary>The stage that kept the workers busy longest, which is the one to improve; null where nothing had to be done.</summary>
    public CopyStage? Bottleneck => Stages.Count == 0 ? null : Stages.MaxBy(s => s.Seconds).Stage;

    /// <summary>How it went over time; null where only a part of it was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ThroughputSeries? Throughput { get; init; }
}
