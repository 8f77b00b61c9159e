using System.Diagnostics;

namespace Sealift.Disks;

/// <summary>Adds up what workers did and reports it ten times a second, and at the end.</summary>
internal sealed class ProgressMeter(long totalBytes, IProgress<DiskProgress>? progress, StageMeter? stages = null)
{
    private static readonly long IntervalTicks = Stopwatch.Frequency / 10;
    private long doneBytes;
    private long dataBytes;
    private long nextReportAt;

    public void Add(long done, long data)
    {
        Interlocked.Add(ref doneBytes, done);
        Interlocked.Add(ref dataBytes, data);
        if (progress is null) return;
        var due = Interlocked.Read(ref nextReportAt);
        var now = Stopwatch.GetTimestamp();
        if (now >= due && Interlocked.CompareExchange(ref nextReportAt, now + IntervalTicks, due) == due) Report();
    }

    public void Report() => progress?.Report(new DiskProgress(Interlocked.Read(ref doneBytes), totalBytes, Interlocked.Read(ref dataBytes)) { Performance = stages?.Lately() });
}
