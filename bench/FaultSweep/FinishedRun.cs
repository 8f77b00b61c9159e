using Sealift.Posix;

namespace Sealift.Bench.Faults;

/// <summary>How a run ended.</summary>
/// <param name="ExitCode">Its exit code; 128 + n where signal n ended it.</param>
/// <param name="Said">Both its streams.</param>
public sealed record FinishedRun(int ExitCode, string Said)
{
    /// <summary>Runs a program and takes whatever comes of it, a crash too; strace(1) dies of the signal that its tracee died of.</summary>
    /// <returns>Null where it did not end within its deadline: that is an answer as well.</returns>
    public static async Task<FinishedRun?> OfAsync(ChildCommand command, CancellationToken cancel)
    {
        try
        {
            var result = await ChildProcess.RunAsync(command with { StartsOthers = true, AcceptedExitCodes = [.. Enumerable.Range(0, 256)] }, cancel);
            return new FinishedRun(result.ExitCode, (result.Output + result.ErrorTail).Trim());
        }
        catch (ChildException e) when (e.Code == "SL1104")
        {
            return null; // past its deadline
        }
        catch (ChildException e) when (e.End is { BySignal: true } end)
        {
            return new FinishedRun(end.ShellCode, e.LastWords);
        }
    }
}
