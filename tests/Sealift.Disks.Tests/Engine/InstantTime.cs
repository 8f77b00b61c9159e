namespace Sealift.Disks.Tests;

/// <summary>A clock that stands still until somebody waits, and then is at once where he waits for. Right for one waiter at a time.</summary>
internal sealed class InstantTime : TimeProvider
{
    private readonly Lock gate = new();
    private long now = 1_000_000;

    /// <summary>What was waited for, one after the other.</summary>
    public List<TimeSpan> Waits { get; } = [];

    public TimeSpan Elapsed
    {
        get { lock (gate) return TimeSpan.FromTicks(now - 1_000_000); }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (gate) return now;
    }

    public void Pass(TimeSpan time)
    {
        lock (gate) now += time.Ticks;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime != Timeout.InfiniteTimeSpan)
        {
            lock (gate) Waits.Add(dueTime);
            Pass(dueTime);
            ThreadPool.QueueUserWorkItem(_ => callback(state));
        }

        return new Nothing();
    }

    private sealed class Nothing : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
