using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Sealift.Qmp;

/// <summary>
/// A connection to QEMU's machine protocol (qemu's docs/interop/qmp-spec.txt). Commands are answered by their numbers, events are told
/// as they come; safe for parallel commands. A message that cannot be understood, or a lost connection, ends it: every command then fails
/// with the one cause.
/// </summary>
public sealed class QmpClient : IAsyncDisposable
{
    // The block nodes of a machine with hundreds of disks are some hundred KiB; what is longer is not read on.
    private const int MessageLimitBytes = 8 << 20;
    private const int FirstBufferBytes = 64 << 10;
    private const int PendingLimit = 64;

    private static readonly string[] VersionParts = ["major", "minor", "micro"];

    private readonly Socket socket;
    private readonly Action<string, JsonElement> onEvent;
    private readonly string peer;
    private readonly Lock gate = new();
    private readonly SemaphoreSlim sending = new(1);
    private readonly Dictionary<int, TaskCompletionSource<JsonElement>?> pending = []; // null: nobody waits for it any more
    private readonly TaskCompletionSource<JsonElement> greeting = NewSource();
    private readonly CancellationTokenSource stop = new();
    private readonly Task reading;
    private (string Said, Exception? Cause)? ended;
    private int number;

    private QmpClient(Socket socket, string peer, Action<string, JsonElement> onEvent)
    {
        (this.socket, this.peer, this.onEvent) = (socket, peer, onEvent);
        reading = Task.Run(ReadAsync);
    }

    /// <summary>What QEMU calls its version: <c>7.2.22</c>.</summary>
    public string Version { get; private set; } = string.Empty;

    /// <summary>Connects to the socket on which QEMU listens.</summary>
    /// <param name="socketPath">A Unix socket.</param>
    /// <param name="onEvent">Called with the name and the data of every event, on another thread; must not throw.</param>
    /// <param name="deadline">How long QEMU may take to answer; it talks to one client at a time.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="QmpException">SL3101, SL3103.</exception>
    public static async Task<QmpClient> ConnectAsync(string socketPath, Action<string, JsonElement> onEvent, TimeSpan deadline, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancel);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw QmpErrors.Unreachable(socketPath, e.Message, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        try
        {
            return await ConnectAsync(socket, socketPath, onEvent, deadline, cancel);
        }
        catch (QmpException e) when (e.Command == "greet")
        {
            throw QmpErrors.Unreachable(socketPath, e.Said, e);
        }
    }

