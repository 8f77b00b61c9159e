namespace Sealift.Disks;

/// <summary>
/// Measures where the time of one copy goes: what each of its workers is busy with, and for how long. A pool of workers takes each
/// block through all stages in turn, so the stage that the workers spend most of their time in is the one that the others wait for.
/// Time in which a worker is ready but has no processor counts to the stage that it is in: where the processors are the limit,
/// that is hashing, which needs them most.
/// </summary>
/// <param name="workers">How many workers the copy has, and how many its read-back.</param>
/// <param name="processors">How many of them can hash at once.</param>
/// <param name="time">The clock.</param>
public sealed class StageMeter(int workers, int processors, TimeProvider time)
{
    private static readonly CopyStage[] All = Enum.GetValues<CopyStage>();

    // Fine enough for a chart of a copy of two seconds.
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(50);

    // What "now" means to a person who looks at progress: long enough to smooth a flush, short enough to notice that something has changed.
    private static readonly TimeSpan Recent = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly Snapshot start = new(time.GetTimestamp(), new long[All.Length], new long[All.Length]);
    private readonly long[] ticks = new long[All.Length];
    private readonly long[] bytes = new long[All.Length];
    private readonly long[][] buckets = [new long[ThroughputSeries.MaximumIntervals], new long[ThroughputSeries.MaximumIntervals], new long[ThroughputSeries.MaximumIntervals]];
    private TimeSpan interval = FirstInterval;
    private int bucketsUsed;
    private Snapshot? older;
    private Snapshot? newer;

    /// <summary>A meter for this machine.</summary>
    public StageMeter(int workers)
        : this(workers, Environment.ProcessorCount, TimeProvider.System)
    {
    }

    /// <summary>The time at which a worker enters a stage, for <see cref="Leave"/>.</summary>
    public long Enter() => time.GetTimestamp();

    /// <summary>A worker leaves a stage.</summary>
    /// <param name="stage">Which.</param>
    /// <param name="enteredAt">From <see cref="Enter"/>.</param>
    /// <param name="lengthBytes">Bytes that went through it.</param>
    /// <param name="everybody">Whether all workers waited for it, as for a flush between two checkpoints.</param>
    public void Leave(CopyStage stage, long enteredAt, long lengthBytes, bool everybody = false)
    {
        var now = time.GetTimestamp();
        lock (gate)
        {
            ticks[(int)stage] += (now - enteredAt) * (everybody ? workers : 1);
            bytes[(int)stage] += lengthBytes;
            if (Bucket(stage) is { } bucket) bucket[IndexAt(now)] += lengthBytes;
        }
    }

    /// <summary>Where all of the time went, until now.</summary>
    public StageReport Report()
    {
        lock (gate)
            return Between(start, Now()) with { Throughput = new ThroughputSeries(interval.TotalSeconds, buckets[0][..bucketsUsed], buckets[1][..bucketsUsed], buckets[2][..bucketsUsed]) };
    }

    /// <summary>Where the time of the last seconds went.</summary>
    public StageReport Lately()
    {
        lock (gate)
        {
            var now = Now();
            if (time.GetElapsedTime((newer ?? start).At, now.At) >= Recent / 2) (older, newer) = (newer, now);
            return Between(older ?? start, now);
        }
    }

    private Snapshot Now() => new(time.GetTimestamp(), [.. ticks], [.. bytes]);

    private StageReport Between(Snapshot from, Snapshot to)
    {
        var elapsed = time.GetElapsedTime(from.At, to.At).TotalSeconds;
        var stages = new List<StageFigures>();
        foreach (var stage in All)
        {
            var busy = to.Ticks[(int)stage] - from.Ticks[(int)stage];
            if (busy == 0) continue;
            // More workers than processors wait for each other here, the read-back's too: no more than all of the time can be spent.
            var atOnce = stage == CopyStage.Hash ? Math.Min(workers, processors) : workers;
            stages.Add(new StageFigures(stage, to.Bytes[(int)stage] - from.Bytes[(int)stage], Math.Min(elapsed, (double)busy / time.TimestampFrequency / atOnce)));
        }

        return new StageReport(elapsed, stages);
    }

    private long[]? Bucket(CopyStage stage) => stage switch
    {
        CopyStage.Source => buckets[0],
        CopyStage.Target => buckets[1],
        CopyStage.ReadBack => buckets[2],
        _ => null,
    };

    private int IndexAt(long now)
    {
        var elapsed = time.GetElapsedTime(start.At, now);
        while (elapsed.Ticks / interval.Ticks >= ThroughputSeries.MaximumIntervals)
        {
            interval *= 2;
            bucketsUsed = (bucketsUsed + 1) / 2;
            foreach (var bucket in buckets)
                for (var i = 0; i < bucket.Length; i++)
                    bucket[i] = 2 * i < bucket.Length ? bucket[2 * i] + bucket[(2 * i) + 1] : 0;
        }

        var index = (int)(elapsed.Ticks / interval.Ticks);
        bucketsUsed = Math.Max(bucketsUsed, index + 1);
        return index;
    }

    private sealed record Snapshot(long At, long[] Ticks, long[] Bytes);
}
