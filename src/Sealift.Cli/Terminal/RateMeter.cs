namespace Sealift.Cli.Terminal;

/// <summary>Rate and time left of a piece of work, from the progress of its last seconds.</summary>
internal sealed class RateMeter(TimeProvider clock)
{
    // Long enough to smooth the bursts of a disk, short enough to notice that it has become slow.
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Queue<(long At, long DoneBytes, long DataBytes)> samples = new();

    /// <summary>Bytes really read or written per second.</summary>
    public double DataRate { get; private set; }

    /// <summary>How long the rest will take at this pace; null where it can't be told.</summary>
    public TimeSpan? Left { get; private set; }

    /// <summary>Takes note of a progress.</summary>
    public void Add(long doneBytes, long totalBytes, long dataBytes)
    {
        var now = clock.GetTimestamp();
        samples.Enqueue((now, doneBytes, dataBytes));
        while (samples.Count > 2 && clock.GetElapsedTime(samples.Peek().At, now) > Window) samples.Dequeue();
        var first = samples.Peek();
        var seconds = clock.GetElapsedTime(first.At, now).TotalSeconds;
        if (seconds <= 0) return;
        DataRate = (dataBytes - first.DataBytes) / seconds;
        var pace = (doneBytes - first.DoneBytes) / seconds;
        // A day is the most that is worth printing; beyond it the pace says nothing.
        Left = pace > 0 && (totalBytes - doneBytes) / pace is var left and < 86400 ? TimeSpan.FromSeconds(left) : null;
    }
}
