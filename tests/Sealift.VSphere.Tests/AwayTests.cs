using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>A server that is away while it does what it was asked for: that a look at it is not sent does not mean that nothing was.</summary>
public sealed class AwayTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_task_is_waited_for_while_the_server_is_away()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var gate = new Gate(server.Address);
        gate.Open();
        await using var client = await VSphereClient.ConnectAsync(server.Options with { Address = gate.Address }, Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("CreateSnapshot_Task", "slow", Cancel); // it takes some seconds
        var making = client.MakeSnapshotAsync(machine, "sealift-away", string.Empty, quiesce: false, Cancel);
        await UntilAskedAsync(server, "WaitForUpdatesEx");
        await gate.ShutAsync();
        // More than a request's own repeats (two, a second apart) and a watch's (three) take: each look is refused at once.
        await Task.Delay(TimeSpan.FromSeconds(15), Cancel);
        Assert.False(making.IsCompleted);
        gate.Open();
        Assert.Equal("sealift-away", (await making).Name);
        Assert.Equal(1, await server.CountAsync("CreateSnapshot_Task", Cancel));
    }

    [Fact]
    public async Task A_server_that_does_not_come_back_in_time_leaves_the_outcome_unknown()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var gate = new Gate(server.Address);
        gate.Open();
        await using var client = await VSphereClient.ConnectAsync(server.Options with { Address = gate.Address, TaskDeadline = TimeSpan.FromSeconds(15) }, Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("ConsolidateVMDisks_Task", "slow", Cancel);
        var consolidating = client.ConsolidateDisksAsync(machine, Cancel);
        await UntilAskedAsync(server, "WaitForUpdatesEx");
        await gate.ShutAsync();
        var error = await Assert.ThrowsAsync<VSphereException>(() => consolidating);
        Assert.True(error.IsOutcomeUnknown, error.Message);
        Assert.Contains("was not heard of again", error.Message, StringComparison.Ordinal);

        // Nothing was begun: then that is what is said.
        error = await Assert.ThrowsAsync<VSphereException>(() => client.ConsolidateDisksAsync(machine, Cancel));
        Assert.True(error.IsUnreachable, error.Message);
        Assert.Equal(1, await server.CountAsync("ConsolidateVMDisks_Task", Cancel));
    }

    [Fact]
    public async Task A_lost_reply_of_a_server_that_is_away_is_not_taken_for_nothing_done()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var gate = new Gate(server.Address);
        gate.Open();
        await using var client = await VSphereClient.ConnectAsync(server.Options with { Address = gate.Address }, Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("CreateSnapshot_Task", "hang", Cancel);
        var making = client.MakeSnapshotAsync(machine, "sealift-away", string.Empty, quiesce: false, Cancel);
        await UntilAskedAsync(server, "CreateSnapshot_Task");
        await gate.ShutAsync();
        var error = await Assert.ThrowsAsync<VSphereException>(() => making);
        Assert.True(error.IsOutcomeUnknown, error.Message);
        gate.Open();
        Assert.Equal("sealift-away", (await client.MakeSnapshotAsync(machine, "sealift-away", string.Empty, quiesce: false, Cancel)).Name);
    }

    [Fact]
    public async Task Who_watches_goes_on_where_the_server_was_away_for_a_moment()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var gate = new Gate(server.Address);
        gate.Open();
        await using var client = await VSphereClient.ConnectAsync(server.Options with { Address = gate.Address }, Cancel);
        var machine = await AnyAsync(client);
        var live = new LiveObjects();
        await using var sets = client.WatchAsync(new PropertyQuery("VirtualMachine", ["name", "runtime.powerState"]) { Objects = [machine] }, Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await sets.MoveNextAsync());
        live.Apply(sets.Current);
        await gate.ShutAsync();
        var next = sets.MoveNextAsync().AsTask();
        await Task.Delay(TimeSpan.FromSeconds(4), Cancel); // more than one request's own repeats
        gate.Open();
        await client.PowerOffAsync(machine, Cancel);
        Assert.True(await next);
        live.Apply(sets.Current);
        Assert.Equal("poweredOff", live.Objects[machine]["runtime.powerState"]?.Text);
    }

    [Fact]
    public async Task Who_watches_a_server_that_does_not_come_back_is_told()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var gate = new Gate(server.Address);
        gate.Open();
        await using var client = await VSphereClient.ConnectAsync(server.Options with { Address = gate.Address }, Cancel);
        await using var sets = client.WatchAsync(new PropertyQuery("VirtualMachine", ["name"]) { Container = client.Service.RootFolder }, Cancel).GetAsyncEnumerator(Cancel);
        Assert.True(await sets.MoveNextAsync());
        await gate.ShutAsync();
        var error = await Assert.ThrowsAsync<VSphereException>(async () => await sets.MoveNextAsync());
        Assert.True(error.IsUnreachable, error.Message);
    }

    private static async Task UntilAskedAsync(VCenter server, string operation)
    {
        for (var left = 6000; await server.CountAsync(operation, Cancel) == 0; left--)
        {
            Assert.NotEqual(0, left);
            await Task.Delay(10, Cancel);
        }
    }

    private static async Task<ManagedReference> AnyAsync(VSphereClient client) =>
        await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel) ?? throw new InvalidOperationException("there is no machine");
}
