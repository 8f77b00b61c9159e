using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Sealift.Posix;
using Sealift.Scsi.Native;

namespace Sealift.Scsi;

/// <summary>
/// One iSCSI session to one logical unit, by libiscsi. A connection that is lost stays lost: what a command did that got no answer, nobody
/// knows, and whoever begins anew looks first whether it is still the same unit.
/// </summary>
public sealed class IscsiSession : INeighbourTransport
{
    private const int EINTR = 4;
    // So soon a cancellation is noticed.
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);
    // Targets ask an idle session whether it lives, and end it after some 15 s without an answer.
    private static readonly TimeSpan Tending = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LogoutGrace = TimeSpan.FromSeconds(2);
    // What a timer takes.
    private static readonly TimeSpan LongestWatch = TimeSpan.FromDays(24);

    private readonly IscsiUri uri;
    private readonly string name;
    private readonly IscsiContext context;
    private readonly Lock alone = new();
    private readonly Completion connection = new();
    private readonly Timer tending;
    private SocketSwitch? line;
    private string? lost;
    private bool isDisposed;

    private IscsiSession(IscsiUri uri, IscsiContext context)
    {
        this.uri = uri;
        this.context = context;
        name = uri.ToString();
        tending = new Timer(_ => Tend());
    }

    /// <summary>Whether the library that it needs is there.</summary>
    public static bool IsInstalled => NativeLibrary.TryLoad(Libiscsi.Name, out _); // it stays loaded, as it does where it is used

    /// <summary>Connects and logs in. Nothing is sent to the unit.</summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="options">Names, passwords and deadlines.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="ScsiException">libiscsi is not there (SL3202), the target cannot be reached or lets nobody in (SL3210), or takes too long (SL3211).</exception>
    public static async Task<IscsiSession> ConnectAsync(IscsiUri uri, IscsiOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(options);
        var startedAt = Stopwatch.GetTimestamp();
        string? said = null;
        foreach (var address in await ResolveAsync(uri, options.ConnectDeadline, cancel))
        {
            var left = options.ConnectDeadline - Stopwatch.GetElapsedTime(startedAt);
            if (left <= TimeSpan.Zero) break;
            try
            {
                return await Task.Run(() => Connect(uri, address, options, left, cancel), cancel);
            }
            catch (ScsiException e) when (e.Code is "SL3210" or "SL3211")
            {
                said ??= e.Said; // a host may have several addresses, of which one answers
            }
        }

        throw ScsiErrors.LoginFailed(uri.ToString(), said ?? "its host has no address");
    }

    /// <inheritdoc/>
    public ScsiReply Execute(ScsiCommand command, ReadOnlyMemory<byte> output, Memory<byte> input, TimeSpan deadline, CancellationToken cancel) => Execute(uri.Lun, command, output, input, deadline, cancel);

    /// <inheritdoc/>
    public ScsiReply Inquire(int lun, ScsiCommand command, Memory<byte> input, TimeSpan deadline, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(command);
        return command.OperationCode == 0x12 ? Execute(lun, command, default, input, deadline, cancel) : throw ScsiErrors.WritesToSource(name, command.Name);
    }

    private unsafe ScsiReply Execute(int lun, ScsiCommand command, ReadOnlyMemory<byte> output, Memory<byte> input, TimeSpan deadline, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(command);
        lock (alone)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (lost is { } why) throw ScsiErrors.Lost(name, command.Name, why);
            var completion = new Completion();
            using var pinned = output.Pin();
            using var landing = input.Pin();
            nint task;
            fixed (byte* cdb = command.Cdb.Span)
            {
                var direction = output.Length > 0 ? ScsiTask.Write : input.Length > 0 ? ScsiTask.Read : ScsiTask.None;
                task = Libiscsi.CreateTask(command.Cdb.Length, cdb, direction, Math.Max(output.Length, input.Length));
            }

            if (task == 0) throw ScsiErrors.LibraryFailed(name, "scsi_create_task", "it returned nothing");
            try
            {
                // A place of its own for what comes: otherwise the library makes one that grows with all that a target likes to send.
                var mark = ArrivalMark.Fill(input.Span);
                if (output.Length == 0 && input.Length > 0 && Libiscsi.AddDataInBuffer(task, input.Length, (byte*)landing.Pointer) != 0) throw ScsiErrors.LibraryFailed(name, "scsi_task_add_data_in_buffer", "it has no memory");
                var data = new IscsiData { Bytes = (nuint)output.Length, Data = (byte*)pinned.Pointer };
                if (Libiscsi.ScsiCommandAsync(context, lun, task, &OnDone, output.Length > 0 ? &data : null, completion.State) != 0)
                    throw End(ScsiErrors.Lost(name, command.Name, Said("the command could not be sent")));
                Wait(completion, command.Name, deadline, cancel);
                return Reply((ScsiTask*)task, completion.Status, command, input.Span, mark);
            }
            finally
            {
                // Whatever came before: it is in flight no more, or the session has ended.
                Libiscsi.FreeTask(task);
                completion.Free();
            }
        }
    }

    /// <summary>Logs out, as far as the target takes part, and ends the session.</summary>
    public void Dispose()
    {
        lock (alone)
        {
            if (isDisposed) return;
            isDisposed = true;
            tending.Dispose();
            if (lost is null) Logout();
            context.Dispose();
            line?.Dispose();
            connection.Free();
        }
    }

    private static async Task<IReadOnlyList<IPAddress>> ResolveAsync(IscsiUri uri, TimeSpan deadline, CancellationToken cancel)
    {
        if (IPAddress.TryParse(uri.Host, out var address)) return [address];
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timer.CancelAfter(deadline);
        try
        {
            return await Dns.GetHostAddressesAsync(uri.Host, timer.Token);
        }
        catch (SocketException e)
        {
            throw ScsiErrors.LoginFailed(uri.ToString(), $"the host's name cannot be resolved: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw ScsiErrors.Silent(uri.ToString(), "resolve the host's name", deadline);
        }
    }

    private static IscsiSession Connect(IscsiUri uri, IPAddress address, IscsiOptions options, TimeSpan deadline, CancellationToken cancel)
    {
        IscsiContext context;
        try
        {
            context = Libiscsi.CreateContext(options.Initiator());
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            throw ScsiErrors.NoLibrary(e);
        }

        if (context.IsInvalid)
        {
            context.Dispose();
            throw ScsiErrors.LibraryFailed(uri.ToString(), "iscsi_create_context", "it returned nothing");
        }

        var transport = new IscsiSession(uri, context);
        try
        {
            transport.Login(address, options, deadline, cancel);
            return transport;
        }
        catch
        {
            transport.lost ??= "it was never logged in";
            transport.Dispose();
            throw;
        }
    }

    private unsafe void Login(IPAddress address, IscsiOptions options, TimeSpan deadline, CancellationToken cancel)
    {
        lock (alone)
        {
            Demand(Libiscsi.SetSessionType(context, Libiscsi.NormalSession), "iscsi_set_session_type");
            Demand(Libiscsi.SetHeaderDigest(context, Libiscsi.DigestNoneOrCrc32c), "iscsi_set_header_digest");
            Demand(Libiscsi.SetTargetName(context, uri.Target), "iscsi_set_targetname");
            if (uri.User is { } user)
            {
                if (!options.Passwords.TryGetValue(user, out var password) && !options.Passwords.TryGetValue(string.Empty, out password)) throw ScsiErrors.NoPassword(name, user);
                Demand(Libiscsi.SetUser(context, user, password), "iscsi_set_initiator_username_pwd");
            }

            Libiscsi.SetNoAutoReconnect(context, 1);
            Libiscsi.SetReconnectMaxRetries(context, 0);
            var startedAt = Stopwatch.GetTimestamp();
            var portal = new IPEndPoint(address, uri.Port).ToString();
            if (Libiscsi.ConnectAsync(context, portal, &OnDone, connection.State) != 0) throw ScsiErrors.LoginFailed(name, Said("it cannot be connected"));
            Wait(connection, "connect", deadline, cancel);
            if (connection.Status != 0) throw ScsiErrors.LoginFailed(name, Said("the connection was refused"));
            line = SocketSwitch.Of(Libiscsi.GetFd(context), name);
            var login = new Completion();
            try
            {
                if (Libiscsi.LoginAsync(context, &OnDone, login.State) != 0) throw End(ScsiErrors.LoginFailed(name, Said("the login could not be sent")));
                Wait(login, "log in", deadline - Stopwatch.GetElapsedTime(startedAt), cancel);
            }
            finally
            {
                login.Free();
            }

            if (login.Status == Libiscsi.Redirected) throw ScsiErrors.LoginFailed(name, $"the target sends this host on to {Marshal.PtrToStringUTF8(Libiscsi.GetTargetAddress(context))}: name that address");
            if (login.Status != 0 || Libiscsi.IsLoggedIn(context) == 0) throw ScsiErrors.LoginFailed(name, Said("the target refused the login"));
        }

        if (!tending.Change(Tending, Tending)) throw ScsiErrors.LibraryFailed(name, "tend the session", "the timer did not start");
    }

    private unsafe void Logout()
    {
        var logout = new Completion();
        try
        {
            if (Libiscsi.LogoutAsync(context, &OnDone, logout.State) == 0) Wait(logout, "log out", LogoutGrace, CancellationToken.None);
        }
        catch (ScsiException)
        {
            // The session ends in any case, and nothing depends on how: what matters was flushed and answered before.
        }
        finally
        {
            context.Dispose(); // first: the callback may come as late as here
            logout.Free();
        }
    }

    /// <summary>Waits for a callback. Where it does not come, the session is ended, so that nothing of it is in flight any more.</summary>
    private void Wait(Completion completion, string attempt, TimeSpan deadline, CancellationToken cancel)
    {
        var startedAt = Stopwatch.GetTimestamp();
        using var watch = new Watch(line, deadline, cancel);
        while (!completion.IsDone)
        {
            if (Over() is { } why) throw why;
            var left = deadline - Stopwatch.GetElapsedTime(startedAt);
            _ = Serve(left < Step ? left : Step, out var isDead); // whether something came is of no interest: the callback tells
            if (!completion.IsDone && isDead) throw Over() ?? End(ScsiErrors.Lost(name, attempt, Said("the connection was lost")));
        }

        if (completion.Status is Libiscsi.Cancelled or Libiscsi.TimedOut && !ReferenceEquals(completion, connection)) throw Over() ?? End(ScsiErrors.Lost(name, attempt, Said("the connection was lost")));

        // Why it is waited for no longer; null where it still is.
        Exception? Over()
        {
            if (cancel.IsCancellationRequested)
            {
                Abandon("the command was cancelled");
                return new OperationCanceledException(cancel);
            }

            return watch.HasEndedIt || deadline - Stopwatch.GetElapsedTime(startedAt) <= TimeSpan.Zero ? End(ScsiErrors.Silent(name, attempt, deadline)) : null;
        }
    }

    /// <summary>Lets the library do what there is to do, at most after a while.</summary>
    private unsafe bool Serve(TimeSpan wait, out bool isDead)
    {
        var entry = new PollEntry { Socket = Libiscsi.GetFd(context), Wanted = (short)Libiscsi.WhichEvents(context) };
        var found = Libc.Poll(&entry, 1, (int)Math.Ceiling(wait.TotalMilliseconds));
        if (found < 0 && Marshal.GetLastPInvokeError() != EINTR)
        {
            isDead = true;
            return false;
        }

        isDead = Libiscsi.Service(context, found > 0 ? entry.Found : 0) < 0;
        return found > 0;
    }

    /// <summary>Answers a target that asks whether the session lives, while nobody has anything to say.</summary>
    private void Tend()
    {
        if (!alone.TryEnter()) return; // somebody talks to it
        try
        {
            if (isDisposed || lost is not null) return;
            for (var turn = 0; turn < 16; turn++)
            {
                if (!Serve(TimeSpan.Zero, out var isDead) && !isDead) break;
                if (!isDead && Libiscsi.IsLoggedIn(context) != 0) continue;
                Abandon(Said("the connection was lost while nothing was asked for"));
                return;
            }
        }
        finally
        {
            alone.Exit();
        }
    }

    private unsafe ScsiReply Reply(ScsiTask* task, int status, ScsiCommand command, Span<byte> input, ArrivalMark mark)
    {
        if (status is < 0 or > 0xFF) throw End(ScsiErrors.Lost(name, command.Name, Said($"the library says 0x{status:x}")));
        if (status == ScsiStatus.Good)
        {
            var less = task->ResidualStatus == ScsiTask.Underflow ? task->Residual : 0;
            if (less > (nuint)input.Length) throw ScsiErrors.NotUnderstood(name, command.Name, $"it says that it sent {less} bytes less than the {input.Length} that were asked for");
            var said = input.Length - (int)less;
            var came = mark.Count(input, said, out var missing);
            return missing < 0 ? ScsiReply.Good(came) : throw ScsiErrors.NotUnderstood(name, command.Name, $"it says that it sent {said} bytes, and those at {missing} never came");
        }

        var received = task->Received == 0 || task->ReceivedBytes < 0 ? [] : new ReadOnlySpan<byte>((void*)task->Received, task->ReceivedBytes);
        if (status != ScsiStatus.CheckCondition || received.Length < 2) return new ScsiReply((byte)status, 0, default);
        var length = Math.Min((received[0] << 8) | received[1], received.Length - 2);
        return new ScsiReply((byte)status, 0, received.Slice(2, length).ToArray());
    }

    private string Said(string otherwise) => Marshal.PtrToStringUTF8(Libiscsi.GetError(context)) is { Length: > 0 } text ? $"{otherwise} ({ScsiText.Printable(System.Text.Encoding.ASCII.GetBytes(text))})" : otherwise;

    private ScsiException End(ScsiException why)
    {
        Abandon(why.Said);
        return why;
    }

    /// <summary>Ends the session: what was in flight calls back, and nothing is any more.</summary>
    private void Abandon(string why)
    {
        lost ??= why;
        context.Dispose();
        line?.Dispose(); // else the connection would live on in it
    }

    private void Demand(int result, string call)
    {
        if (result != 0) throw ScsiErrors.LibraryFailed(name, call, Said($"it returned {result}"));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnDone(nint context, int status, nint data, nint state) => ((Completion)GCHandle.FromIntPtr(state).Target!).Done(status);

    /// <summary>
    /// Ends the line at a deadline, or when it is told to stop: as long as something comes and a command waits for its end, the library
    /// reads, and returns to nobody who could look at a clock.
    /// </summary>
    private sealed class Watch : IDisposable
    {
        private readonly SocketSwitch? line;
        private readonly Lock alone = new();
        private readonly Timer timer;
        private readonly CancellationTokenRegistration told;
        private bool isOver;

        public Watch(SocketSwitch? line, TimeSpan deadline, CancellationToken cancel)
        {
            this.line = line;
            var due = deadline < TimeSpan.Zero ? TimeSpan.Zero : deadline > LongestWatch ? LongestWatch : deadline;
            timer = new Timer(_ => End(), null, due, Timeout.InfiniteTimeSpan);
            told = cancel.UnsafeRegister(_ => End(), null);
        }

        /// <summary>Whether it has ended the line.</summary>
        public bool HasEndedIt { get; private set; }

        public void Dispose()
        {
            // What comes too late must not end what comes next.
            lock (alone) isOver = true;
            timer.Dispose();
            told.Dispose();
        }

        private void End()
        {
            lock (alone)
            {
                if (isOver || line is null) return;
                HasEndedIt = true;
                line.ShutDown();
            }
        }
    }

    /// <summary>What a callback leaves. It has an address that the library is given, until it is freed.</summary>
    private sealed class Completion
    {
        private GCHandle handle;

        public Completion() => handle = GCHandle.Alloc(this);

        public nint State => GCHandle.ToIntPtr(handle);

        public bool IsDone { get; private set; }

        public int Status { get; private set; }

        /// <summary>The first time counts: of a connection that was made, its loss is told as well.</summary>
        public void Done(int status)
        {
            if (IsDone) return;
            (IsDone, Status) = (true, status);
        }

        public void Free()
        {
            if (handle.IsAllocated) handle.Free();
        }
    }
}
