using Sealift.Posix;

namespace Sealift.Bench.FileSystems;

/// <summary>What a program said and how it ended.</summary>
/// <param name="ExitCode">Its exit code; 128 and more where a signal ended it, 137 where it did not end by itself.</param>
/// <param name="Text">Both its streams: errors, then output.</param>
internal sealed record Answer(int ExitCode, string Text);

/// <summary>A program that makes file systems, or checks them.</summary>
/// <param name="Program">Its name.</param>
/// <param name="Arguments">Its arguments.</param>
internal sealed record Command(string Program, params IReadOnlyList<string> Arguments)
{
    // The same moment in every run, for those programs that ask for one.
    private static readonly Dictionary<string, string?> Environment = new()
    {
        ["E2FSPROGS_FAKE_TIME"] = "1700000000",
        ["SOURCE_DATE_EPOCH"] = "1700000000",
        ["MTOOLS_SKIP_CHECK"] = "1",
        // LVM complains of descriptors that it was given, whoever gave them.
        ["LVM_SUPPRESS_FD_WARNINGS"] = "1",
    };

    /// <summary>What it reads.</summary>
    public string Input { get; init; } = string.Empty;

    /// <summary>Runs it, and it must succeed.</summary>
    /// <returns>Its standard output.</returns>
    public async Task<string> RunAsync(CancellationToken cancel) =>
        (await ChildProcess.RunAsync(new ChildCommand(Program, Arguments) { Environment = Environment, StandardInput = Input }, cancel)).Output;

    /// <summary>Runs it; every end is an answer.</summary>
    public async Task<Answer> AskAsync(CancellationToken cancel)
    {
        try
        {
            var result = await ChildProcess.RunAsync(
                new ChildCommand(Program, Arguments) { Environment = Environment, AcceptedExitCodes = [.. Enumerable.Range(0, 256)], Deadline = TimeSpan.FromSeconds(10) }, cancel);
            return new Answer(result.ExitCode, $"{result.ErrorTail}\n{result.Output}");
        }
        catch (ChildException e) when (e is { Code: "SL1103", End.Number: var signal })
        {
            return new Answer(128 + signal, e.LastWords);
        }
        catch (ChildException e) when (e.Code is "SL1104" or "SL1105")
        {
            return new Answer(137, e.LastWords); // it did not end, or floods: whoever ran it would stop it
        }
    }
}
