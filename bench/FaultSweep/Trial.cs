using Sealift.Posix;

namespace Sealift.Bench.Faults;

/// <summary>How a tool took a fault.</summary>
public enum Outcome
{
    /// <summary>The fault did not come to pass in this run, or not on a file of the trial.</summary>
    NotReached,

    /// <summary>It claimed success, and what it claims is true.</summary>
    CorrectResult,

    /// <summary>It failed, and said so.</summary>
    CleanError,

    /// <summary>It claimed success although storage had reported that accepted bytes are lost. Here they are not; on a device they would be.</summary>
    SwallowedError,

    /// <summary>It claimed success, and the bytes are wrong.</summary>
    SilentCorruption,

    /// <summary>It did not end.</summary>
    Hang,

    /// <summary>It did not claim success, and what it did instead is not good enough: a crash, an unclear message, a source written to, leftovers that cannot be gone on from.</summary>
    Complaint,
}

/// <summary>One run of a tool with one fault.</summary>
/// <param name="Tool">Its name.</param>
/// <param name="Injection">The fault.</param>
/// <param name="Outcome">How it was taken.</param>
/// <param name="Detail">What was said, or what is wrong.</param>
public sealed record Trial(string Tool, Injection Injection, Outcome Outcome, string Detail)
{
    /// <summary>Whether the call that failed had anything to report: not so for a close before which nothing was written, or all of it flushed.</summary>
    public bool IsAtStake { get; init; } = true;

    /// <summary>A real run takes a fraction of a second; a machine that is busy with other things may need a hundred times that.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly string Traced = string.Join(',', SystemCallErrors.Table.Keys);

    /// <summary>Runs a tool undisturbed and returns what it called.</summary>
    /// <exception cref="InvalidOperationException">It fails even so.</exception>
    public static async Task<SystemCallTrace> ObserveAsync(Tool tool, string directory, CancellationToken cancel)
    {
        using var place = new Workspace(directory);
        await tool.PrepareAsync(place, cancel);
        var (run, trace) = await RunAsync(tool, place, null, Deadline, cancel);
        var wrong = run is null ? "it hangs" : !tool.SuccessCodes.Contains(run.ExitCode) ? $"exit code {run.ExitCode}: {run.Said}" : tool.WhatIsWrong(place, run.Said);
        return wrong is null ? trace : throw new InvalidOperationException($"{tool.Name} does not work undisturbed: {wrong}");
    }

    /// <summary>Runs a tool with a fault and judges.</summary>
    /// <param name="tool">The tool.</param>
    /// <param name="injection">The fault.</param>
    /// <param name="directory">Must not exist.</param>
    /// <param name="cancel">Stops it.</param>
    /// <param name="deadline">What takes longer hangs; <see cref="Deadline"/> where nothing else is said.</param>
    public static async Task<Trial> RunAsync(Tool tool, Injection injection, string directory, CancellationToken cancel, TimeSpan? deadline = null)
    {
        var limit = deadline ?? Deadline;
        using var place = new Workspace(directory);
        await tool.PrepareAsync(place, cancel);
        var (run, trace) = await RunAsync(tool, place, injection, limit, cancel);
        var reached = trace.Hits.Count > 0;
        var (outcome, detail) = await JudgeAsync();
        if (place.WhatHappenedToTheSource() is { } happened) (outcome, detail) = (Outcome.Complaint, happened);
        // A fault in the runtime's own files is not counted, unless it does harm. A close that strace prevents leaves the descriptor open,
        // which no kernel does: the end of a pipe that never closes is waited for in vain.
        if (!reached && (outcome is Outcome.CorrectResult or Outcome.CleanError || (outcome == Outcome.Hang && injection.Call == "close"))) outcome = Outcome.NotReached;
        return new Trial(tool.Name, injection, outcome, $"{detail}\n[hit: {string.Join(", ", trace.Hits.Select(h => h.File))}]") { IsAtStake = trace.Hits.Any(h => h.IsAtStake) };

        async Task<(Outcome, string)> JudgeAsync()
        {
            if (run is null) return (Outcome.Hang, $"it did not end within {limit.TotalSeconds} seconds");
            if (tool.SuccessCodes.Contains(run.ExitCode))
            {
                if (tool.WhatIsWrong(place, run.Said) is { } wrong) return (Outcome.SilentCorruption, wrong);
                var lost = SystemCallErrors.ReportsLostWrites(injection) && !tool.Tells(run) && trace.Hits.Any(h => h.ConcernsWrites && h.File != "source.raw" && !tool.IsProvenAfterwards(h.File));
                return (lost ? Outcome.SwallowedError : Outcome.CorrectResult, run.Said);
            }

            // Where the runtime's own files were hit too (strace counts in each thread), it may well die of that.
            if (trace.HitsElsewhere > 0) return (Outcome.CleanError, run.Said);
            if (run.ExitCode > 128) return (Outcome.Complaint, $"signal {run.ExitCode - 128} ended it: {run.Said}");
            if (reached && await tool.ComplaintAsync(place, injection, run, cancel) is { } complaint) return (Outcome.Complaint, complaint + "; it said: " + run.Said);
            return (Outcome.CleanError, run.Said);
        }
    }

    private static async Task<(FinishedRun? Run, SystemCallTrace Trace)> RunAsync(Tool tool, Workspace place, Injection? injection, TimeSpan deadline, CancellationToken cancel)
    {
        var log = place.Path + ".strace";
        try
        {
            string[] inject = injection is null ? [] : ["-e", injection.Argument];
            var run = await FinishedRun.OfAsync(
                new ChildCommand("strace", ["-f", "-qq", "-y", "--seccomp-bpf", "-o", log, "-e", $"trace={Traced}", "-e", "signal=none", .. inject, "--", .. tool.Command(place)])
                {
                    Deadline = deadline,
                    WorkingDirectory = place.Path,
                    Environment = new Dictionary<string, string?> { ["TMPDIR"] = Path.GetTempPath() },
                },
                cancel);
            return (run, new SystemCallTrace(log, place.Path));
        }
        finally
        {
            _ = PosixPath.RemoveFile(log); // false: strace did not come so far as to make it
        }
    }
}
