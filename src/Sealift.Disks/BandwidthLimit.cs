namespace Sealift.Disks;

/// <summary>How many bytes a second may be read: a token bucket that all who read one source share.</summary>
/// <remarks>
/// Whoever takes bytes is told when they are paid for, in the order of asking, and waits on a timer until then. Times are absolute, so
/// a timer that fires late does not slow the reading down as a whole. What a pause leaves unused is lost but for a short burst.
/// </remarks>
public sealed class BandwidthLimit
{
    /// <summary>The least: a request of 32 MiB then takes almost nine minutes.</summary>
    public const long MinimumBytesPerSecond = 64 << 10;

    // What may be read at once after a pause, in time: longer than a timer is late, too short for anybody who shares the link to notice.
    private static readonly TimeSpan Burst = TimeSpan.FromMilliseconds(50);

    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly long burstTicks;
    private long paidUntil = long.MinValue; // when everything that was handed out so far is paid for

    /// <summary>Makes a limit for one source.</summary>
    /// <param name="bytesPerSecond">At least <see cref="MinimumBytesPerSecond"/>.</param>
    /// <param name="time">The clock.</param>
    public BandwidthLimit(long bytesPerSecond, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytesPerSecond, MinimumBytesPerSecond);
        BytesPerSecond = bytesPerSecond;
        this.time = time;
        burstTicks = (long)(Burst.TotalSeconds * time.TimestampFrequency);
    }

    /// <summary>The limit.</summary>
    public long BytesPerSecond { get; }

    /// <summary>The same limit for another source.</summary>
    public BandwidthLimit Another() => new(BytesPerSecond, time);

    /// <summary>Waits until so many bytes may be read.</summary>
    /// <param name="bytes">From 0.</param>
    /// <param name="cancel">Ends the waiting; the bytes count as read all the same.</param>
    public async ValueTask TakeAsync(long bytes, CancellationToken cancel)
    {
        var wait = Reserve(bytes);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, time, cancel);
    }

    private TimeSpan Reserve(long bytes)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            paidUntil = Math.Max(paidUntil, now - burstTicks) + (long)((Int128)bytes * time.TimestampFrequency / BytesPerSecond);
            return time.GetElapsedTime(now, paidUntil);
        }
    }
}
