using System.Globalization;
using Sealift.Posix;

namespace Sealift.Bench.Copies;

/// <summary>Runs commands, and says how long they took and how much memory.</summary>
/// <remarks>
/// A shell takes the time right before and after the command, so that what ChildProcess does to start a child is not in it. time(1) is
/// between the two, for the memory: it starts the command as a small process, and a large parent's peak would be its child's too. Both
/// cost about a millisecond, for everybody.
/// </remarks>
internal sealed class Clock(Scratch scratch, string programs)
{
    private const string Script = "begin=$EPOCHREALTIME; \"$1\" -q -f %M -o \"$2\" bash -c \"$3\"; code=$?; echo \"$begin $EPOCHREALTIME\" >>\"$2\"; exit $code";

    private static readonly string Time = ChildProcess.Find("time") ?? throw new BenchException("time(1) is not installed; bench/run installs it");

    private readonly Dictionary<string, string?> environment = new()
    {
        ["PATH"] = $"{programs}:{Environment.GetEnvironmentVariable("PATH")}",
        ["SEALIFT_STATE"] = scratch.In("state"),
    };

    private int runs;

    /// <summary>Runs one side once: prepares, waits until the storage is idle, runs, and checks the result.</summary>
    /// <exception cref="BenchException">It failed, or the result is wrong.</exception>
    public async Task<Run> TakeAsync(Contestant contestant, TimeSpan limit, CancellationToken cancel)
    {
        await contestant.Before(cancel);
        await SettleAsync(cancel);
        var run = await MeasureAsync(contestant, limit, cancel);
        if (run.Ended && await contestant.WhatIsWrong(run, cancel) is { } wrong) throw new BenchException($"{contestant.Line}: wrong result: {wrong}");
        return run;
    }

    /// <summary>Runs it and nothing else.</summary>
    public async Task<Run> MeasureAsync(Contestant contestant, TimeSpan limit, CancellationToken cancel)
    {
        var figures = $"figures.{Interlocked.Increment(ref runs)}";
        ChildResult result;
        try
        {
            result = await ChildProcess.RunAsync(Child("bash", ["-c", Script, "bench", Time, figures, contestant.Line], limit) with { AcceptedExitCodes = [contestant.ExitCode] }, cancel);
        }
        catch (ChildException e) when (e.Code == "SL1104")
        {
            return new Run(limit.TotalSeconds, 0, string.Empty, 0, Ended: false); // past its limit, which is an answer
        }
        catch (ChildException e)
        {
            throw new BenchException($"{contestant.Line}: {e.End}: {e.LastWords.Trim()}");
        }

        var words = (await File.ReadAllTextAsync(scratch.In(figures), cancel)).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        scratch.Remove(figures);
        if (words.Length != 3) throw new BenchException($"{contestant.Line}: no figures: {string.Join(' ', words)}");
        var (peak, begin, end) = (long.Parse(words[0], CultureInfo.InvariantCulture), Seconds(words[1]), Seconds(words[2]));
        return new Run(end - begin, peak << 10, result.Output, begin);
    }

    /// <summary>Starts a program that is listened to while it runs. Its time is the caller's to take.</summary>
    /// <param name="words">The program and its arguments.</param>
    /// <param name="figures">The name of the file in which <see cref="PeakOf"/> finds how much memory it held.</param>
    /// <param name="exitCode">The one exit code that is success.</param>
    /// <param name="limit">How long it may run.</param>
    public ChildProcess Start(IReadOnlyList<string> words, string figures, int exitCode, TimeSpan limit) =>
        ChildProcess.Start(Child(Time, ["-q", "-f", "%M", "-o", figures, .. words], limit) with { AcceptedExitCodes = [exitCode] });

    /// <summary>The most memory, in bytes, that a program held that was started so and has ended.</summary>
    public long PeakOf(string figures)
    {
        var peak = long.Parse(File.ReadAllText(scratch.In(figures)), CultureInfo.InvariantCulture) << 10;
        scratch.Remove(figures);
        return peak;
    }

    /// <summary>Runs something that is not measured.</summary>
    /// <exception cref="BenchException">It failed.</exception>
    public async Task<string> RunAsync(string line, CancellationToken cancel)
    {
        try
        {
            return (await ChildProcess.RunAsync(Child("bash", ["-c", line], TimeSpan.FromMinutes(10)), cancel)).Output;
        }
        catch (ChildException e)
        {
            throw new BenchException($"{line}: {e.Message}");
        }
    }

    /// <summary>Whether something that is not measured ends with exit code 0.</summary>
    public async Task<bool> SucceedsAsync(string line, CancellationToken cancel) =>
        (await ChildProcess.RunAsync(Child("bash", ["-c", line], TimeSpan.FromMinutes(10)) with { AcceptedExitCodes = [0, 1] }, cancel)).ExitCode == 0;

    /// <summary>Writes out what an earlier run left dirty: it is not the next one's to pay for.</summary>
    private async Task SettleAsync(CancellationToken cancel) =>
        _ = await ChildProcess.RunAsync(Child("sync", ["-f", "."], TimeSpan.FromMinutes(10)), cancel); // its exit code is checked, and it has nothing else to say

    private ChildCommand Child(string program, IReadOnlyList<string> arguments, TimeSpan limit) =>
        new(program, arguments) { Deadline = limit, StartsOthers = true, Environment = environment, WorkingDirectory = scratch.Path };

    private static double Seconds(string word) => double.Parse(word, CultureInfo.InvariantCulture);
}
