using System.Globalization;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>A machine goes to a storage pool of a real libvirt, is defined there, and boots as libvirt starts it: as QEMU's own user.</summary>
public sealed class LibvirtTargetTests(Rig rig)
{
    private static readonly TimeSpan BootDeadline = TimeSpan.FromMinutes(4);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_converted_machine_is_defined_started_and_comes_up_on_virtio()
    {
        await using var pool = await StoragePoolRig.StartAsync(Cancel);
        var state = rig.NewDirectory();
        await MigrateAsync(state, pool, [rig.Ova, "--start", "--autostart"]);
        Assert.Contains("TINY-UP root=/dev/vda1", await BootAsync(pool.Name), StringComparison.Ordinal);
        Assert.Contains(pool.Name, await LibvirtDaemon.VirshAsync(Cancel, "list", "--all", "--autostart", "--name"), StringComparison.Ordinal);
        Assert.Contains($"{pool.Name}-disk1.raw", await pool.VolumesAsync(Cancel));

        // Its disk rightly differs by now; what libvirt was told of is in the seal all the same.
        var target = SealFile.PredicateOf(Path.Combine(pool.Directory, $"{pool.Name}.seal.json")).GetProperty("target");
        Assert.Equal(await LibvirtDaemon.VirshAsync(Cancel, "domuuid", pool.Name), target.GetProperty("uuid").GetString());

        var id = await WarmRun.OnlyMigrationAsync(rig, state, Cancel);
        var refused = await rig.RunAsync(state, ["remove", id, "--handed-over"], Cancel);
        Assert.Contains("SL7124", refused.Output + refused.ErrorTail, StringComparison.Ordinal);
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var removed = await rig.RunAsync(state, ["remove", id, "--handed-over"], Cancel);
        Assert.True(removed.ExitCode == 0, removed.Output + removed.ErrorTail);
        Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
    }

    /// <summary>libvirt makes the UEFI variables, in the pool's directory, and undefines the machine with them.</summary>
    [Fact]
    public async Task A_machine_of_uefi_gets_its_variables_and_comes_up()
    {
        await using var pool = await StoragePoolRig.StartAsync(Cancel);
        var (state, disk) = (rig.NewDirectory(), Path.Combine(rig.NewDirectory(), "uefi.raw"));
        await Rig.RunScriptAsync("tiny-guest.sh", "--uefi", "--removable", disk, "virtio_pci", "virtio_blk");
        await MigrateAsync(state, pool, [disk, "--firmware", "uefi", "--no-convert", "--bus", "virtioblk", "--start"]);
        Assert.Contains("TINY-UP root=/dev/vda2", await BootAsync(pool.Name), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(pool.Directory, $"{pool.Name}-nvram.fd")));
        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var removed = await rig.RunAsync(state, ["remove", await WarmRun.OnlyMigrationAsync(rig, state, Cancel), "--handed-over"], Cancel);
        Assert.True(removed.ExitCode == 0, removed.Output + removed.ErrorTail);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
    }

    private async Task MigrateAsync(string state, StoragePoolRig pool, string[] arguments)
    {
        var result = await rig.RunAsync(state, ["migrate", .. arguments, "--to", "qemu:///system", "--pool", pool.Name, "--name", pool.Name, "--memory", "256M", "--no-boot-check"], Cancel);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}\n{result.Output}\n{result.ErrorTail}");
    }

    /// <summary>What its console says up to its login prompt.</summary>
    internal static async Task<string> BootAsync(string domain)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        stop.CancelAfter(BootDeadline);
        var said = new List<string>();
        // A terminal of QEMU's: whoever reads it hears what is said from then on.
        await using var console = ChildProcess.Start(new ChildCommand("cat", await LibvirtDaemon.VirshAsync(Cancel, "ttyconsole", domain)) { Deadline = BootDeadline });
        while (await console.ReadLineAsync(stop.Token) is { } line)
        {
            said.Add(line);
            if (line.Contains("TINY-UP", StringComparison.Ordinal)) return string.Join('\n', said);
        }

        throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"the console of {domain} ended after {said.Count} lines: {string.Join('\n', said)}"));
    }
}
