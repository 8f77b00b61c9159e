using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Sealift.Guests.Boot;

/// <summary>The channel of the guest agent: it is asked whether it is there, and nothing else; qemu's docs/interop/qemu-ga-ref (guest-ping).</summary>
internal sealed class AgentChannel(Socket socket)
{
    private const int ReplyLimitBytes = 4096;

    private static readonly byte[] Ping = "{\"execute\":\"guest-ping\"}\n"u8.ToArray();

    private volatile bool answered;

    /// <summary>Whether it answered.</summary>
    public bool Answered => answered;

    /// <summary>Asks it.</summary>
    public async Task PingAsync(CancellationToken cancel)
    {
        for (ReadOnlyMemory<byte> rest = Ping; rest.Length > 0;) rest = rest[await socket.SendAsync(rest, cancel)..];
    }

    /// <summary>Listens until the channel is closed. Whatever else comes is a hostile guest's, and not kept.</summary>
    public async Task ListenAsync(CancellationToken cancel)
    {
        var buffer = new byte[ReplyLimitBytes];
        var end = 0;
        while (true)
        {
            var n = await socket.ReceiveAsync(buffer.AsMemory(end), cancel);
            if (n == 0) return;
            end += n;
            int newLine;
            while ((newLine = buffer.AsSpan(0, end).IndexOf((byte)'\n')) >= 0)
            {
                answered |= IsAnswer(buffer.AsSpan(0, newLine));
                buffer.AsSpan(newLine + 1, end - newLine - 1).CopyTo(buffer);
                end -= newLine + 1;
            }

            if (end == buffer.Length) end = 0;
        }
    }

    /// <summary><c>{"return": {}}</c>, and nothing that is said of something else.</summary>
    internal static bool IsAnswer(ReadOnlySpan<byte> line)
    {
        try
        {
            using var message = JsonDocument.Parse(Encoding.UTF8.GetString(line));
            return message.RootElement.ValueKind == JsonValueKind.Object && message.RootElement.TryGetProperty("return", out var value) && value.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false; // no agent talks like that
        }
    }
}
