using System.Text.Json;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>A machine goes to libvirt of another host by the command as users have it: over a real sshd, to this host's own libvirt.</summary>
public sealed class FarLibvirtTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Killed in the copy, it is the other host that ends its server: nothing of the dead process could.</summary>
    [Fact]
    public async Task Killed_in_the_copy_and_resumed_it_is_converted_started_there_and_comes_up_on_virtio()
    {
        await using var pool = await StoragePoolRig.StartAsync(Cancel);
        await using var ssh = await SshServer.StartAsync(rig.NewDirectory(), Cancel);
        var state = rig.NewDirectory();
        await KillInCopyAsync(state, Migrate(rig.Ova, pool, ssh, "--start", "--bandwidth", "2M", "--json"));
        var id = await WarmRun.OnlyMigrationAsync(rig, state, Cancel);
        await UntilAsync(() => !ServersOf(id).Any(), "the server of a killed run goes on");
        var resumed = await rig.RunAsync(state, ["resume", id], Cancel);
        Assert.True(resumed.ExitCode == 0, $"exit code {resumed.ExitCode}\n{resumed.Output}\n{resumed.ErrorTail}");
        Assert.Contains("TINY-UP root=/dev/vda1", await LibvirtTargetTests.BootAsync(pool.Name), StringComparison.Ordinal);
        Assert.Equal([$"{pool.Name}-disk1.raw"], await pool.VolumesAsync(Cancel));

        _ = await LibvirtDaemon.VirshAsync(Cancel, "destroy", pool.Name);
        var removed = await rig.RunAsync(state, ["remove", id, "--handed-over"], Cancel);
        Assert.True(removed.ExitCode == 0, removed.Output + removed.ErrorTail);
        Assert.False(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        Assert.Empty(await pool.VolumesAsync(Cancel));
        Assert.False(Path.Exists($"/var/tmp/sealift-{id}"));
        Assert.Empty(ServersOf(id));
    }

    [Fact]
    public async Task Its_seal_is_verified_there_and_tells_a_byte_that_was_changed_since()
    {
        await using var pool = await StoragePoolRig.StartAsync(Cancel);
        await using var ssh = await SshServer.StartAsync(rig.NewDirectory(), Cancel);
        var state = rig.NewDirectory();
        var papers = rig.NewDirectory();
        var result = await FromElsewhereAsync(state, pool, Migrate(rig.Disk, pool, ssh, "--papers", papers, "--no-convert", "--no-check", "--accept-degraded"));
        Assert.True(result.ExitCode == 3, $"exit code {result.ExitCode}\n{result.Output}\n{result.ErrorTail}");
        var (seal, place) = (Path.Combine(papers, $"{pool.Name}.seal.json"), Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw"));
        var verified = await FromElsewhereAsync(state, pool, ["verify", seal, "--disk", $"disk1={ssh.LibvirtUri}:{place}"]);
        Assert.True(verified.ExitCode == 0, verified.Output + verified.ErrorTail);
        using (var volume = PosixFile.Open(place, OpenMode.ReadWrite)) volume.WriteAt("x"u8, 1 << 20);
        verified = await FromElsewhereAsync(state, pool, ["verify", seal, "--disk", $"disk1={ssh.LibvirtUri}:{place}"]);
        Assert.NotEqual(0, verified.ExitCode);
        Assert.Contains("offset 1048576", verified.Output, StringComparison.Ordinal);
    }

    /// <summary>Runs the command where the pool's directory is not to be seen: it is the other host's.</summary>
    private async Task<ChildResult> FromElsewhereAsync(string state, StoragePoolRig pool, string[] arguments)
    {
        var command = rig.Command(state, arguments);
        return await ChildProcess.RunAsync(command with { Program = "unshare", Arguments = ["--mount", "sh", "-c", "mount -t tmpfs none \"$1\" && shift && exec \"$@\"", "sh", pool.Directory, command.Program, .. command.Arguments] }, Cancel);
    }

    private static string[] Migrate(string source, StoragePoolRig pool, SshServer ssh, params string[] more) =>
        ["migrate", source, "--to", ssh.LibvirtUri, "--pool", pool.Name, "--name", pool.Name, "--memory", "256M", "--no-boot-check", .. more];

    private async Task KillInCopyAsync(string state, string[] arguments)
    {
        await using var child = ChildProcess.Start(rig.Command(state, arguments));
        child.EndInput();
        var (reached, last) = (false, string.Empty);
        while (await child.ReadLineAsync(Cancel) is { } line)
        {
            last = line;
            var happened = JsonDocument.Parse(line).RootElement;
            if (reached || Attempt.Kind(happened) != "step-progress" || happened.GetProperty("step").GetString() != "copy" || happened.GetProperty("doneBytes").GetInt64() == 0) continue;
            reached = true;
            _ = await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", $"{child.Id}"), Cancel); // it is looked at below
        }

        _ = await child.WaitAsync(Cancel);
        Assert.True(reached, $"it never copied: {last}{child.ErrorTail}");
        Assert.Equal(9, child.End!.Value.Number);
    }

    private static IEnumerable<string> ServersOf(string id) => Attempt.ProcessesAbout($"/var/tmp/sealift-{id}");

    private static async Task UntilAsync(Func<bool> reached, string otherwise)
    {
        for (var left = 300; !reached(); left--)
        {
            Assert.True(left > 0, otherwise);
            await Task.Delay(100, Cancel);
        }
    }
}
