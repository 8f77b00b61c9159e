using Sealift.Migrations;

namespace Sealift.Cli.Terminal;

/// <summary>One line an event, for logs and pipes.</summary>
internal sealed class PlainView : IMigrationObserver
{
    // Seldom enough for a log, often enough to see that it lives.
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(string, string), (RateMeter Meter, long ShownAt)> meters = [];

    /// <inheritdoc/>
    public void Report(MigrationEvent happened)
    {
        switch (happened)
        {
            case MigrationStarted e:
                Say(e, $"migration {e.Id} {(e.Resumed ? "resumed" : "started")}: {ErrorReport.Printable(e.Machine)} -> {e.TargetDirectory}");
                break;
            case StepStarted e:
                meters[(e.Step, e.Disk)] = (new RateMeter(TimeProvider.System), TimeProvider.System.GetTimestamp());
                Say(e, $"{StepText.Name(e.Step, e.Disk)} started");
                break;
            case StepProgress e when meters.TryGetValue((e.Step, e.Disk), out var known):
                known.Meter.Add(e.DoneBytes, e.TotalBytes, e.DataBytes);
                if (TimeProvider.System.GetElapsedTime(known.ShownAt) < ProgressInterval) break;
                meters[(e.Step, e.Disk)] = known with { ShownAt = TimeProvider.System.GetTimestamp() };
                Say(e, $"{StepText.Name(e.Step, e.Disk)} {StepText.Progress(e, known.Meter)}");
                break;
            case StepFinished e:
                Say(e, $"{StepText.Name(e.Step, e.Disk)} {(e.Earlier ? "was done before" : "done")} ({Quantities.Time(TimeSpan.FromSeconds(e.ElapsedSeconds))}) {ErrorReport.Printable(e.Summary)}");
                break;
            case StepFailed e:
                Say(e, $"{StepText.Name(e.Step, e.Disk)} FAILED: {ErrorReport.Printable(e.Message)}");
                break;
            case FindingReported e:
                Say(e, $"{e.Step} {StepText.Of(e.Finding)}");
                break;
            case Note e:
                Say(e, $"{e.Step} {ErrorReport.Printable(e.Text)}");
                break;
            case MigrationFinished e:
                foreach (var line in StepText.Of(e.Outcome)) Console.Out.WriteLine(line);
                break;
        }
    }

    private static void Say(MigrationEvent happened, string text) => Console.Out.WriteLine($"{happened.At.ToLocalTime():HH:mm:ss} {text.TrimEnd()}");
}
