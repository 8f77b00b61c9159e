using Sealift.Bench.Faults;
using Sealift.Posix;

namespace Sealift.Faults;

/// <summary>One place to run sealift in under a fault, and what is asked of every run whatever the fault was.</summary>
internal sealed class DisturbedRun
{
    // No case takes a second on an idle machine: what takes this long hangs.
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(90);

    private readonly OtherSide side;
    private readonly string temporary;

    public DisturbedRun(OtherSide side)
    {
        this.side = side;
        Folder = side.NewDirectory();
        temporary = Directory.CreateDirectory(Path.Combine(Folder, "tmp")).FullName;
    }

    public string Folder { get; }

    public string State => Path.Combine(Folder, "state");

    public string this[string name] => Path.Combine(Folder, name);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What the run must say that fails: all of these texts, or of several with | between them one. Empty: it must not fail.</summary>
    public IReadOnlyList<string> MustSay { get; init; } = [];

    /// <summary>Whether success with the right bytes is an answer also where an error is expected, because it depends on who is first.</summary>
    public bool MaySucceed { get; init; }

    /// <summary>Files that must stay as they are.</summary>
    public IReadOnlyList<string> Untouched { get; init; } = [];

    /// <summary>Runs sealift with a fault about, judges what it did and counts it.</summary>
    /// <param name="arguments">Of sealift.</param>
    /// <param name="isRight">Whether the bytes that it claims are the right ones; asked where it claims success.</param>
    /// <param name="isClean">Whether nothing was given its final name; asked where it failed.</param>
    /// <param name="environment">What brings the fault about, where that is not a server.</param>
    /// <param name="meanwhile">Runs beside it; cancelled when the run has ended without it.</param>
    /// <returns>Whether it claimed success.</returns>
    public async Task<bool> RunAsync(IReadOnlyList<string> arguments, Func<ChildResult, bool> isRight, Func<bool> isClean, IReadOnlyDictionary<string, string?>? environment = null, Func<CancellationToken, Task>? meanwhile = null)
    {
        var before = Untouched.Select(Bytes).ToList();
        ChildResult result;
        try
        {
            var running = ChildProcess.RunAsync(Command(arguments, environment), Cancel);
            if (meanwhile is not null)
            {
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
                var beside = meanwhile(ended.Token);
                if (await Task.WhenAny(running, beside) == running) await ended.CancelAsync();
                try
                {
                    await beside;
                }
                catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
                {
                    var early = await running;
                    Assert.Fail($"it ended before the fault came about: exit code {early.ExitCode}\n{early.Output}\n{early.ErrorTail}");
                }
            }

            result = await running;
        }
        catch (ChildException e) when (e.Code == "SL1104")
        {
            side.Count(Outcome.Hang);
            throw;
        }

        var said = $"exit code {result.ExitCode} after {result.Elapsed.TotalSeconds:0.0} s\n{result.Output}\n{result.ErrorTail}";
        var (outcome, why) = Judge();
        side.Count(outcome);
        Assert.True(outcome is Outcome.CleanError or Outcome.CorrectResult, $"{outcome}: {why}\n{said}");
        return outcome == Outcome.CorrectResult;

        (Outcome, string) Judge()
        {
            for (var i = 0; i < before.Count; i++)
                if (!before[i].AsSpan().SequenceEqual(Bytes(Untouched[i]))) return (Outcome.SilentCorruption, $"{Untouched[i]} was changed");
            if (result.ExitCode is 0 or 3)
            {
                if (!isRight(result)) return (Outcome.SilentCorruption, "success, and wrong bytes");
                if (MustSay.Count > 0 && !MaySucceed) return (Outcome.Complaint, "success, where an error was expected");
            }
            else
            {
                var text = result.ErrorTail + result.Output;
                if (result.ExitCode is not (1 or 5)) return (Outcome.Complaint, "no exit code for it");
                if (MustSay.Count == 0) return (Outcome.Complaint, "it should have succeeded");
                if (MustSay.FirstOrDefault(m => !m.Split('|').Any(t => text.Contains(t, StringComparison.Ordinal))) is { } missing) return (Outcome.Complaint, $"it does not say '{missing}'");
                if (text.Contains("   at ", StringComparison.Ordinal) || text.Contains("Exception", StringComparison.Ordinal)) return (Outcome.Complaint, "it shows its insides");
                if (!isClean()) return (Outcome.Complaint, "it failed, and the target has its final name");
            }

            if (Directory.EnumerateFileSystemEntries(temporary).FirstOrDefault() is { } left) return (Outcome.Complaint, $"it left {left}");
            return (result.ExitCode is 0 or 3 ? Outcome.CorrectResult : Outcome.CleanError, string.Empty);
        }
    }

    /// <summary>Runs sealift with no fault about: it must succeed.</summary>
    public async Task<ChildResult> SucceedAsync(params IReadOnlyList<string> arguments)
    {
        var result = await ChildProcess.RunAsync(Command(arguments, null), Cancel);
        Assert.True(result.ExitCode is 0 or 3, $"{string.Join(' ', arguments)}: exit code {result.ExitCode}\n{result.Output}\n{result.ErrorTail}");
        return result;
    }

    public static byte[] Bytes(string path) => File.ReadAllBytes(path);

    private ChildCommand Command(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment) => new(side.Sealift, [.. arguments, "--state", State])
    {
        Deadline = Hang,
        AcceptedExitCodes = [.. Enumerable.Range(0, 256)],
        Environment = new Dictionary<string, string?>(environment ?? new Dictionary<string, string?>()) { ["TMPDIR"] = temporary },
    };
}
