using System.Diagnostics;

namespace Sealift.Scsi;

/// <summary>
/// A copy that goes on in a unit by itself, from the command that begins it until the unit says that it has ended: EXTENDED COPY(LID4)
/// with IMMED, RECEIVE COPY STATUS(LID4), COPY OPERATION ABORT; SPC-4, 6.3, 6.5 and 6.24.
/// </summary>
/// <remarks>
/// Whoever goes on to write to the same blocks must know that the unit does not any more. So however this ends but by an error, the copy
/// has ended before: one that shall not go on is aborted, and asked about until it is gone.
/// </remarks>
internal sealed class BackgroundCopy(ScsiUnit unit, uint listId, string about, IReadOnlyList<CopySegment> segments)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly long bytes = segments.Sum(s => (long)s.Blocks) * unit.Facts.Capacity.BlockBytes;

    private bool isKnown;

    private string Attempt => $"EXTENDED COPY of {about}";

    /// <summary>Follows the copy to its end.</summary>
    /// <param name="options">The deadline of the whole copy, and of an abortion.</param>
    /// <param name="segmentsDone">Told how many segments are copied, from the first one on.</param>
    /// <param name="cancel">Aborts it.</param>
    /// <returns>What the unit said where it did not copy all; null where it says that it did.</returns>
    /// <exception cref="ScsiException">It did not end in time, and was aborted (SL3251); nobody can say whether it has ended (SL3250); it failed (SL322x).</exception>
    public string? Follow(IscsiOptions options, IProgress<int>? segmentsDone, CancellationToken cancel)
    {
        var (begun, pause, told) = (Stopwatch.GetTimestamp(), ShortestPause, 0);
        while (true)
        {
            var (status, said) = Ask();
            if (status is null && said is not null) return Stop(options, said);
            // It took the command, and says that there is no such copy: it may be one that does not know the question.
            if (status is null && !isKnown) throw ScsiErrors.CopyNotSeenToEnd(unit.Name, Attempt, "it began the copy in the background, and asked for its status, it knows of none");
            if (status is null) return "the copy has ended, nobody knows how: it knows nothing of it any more";
            isKnown = true;
            if (status.WhyImpossible(bytes, segments.Count, unit.Facts.Capacity.BlockBytes) is { } why) return IsOver(status) ? why : Stop(options, why);
            if (status.Operation != CopyStatus.Failed && status.SegmentsProcessed > told) segmentsDone?.Report(told = status.SegmentsProcessed);
            if (!status.IsUnderWay) return status.Operation == CopyStatus.Done ? null : Ended(options, status);
            if (Stopwatch.GetElapsedTime(begun) > options.LongDeadline)
            {
                _ = Stop(options, "its deadline is over"); // what it ended with then changes nothing
                throw ScsiErrors.CopyTooSlow(unit.Name, Attempt, options.LongDeadline);
            }

            // As it says, within reason; and where it says nothing, less and less often.
            var wanted = status.UpdateDelay ?? pause;
            if (cancel.WaitHandle.WaitOne(wanted < ShortestPause ? ShortestPause : wanted > LongestPause ? LongestPause : wanted))
            {
                _ = Stop(options, "it was cancelled"); // likewise
                cancel.ThrowIfCancellationRequested();
            }

            pause = pause * 2 > LongestPause ? LongestPause : pause * 2;
        }
    }

    /// <summary>One that ended badly: as a command would have, that had ended so.</summary>
    private string Ended(IscsiOptions options, CopyStatus status)
    {
        // A value of no known meaning may be one of a copy that goes on.
        if (status.Operation is not (CopyStatus.Failed or CopyStatus.DoneInPart or CopyStatus.Aborted)) return Stop(options, status.ToString());
        if (status.Operation == CopyStatus.Failed && status.CompletionStatus == ScsiStatus.ReservationConflict) throw ScsiErrors.Reserved(unit.Name, Attempt, "it is reserved by somebody else (RESERVATION CONFLICT)");
        var sense = ScsiSense.Parse(status.Sense.Span);
        // Medium errors and no space end any copy; what else it may be, another way does without.
        if (status.Operation == CopyStatus.Failed && sense.Key is ScsiSense.NotReady or ScsiSense.MediumError or ScsiSense.HardwareError or ScsiSense.DataProtect) throw ScsiErrors.Sense(unit.Name, Attempt, sense);
        return status.ToString();
    }

    /// <summary>Has it aborted, and waits until it is gone.</summary>
    /// <returns>Why that was wanted.</returns>
    /// <exception cref="ScsiException">SL3250: it cannot be seen to have ended.</exception>
    private string Stop(IscsiOptions options, string why)
    {
        var begun = Stopwatch.GetTimestamp();
        var refusal = unit.AbortCopy(listId);
        while (true)
        {
            var (status, said) = Ask();
            if (status is null ? said is null && isKnown : IsOver(status)) return why;
            if (Stopwatch.GetElapsedTime(begun) > options.ReplyDeadline)
                throw ScsiErrors.CopyNotSeenToEnd(unit.Name, Attempt, $"{why}; told to abort it, {(refusal is null ? "it agreed" : $"it says {refusal}")}, and asked for its status, it says {said ?? status?.ToString() ?? "that there is none"}");
            Thread.Sleep(ShortestPause);
        }
    }

    private static bool IsOver(CopyStatus status) => status.Operation is CopyStatus.Done or CopyStatus.Failed or 0x03 or CopyStatus.DoneInPart or CopyStatus.Aborted;

    /// <returns>The status; nothing at all where it knows of no such copy (any more); else why there is none.</returns>
    private (CopyStatus? Status, string? Said) Ask()
    {
        var (data, refusal) = unit.AskCopyStatus(listId, CancellationToken.None /* it decides nothing that it would be known how the copy ended */);
        if (refusal is { } sense) return (null, sense.KnowsNoSuchCopy ? null : $"asked for the status of its copy, it says {sense}");
        return CopyStatus.Parse(data) is { } status ? (status, null) : (null, $"what it says of its copy makes no sense ({data.Length} bytes)");
    }
}
