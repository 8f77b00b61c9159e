using System.Text.Json;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>A domain of libvirt's under load, with a guest agent, is followed, cut over, and boots on the target with every record that it had acknowledged.</summary>
public sealed class LibvirtGuestTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_domain_under_load_is_frozen_for_each_pass_and_arrives_with_every_record_that_it_had_synced()
    {
        var (target, state) = (rig.NewDirectory(), rig.NewDirectory());
        await using var domain = await BusyDomain.StartAsync(Cancel);
        await domain.Console.WaitForAsync("SYNCED 3", () => null, Cancel);
        await domain.HasAgentAsync(Cancel);

        // Not checked, so degraded: file systems are looked at where the same guest is followed without libvirt.
        string[] migrate = ["migrate", domain.Source, "--to", target, "--no-convert", "--no-boot-check", "--no-check", "--accept-degraded", "--interval", "0s", "--name", "busy", "--json"];
        var passes = await WarmRun.UntilAsync(rig, state, migrate, passes => passes == 2, kill: false, async token =>
        {
            var asked = await rig.RunAsync(state, ["cutover", await WarmRun.OnlyMigrationAsync(rig, state, token)], token);
            Assert.True(asked.ExitCode == 0, asked.ErrorTail);
        }, Cancel, exitCode: 3);
        Assert.True(passes >= 3);
        var synced = domain.Console.Synced;
        Assert.True(synced > 3);

        var verified = await rig.RunAsync(state, ["verify", Path.Combine(target, "busy.seal.json")], Cancel);
        Assert.True(verified.ExitCode == 0, verified.Output + verified.ErrorTail);
        var sealed_ = SealFile.PredicateOf(Path.Combine(target, "busy.seal.json")).GetProperty("passes").EnumerateArray().ToList();
        Assert.All(sealed_.SkipLast(1), p => Assert.Equal("the guest agent froze the file systems", p.GetProperty("consistency").GetString()));
        var disks = new[] { Path.Combine(target, "busy-disk1.raw"), Path.Combine(target, "busy-disk2.raw") };
        for (var i = 0; i < disks.Length; i++) _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", "compare", "-f", "qcow2", "-F", "raw", domain.Images[i], disks[i]), Cancel); // exit code 1 would be another content

        await using var arrived = BusyGuest.Start(rig.NewDirectory(), disks, throwaway: true);
        await arrived.WaitForAsync("SYNCED 1", Cancel);
        arrived.Console.AssertRecords(synced);
    }
}
