using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// The one way to run another program. Exit code and signal are both checked, its last words are quoted, it has a deadline,
/// and it dies with us: each child leads a process group of its own that is killed as a whole, and the kernel kills the child
/// when this process dies, even by SIGKILL (PR_SET_PDEATHSIG, prctl(2)).
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const int SigKill = 9;
    private const int ErrorTailCharacters = 64 << 10;
    private const int LineLimitCharacters = 1 << 18;
    // What is left in a pipe when a child ends is read in milliseconds; who still holds it open then does not end by itself.
    private static readonly TimeSpan OrphanGrace = TimeSpan.FromSeconds(10);

    // The only shell in Sealift: fixed text, and the program with its arguments as "$@", which no shell parses. A job in the background
    // would get /dev/null for its input, so ours is handed on as descriptor 3. The signal comes from the kernel when we die.
    private const string Guard = "trap 'kill -KILL 0' USR1; exec 3<&0; \"$@\" <&3 3<&- & exec 3<&- </dev/null; wait $!";

    private static readonly Spawner TheSpawner = new();

    private readonly Process process;
    private readonly ChildCommand command;
    private readonly long startedAt = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource stop = new();
    private readonly StringBuilder errorTail = new();
    private readonly Channel<string> outputLines = Channel.CreateBounded<string>(new BoundedChannelOptions(1024) { SingleReader = true, SingleWriter = true });
    private readonly Task errorPump;
    private readonly Task outputPump;
    private readonly Task watch;
    private readonly Task ended;
    private long lastWordAt = Stopwatch.GetTimestamp();
    private string? killedBecause;
    private int groupKilled;
    private int disposed;

    private ChildProcess(Process process, ChildCommand command)
    {
        this.process = process;
        this.command = command;
        errorPump = Task.Run(PumpErrorsAsync);
        outputPump = Task.Run(PumpOutputAsync);
        watch = Task.Run(WatchDeadlinesAsync);
        ended = Task.Run(EndAsync);
    }

    /// <summary>The process id, which is also its group's.</summary>
    public int Id => process.Id;

    /// <summary>Whether it still runs.</summary>
    public bool IsRunning => !process.HasExited;

    /// <summary>The end of what it wrote to standard error so far.</summary>
    public string ErrorTail
    {
        get
        {
            lock (errorTail) return errorTail.ToString();
        }
    }

    /// <summary>Finds a program in PATH.</summary>
    /// <returns>Its full path, or null.</returns>
    public static string? Find(string program)
    {
        if (program.Contains('/')) return File.Exists(program) ? program : null;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':', StringSplitOptions.RemoveEmptyEntries);
        // A plain user's PATH often lacks the places where file system tools live.
        return folders.Concat(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]).Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="ChildException">Not found (SL1101), wrong exit code (SL1102), signal (SL1103), deadline (SL1104), too much output (SL1105), unreadable output (SL1107).</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the child and its group are dead by then.</exception>
    public static async Task<ChildResult> RunAsync(ChildCommand command, CancellationToken cancel)
    {
        await using var child = Start(command);
        using var killOnCancel = cancel.Register(() => child.KillGroup("cancelled"));
        // Beside the reading: a child that answers while it is still being told would otherwise wait for us, and we for it.
        var telling = child.TellAsync(command.StandardInput, cancel);
        var output = new StringBuilder();
        var overflow = false;
        await foreach (var line in child.outputLines.Reader.ReadAllAsync(CancellationToken.None))
        {
            command.OnOutputLine?.Invoke(line);
            if (overflow) continue;
            if (output.Length + line.Length + 1 > command.OutputLimitCharacters)
            {
                overflow = true;
                child.KillGroup($"more than {command.OutputLimitCharacters} characters of output");
                continue;
            }

            output.Append(line).Append('\n');
        }

        var exitCode = await child.WaitAsync(CancellationToken.None);
        cancel.ThrowIfCancellationRequested();
        if (overflow) throw new ChildException("SL1105", command, $"it wrote more than {command.OutputLimitCharacters} characters and was killed", "If its input is sound, report this as a bug", child.ErrorTail);
        child.ThrowUnlessAccepted(exitCode);
        await telling;
        return new ChildResult(exitCode, output.ToString(), child.ErrorTail, Stopwatch.GetElapsedTime(child.startedAt));
    }

    /// <summary>Starts a program that is talked to while it runs, or that serves until it is disposed.</summary>
    /// <exception cref="ChildException">It is not installed, or could not be started (SL1101).</exception>
    public static ChildProcess Start(ChildCommand command)
    {
        var program = Find(command.Program)
            ?? throw new ChildException("SL1101", command, $"{command.Program} is not installed", "Run 'sealift doctor': it names the package", string.Empty);
        var start = new ProcessStartInfo(Find("setsid") ?? "setsid")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            WorkingDirectory = command.WorkingDirectory ?? string.Empty,
        };
        string[] guard = command.StartsOthers ? ["setpriv", "--pdeathsig", "USR1", "--", "sh", "-c", Guard, "guard"] : ["setpriv", "--pdeathsig", "KILL", "--"];
        foreach (var argument in (IEnumerable<string>)[.. guard, program, .. command.Arguments]) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in command.Environment)
        {
            if (value is null) start.Environment.Remove(name);
            else start.Environment[name] = value;
        }

        try
        {
            return new ChildProcess(TheSpawner.Spawn(start), command);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ChildException("SL1101", command, e.Message, "Run 'sealift doctor': it says what is missing", string.Empty, e);
        }
    }

    /// <summary>Writes text to its standard input.</summary>
    /// <exception cref="ChildException">It no longer reads (SL1106): its last words say why.</exception>
    public async Task SendAsync(string text, CancellationToken cancel)
    {
        try
        {
            await process.StandardInput.WriteAsync(text.AsMemory(), cancel);
            await process.StandardInput.FlushAsync(cancel);
        }
        catch (IOException e)
        {
            throw new ChildException("SL1106", command, $"it stopped reading its input ({e.Message})", killedBecause is null ? "Its last words say why" : $"It was killed: {killedBecause}", ErrorTail, e);
        }
    }

    /// <summary>Closes its standard input. That it no longer reads is told by its exit code.</summary>
    public void EndInput()
    {
        try
        {
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // EPIPE: the child went away before it read everything; its exit code, which is always checked, says how.
        }
    }

    /// <summary>The next line of its standard output, or null at the end.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancel) =>
        await outputLines.Reader.WaitToReadAsync(cancel) && outputLines.Reader.TryRead(out var line) ? line : null;

    /// <summary>Waits until it has ended.</summary>
    /// <returns>Its exit code; 128 + n where signal n killed it. <see cref="ThrowUnlessAccepted"/> judges it.</returns>
    public async Task<int> WaitAsync(CancellationToken cancel)
    {
        await ended.WaitAsync(cancel);
        return process.ExitCode;
    }

    /// <summary>Throws unless the exit code is accepted by the command.</summary>
    /// <exception cref="ChildException">SL1102, SL1103 or SL1104.</exception>
    public void ThrowUnlessAccepted(int exitCode)
    {
        if (killedBecause is { } reason) throw new ChildException("SL1104", command, $"it was killed: {reason}", "If the machine was merely busy, try again; otherwise its last words say where it hung", ErrorTail);
        if (command.AcceptedExitCodes.Contains(exitCode)) return;
        if (exitCode > 128) throw new ChildException("SL1103", command, $"signal {exitCode - 128} killed it", "Look for the out-of-memory killer or a crash in the kernel log of this host", ErrorTail);
        throw new ChildException("SL1102", command, $"it ended with exit code {exitCode}", "Its last words say why", ErrorTail);
    }

    /// <summary>
    /// Asks it to end in good order: SIGTERM to it alone, not to its group. <see cref="WaitAsync"/> and
    /// <see cref="ThrowUnlessAccepted"/> then say how it went. Does nothing where it has ended already.
    /// </summary>
    public void Terminate()
    {
        const int SigTerm = 15;
        const Errno NoSuchProcess = (Errno)3;
        if (process.HasExited) return;
        if (Libc.Kill(process.Id, SigTerm) != 0 && PosixFile.LastErrno() != NoSuchProcess) throw PosixFile.Failed("kill", $"process {process.Id}");
    }

    /// <summary>Kills it and its whole group at once.</summary>
    /// <param name="reason">Why, for the error that follows.</param>
    public void Kill(string reason) => KillGroup(reason);

    /// <summary>Kills it where it still runs, and waits until it is gone. Calls after the first do nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 1) return;
        if (IsRunning) KillGroup("no longer needed");
        await stop.CancelAsync(); // frees an output pump that waits for a reader who will not come
        await WaitAsync(CancellationToken.None);
        await watch;
        process.Dispose();
        stop.Dispose();
    }

    private async Task TellAsync(string text, CancellationToken cancel)
    {
        if (text.Length > 0) await SendAsync(text, cancel);
        EndInput();
    }

    /// <summary>Waits for its end and for the last of its output, and for no longer than that, whatever it left running.</summary>
    private async Task EndAsync()
    {
        await process.WaitForExitAsync(CancellationToken.None);
        // What it left running in its group would keep the pipes open. Once, and at once: later its number may be another's.
        KillGroup(null);
        var endedAt = Stopwatch.GetTimestamp();
        var pumps = Task.WhenAll(errorPump, outputPump);
        while (!pumps.IsCompleted)
        {
            await Task.WhenAny(pumps, Task.Delay(OrphanGrace / 10));
            if (pumps.IsCompleted || Stopwatch.GetElapsedTime(endedAt) < OrphanGrace) continue;
            // Somebody outside of its group holds them. What was not read is of no use: the end of it is not known.
            Interlocked.CompareExchange(ref killedBecause, "what it left running keeps its output open", null);
            outputLines.Writer.TryComplete();
            return;
        }

        try
        {
            await pumps;
        }
        catch (IOException e)
        {
            throw new ChildException("SL1107", command, $"what it says cannot be read ({e.Message})", "Try again; if it repeats, look at the kernel log of this host", ErrorTail, e);
        }
    }

    private void KillGroup(string? reason)
    {
        if (reason is not null) Interlocked.CompareExchange(ref killedBecause, reason, null);
        var already = reason is null ? Interlocked.Exchange(ref groupKilled, 1) : Volatile.Read(ref groupKilled);
        if (already == 1) return;
        if (Signalled(-process.Id, "process group") || reason is null || process.HasExited) return;
        // It exists and its group does not: it has only just been forked and has yet to call setsid. It has started nothing either.
        _ = Signalled(process.Id, "process"); // nobody there: it has ended meanwhile, which is what was wanted
    }

    /// <summary>Sends SIGKILL; kill(2).</summary>
    /// <returns>Whether there was anybody to receive it.</returns>
    private static bool Signalled(int id, string what)
    {
        const Errno NoSuchProcess = (Errno)3;
        if (Libc.Kill(id, SigKill) == 0) return true;
        if (PosixFile.LastErrno() == NoSuchProcess) return false;
        throw PosixFile.Failed("kill", $"{what} {Math.Abs(id)}");
    }

    private async Task WatchDeadlinesAsync()
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        try
        {
            while (!process.HasExited && await tick.WaitForNextTickAsync(stop.Token))
            {
                if (Stopwatch.GetElapsedTime(startedAt) > command.Deadline) KillGroup($"deadline of {command.Deadline} passed");
                else if (command.SilenceDeadline is { } quiet && Stopwatch.GetElapsedTime(Interlocked.Read(ref lastWordAt)) > quiet) KillGroup($"silent for {quiet}");
            }
        }
        catch (OperationCanceledException)
        {
            // The owner is done with the child: nothing is left to watch.
        }
    }

    private async Task PumpErrorsAsync()
    {
        var lines = new ChildLines(process.StandardError, LineLimitCharacters);
        while (await lines.NextAsync() is { } line)
        {
            Interlocked.Exchange(ref lastWordAt, Stopwatch.GetTimestamp());
            lock (errorTail)
            {
                errorTail.Append(line).Append('\n');
                if (errorTail.Length > 2 * ErrorTailCharacters) errorTail.Remove(0, errorTail.Length - ErrorTailCharacters);
            }

            command.OnErrorLine?.Invoke(line);
        }
    }

    private async Task PumpOutputAsync()
    {
        try
        {
            var lines = new ChildLines(process.StandardOutput, LineLimitCharacters);
            while (await lines.NextAsync() is { } line)
            {
                Interlocked.Exchange(ref lastWordAt, Stopwatch.GetTimestamp());
                // Two lines in place of one would be another answer. The rest is read all the same, so that it can end.
                if (lines.WasCut) KillGroup($"it wrote a line of more than {LineLimitCharacters} characters");
                await outputLines.Writer.WriteAsync(line, stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed before everything was read: the reader has gone, and the rest is of no use to anybody.
        }
        catch (ChannelClosedException)
        {
            // Given up on, because something that the child left running still writes.
        }
        finally
        {
            outputLines.Writer.TryComplete();
        }
    }

    /// <summary>
    /// Starts every child from one thread that lives as long as the process: the kernel sends the parent-death signal when the
    /// <em>thread</em> that forked ends, and a pool thread may end at any time.
    /// </summary>
    private sealed class Spawner
    {
        private readonly Channel<(ProcessStartInfo Start, TaskCompletionSource<Process> Done)> requests =
            Channel.CreateUnbounded<(ProcessStartInfo, TaskCompletionSource<Process>)>();

        public Spawner() => new Thread(Serve) { IsBackground = true, Name = "child spawner" }.Start();

        public Process Spawn(ProcessStartInfo start)
        {
            var done = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!requests.Writer.TryWrite((start, done))) throw new InvalidOperationException("The child spawner has ended");
            return done.Task.GetAwaiter().GetResult();
        }

        private void Serve()
        {
            while (requests.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (requests.Reader.TryRead(out var request))
                {
                    try
                    {
                        var process = new Process { StartInfo = request.Start };
                        if (!process.Start()) throw new InvalidOperationException("Process.Start returned false for a new process");
                        request.Done.SetResult(process);
                    }
#pragma warning disable CA1031 // handed to the caller, whatever it is
                    catch (Exception e)
                    {
                        request.Done.SetException(e);
                    }
#pragma warning restore CA1031
                }
            }
        }
    }
}
