using System.Diagnostics;
using System.Text;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>The serial console of a guest that boots, watched until it says what is expected.</summary>
internal static class Console
{
    /// <summary>Starts a program whose standard output is a serial console and waits for a text on it.</summary>
    /// <returns>Everything that was on the console until then.</returns>
    /// <exception cref="TimeoutException">The text did not come; what came instead is in the message.</exception>
    public static async Task<string> WatchAsync(string program, IReadOnlyList<string> arguments, string expected, TimeSpan deadline, CancellationToken cancel)
    {
        var start = new ProcessStartInfo("setpriv") { RedirectStandardOutput = true, RedirectStandardInput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (IEnumerable<string>)["--pdeathsig", "KILL", program, .. arguments]) start.ArgumentList.Add(argument);
        // The kernel sends the parent-death signal when the thread that forked ends, and an idle thread of the pool ends after 20 seconds,
        // as a slow guest's boot does not: this one lives as long as the guest.
        using var over = new ManualResetEventSlim();
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        var starter = new Thread(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                started.SetException(e);
                return;
            }

            over.Wait(CancellationToken.None);
        }) { IsBackground = true };
        starter.Start();
        using var process = await started.Task;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(deadline);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var seen = new StringBuilder();
        try
        {
            var buffer = new char[4096];
            while (!seen.ToString().Contains(expected, StringComparison.Ordinal))
            {
                var n = await process.StandardOutput.ReadAsync(buffer, limit.Token);
                if (n == 0) throw new TimeoutException($"The guest went away before \"{expected}\". Console: {seen} Errors: {await errors}");
                seen.Append(buffer, 0, n);
            }

            return seen.ToString();
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"\"{expected}\" did not come within {deadline}. Console: {seen}");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            over.Set();
            starter.Join();
        }
    }

    /// <summary>
    /// Boots a raw disk from an IDE controller, the bus that the source guest has drivers for. A reset restarts it, as on a real
    /// machine: on a busy host the emulated CPU was once seen to reset before the kernel's first word.
    /// </summary>
    public static Task<string> BootFromIdeAsync(string disk, string expected, CancellationToken cancel) => WatchAsync(
        ChildProcess.Find("qemu-system-x86_64")!,
        ["-machine", "pc", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults", "-display", "none", "-serial", "stdio", "-snapshot",
            "-drive", $"file={disk},format=raw,if=ide"],
        expected,
        TimeSpan.FromMinutes(4),
        cancel);
}
