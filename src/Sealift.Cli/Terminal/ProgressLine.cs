using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>One line on standard error that says how far a single piece of work is; nothing where there is no terminal.</summary>
internal sealed class ProgressLine : IProgress<DiskProgress>, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly string what;
    private readonly Lock gate = new();
    private readonly RateMeter meter = new(TimeProvider.System);
    private long lastShown;
    private bool shown;

    private ProgressLine(string what) => this.what = what;

    /// <summary>A line for a terminal, or null where progress has no reader: JSON was asked for, or standard error is not a terminal.</summary>
    public static ProgressLine? For(bool json, string what) => json || Console.IsErrorRedirected ? null : new ProgressLine(what);

    /// <inheritdoc/>
    public void Report(DiskProgress value)
    {
        lock (gate)
        {
            if (shown && TimeProvider.System.GetElapsedTime(lastShown) < Interval) return;
            lastShown = TimeProvider.System.GetTimestamp();
            shown = true;
            meter.Add(value.DoneBytes, value.TotalBytes, value.DataBytes);
            var percent = value.TotalBytes == 0 ? 100 : 100 * value.DoneBytes / value.TotalBytes;
            var left = meter.Left is { } time ? $", {Quantities.Time(time)} left" : string.Empty;
            Console.Error.Write($"\r\e[K{what}: {percent} % of {Quantities.Size(value.TotalBytes)}, {Quantities.Size(meter.DataRate)}/s{left}");
        }
    }

    /// <summary>Takes the line away again.</summary>
    public void Dispose()
    {
        if (shown) Console.Error.Write("\r\e[K");
    }
}
