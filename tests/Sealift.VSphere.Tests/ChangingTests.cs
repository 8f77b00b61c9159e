using Sealift.Rigs;

namespace Sealift.VSphere.Tests;

/// <summary>What changes a machine: it is done once, seen to be done, and found again where the reply was lost.</summary>
public sealed class ChangingTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_snapshot_is_made_and_removed()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        var first = await client.MakeSnapshotAsync(machine, "sealift-1 <&>", "made by a test", quiesce: false, Cancel);
        var second = await client.MakeSnapshotAsync(machine, "sealift-2", string.Empty, quiesce: true, Cancel);
        Assert.Equal("made by a test", first.Description);
        var root = Assert.Single(await client.SnapshotsAsync(machine, Cancel));
        Assert.Equal(["sealift-1 <&>", "sealift-2"], root.All().Select(s => s.Name));
        Assert.True(root.Children[0].IsQuiesced);
        Assert.Equal(["sealift-1 <&>", "sealift-2"], (await client.MachineAsync(machine, Cancel)).Snapshots.SelectMany(s => s.All()).Select(s => s.Name));

        await client.RemoveSnapshotAsync(machine, first.Snapshot, Cancel);
        Assert.Equal("sealift-2", Assert.Single(await client.SnapshotsAsync(machine, Cancel)).Name); // what is on top stays
        await client.RemoveSnapshotAsync(machine, second.Snapshot, Cancel);
        await client.RemoveSnapshotAsync(machine, second.Snapshot, Cancel); // it is gone: that is what was asked for
        Assert.Empty(await client.SnapshotsAsync(machine, Cancel));
    }

    [Fact]
    public async Task A_snapshot_whose_reply_was_lost_is_found_by_its_name_and_not_made_twice()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("CreateSnapshot_Task", "drop-reply", Cancel);
        var made = await client.MakeSnapshotAsync(machine, "sealift-lost", string.Empty, quiesce: false, Cancel);
        Assert.Equal("sealift-lost", made.Name);
        Assert.Equal(made.Snapshot, Assert.Single(await client.SnapshotsAsync(machine, Cancel)).Snapshot);

        // A later life of the process asks for the same.
        Assert.Equal(made.Snapshot, (await client.MakeSnapshotAsync(machine, "sealift-lost", string.Empty, quiesce: false, Cancel)).Snapshot);
        Assert.Equal(1, await server.CountAsync("CreateSnapshot_Task", Cancel));
    }

    [Fact]
    public async Task A_snapshot_whose_request_was_lost_is_an_error_and_can_be_asked_for_again()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("CreateSnapshot_Task", "drop-request", Cancel);
        var error = await Assert.ThrowsAsync<VSphereException>(() => client.MakeSnapshotAsync(machine, "sealift-never", string.Empty, quiesce: false, Cancel));
        Assert.Equal("SL3322", error.Code);
        Assert.Equal(1, await server.CountAsync("CreateSnapshot_Task", Cancel));
        Assert.Empty(await client.SnapshotsAsync(machine, Cancel));
        Assert.Equal("sealift-never", (await client.MakeSnapshotAsync(machine, "sealift-never", string.Empty, quiesce: false, Cancel)).Name);
    }

    [Theory]
    [InlineData("slow")]
    [InlineData("slow-drop-reply")]
    public async Task A_snapshot_that_is_still_being_made_is_waited_for(string what)
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("CreateSnapshot_Task", what, Cancel);
        Assert.Equal("sealift-slow", (await client.MakeSnapshotAsync(machine, "sealift-slow", string.Empty, quiesce: false, Cancel)).Name);
        Assert.Equal(1, await server.CountAsync("CreateSnapshot_Task", Cancel));
    }

    [Fact]
    public async Task A_snapshot_that_an_earlier_life_began_is_waited_for_and_not_made_twice()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var earlier = await server.ConnectAsync(Cancel);
        await using var later = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(earlier);
        await server.HappenAsync("CreateSnapshot_Task", "slow", Cancel);
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var begun = earlier.MakeSnapshotAsync(machine, "sealift-killed", string.Empty, quiesce: false, killed.Token);
        for (var left = 6000; await server.CountAsync("WaitForUpdatesEx", Cancel) == 0; left--) // until the task has begun
        {
            Assert.NotEqual(0, left);
            await Task.Delay(10, Cancel);
        }

        await killed.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => begun);
        Assert.Equal("sealift-killed", (await later.MakeSnapshotAsync(machine, "sealift-killed", string.Empty, quiesce: false, Cancel)).Name);
        Assert.Equal(1, await server.CountAsync("CreateSnapshot_Task", Cancel));
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_not_waited_for_without_end()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await VSphereClient.ConnectAsync(server.Options with { ReplyDeadline = TimeSpan.FromSeconds(5) }, Cancel);
        var machine = await AnyAsync(client);
        await server.HappenAsync("CreateSnapshot_Task", "hang", Cancel);
        Assert.Equal("SL3322", (await Assert.ThrowsAsync<VSphereException>(() => client.MakeSnapshotAsync(machine, "sealift-hang", string.Empty, quiesce: false, Cancel))).Code);
        Assert.Equal(1, await server.CountAsync("CreateSnapshot_Task", Cancel));

        await server.HappenAsync("FindByInventoryPath", "hang", Cancel);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var asked = client.FindByInventoryPathAsync("DC0", enough.Token);
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    [Fact]
    public async Task Two_snapshots_of_one_name_are_not_guessed_between()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        var twins = string.Concat(Enumerable.Range(1, 2).Select(i => $"<rootSnapshotList><snapshot type=\"VirtualMachineSnapshot\">snapshot-{i}</snapshot><name>twin</name></rootSnapshotList>"));
        await server.AnswerAsync("RetrievePropertiesEx", 200, "text/xml", Soap.Properties(machine, ("snapshot", "VirtualMachineSnapshotInfo", twins)), Cancel);
        Assert.Equal("SL3323", (await Assert.ThrowsAsync<VSphereException>(() => client.MakeSnapshotAsync(machine, "twin", string.Empty, quiesce: false, Cancel))).Code);
        Assert.Equal(0, await server.CountAsync("CreateSnapshot_Task", Cancel));
    }

    [Fact]
    public async Task A_removal_whose_reply_was_lost_is_judged_by_what_is_there()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        var snapshot = await client.MakeSnapshotAsync(machine, "sealift-x", string.Empty, quiesce: false, Cancel);
        await server.HappenAsync("RemoveSnapshot_Task", "drop-request", Cancel);
        Assert.Equal("SL3324", (await Assert.ThrowsAsync<VSphereException>(() => client.RemoveSnapshotAsync(machine, snapshot.Snapshot, Cancel))).Code);
        await server.HappenAsync("RemoveSnapshot_Task", "drop-reply", Cancel);
        await client.RemoveSnapshotAsync(machine, snapshot.Snapshot, Cancel);
        Assert.Empty(await client.SnapshotsAsync(machine, Cancel));
        Assert.Equal(2, await server.CountAsync("RemoveSnapshot_Task", Cancel));
    }

    [Theory]
    [InlineData("NoPermission", "<privilegeId>VirtualMachine.State.CreateSnapshot</privilegeId>", "SL3312", "VirtualMachine.State.CreateSnapshot")]
    [InlineData("ManagedObjectNotFound", "", "SL3313", "ManagedObjectNotFound")]
    [InlineData("InvalidPowerState", "<requestedState>poweredOn</requestedState><existingState>suspended</existingState>", "SL3314", "suspended")]
    [InlineData("FileLocked", "<file>[ds] a/a.vmdk</file>", "SL3315", "[ds] a/a.vmdk")]
    [InlineData("InvalidArgument", "<invalidProperty>name</invalidProperty>", "SL3316", "InvalidArgument")]
    [InlineData("ApplicationQuiesceFault", "", "SL3317", "ApplicationQuiesceFault")]
    [InlineData("SomethingOfNextYear", "<deep><deeper>1</deeper></deep>", "SL3317", "SomethingOfNextYear")]
    public async Task A_fault_is_typed_whether_it_comes_at_once_or_ends_the_task(string fault, string detail, string code, string says)
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        await server.RefuseAsync("CreateSnapshot_Task", fault, detail, Cancel);
        await FailsAsync();

        // The same at the end of the task.
        await server.AnswerAsync("WaitForUpdatesEx", 200, "text/xml", Soap.TaskEnds("task-", fault, detail), Cancel);
        var waits = await Assert.ThrowsAsync<VSphereFaultException>(() => client.WaitForTaskAsync("make a snapshot", machine, new ManagedReference("Task", "task-"), null, TimeSpan.FromMinutes(1), Cancel));
        Check(waits);

        async Task FailsAsync() => Check(await Assert.ThrowsAsync<VSphereFaultException>(() => client.MakeSnapshotAsync(machine, "sealift-f", string.Empty, quiesce: false, Cancel)));

        void Check(VSphereFaultException error)
        {
            Assert.Equal(code, error.Code);
            Assert.Equal(fault, error.Fault.Name);
            Assert.Contains(says, error.Message, StringComparison.Ordinal);
            if (detail.Length > 0) Assert.NotEmpty(error.Fault.Detail!.Children);
        }
    }

    [Fact]
    public async Task A_task_that_does_not_end_is_an_error_in_time()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        await server.AnswerAsync("WaitForUpdatesEx", 200, "text/xml", Soap.TaskGoesOn("task-7", 40), Cancel);
        var percent = 0;
        var error = await Assert.ThrowsAsync<VSphereException>(() => client.WaitForTaskAsync("do something", client.Service.RootFolder, new ManagedReference("Task", "task-7"), p => percent = p, TimeSpan.FromSeconds(3), Cancel));
        Assert.Equal("SL3320", error.Code);
        Assert.Equal(40, percent);
    }

    [Fact]
    public async Task Power_goes_where_it_is_to_go_and_no_further()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        await client.PowerOnAsync(machine, Cancel); // it runs already
        await server.HappenAsync("PowerOffVM_Task", "drop-reply", Cancel);
        await client.PowerOffAsync(machine, Cancel);
        Assert.Equal("poweredOff", await client.PowerStateAsync(machine, Cancel));
        Assert.Equal(1, await server.CountAsync("PowerOffVM_Task", Cancel));
        await server.HappenAsync("PowerOnVM_Task", "drop-request", Cancel);
        var error = await Assert.ThrowsAsync<VSphereException>(() => client.PowerOnAsync(machine, Cancel));
        Assert.Equal("SL3324", error.Code);
        Assert.Contains("poweredOff", error.Message, StringComparison.Ordinal);
        await client.PowerOnAsync(machine, Cancel);
        await server.HappenAsync("ShutdownGuest", "drop-reply", Cancel);
        await client.ShutdownGuestAsync(machine, Cancel);
        Assert.Equal(2, await server.CountAsync("ShutdownGuest", Cancel)); // the second found it down
        Assert.Equal("poweredOff", await client.PowerStateAsync(machine, Cancel));
        Assert.Equal("SL3314", (await Assert.ThrowsAsync<VSphereFaultException>(() => client.ShutdownGuestAsync(machine, Cancel))).Code);
    }

    [Fact]
    public async Task Change_tracking_is_switched_on_and_gives_snapshots_change_ids_of_their_own()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        Assert.Null(Assert.Single((await client.MachineAsync(machine, Cancel)).Devices.Disks).ChangeId);
        await server.HappenAsync("ReconfigVM_Task", "drop-reply", Cancel);
        await client.SetChangeTrackingAsync(machine, on: true, Cancel);
        await client.SetChangeTrackingAsync(machine, on: true, Cancel); // it is already
        Assert.Equal(1, await server.CountAsync("ReconfigVM_Task", Cancel));
        Assert.True((await client.MachineAsync(machine, Cancel)).IsChangeTracking);

        var first = await client.MakeSnapshotAsync(machine, "sealift-1", string.Empty, quiesce: false, Cancel);
        var second = await client.MakeSnapshotAsync(machine, "sealift-2", string.Empty, quiesce: false, Cancel);
        var (before, after) = (Assert.Single(await client.SnapshotDisksAsync(first.Snapshot, Cancel)), Assert.Single(await client.SnapshotDisksAsync(second.Snapshot, Cancel)));
        Assert.NotNull(before.ChangeId);
        Assert.NotEqual(before.ChangeId, after.ChangeId);
        Assert.Equal(before.Key, after.Key);

        // Whoever reconfigures without effect is told.
        await server.HappenAsync("ReconfigVM_Task", "drop-request", Cancel);
        Assert.Equal("SL3324", (await Assert.ThrowsAsync<VSphereException>(() => client.SetChangeTrackingAsync(machine, on: false, Cancel))).Code);
    }

    [Fact]
    public async Task Consolidation_is_never_sent_twice()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        var machine = await AnyAsync(client);
        await client.ConsolidateDisksAsync(machine, Cancel);
        await server.HappenAsync("ConsolidateVMDisks_Task", "drop-reply", Cancel);
        Assert.True((await Assert.ThrowsAsync<VSphereException>(() => client.ConsolidateDisksAsync(machine, Cancel))).IsOutcomeUnknown);
        Assert.Equal(2, await server.CountAsync("ConsolidateVMDisks_Task", Cancel));
    }

    [Fact]
    public async Task What_changes_nothing_is_asked_again_and_not_for_ever()
    {
        await using var server = await VCenter.StartAsync(Cancel);
        await using var client = await server.ConnectAsync(Cancel);
        await server.HappenAsync("FindByInventoryPath", "drop-reply", Cancel, count: 2);
        Assert.NotNull(await client.FindByInventoryPathAsync("DC0/vm", Cancel));
        await server.HappenAsync("FindByInventoryPath", "drop-request", Cancel, count: 100);
        Assert.Equal("SL3305", (await Assert.ThrowsAsync<VSphereException>(() => client.FindByInventoryPathAsync("DC0/vm", Cancel))).Code);
        Assert.Equal(6, await server.CountAsync("FindByInventoryPath", Cancel));
    }

    private static async Task<ManagedReference> AnyAsync(VSphereClient client) =>
        await client.FindByInventoryPathAsync("DC0/vm/DC0_C0_RP0_VM0", Cancel) ?? throw new InvalidOperationException("there is no machine");
}
