using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Sealift.Posix;

namespace Sealift.Guests.Boot;

/// <summary>QEMU's machine protocol over a socket: one command at a time, events as they come; qemu's docs/interop/qmp-spec.txt.</summary>
internal sealed class QmpClient : IAsyncDisposable
{
    // What is asked here is answered in a few hundred bytes; what is longer is not read on.
    private const int MessageLimitBytes = 256 << 10;

    private static readonly string[] VersionParts = ["major", "minor", "micro"];

    private readonly Socket socket;
    private readonly Action<string, JsonElement> onEvent;
    private readonly string logPath;
    private readonly Channel<JsonElement> replies = Channel.CreateBounded<JsonElement>(4);
    private readonly CancellationTokenSource stop = new();
    private readonly Task reading;
    private int number;

    private QmpClient(Socket socket, Action<string, JsonElement> onEvent, string logPath)
    {
        (this.socket, this.onEvent, this.logPath) = (socket, onEvent, logPath);
        reading = Task.Run(ReadAsync);
    }

    /// <summary>What QEMU calls its version: <c>7.2.22</c>.</summary>
    public string Version { get; private set; } = string.Empty;

    /// <summary>Greets and is greeted.</summary>
    /// <param name="socket">Connected to QEMU; disposed with this.</param>
    /// <param name="onEvent">Called with the name and the data of every event, on another thread.</param>
    /// <param name="logPath">What an error names.</param>
    /// <param name="deadline">How long QEMU may take.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <exception cref="SealiftException">SL5203.</exception>
    public static async Task<QmpClient> ConnectAsync(Socket socket, Action<string, JsonElement> onEvent, string logPath, TimeSpan deadline, CancellationToken cancel)
    {
        var client = new QmpClient(socket, onEvent, logPath);
        try
        {
            var greeting = await client.ReplyAsync("greet", deadline, cancel);
            if (!TryGet(greeting, "QMP", out var qmp) || !TryGet(qmp, "version", out var version) || !TryGet(version, "qemu", out var numbers))
                throw GuestsErrors.HypervisorSpokeNonsense("greet", GuestText.Name(greeting.ToString()), logPath);
            client.Version = GuestText.Name(string.Join('.', VersionParts.Select(n => TryGet(numbers, n, out var part) ? part.ToString() : "?")));
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
    /// <param name="arguments">Its arguments; null for none.</param>
    /// <param name="deadline">How long it may take.</param>
    /// <param name="cancel">Stops waiting.</param>
    /// <returns>What it returned.</returns>
    /// <exception cref="SealiftException">SL5203: it was refused, or not answered.</exception>
    public async Task<JsonElement> ExecuteAsync(string command, IReadOnlyDictionary<string, string>? arguments, TimeSpan deadline, CancellationToken cancel)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("execute", command);
            json.WriteNumber("id", ++number);
            if (arguments is not null)
            {
                json.WriteStartObject("arguments");
                foreach (var (name, value) in arguments) json.WriteString(name, value);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        try
        {
            for (var rest = buffer.WrittenMemory; rest.Length > 0;) rest = rest[await socket.SendAsync(rest, cancel)..];
        }
        catch (SocketException e)
        {
            throw GuestsErrors.HypervisorSpokeNonsense(command, $"it no longer listens: {e.Message}", logPath);
        }

        var reply = await ReplyAsync(command, deadline, cancel);
        if (!TryGet(reply, "id", out var id) || id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out var answered) || answered != number)
            throw GuestsErrors.HypervisorSpokeNonsense(command, "the answer belongs to another command", logPath);
        if (reply.TryGetProperty("return", out var returned)) return returned;
        var said = TryGet(reply, "error", out var error) && TryGet(error, "desc", out var text) ? text.ToString() : reply.ToString();
        throw GuestsErrors.HypervisorSpokeNonsense(command, GuestText.Name(said), logPath);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        socket.Dispose();
        await reading;
        stop.Dispose();
    }

    private async Task<JsonElement> ReplyAsync(string command, TimeSpan deadline, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(deadline);
        try
        {
            return await replies.Reader.ReadAsync(limit.Token);
        }
        catch (ChannelClosedException e)
        {
            throw GuestsErrors.HypervisorSpokeNonsense(command, e.InnerException?.Message ?? "it closed the connection", logPath);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw GuestsErrors.HypervisorSpokeNonsense(command, $"no answer within {deadline.TotalSeconds:0} seconds", logPath);
        }
    }

    /// <summary>Reads to the end. It does not throw: whoever waits for a reply is told.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "Handed to whoever waits for a reply, whatever it is.")]
    private async Task ReadAsync()
    {
        var buffer = new byte[MessageLimitBytes];
        var end = 0;
        try
        {
            while (true)
            {
                if (end == buffer.Length) throw new InvalidDataException($"a message has more than {MessageLimitBytes} bytes");
                var n = await socket.ReceiveAsync(buffer.AsMemory(end), stop.Token);
                if (n == 0) break;
                end += n;
                int newLine;
                var start = 0;
                while ((newLine = buffer.AsSpan(start, end - start).IndexOf((byte)'\n')) >= 0)
                {
                    await HearAsync(buffer.AsMemory(start, newLine));
                    start += newLine + 1;
                }

                buffer.AsSpan(start, end - start).CopyTo(buffer);
                end -= start;
            }

            replies.Writer.Complete();
        }
        catch (Exception e)
        {
            replies.Writer.Complete(e);
        }
    }

    private static bool TryGet(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value);
    }

    private async Task HearAsync(ReadOnlyMemory<byte> line)
    {
        if (Encoding.UTF8.GetString(line.Span).Trim().Length == 0) return;
        using var message = JsonDocument.Parse(line);
        var root = message.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException("a message is no object");
        if (root.TryGetProperty("event", out var name)) onEvent(name.ToString(), root.TryGetProperty("data", out var data) ? data.Clone() : default);
        else await replies.Writer.WriteAsync(root.Clone(), stop.Token);
    }
}
