using Sealift.Providers;

namespace Sealift.EndToEnd;

/// <summary>A guest under load is followed, killed with, gone on with, cut over, and boots on the target with every record that it had acknowledged.</summary>
public sealed class WarmGuestTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_guest_under_load_arrives_with_every_record_that_it_had_synced()
    {
        var (place, target, state) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
        var (root, data) = (Path.Combine(place, "root.raw"), Path.Combine(place, "data.raw"));
        await BusyGuest.BuildAsync(root, data, "--agent");
        await using var guest = BusyGuest.Start(place, [root, data], throwaway: false);
        await guest.WaitForAsync("SYNCED 3", Cancel);

        // It dies in the midst of the passes, as by a power cut of its host.
        string[] migrate = ["migrate", $"qmp:{guest.Socket}?agent={guest.Agent}", "--to", target, "--no-convert", "--no-boot-check", "--interval", "0s", "--name", "busy", "--json"];
        var passes = await WarmRun.UntilAsync(rig, state, migrate, passes => passes >= 2, kill: true, _ => Task.CompletedTask, Cancel);
        Assert.True(passes >= 2);
        var id = await WarmRun.OnlyMigrationAsync(rig, state, Cancel);

        // And goes on: two more passes, then the cutover is asked for by another process.
        var resumed = await rig.RunAsync(state, ["pace", id, "--interval", "0s"], Cancel);
        Assert.True(resumed.ExitCode == 0, resumed.ErrorTail);
        var more = await WarmRun.UntilAsync(rig, state, ["resume", id, "--json"], passes => passes == 2, kill: false, async token =>
        {
            var asked = await rig.RunAsync(state, ["cutover", id], token);
            Assert.True(asked.ExitCode == 0, asked.ErrorTail);
        }, Cancel);
        Assert.True(more >= 3); // the last one with the machine off
        var synced = guest.Console.Synced;
        Assert.True(synced > 3);
        Assert.Equal(0, await guest.EndedAsync(Cancel)); // by our quit, when everything was proven

        var disks = new[] { Path.Combine(target, "busy-disk1.raw"), Path.Combine(target, "busy-disk2.raw") };
        Assert.Equal(Digest.OfFile(root), Digest.OfFile(disks[0]));
        Assert.Equal(Digest.OfFile(data), Digest.OfFile(disks[1]));
        var verified = await rig.RunAsync(state, ["verify", Path.Combine(target, "busy.seal.json")], Cancel);
        Assert.True(verified.ExitCode == 0, verified.Output + verified.ErrorTail);

        // Killed in a freeze, a pass is taken again; each that was done was of a frozen guest, but for the last one, of a guest that was off.
        var consistency = SealFile.PredicateOf(Path.Combine(target, "busy.seal.json")).GetProperty("passes").EnumerateArray().Select(p => p.GetProperty("consistency").GetString()).ToList();
        Assert.All(consistency.SkipLast(1), said => Assert.Equal("the guest agent froze the file systems", said));
        Assert.Equal("the machine is off or stopped", consistency[^1]);

        var there = rig.NewDirectory();
        await using var arrived = BusyGuest.Start(there, disks, throwaway: true);
        await arrived.WaitForAsync("SYNCED 1", Cancel);
        arrived.Console.AssertRecords(synced);

        // Its agent has no channel here: it is the power button that shuts it down.
        await using var machine = await QemuMachine.ConnectAsync(arrived.Socket, Cancel);
        Assert.False(await machine.ShutDownAsync(BusyConsole.BootDeadline, force: false, Cancel));
    }
}
