using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Sealift.Disks;

namespace Sealift.Migrations;

/// <summary>
/// Hands events to the observer, one at a time. An observer that throws ends the run on the spot, as a crash would: no verdict,
/// no clean-up, nothing journaled, so that <c>resume</c> finds what a killed process leaves.
/// </summary>
internal sealed class EventSink(IMigrationObserver observer)
{
    // Often enough to look alive, seldom enough to cost nothing.
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(200);

    private readonly Lock gate = new();
    private ExceptionDispatchInfo? abandoned;

    public bool IsAbandoned => abandoned is not null;

    public void Send(MigrationEvent happened)
    {
        lock (gate)
        {
            abandoned?.Throw();
            try
            {
                observer.Report(happened);
            }
            catch (Exception e)
            {
                abandoned = ExceptionDispatchInfo.Capture(e);
                throw;
            }
        }
    }

    /// <summary>Throws what the observer threw, if it did.</summary>
    public void ThrowIfAbandoned() => abandoned?.Throw();

    public IProgress<DiskProgress> Progress(PlannedStep step) => new Throttled(this, step);

    public IProgress<string> Log(PlannedStep step) => new Lines(this, step);

    private sealed class Throttled(EventSink sink, PlannedStep step) : IProgress<DiskProgress>
    {
        private readonly Stopwatch sinceLast = Stopwatch.StartNew();
        private bool any;

        public void Report(DiskProgress value)
        {
            lock (sinceLast)
            {
                if (any && value.DoneBytes < value.TotalBytes && sinceLast.Elapsed < ProgressInterval) return;
                any = true;
                sinceLast.Restart();
            }

            sink.Send(new StepProgress(step.Step, step.Disk, value.DoneBytes, value.TotalBytes, value.DataBytes) { Performance = value.Performance });
        }
    }

    private sealed class Lines(EventSink sink, PlannedStep step) : IProgress<string>
    {
        public void Report(string value) => sink.Send(new Note(step.Step, value) { IsPassing = true });
    }
}
