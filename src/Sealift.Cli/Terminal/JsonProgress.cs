using System.Diagnostics;
using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>The progress of one disk as JSON lines.</summary>
internal sealed class JsonProgress(string stage) : IProgress<DiskProgress>
{
    // As often as a migration reports: often enough to look alive, seldom enough to cost nothing.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Lock gate = new();
    private long lastShown;
    private bool any;

    /// <inheritdoc/>
    public void Report(DiskProgress value)
    {
        lock (gate)
        {
            if (any && value.DoneBytes < value.TotalBytes && Stopwatch.GetElapsedTime(lastShown) < Interval) return;
            any = true;
            lastShown = Stopwatch.GetTimestamp();
            JsonLine.Write(w =>
            {
                w.WriteString("event", "progress");
                w.WriteString("stage", stage);
                w.WriteNumber("doneBytes", value.DoneBytes);
                w.WriteNumber("totalBytes", value.TotalBytes);
                w.WriteNumber("dataBytes", value.DataBytes);
                if (value.Performance is { } performance) StageText.WriteTo(w, performance);
            });
        }
    }
}
