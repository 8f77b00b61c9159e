using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Server.Tests;

/// <summary>The program itself, as the command becomes it.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly string directory = TestServer.NewDirectory();

    private static CancellationToken Cancel => TestServer.Cancel;

    private static string Program => Path.Combine(AppContext.BaseDirectory, "sealift-server");

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Users_are_added_listed_given_passwords_and_removed()
    {
        Assert.Equal(0, (await RunAsync(TestServer.Password, "user", "add", "alice", "--role", "admin")).ExitCode);
        var again = await RunAsync(TestServer.Password, "user", "add", "alice");
        Assert.Equal(5, again.ExitCode);
        Assert.Contains("SL9013", again.ErrorTail, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync(TestServer.Password, "user", "add", "bob")).ExitCode);
        var list = await RunAsync(null, "user", "list", "--json");
        Assert.Equal(["alice", "bob"], list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("name").GetString()));
        Assert.Equal(0, (await RunAsync("another horse battery staple", "user", "password", "bob")).ExitCode);
        Assert.Equal(0, (await RunAsync(null, "user", "remove", "bob")).ExitCode);
        Assert.Contains("SL9016", (await RunAsync(null, "user", "remove", "alice")).ErrorTail, StringComparison.Ordinal);
        Assert.Contains("SL9011", (await RunAsync("", "user", "add", "carol")).ErrorTail, StringComparison.Ordinal);
        Assert.Equal(2, (await RunAsync(null, "user", "add", "carol", "--role", "root")).ExitCode);
    }

    [Fact]
    public async Task It_serves_until_it_is_asked_to_stop()
    {
        await using var server = ChildProcess.Start(new ChildCommand(Program, "--state", directory, "--listen", "127.0.0.1:0", "--json") { Deadline = TimeSpan.FromMinutes(5) });
        var said = JsonDocument.Parse((await server.ReadLineAsync(Cancel))!).RootElement;
        using var client = new HttpClient { BaseAddress = new Uri(said.GetProperty("address").GetString()!) };
        Assert.Contains("/set-up?token=", said.GetProperty("setUp").GetString(), StringComparison.Ordinal);
        Assert.Equal("ok\n", await client.GetStringAsync("/readyz", Cancel));
        server.Terminate();
        Assert.Equal(0, await server.WaitAsync(Cancel));
    }

    private Task<ChildResult> RunAsync(string? input, params string[] arguments) =>
        ChildProcess.RunAsync(new ChildCommand(Program, [.. arguments, "--state", directory]) { StandardInput = input is null ? string.Empty : input + "\n", AcceptedExitCodes = [0, 2, 5] }, Cancel);
}
