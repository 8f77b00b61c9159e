using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Sealift.Rigs;

/// <summary>What answers on a guest agent's socket as a test wants it to: there is no guest behind it.</summary>
internal sealed class StandInAgent : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly List<string> asked = [];
    private readonly Func<string, string?, string?> answer;
    private readonly SemaphoreSlim heard = new(0);
    private readonly Task serving;

    /// <summary>Listens.</summary>
    /// <param name="path">Of the socket.</param>
    /// <param name="answer">What is answered to a command, of which the id is given where it has one; null: nothing.</param>
    public StandInAgent(string path, Func<string, string?, string?> answer)
    {
        this.answer = answer;
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        serving = Task.Run(ServeAsync);
    }

    /// <summary>The commands that it was given, in order.</summary>
    public IReadOnlyList<string> Asked
    {
        get
        {
            lock (asked) return [.. asked];
        }
    }

    /// <summary>As an agent does that does what it is asked.</summary>
    public static string? Good(string command, string? id) => command switch
    {
        "guest-sync" => $"{{\"return\": {id}}}",
        "guest-fsfreeze-freeze" or "guest-fsfreeze-thaw" => "{\"return\": 2}",
        _ => null,
    };

    /// <summary>Notes something among what was asked.</summary>
    public void Note(string what)
    {
        lock (asked) asked.Add(what);
    }

    /// <summary>Waits until it has been given a command.</summary>
    public async Task HeardAsync(string command, CancellationToken cancel)
    {
        while (!Asked.Contains(command)) await heard.WaitAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await serving;
        stop.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var client = await listener.AcceptAsync(stop.Token);
                await TalkAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task TalkAsync(Socket client)
    {
        using var reader = new StreamReader(new NetworkStream(client), Encoding.Latin1);
        while (await reader.ReadLineAsync(stop.Token) is { } line)
        {
            // What a client says first flushes what another had not ended.
            if (line.TrimStart('\xFF') is not { Length: > 0 } said) continue;
            using var message = JsonDocument.Parse(said);
            var command = message.RootElement.GetProperty("execute").GetString()!;
            var id = message.RootElement.TryGetProperty("arguments", out var arguments) && arguments.TryGetProperty("id", out var number) ? number.ToString() : null;
            Note(command);
            var reply = answer(command, id);
            _ = heard.Release();
            if (reply is null) continue;
            try
            {
                _ = await client.SendAsync(Encoding.UTF8.GetBytes(reply + "\n"), stop.Token);
            }
            catch (SocketException)
            {
                return; // whoever asked is gone
            }
        }
    }
}
