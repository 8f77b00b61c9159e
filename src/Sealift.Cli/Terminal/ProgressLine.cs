using Sealift.Disks;

namespace Sealift.Cli.Terminal;

/// <summary>One line on standard error that says how far a piece of work is, and what goes on beside it; nothing where there is no terminal.</summary>
internal sealed class ProgressLine : IProgress<DiskProgress>, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Lock gate = new();
    private readonly List<Stage> stages = [];
    private long lastShown;
    private bool shown;

    private ProgressLine(string what) => stages.Add(new Stage(this, what));

    /// <summary>A line for a terminal, or null where progress has no reader: JSON was asked for, or standard error is not a terminal.</summary>
    public static ProgressLine? For(bool json, string what) => json || Console.IsErrorRedirected ? null : new ProgressLine(what);

    /// <summary>Another piece of work, which is told of in the same line, for as long as either goes on.</summary>
    public IProgress<DiskProgress> Beside(string what)
    {
        lock (gate)
        {
            var stage = new Stage(this, what);
            stages.Add(stage);
            return stage;
        }
    }

    /// <inheritdoc/>
    public void Report(DiskProgress value) => stages[0].Report(value);

    /// <summary>Takes the line away again.</summary>
    public void Dispose()
    {
        if (shown) Console.Error.Write("\r\e[K");
    }

    private void Show()
    {
        if (shown && TimeProvider.System.GetElapsedTime(lastShown) < Interval) return;
        lastShown = TimeProvider.System.GetTimestamp();
        shown = true;
        var begun = stages.FindAll(stage => stage.Text.Length > 0);
        var open = begun.FindAll(stage => !stage.IsDone);
        Console.Error.Write($"\r\e[K{string.Join("; ", (open.Count > 0 ? open : begun).Select(stage => stage.Text))}");
    }

    private sealed class Stage(ProgressLine line, string what) : IProgress<DiskProgress>
    {
        private readonly RateMeter meter = new(TimeProvider.System);

        public string Text { get; private set; } = string.Empty;

        public bool IsDone { get; private set; }

        public void Report(DiskProgress value)
        {
            lock (line.gate)
            {
                meter.Add(value.DoneBytes, value.TotalBytes, value.DataBytes);
                var percent = value.TotalBytes == 0 ? 100 : 100 * value.DoneBytes / value.TotalBytes;
                var left = meter.Left is { } time ? $", {Quantities.Time(time)} left" : string.Empty;
                Text = $"{what}: {percent} % of {Quantities.Size(value.TotalBytes)}, {Quantities.Size(meter.DataRate)}/s{StageText.Limit(value.Performance)}{left}";
                IsDone = value.DoneBytes == value.TotalBytes;
                line.Show();
            }
        }
    }
}
