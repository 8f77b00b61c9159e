using System.Collections;
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Text;
using System.Threading.Channels;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>
/// The one way to run another program. Exit code and signal are both checked and told apart, its last words are quoted, it has a
/// deadline, and it dies with us: each child leads a process group of its own that is killed as a whole, and the kernel kills the child
/// when this process dies, even by SIGKILL and even while it is being started (<see cref="ChildGuard"/>).
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, bool> Withheld = new();

    private const int ErrorTailCharacters = 64 << 10;
    private const int LineLimitCharacters = 1 << 18;
    // What is left in a pipe when a child ends is read in milliseconds; who still holds it open then does not end by itself.
    private static readonly TimeSpan OrphanGrace = TimeSpan.FromSeconds(10);
    // A killed process that frees much memory takes seconds. One that is still there after this hangs in the kernel.
    private static readonly TimeSpan DeathGrace = TimeSpan.FromSeconds(30);
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly ChildCommand command;
    private readonly ChildGuard guard;
    private readonly ChildPipes pipes;
    private readonly ChildLife life;
    private readonly long startedAt = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource stop = new();
    private readonly CancellationTokenSource giveUp = new();
    private readonly TaskCompletionSource killed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StringBuilder errorTail = new();
    private readonly Channel<string> outputLines = Channel.CreateBounded<string>(new BoundedChannelOptions(1024) { SingleReader = true, SingleWriter = true });
    private readonly Task errorPump;
    private readonly Task outputPump;
    private readonly Task watch;
    private readonly Task<ChildEnd> ended;
    private long lastWordAt = Stopwatch.GetTimestamp();
    private volatile bool awaitsReader;
    private volatile bool isAlwaysRead;
    private string? killedBecause;
    private ExceptionDispatchInfo? failure;
    private int failureTold;
    private int disposed;

    private ChildProcess(ChildCommand command, ChildGuard guard, ChildPipes pipes, ChildLife life)
    {
        (this.command, this.guard, this.pipes, this.life) = (command, guard, pipes, life);
        errorPump = Task.Run(PumpErrorsAsync);
        outputPump = Task.Run(PumpOutputAsync);
        watch = Task.Run(WatchDeadlinesAsync);
        ended = Task.Run(EndAsync);
    }

    /// <summary>The process id, which is also its group's and its session's.</summary>
    public int Id => life.Id;

    /// <summary>Whether it still runs.</summary>
    public bool IsRunning => !life.Ended.IsCompleted;

    /// <summary>How it ended; null while it runs.</summary>
    public ChildEnd? End => life.Ended.IsCompletedSuccessfully ? life.Ended.Result : null;

    /// <summary>The end of what it wrote to standard error so far.</summary>
    public string ErrorTail
    {
        get
        {
            lock (errorTail) return errorTail.ToString();
        }
    }

    /// <summary>Finds a program in PATH: a file that this user may execute.</summary>
    /// <returns>Its full path, or null.</returns>
    public static string? Find(string program)
    {
        IEnumerable<string> candidates = [program];
        if (!program.Contains('/'))
        {
            var folders = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':', StringSplitOptions.RemoveEmptyEntries);
            // A plain user's PATH often lacks the places where file system tools live.
            candidates = folders.Concat(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]).Select(f => Path.Combine(f, program));
        }

        return candidates.Where(c => File.Exists(c) && MayBeExecuted(c)).Select(Path.GetFullPath).FirstOrDefault();
    }

    private static bool MayBeExecuted(string path)
    {
        const int Execute = 1; // X_OK
        if (Libc.Access(path, Execute) == 0) return true;
        _ = SystemCalls.Access.AnswerOrThrow(path); // all its answers say no
        return false;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="ChildException">
    /// Not found or not executable (SL1101), wrong exit code (SL1102), signal (SL1103), deadline (SL1104), too much output (SL1105),
    /// input that it did not read (SL1106), unreadable output (SL1107), a text that no program can be given (SL1108), killed and not ended (SL1109).
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled; the child and its group are dead by then.</exception>
    public static async Task<ChildResult> RunAsync(ChildCommand command, CancellationToken cancel)
    {
        await using var child = Start(command);
        child.isAlwaysRead = true;
        using var killOnCancel = cancel.Register(() => child.Kill("cancelled"));
        using var telling = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // Beside the reading: a child that answers while it is still being told would otherwise wait for us, and we for it.
        var told = child.TellAsync(command.StandardInput, telling.Token);
        try
        {
            return await child.HearToTheEndAsync(told, cancel);
        }
        catch
        {
            // This is the error that counts; another of the same child is its consequence.
            Volatile.Write(ref child.failureTold, 1);
            throw;
        }
        finally
        {
            await telling.CancelAsync();
            await ((Task)told).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // judged above, where it matters
        }
    }

    /// <summary>Starts a program that is talked to while it runs, or that serves until it is disposed.</summary>
    /// <exception cref="ChildException">It is not installed, or could not be started (SL1101); a text that no program can be given (SL1108).</exception>
    public static ChildProcess Start(ChildCommand command)
    {
        const string Doctor = "Run 'sealift doctor': it says what is missing";
        ChildException Failed(string said, string nextStep, Exception? inner = null) => new("SL1101", command, said, nextStep, string.Empty, inner);

        var environment = EnvironmentOf(command);
        ThrowIfNotPassable(command);
        var program = Find(command.Program) ?? throw (File.Exists(command.Program) && command.Program.Contains('/', StringComparison.Ordinal)
            ? Failed($"{command.Program} may not be executed", "Change its permissions, or look whether its file system is mounted noexec")
            : Failed($"{command.Program} is not installed", "Run 'sealift doctor': it names the package"));
        var setpriv = Find("setpriv") ?? throw Failed("setpriv, which every program is started by, is not installed", Doctor);
        var guard = ChildGuard.Of(command, program);
        ChildPipes pipes;
        try
        {
            pipes = new ChildPipes(command);
        }
        catch (PosixException e)
        {
            throw Failed(e.Said, e.NextStep, e);
        }

        try
        {
            using var arguments = new NativeStrings(guard.Arguments);
            using var variables = new NativeStrings(environment);
            var (id, error) = ChildSpawn.Start(setpriv, arguments, variables, command.WorkingDirectory, pipes.Descriptors);
            if (error != 0)
            {
                var cause = new PosixException(SystemCalls.Spawn.Name, setpriv, error);
                throw command.WorkingDirectory is { } folder && !Directory.Exists(folder)
                    ? Failed($"the directory that it is to start in does not exist: {folder}", "Check the path", cause)
                    : Failed($"it could not be started: {cause.Said}", error == Errno.ENOENT ? Doctor : cause.NextStep, cause);
            }

            pipes.CloseChildsEnds();
            return new ChildProcess(command, guard, pipes, new ChildLife(id));
        }
        catch
        {
            pipes.Dispose();
            throw;
        }
    }

    /// <summary>Writes text to its standard input.</summary>
    /// <exception cref="ChildException">It no longer reads (SL1106): its last words say why.</exception>
    public async Task SendAsync(string text, CancellationToken cancel)
    {
        try
        {
            await pipes.Input.WriteAsync(Utf8.GetBytes(text), cancel);
        }
        catch (IOException e)
        {
            throw NoLongerReads(e.Message, e);
        }
    }

    /// <summary>Closes its standard input. That it no longer reads is told by its exit code.</summary>
    public void EndInput() => pipes.Input.Dispose(); // nothing is buffered here that this could lose

    /// <summary>The next line of its standard output, or null at the end.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancel) =>
        await outputLines.Reader.WaitToReadAsync(cancel) && outputLines.Reader.TryRead(out var line) ? line : null;

    /// <summary>Waits until it has ended.</summary>
    /// <returns>
    /// Its exit code; 128 + n where signal n killed it, which is ambiguous: <see cref="ThrowUnlessAccepted"/> judges by how it really ended.
    /// </returns>
    /// <exception cref="ChildException">What it said cannot be read (SL1107); it was killed and does not end (SL1109).</exception>
    /// <exception cref="Exception">What a callback of the command threw.</exception>
    public async Task<int> WaitAsync(CancellationToken cancel)
    {
        var end = await ended.WaitAsync(cancel);
        if (failure is not null && Interlocked.Exchange(ref failureTold, 1) == 0) failure.Throw();
        return end.ShellCode;
    }

    /// <summary>Throws unless it ended by itself and with an exit code that the command accepts.</summary>
    /// <param name="exitCode">What <see cref="WaitAsync"/> returned.</param>
    /// <exception cref="ChildException">SL1101, SL1102, SL1103 or SL1104.</exception>
    public void ThrowUnlessAccepted(int exitCode)
    {
        var end = End ?? throw new InvalidOperationException("It is judged after WaitAsync only");
        if (exitCode != end.ShellCode) throw new ArgumentException($"It did not end with {exitCode}: {end}", nameof(exitCode));
        if (killedBecause is { } reason) throw new ChildException("SL1104", command, $"it was killed: {reason}", "If the machine was merely busy, try again; otherwise its last words say where it hung", ErrorTail) { End = end };
        if (end.BySignal) throw new ChildException("SL1103", command, end.ToString(), "Look for the out-of-memory killer or a crash in the kernel log of this host", ErrorTail) { End = end };
        if (guard.NotExecuted(end, ErrorTail) is { } said) throw new ChildException("SL1101", command, $"it could not be executed: {said}", "Look whether the file is whole, and whether its interpreter is installed", string.Empty);
        if (!command.AcceptedExitCodes.Contains(end.Number)) throw new ChildException("SL1102", command, end.ToString(), "Its last words say why", ErrorTail) { End = end };
    }

    /// <summary>
    /// Asks it to end in good order: SIGTERM to it alone, not to its group. <see cref="WaitAsync"/> and
    /// <see cref="ThrowUnlessAccepted"/> then say how it went. Does nothing where it has ended already.
    /// </summary>
    public void Terminate()
    {
        const int SigTerm = 15;
        _ = life.Signal(SigTerm); // nobody there: it has ended already
    }

    /// <summary>Kills it and its whole group at once. Does nothing where it has ended already.</summary>
    /// <param name="reason">Why, for the error that follows.</param>
    public void Kill(string reason)
    {
        if (IsRunning) Spoil(reason);
    }

    /// <summary>Kills it where it still runs, and waits until it is gone. Calls after the first do nothing.</summary>
    /// <exception cref="Exception">What <see cref="WaitAsync"/> would have thrown, where nobody called it.</exception>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 1) return;
        Kill("no longer needed");
        await stop.CancelAsync(); // frees an output pump that waits for a reader who will not come
        try
        {
            _ = await WaitAsync(CancellationToken.None); // whoever disposes has judged how it ended, or does not want to know
        }
        finally
        {
            await watch;
            pipes.Dispose();
            stop.Dispose();
            giveUp.Dispose();
        }
    }

    /// <summary>Keeps a variable of our own environment from every child that is started from now on: it holds a secret.</summary>
    /// <param name="name">Its name.</param>
    public static void WithholdVariable(string name) => Withheld[name] = true;

    private static IReadOnlyList<string> EnvironmentOf(ChildCommand command)
    {
        var variables = new Dictionary<string, string>();
        foreach (DictionaryEntry inherited in Environment.GetEnvironmentVariables()) variables[(string)inherited.Key] = (string?)inherited.Value ?? string.Empty;
        foreach (var name in Withheld.Keys) variables.Remove(name);
        foreach (var (name, value) in command.Environment)
        {
            if (value is null) variables.Remove(name);
            else variables[name] = value;
        }

        variables["LC_ALL"] = "C";
        return [.. variables.Select(v => $"{v.Key}={v.Value}")];
    }

    /// <summary>A program sees the end of a text at its first NUL. Names come from other people's files: it is an error, not a bug.</summary>
    private static void ThrowIfNotPassable(ChildCommand command)
    {
        void Check(string what, string text)
        {
            if (NativeStrings.Problem(text) is { } problem) throw new ChildException("SL1108", command, $"{what} cannot be given to a program: {problem}", "Rename what it names", string.Empty);
        }

        Check("its path", command.Program);
        for (var i = 0; i < command.Arguments.Count; i++) Check($"argument {i + 1}", command.Arguments[i]);
        Check("its directory", command.WorkingDirectory ?? string.Empty);
        foreach (var (name, value) in command.Environment)
        {
            if (name.Length == 0 || name.Contains('=', StringComparison.Ordinal)) throw new ChildException("SL1108", command, $"\"{name}\" is no name of a variable", "Report this as a bug", string.Empty);
            Check("a variable's name", name);
            Check($"variable {name}", value ?? string.Empty);
        }
    }

    private async Task<ChildResult> HearToTheEndAsync(Task told, CancellationToken cancel)
    {
        var output = new StringBuilder();
        var overflow = false;
        await foreach (var line in outputLines.Reader.ReadAllAsync(CancellationToken.None))
        {
            command.OnOutputLine?.Invoke(line);
            if (overflow) continue;
            if (output.Length + line.Length + 1 > command.OutputLimitCharacters)
            {
                overflow = true;
                Spoil($"more than {command.OutputLimitCharacters} characters of output");
                continue;
            }

            output.Append(line).Append('\n');
        }

        var exitCode = await WaitAsync(CancellationToken.None);
        cancel.ThrowIfCancellationRequested();
        if (overflow) throw new ChildException("SL1105", command, $"it wrote more than {command.OutputLimitCharacters} characters and was killed", "If its input is sound, report this as a bug", ErrorTail);
        ThrowUnlessAccepted(exitCode);
        try
        {
            // Where nobody is left to read, it has failed already (EPIPE).
            await told.WaitAsync(OrphanGrace, CancellationToken.None);
        }
        catch (TimeoutException e)
        {
            throw NoLongerReads("what it left running keeps it open", e);
        }

        return new ChildResult(exitCode, output.ToString(), ErrorTail, Stopwatch.GetElapsedTime(startedAt));
    }

    private ChildException NoLongerReads(string said, Exception inner) =>
        new("SL1106", command, $"it stopped reading its input ({said})", killedBecause is null ? "Its last words say why" : $"It was killed: {killedBecause}", ErrorTail, inner);

    private async Task TellAsync(string text, CancellationToken cancel)
    {
        if (text.Length > 0) await SendAsync(text, cancel);
        EndInput();
    }

    /// <summary>Waits for its end and for the last of its output, and for no longer than that, whatever it left running.</summary>
    private async Task<ChildEnd> EndAsync()
    {
        // How it ended is looked at below, once nothing of it is left.
        if (await Task.WhenAny(life.Ended, OverdueAsync()) != life.Ended)
        {
            await giveUp.CancelAsync();
            await Task.WhenAll(errorPump, outputPump);
            throw new ChildException("SL1109", command, $"it was killed and is still there {DeathGrace.TotalSeconds:0} seconds later", $"It hangs in the kernel, mostly on storage that does not answer (kernel log, /proc/{Id}/stack); what it has open stays in use", ErrorTail);
        }

        var pumps = Task.WhenAll(errorPump, outputPump);
        var tick = OrphanGrace / 10;
        // The time in which we ourselves do not listen, because a callback is slow, is not held against anybody.
        for (var listened = TimeSpan.Zero; !pumps.IsCompleted && listened < OrphanGrace; listened += isAlwaysRead && awaitsReader ? TimeSpan.Zero : tick)
            _ = await Task.WhenAny(pumps, Task.Delay(tick)); // the condition of the loop says which
        if (!pumps.IsCompleted)
        {
            // Somebody outside of its group holds them. What was not read is of no use: the end of it is not known.
            Interlocked.CompareExchange(ref killedBecause, "what it left running keeps its output open", null);
            await giveUp.CancelAsync();
        }

        await pumps;
        return await life.Ended;
    }

    /// <summary>Completes where it has been killed and does not end.</summary>
    private async Task OverdueAsync()
    {
        await killed.Task;
        await Task.Delay(DeathGrace);
    }

    /// <summary>Kills it, and whatever it said and however it ended is void.</summary>
    private void Spoil(string reason)
    {
        Interlocked.CompareExchange(ref killedBecause, reason, null);
        killed.TrySetResult();
        life.KillGroup();
    }

    /// <summary>We can no longer listen to it, so it would wait for us on a full pipe: it is killed at once.</summary>
    private void Fail(Exception error)
    {
        Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(error), null);
        killed.TrySetResult();
        life.KillGroup();
    }

    private async Task WatchDeadlinesAsync()
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        try
        {
            while (IsRunning && await tick.WaitForNextTickAsync(stop.Token))
            {
                // While it waits for us it is not silent.
                if (awaitsReader) Interlocked.Exchange(ref lastWordAt, Stopwatch.GetTimestamp());
                if (Stopwatch.GetElapsedTime(startedAt) > command.Deadline) Kill($"deadline of {command.Deadline} passed");
                else if (command.SilenceDeadline is { } quiet && Stopwatch.GetElapsedTime(Interlocked.Read(ref lastWordAt)) > quiet) Kill($"silent for {quiet}");
            }
        }
        catch (OperationCanceledException)
        {
            // The owner is done with the child: nothing is left to watch.
        }
        catch (PosixException e)
        {
            // It may not be killed, because it runs as another user by now: its owner hears of it when it ends.
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
        }
    }

    private Task PumpErrorsAsync() => PumpAsync(pipes.Error, (line, _) =>
    {
        lock (errorTail)
        {
            errorTail.Append(line).Append('\n');
            if (errorTail.Length > 2 * ErrorTailCharacters) errorTail.Remove(0, errorTail.Length - ErrorTailCharacters);
        }

        command.OnErrorLine?.Invoke(line);
        return ValueTask.CompletedTask;
    });

    private async Task PumpOutputAsync()
    {
        await PumpAsync(pipes.Output, async (line, wasCut) =>
        {
            // Two lines in place of one would be another answer. The rest is read all the same, so that it can end.
            if (wasCut) Spoil($"it wrote a line of more than {LineLimitCharacters} characters");
            if (outputLines.Writer.TryWrite(line)) return;
            awaitsReader = true;
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, giveUp.Token);
            await outputLines.Writer.WriteAsync(line, enough.Token);
            awaitsReader = false;
        });
        outputLines.Writer.Complete();
    }

    /// <summary>Takes a stream line by line to its end. It does not throw: what goes wrong is told by <see cref="WaitAsync"/>.</summary>
    private async Task PumpAsync(Stream stream, Func<string, bool, ValueTask> take)
    {
        try
        {
            // No look at a byte order mark: what a child says must not choose how it is read.
            using var reader = new StreamReader(stream, Utf8, detectEncodingFromByteOrderMarks: false, bufferSize: 4096);
            var lines = new ChildLines(reader, LineLimitCharacters);
            while (await NextAsync() is { } line)
            {
                Interlocked.Exchange(ref lastWordAt, Stopwatch.GetTimestamp());
                await take(line, lines.WasCut);
            }

            async ValueTask<string?> NextAsync()
            {
                try
                {
                    return await lines.NextAsync(giveUp.Token);
                }
                catch (IOException e)
                {
                    throw new ChildException("SL1107", command, $"what it says cannot be read ({e.Message})", "Try again; if it repeats, look at the kernel log of this host", ErrorTail, e);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested || giveUp.IsCancellationRequested)
        {
            // Disposed before everything was read: the reader has gone, and the rest is of no use to anybody. Or given up on, because
            // something that the child left running still holds it, which is an error of its own.
        }
#pragma warning disable CA1031 // kept for the owner, whatever it is
        catch (Exception e)
        {
            Fail(e);
        }
#pragma warning restore CA1031
    }
}
