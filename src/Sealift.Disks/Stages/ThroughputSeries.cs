namespace Sealift.Disks;

/// <summary>How many bytes were read, written and read back in each of equal stretches of time, for a chart.</summary>
/// <param name="IntervalSeconds">The length of a stretch.</param>
/// <param name="SourceBytes">Bytes read from the source in each.</param>
/// <param name="TargetBytes">Bytes written to the target in each.</param>
/// <param name="ReadBackBytes">Bytes read back in each.</param>
public sealed record ThroughputSeries(double IntervalSeconds, IReadOnlyList<long> SourceBytes, IReadOnlyList<long> TargetBytes, IReadOnlyList<long> ReadBackBytes)
{
    /// <summary>The most stretches that are kept. When they are full, two by two become one, so an hour is as long as a second.</summary>
    public const int MaximumIntervals = 120;
}
