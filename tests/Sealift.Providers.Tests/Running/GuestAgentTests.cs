using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Providers.Tests.Running;

/// <summary>Agents that freeze, that do not, and that say other things than they are asked; the guest is thawed whatever becomes of it.</summary>
public sealed class GuestAgentTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Socket => Path.Combine(directory.Path, "agent");

    [Fact]
    public async Task Something_is_done_between_freeze_and_thaw()
    {
        // An answer to somebody who asked earlier, and what is none, come first.
        await using var stand = new StandInAgent(Socket, (command, id) => command == "guest-sync" ? "{\"return\": {}}\n{\"return\": 1}\n}{\n[]\n" + StandInAgent.Good(command, id) : StandInAgent.Good(command, id));
        Assert.Null(await new GuestAgent(Socket, "a test").WhileFrozenAsync(
            () =>
            {
                stand.Note("act");
                return Task.CompletedTask;
            },
            Cancel));
        Assert.Equal(["guest-sync", "guest-fsfreeze-freeze", "act", "guest-fsfreeze-thaw"], stand.Asked);
    }

    [Theory]
    [InlineData("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing here\"}}", "no such thing here")]
    [InlineData("{\"return\": \"two\"}", "two")]
    [InlineData("nonsense", "nonsense")]
    public async Task An_agent_that_does_not_freeze_is_quoted_and_the_work_is_done(string answer, string quoted)
    {
        await using var stand = new StandInAgent(Socket, (command, id) => command == "guest-fsfreeze-freeze" ? answer : StandInAgent.Good(command, id));
        var done = 0;
        var said = await new GuestAgent(Socket, "a test").WhileFrozenAsync(
            () =>
            {
                done++;
                return Task.CompletedTask;
            },
            Cancel);
        Assert.Contains(quoted, said, StringComparison.Ordinal);
        Assert.Equal(1, done);
        Assert.Equal("guest-fsfreeze-thaw", stand.Asked[^1]); // it may have frozen some of them
    }

    [Fact]
    public async Task A_guest_is_thawed_where_the_work_fails()
    {
        await using var stand = new StandInAgent(Socket, StandInAgent.Good);
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => new GuestAgent(Socket, "a test").WhileFrozenAsync(() => throw new InvalidDataException("no"), Cancel));
        Assert.Equal("no", error.Message);
        Assert.Equal("guest-fsfreeze-thaw", stand.Asked[^1]);
    }

    [Fact]
    public async Task A_guest_is_thawed_before_it_is_over_where_it_is_stopped_while_the_freeze_is_waited_for()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        await using var stand = new StandInAgent(Socket, (command, id) =>
        {
            if (command == "guest-fsfreeze-freeze") stop.Cancel();
            return StandInAgent.Good(command, id);
        });
        _ = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new GuestAgent(Socket, "a test").WhileFrozenAsync(() => Task.Delay(Timeout.Infinite, stop.Token), stop.Token));
        Assert.Equal("guest-fsfreeze-thaw", stand.Asked[^1]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_guest_that_stays_frozen_is_an_error_whether_the_work_fails_or_not(bool fails)
    {
        await using var stand = new StandInAgent(Socket, (command, id) => command == "guest-fsfreeze-thaw" ? "{\"error\": {\"desc\": \"stuck\"}}" : StandInAgent.Good(command, id));
        var error = await Assert.ThrowsAsync<SealiftException>(() => new GuestAgent(Socket, "the machine of this test").WhileFrozenAsync(() => fails ? throw new InvalidDataException("no") : Task.CompletedTask, Cancel));
        Assert.Equal("SL6409", error.Code);
        Assert.Contains("stuck", error.Message, StringComparison.Ordinal);
        Assert.Contains("the machine of this test", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_does_not_answer_is_not_asked_to_freeze_so_that_it_does_not_do_so_later()
    {
        await using var stand = new StandInAgent(Socket, (_, _) => null);
        var agent = new GuestAgent(Socket, "a test");
        var done = 0;
        Assert.Contains("did not answer", await agent.WhileFrozenAsync(
            () =>
            {
                done++;
                return Task.CompletedTask;
            },
            Cancel), StringComparison.Ordinal);
        Assert.Contains("did not answer", await agent.AskToShutDownAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(1, done);
        Assert.Equal(["guest-sync", "guest-sync"], stand.Asked);
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_on_is_named()
    {
        Assert.Contains("No such file", await new GuestAgent(Socket, "a test").WhyAbsentAsync(Cancel), StringComparison.Ordinal);
        Assert.Contains("No such file", await new GuestAgent(Socket, "a test").WhileFrozenAsync(() => Task.CompletedTask, Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_is_there_is_asked_to_shut_down()
    {
        await using var stand = new StandInAgent(Socket, StandInAgent.Good);
        Assert.Null(await new GuestAgent(Socket, "a test").AskToShutDownAsync(Cancel));
        Assert.Equal(["guest-sync", "guest-shutdown"], stand.Asked);
    }

    [Fact]
    public async Task An_agent_that_refuses_to_shut_down_is_quoted_so_that_the_power_button_is_pressed()
    {
        await using var stand = new StandInAgent(Socket, (command, id) => command == "guest-shutdown" ? "{\"error\": {\"desc\": \"disabled\"}}" : StandInAgent.Good(command, id));
        Assert.Contains("disabled", await new GuestAgent(Socket, "a test").AskToShutDownAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_says_other_things_without_end_does_not_hold_anybody_up()
    {
        await using var stand = new StandInAgent(Socket, (_, _) => string.Join('\n', Enumerable.Repeat("{\"return\": 1}", 2000)));
        Assert.Contains("other things", await new GuestAgent(Socket, "a test").WhyAbsentAsync(Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qmp:/run/a.qmp", "/run/a.qmp", null)]
    [InlineData("qmp:/run/a.qmp?agent=/run/a.ga", "/run/a.qmp", "/run/a.ga")]
    [InlineData("qmp:/run/what?.qmp", "/run/what?.qmp", null)]
    public void A_running_qemu_is_named_by_its_sockets(string source, string socket, string? agent)
    {
        Assert.True(RunningSource.Is(source));
        Assert.True(RunningSource.IsAbsolute(source));
        Assert.Equal((socket, agent), (QmpName.Parse(source).SocketPath, QmpName.Parse(source).AgentPath));
        Assert.Equal(source, RunningSource.Full(source));
    }

    [Fact]
    public void Both_paths_become_absolute()
    {
        Assert.False(RunningSource.IsAbsolute("qmp:/run/a?agent=b"));
        Assert.Equal($"qmp:{Path.GetFullPath("a")}?agent={Path.GetFullPath("b")}", RunningSource.Full("qmp:a?agent=b"));
    }

    [Theory]
    [InlineData("qmp:")]
    [InlineData("qmp:?agent=/run/a")]
    [InlineData("qmp:/run/a?agent=")]
    [InlineData("qmp:/run/a?agent=/run/a,exec:date")]
    public void A_name_that_cannot_be_one_is_refused(string source) => Assert.Equal("SL6408", Assert.Throws<SealiftException>(() => QmpName.Parse(source)).Code);

    public void Dispose() => directory.Dispose();
}
