using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>No guest stays frozen because we died.</summary>
public sealed class GuestAgentTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("guest-fsfreeze-freeze", true)] // while it was waited for
    [InlineData("guest-fsfreeze-freeze", false)] // just after
    public async Task A_guest_is_thawed_where_the_command_is_killed_while_it_is_frozen(string at, bool silent)
    {
        var (place, target, state) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
        await using var qemu = await RunningQemu.StartAsync(place, "raw", [8 << 20], Cancel);
        var agent = Path.Combine(place, "agent");
        ChildProcess? child = null;
        await using var stand = new StandInAgent(agent, (command, id) =>
        {
            if (command == at) child!.Kill("the test wants it dead");
            return command == at && silent ? null : StandInAgent.Good(command, id);
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
        Assert.Equal(1, stand.Asked.Count(c => c == at));
    }
}
