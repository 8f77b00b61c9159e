using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Sealift.Qmp.Tests;

/// <summary>QEMU answers anything, or nothing: each is an answer, an event or an error, in bounded memory and time.</summary>
public sealed class QmpClientTests
{
    private const string Greeting = "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":22,\"minor\":2,\"major\":7},\"package\":\"x\"},\"capabilities\":[]}}\r\n";

    private static readonly TimeSpan Ample = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_greets_runs_a_command_and_hears_events_in_between()
    {
        var events = new List<string>();
        await using var client = await ConnectAsync(events, Greeting, "{\"return\":{},\"id\":1}\r\n", "{\"timestamp\":{},\"event\":\"STOP\"}\r\n{\"event\":\"RESET\",\"data\":{\"guest\":true}}\r\n{\"return\":{\"status\":\"running\"},\"id\":2}\r\n");
        Assert.Equal("7.2.22", client.Version);
        var status = await client.ExecuteAsync("query-status", null, Ample, Cancel);
        Assert.Equal("running", status.GetProperty("status").GetString());
        Assert.Equal(["STOP", "RESET"], events);
    }

    [Theory]
    [InlineData("{\"error\":{\"class\":\"GenericError\",\"desc\":\"no such thing\"},\"id\":2}\r\n", "no such thing", "SL3102")]
    [InlineData("{\"return\":{},\"id\":7}\r\n", "another command")]
    [InlineData("{\"return\":{}}\r\n", "another command")]
    [InlineData("[1]\r\n", "no object")]
    [InlineData("{\"return\"\r\n", "query-status")]
    [InlineData("LONG", "more than")]
    [InlineData("CLOSE", "closed the connection")]
    [InlineData("", "no answer within")]
    public async Task What_is_no_answer_is_an_error_that_says_so(string reply, string said, string code = "SL3103")
    {
        await using var client = await ConnectAsync([], Greeting, "{\"return\":{},\"id\":1}\r\n", reply);
        var error = await Assert.ThrowsAsync<QmpException>(() => client.ExecuteAsync("query-status", null, reply.Length == 0 ? TimeSpan.FromMilliseconds(300) : Ample, Cancel));
        Assert.Equal(code, error.Code);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hello\r\n")]
    [InlineData("{\"QMP\":1}\r\n")]
    [InlineData("{\"QMP\":{\"version\":{}}}\r\n")]
    [InlineData("CLOSE")]
    public async Task Who_does_not_greet_as_qemu_does_is_not_qemu(string greeting) =>
        Assert.Equal("SL3103", (await Assert.ThrowsAsync<QmpException>(() => ConnectAsync([], greeting))).Code);

    [Fact]
    public async Task Who_has_ended_is_told_from_who_is_busy()
    {
        using var directory = new TemporaryDirectory();
        Assert.True(await IsNobodyThereAsync(directory.File("never")));
        using (var busy = Listener(directory.File("busy")))
        {
            Assert.False(await IsNobodyThereAsync(directory.File("busy"))); // it listens, and greets nobody
        }

        Assert.True(await IsNobodyThereAsync(directory.File("busy")));
        await File.WriteAllTextAsync(directory.File("file"), string.Empty, Cancel);
        Assert.True(await IsNobodyThereAsync(directory.File("file")));
        Assert.False(await IsNobodyThereAsync("/" + new string('x', 200))); // no socket can have that name

        static async Task<bool> IsNobodyThereAsync(string path)
        {
            var error = await Assert.ThrowsAsync<QmpException>(() => QmpClient.ConnectAsync(path, (_, _) => { }, TimeSpan.FromMilliseconds(300), Cancel));
            Assert.Equal("SL3101", error.Code);
            return error.IsNobodyThere;
        }
    }

    /// <summary>A server that says the first at once, and the next after each command.</summary>
    private static async Task<QmpClient> ConnectAsync(List<string> events, params string[] says)
    {
        using var directory = new TemporaryDirectory();
        using var listener = Listener(directory.File("qmp"));
        var serving = Task.Run(() => ServeAsync(listener.Accept(), says), Cancel);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(directory.File("qmp")), Cancel);
        return await QmpClient.ConnectAsync(socket, "rig", (name, _) => events.Add(name), Ample, Cancel);
    }

    private static Socket Listener(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        return listener;
    }

    private static async Task ServeAsync(Socket socket, string[] says)
    {
        using (socket)
        {
            var buffer = new byte[4096];
            foreach (var text in says)
            {
                if (text == "CLOSE") return;
                try
                {
                    await socket.SendAsync(Encoding.UTF8.GetBytes(text == "LONG" ? new string('x', 9 << 20) : text), Cancel);
                    if (await socket.ReceiveAsync(buffer, Cancel) == 0) return;
                }
                catch (SocketException)
                {
                    return; // it has heard enough
                }
            }

            while (await socket.ReceiveAsync(buffer, Cancel) > 0)
            {
            }
        }
    }
}