    /// <summary>Greets and is greeted over a socket that is connected.</summary>
    /// <param name="socket">Connected to QEMU; disposed with this, also when this fails.</param>
    /// <param name="peer">What errors name.</param>
    /// <param name="onEvent">Called with the name and the data of every event, on another thread; must not throw.</param>
    /// <param name="deadline">How long QEMU may take.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="QmpException">SL3103.</exception>
    public static async Task<QmpClient> ConnectAsync(Socket socket, string peer, Action<string, JsonElement> onEvent, TimeSpan deadline, CancellationToken cancel)
    {
        var client = new QmpClient(socket, peer, onEvent);
        try
        {
            var greeting = await client.WaitAsync("greet", client.greeting.Task, deadline, cancel);
            if (!TryGet(greeting, "QMP", out var qmp) || !TryGet(qmp, "version", out var version) || !TryGet(version, "qemu", out var numbers))
                throw QmpErrors.Lost("greet", peer, $"that is no greeting of QEMU's: {greeting}");
            client.Version = string.Join('.', VersionParts.Select(n => TryGet(numbers, n, out var part) && part.ValueKind == JsonValueKind.Number ? part.ToString() : "?"));
            _ = await client.ExecuteAsync("qmp_capabilities", null, deadline, cancel); // it returns nothing
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command.</summary>
    /// <param name="command">Its name.</param>
    /// <param name="arguments">Writes the members of its arguments; null for none.</param>
    /// <param name="deadline">How long it may take.</param>
    /// <param name="cancel">Stops waiting; the command may still be carried out.</param>
    /// <returns>What it returned.</returns>
    /// <exception cref="QmpException">SL3102 it was refused; SL3103 it was not answered.</exception>
    public async Task<JsonElement> ExecuteAsync(string command, Action<Utf8JsonWriter>? arguments, TimeSpan deadline, CancellationToken cancel)
    {
        var answer = NewSource();
        int id;
        lock (gate)
        {
            if (ended is { } end) throw QmpErrors.Lost(command, peer, end.Said, end.Cause);
            if (pending.Count >= PendingLimit) throw QmpErrors.Lost(command, peer, $"{PendingLimit} commands are not answered");
            id = ++number;
            pending.Add(id, answer);
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("execute", command);
            json.WriteNumber("id", id);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments");
                arguments(json);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        await SendAsync(command, buffer.WrittenMemory, cancel);
        JsonElement reply;
        try
        {
            reply = await WaitAsync(command, answer.Task, deadline, cancel);
        }
        finally
        {
            // Whoever gave up is not answered any more; the answer itself still comes, and is known then.
            lock (gate)
            {
                if (!answer.Task.IsCompleted && pending.ContainsKey(id)) pending[id] = null;
            }
        }

        if (reply.TryGetProperty("return", out var returned)) return returned;
        throw QmpErrors.Refused(command, peer, TryGet(reply, "error", out var error) && TryGet(error, "desc", out var text) ? text.ToString() : reply.ToString());
    }

    /// <summary>Disconnects. QEMU goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        socket.Dispose();
        await reading;
        stop.Dispose();
        sending.Dispose();
    }

    private static TaskCompletionSource<JsonElement> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task SendAsync(string command, ReadOnlyMemory<byte> message, CancellationToken cancel)
    {
        await sending.WaitAsync(cancel);
        try
        {
            // Half a command would be the beginning of the next: once begun it is sent.
            for (var rest = message; rest.Length > 0;) rest = rest[await socket.SendAsync(rest, stop.Token)..];
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            throw QmpErrors.Lost(command, peer, $"it no longer listens: {e.Message}", e);
        }
        finally
        {
            sending.Release();
        }
    }

    private async Task<JsonElement> WaitAsync(string command, Task<JsonElement> answer, TimeSpan deadline, CancellationToken cancel)
    {
        try
        {
            return await answer.WaitAsync(deadline, cancel);
        }
        catch (TimeoutException e)
        {
            throw QmpErrors.Lost(command, peer, $"no answer within {deadline.TotalSeconds:0} seconds", e);
        }
        catch (ConnectionEndedException e)
        {
            throw QmpErrors.Lost(command, peer, e.Message, e.InnerException);
        }
    }

    /// <summary>Reads to the end. It does not throw: whoever waits for an answer is told.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Handed to whoever waits for an answer, whatever it is.")]
    private async Task ReadAsync()
    {
        try
        {
            await ReadMessagesAsync();
            End("it closed the connection", null);
        }
        catch (Exception e)
        {
            End(e.Message, e);
        }
    }

    private async Task ReadMessagesAsync()
    {
        var buffer = new byte[FirstBufferBytes];
        for (var end = 0; ;)
        {
            if (end == buffer.Length)
            {
                if (end >= MessageLimitBytes) throw new InvalidDataException($"a message has more than {MessageLimitBytes} bytes");
                Array.Resize(ref buffer, 2 * end);
            }

            var n = await socket.ReceiveAsync(buffer.AsMemory(end), stop.Token);
            if (n == 0) return;
            end += n;
            int newLine;
            var start = 0;
            while ((newLine = buffer.AsSpan(start, end - start).IndexOf((byte)'\n')) >= 0)
            {
                Hear(buffer.AsMemory(start, newLine));
                start += newLine + 1;
            }

            buffer.AsSpan(start, end - start).CopyTo(buffer);
            end -= start;
        }
    }

    private void Hear(ReadOnlyMemory<byte> line)
    {
        if (Encoding.UTF8.GetString(line.Span).Trim().Length == 0) return;
        using var message = JsonDocument.Parse(line);
        var root = message.RootElement.Clone();
        if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException("a message is no object");
        if (root.TryGetProperty("event", out var name))
        {
            onEvent(name.ToString(), root.TryGetProperty("data", out var data) ? data : default);
            return;
        }

        if (greeting.TrySetResult(root)) return; // the first message
        TaskCompletionSource<JsonElement>? waiting;
        lock (gate)
        {
            if (!TryGet(root, "id", out var id) || id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out var answered) || !pending.Remove(answered, out waiting))
                throw new InvalidDataException("the answer belongs to another command");
        }

        waiting?.SetResult(root);
    }

    private void End(string said, Exception? cause)
    {
        List<TaskCompletionSource<JsonElement>?> waiting;
        lock (gate)
        {
            ended = (said, cause);
            waiting = [greeting, .. pending.Values];
            pending.Clear();
        }

        foreach (var one in waiting)
        {
            if (one is null || !one.TrySetException(new ConnectionEndedException(said, cause))) continue;
            _ = one.Task.Exception; // seen: nobody may be waiting for it, and that is no error of its own
        }
    }

    private static bool TryGet(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value);
    }

    /// <summary>Why the connection ended; the command that meets it makes a <see cref="QmpException"/> of it.</summary>
    private sealed class ConnectionEndedException(string said, Exception? cause) : Exception(said, cause);
}
