using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>No guest stays frozen because we died.</summary>
public sealed class GuestAgentTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("")] // while it was waited for
    [InlineData("{\"return\": 2}")] // just after
    [InlineData("chatter")] // and it goes on talking, to nobody
    public async Task A_guest_is_thawed_where_the_command_is_killed_while_it_is_frozen(string said)
    {
        const string At = "guest-fsfreeze-freeze";
        var (place, target, state) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
        await using var qemu = await RunningQemu.StartAsync(place, "raw", [8 << 20], Cancel);
        var agent = Path.Combine(place, "agent");
        ChildProcess? child = null;
        await using var stand = new StandInAgent(agent, (command, id) =>
        {
            if (command != At) return StandInAgent.Good(command, id);
            child!.Kill("the test wants it dead");
            return said == "chatter" ? string.Join('\n', Enumerable.Repeat("{\"return\": 2}", 200_000)) : said.Length == 0 ? null : said;
        });
        await using (child = ChildProcess.Start(rig.Command(state, ["migrate", $"qmp:{qemu.SocketPath}?agent={agent}", "--to", target, "--no-convert", "--no-check", "--no-boot-check", "--accept-degraded", "--json"])))
        {
            var last = string.Empty;
            while (await child.ReadLineAsync(Cancel) is { } line) last = line;
            _ = await Record.ExceptionAsync(() => child.WaitAsync(Cancel)); // killed: it has no exit code
            Assert.True(child.End!.Value.Number == 9, last + child.ErrorTail);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        await stand.HeardAsync("guest-fsfreeze-thaw", limit.Token);
        Assert.Equal(1, stand.Asked.Count(c => c == At));
    }
}
