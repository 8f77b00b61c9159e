using Sealift.Migrations;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Sealift.Cli.Terminal;

/// <summary>The list of steps, each with its state, rate and time left, redrawn in place on a terminal.</summary>
internal sealed class LiveView : IMigrationObserver
{
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(120);

    private readonly Lock gate = new();
    private readonly List<Row> rows = [];
    private readonly List<string> remarks = [];
    private string title = "migration";
    private MigrationOutcome? outcome;

    /// <summary>Runs a migration under this view.</summary>
    public static async Task<MigrationOutcome> RunAsync(Func<IMigrationObserver, Task<MigrationOutcome>> work)
    {
        var view = new LiveView();
        var outcome = await AnsiConsole.Live(view.Draw()).Overflow(VerticalOverflow.Ellipsis).Cropping(VerticalOverflowCropping.Top).StartAsync(async live =>
        {
            var running = work(view);
            while (!running.IsCompleted)
            {
                live.UpdateTarget(view.Draw());
                _ = await Task.WhenAny(running, Task.Delay(RedrawInterval)); // whether it was the work, the loop asks
            }

            live.UpdateTarget(view.Draw());
            return await running;
        });
        AnsiConsole.WriteLine();
        foreach (var line in StepText.Of(view.outcome ?? outcome)) Console.Out.WriteLine(line);
        return outcome;
    }

    /// <inheritdoc/>
    public void Report(MigrationEvent happened)
    {
        lock (gate)
        {
            switch (happened)
            {
                case MigrationStarted e:
                    title = $"{(e.Machine.Length == 0 ? "machine" : e.Machine)} → {e.TargetDirectory}   {e.Id}{(e.Resumed ? " (resumed)" : string.Empty)}";
                    break;
                case StepStarted e:
                    rows.Add(new Row(e.Step, e.Disk));
                    break;
                case StepProgress e when Find(e.Step, e.Disk) is { } row:
                    row.Meter.Add(e.DoneBytes, e.TotalBytes, e.DataBytes);
                    row.Done = e.TotalBytes == 0 ? 0 : (double)e.DoneBytes / e.TotalBytes;
                    row.Text = StepText.Progress(e, row.Meter);
                    break;
                case StepFinished e:
                    if (Find(e.Step, e.Disk) is not { } finished) rows.Add(finished = new Row(e.Step, e.Disk));
                    finished.State = 'd';
                    finished.Text = e.Summary;
                    finished.Elapsed = TimeSpan.FromSeconds(e.ElapsedSeconds);
                    break;
                case StepFailed e when Find(e.Step, e.Disk) is { } failed:
                    failed.State = 'f';
                    failed.Text = e.Message;
                    break;
                case FindingReported e:
                    remarks.Add(StepText.Of(e.Finding));
                    break;
                case Note { IsPassing: true } e:
                    if (rows.FindLast(r => r.Step == e.Step && r.State == 'r') is { } busy) busy.Text = e.Text;
                    break;
                case Note e:
                    remarks.Add(e.Text);
                    break;
                case MigrationFinished e:
                    outcome = e.Outcome;
                    break;
            }
        }
    }

    private Row? Find(string step, string disk) => rows.FindLast(r => r.Step == step && r.Disk == disk);

    private Rows Draw()
    {
        lock (gate)
        {
            var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(1)).AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn(new GridColumn().NoWrap().PadRight(2)).AddColumn();
            foreach (var row in rows)
            {
                var (mark, style) = row.State switch { 'd' => ("✔", "green"), 'f' => ("✘", "red"), _ => ("●", "yellow") };
                var time = Quantities.Time(row.State == 'r' ? TimeProvider.System.GetElapsedTime(row.StartedAt) : row.Elapsed);
                // What a step is busy with changes too often to be wrapped, and why one failed stands below in full.
                var room = row.State != 'd' ? Math.Max(20, AnsiConsole.Profile.Width - 34) : int.MaxValue;
                var text = ErrorReport.Printable(StepText.Brief(row.Text.ReplaceLineEndings(" ")));
                if (text.Length > room) text = text[..room] + "…";
                grid.AddRow(
                    new Markup($"[{style}]{mark}[/]"),
                    new Text(StepText.Name(row.Step, row.Disk)),
                    new Text(time, new Style(Color.Grey)),
                    row.State == 'r' && row.Done > 0 ? new Text($"{Bar(row.Done)} {text}") : new Text(text, row.State == 'f' ? new Style(Color.Red) : Style.Plain));
            }

            var parts = new List<IRenderable> { new Text(ErrorReport.Printable(title), new Style(decoration: Decoration.Bold)), grid };
            // The last few are what is new; all of them are in the seal.
            foreach (var remark in remarks.TakeLast(6)) parts.Add(new Padder(new Text(ErrorReport.Printable(remark), new Style(Color.Grey)), new Padding(2, 0, 0, 0)));
            return new Rows(parts);
        }
    }

    private static string Bar(double done)
    {
        const int Width = 16;
        var full = (int)Math.Clamp(done * Width, 0, Width);
        return new string('█', full) + new string('░', Width - full);
    }

    private sealed class Row(string step, string disk)
    {
        public string Step { get; } = step;

        public string Disk { get; } = disk;

        public RateMeter Meter { get; } = new(TimeProvider.System);

        public long StartedAt { get; } = TimeProvider.System.GetTimestamp();

        public char State { get; set; } = 'r';

        public string Text { get; set; } = string.Empty;

        public double Done { get; set; }

        public TimeSpan Elapsed { get; set; }
    }
}
