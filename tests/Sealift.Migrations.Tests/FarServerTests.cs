using System.Globalization;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>What serves volumes on another host and stays there, because the run that started it, or the network, is gone.</summary>
public sealed class FarServerTests : IAsyncLifetime
{
    private static readonly TimeSpan Ample = TimeSpan.FromSeconds(30);

    private readonly MigrationRig rig = new();
    private StoragePoolRig pool = null!;
    private SshServer ssh = null!;

    private static string DirectoryOf(string id) => $"/var/tmp/sealift-{id}";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Source => Path.Combine(rig.SourceDirectory, "whole.raw");

    private string Volume => Path.Combine(pool.Directory, $"{pool.Name}-disk1.raw");

    // Slow enough to be interrupted, with checkpoints to go on from.
    private MigrationRequest Request => rig.Request with
    {
        Sources = [Source],
        Target = new MachineTarget { Libvirt = new LibvirtTarget(LibvirtHost.Parse(ssh.LibvirtUri), pool.Name) },
        Overrides = rig.Request.Overrides with { Name = pool.Name },
        BandwidthBytesPerSecond = 1 << 20,
        CheckpointBytes = 256 << 10,
    };

    public async ValueTask InitializeAsync()
    {
        pool = await StoragePoolRig.StartAsync(Cancel);
        ssh = await SshServer.StartAsync(rig.Root, Cancel);
        var content = new byte[4 << 20];
        new Random(15).NextBytes(content);
        (await File.ReadAllBytesAsync(rig.First, Cancel)).AsSpan(0, 512).CopyTo(content); // its table of partitions
        await File.WriteAllBytesAsync(Source, content, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await ssh.DisposeAsync();
        await pool.DisposeAsync();
        rig.Dispose();
    }

    /// <summary>It holds QEMU's lock on the volume, and the socket's name.</summary>
    [Fact]
    public async Task One_that_a_killed_run_left_is_ended_by_a_resume()
    {
        var id = await DieInCopyAsync();
        await using var server = await LeaveServerAsync(id);
        await using var bystander = ChildProcess.Start(new ChildCommand("sleep", "300"));
        await File.WriteAllTextAsync($"{DirectoryOf(id)}/disk2.pid", string.Create(CultureInfo.InvariantCulture, $"{bystander.Id}\n"), Cancel);
        await File.WriteAllTextAsync($"{DirectoryOf(id)}/disk3.pid", "nonsense; reboot\n", Cancel);
        var outcome = await rig.ResumeAsync();
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        _ = await server.WaitAsync(Cancel).WaitAsync(Ample, Cancel); // that it has ended is what counts
        Assert.True(bystander.IsRunning); // a file that is left over names another process by now
        Assert.Equal(await File.ReadAllBytesAsync(Source, Cancel), await File.ReadAllBytesAsync(Volume, Cancel));
        Assert.False(Path.Exists(DirectoryOf(id)));
    }

    [Fact]
    public async Task One_that_a_killed_run_left_is_ended_by_a_removal_and_what_it_served_is_removed()
    {
        var id = await DieInCopyAsync();
        await using var server = await LeaveServerAsync(id);
        await using var bystander = ChildProcess.Start(new ChildCommand("sleep", "300"));
        await File.WriteAllTextAsync($"{DirectoryOf(id)}/disk2.pid", string.Create(CultureInfo.InvariantCulture, $"{bystander.Id}\n"), Cancel);
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, id, includeHandedOver: false);
        Assert.Empty(report.Kept);
        _ = await server.WaitAsync(Cancel).WaitAsync(Ample, Cancel); // that it has ended is what counts
        Assert.True(bystander.IsRunning);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
        Assert.Empty(await pool.VolumesAsync(Cancel));
        Assert.False(Path.Exists(DirectoryOf(id)));
    }

    /// <summary>Neither a resume nor a removal goes on past what it cannot judge, and neither loses what it would still have to take back.</summary>
    [Fact]
    public async Task A_directory_of_somebody_elses_under_its_name_is_not_touched_and_nothing_is_removed()
    {
        // The first run ends in good order and leaves a volume to go on with; the second, which makes the directory anew, is killed.
        var ended = 0;
        var first = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is StepProgress { Step: StepName.Copy, DoneBytes: > 1 << 20 } && ended == 0) ended = ssh.Disconnect();
        }));
        Assert.True(first is { Verdict: Verdict.Failed, CanResume: true }, string.Join(' ', first.Reasons));
        var id = await DieInCopyAsync(resume: true);
        var theirs = Directory.CreateDirectory(Path.Combine(rig.Root, "theirs")).FullName;
        foreach (var name in new[] { "disk1.pid", "disk1.sock" }) await File.WriteAllTextAsync(Path.Combine(theirs, name), "theirs", Cancel);
        File.CreateSymbolicLink(DirectoryOf(id), theirs);
        try
        {
            var volumes = Directory.EnumerateFileSystemEntries(pool.Directory).ToList();
            Assert.Single(volumes);
            using (var store = rig.OpenStore()) Assert.Equal("SL6614", (await Assert.ThrowsAnyAsync<SealiftException>(() => MigrationRunner.RemoveAsync(store, id, includeHandedOver: true))).Code);
            Assert.Equal(volumes, Directory.EnumerateFileSystemEntries(pool.Directory));
            var resumed = await rig.ResumeAsync();
            Assert.True(resumed is { Verdict: Verdict.Failed, CanResume: true }, string.Join(' ', resumed.Reasons));
            Assert.StartsWith("SL6614", resumed.Reasons[0], StringComparison.Ordinal);
            Assert.Equal(volumes, Directory.EnumerateFileSystemEntries(pool.Directory));
            Assert.Equal(["theirs", "theirs"], Directory.EnumerateFiles(theirs).Select(File.ReadAllText));
        }
        finally
        {
            File.Delete(DirectoryOf(id));
        }

        using var again = rig.OpenStore();
        Assert.Empty((await MigrationRunner.RemoveAsync(again, id, includeHandedOver: true)).Kept);
        Assert.Empty(Directory.EnumerateFileSystemEntries(pool.Directory));
    }

    /// <summary>The network is away: what was there goes on there, and notices only when the run that came after has long its own servers.</summary>
    [Fact]
    public async Task One_whose_connection_is_stuck_is_ended_and_its_late_end_takes_nothing_of_the_next_run()
    {
        var (stuck, directory) = (0, string.Empty);
        var first = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is MigrationStarted started) directory = DirectoryOf(started.Id);
            if (e is not StepProgress { Step: StepName.Copy, DoneBytes: > 1 << 20 } || stuck != 0) return;
            stuck = SessionOf(int.Parse(File.ReadAllText($"{directory}/disk1.pid"), CultureInfo.InvariantCulture));
            Signal("STOP", stuck);
            Signal("KILL", ClientOf(directory));
        }));
        try
        {
            Assert.NotEqual(0, stuck);
            Assert.True(first is { Verdict: Verdict.Failed, CanResume: true }, string.Join(' ', first.Reasons));
            Assert.False(Path.Exists(DirectoryOf(first.Id)));
            Assert.Empty(ServersOf(first.Id));
            var seen = false;
            var resumed = await rig.ResumeAsync(new Recorder(e =>
            {
                if (seen || e is not StepProgress { Step: StepName.Copy, DoneBytes: > 0 }) return;
                seen = true;
                Signal("CONT", stuck);
                Assert.True(SpinWait.SpinUntil(() => !Path.Exists($"/proc/{stuck}"), Ample));
                // The shell that it ran is gone with it, or goes about its end now.
                Assert.True(SpinWait.SpinUntil(() => ShellsOf(first.Id).Count() == 1, Ample));
                Assert.Equal(["disk1.pid", "disk1.sock"], Directory.EnumerateFileSystemEntries(DirectoryOf(first.Id)).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal));
            }));
            Assert.True(seen);
            Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
            Assert.Equal(await File.ReadAllBytesAsync(Source, Cancel), await File.ReadAllBytesAsync(Volume, Cancel));
            Assert.False(Path.Exists(DirectoryOf(first.Id)));
        }
        finally
        {
            if (stuck != 0 && Path.Exists($"/proc/{stuck}")) Signal("KILL", stuck);
        }
    }

    /// <summary>Ends a run in its copy as the death of its process does: nothing more is journaled.</summary>
    /// <returns>The migration, of which a server may have stayed.</returns>
    private async Task<string> DieInCopyAsync(bool resume = false)
    {
        var died = false;
        using var store = rig.OpenStore();
        store.Journal.BeforeWrite = () =>
        {
            if (died) throw new SimulatedCrash();
        };
        var recorder = new Recorder(e =>
        {
            if (e is not StepProgress { Step: StepName.Copy, DoneBytes: > 0 }) return;
            died = true;
            throw new SimulatedCrash();
        });
        await Assert.ThrowsAsync<SimulatedCrash>(() => resume ? MigrationRunner.ResumeAsync(store, store.List().Single().Id, recorder, Cancel) : MigrationRunner.StartAsync(store, Request with { BandwidthBytesPerSecond = 256 << 10 }, recorder, Cancel)); // slow enough to be seen on its way
        return store.List().Single().Id;
    }

    /// <summary>Starts the server that a run would have left there: its command line, its socket, its file with the number.</summary>
    private async Task<ChildProcess> LeaveServerAsync(string id)
    {
        var directory = DirectoryOf(id);
        PosixPath.CreateDirectory(directory, 0x1C0 /* 0700 */);
        var volume = Assert.Single(Directory.EnumerateFiles(pool.Directory));
        var server = ChildProcess.Start(new ChildCommand("qemu-nbd", [.. QemuNbdServer.Arguments(volume, ImageFormat.Raw, $"{directory}/disk1.sock", $"{directory}/disk1.pid", writable: true, QemuCache.None)]) { Deadline = TimeSpan.FromMinutes(5) });
        for (var left = 300; !File.Exists($"{directory}/disk1.pid") || new FileInfo($"{directory}/disk1.pid").Length == 0; left--)
        {
            Assert.True(left > 0 && server.IsRunning, server.ErrorTail);
            await Task.Delay(50, Cancel);
        }

        return server;
    }

    /// <summary>The process of sshd that runs what another process is below.</summary>
    private static int SessionOf(int process)
    {
        while (!File.ReadAllText($"/proc/{process}/comm").StartsWith("sshd", StringComparison.Ordinal))
            process = int.Parse(File.ReadLines($"/proc/{process}/status").Single(l => l.StartsWith("PPid:", StringComparison.Ordinal))[5..], CultureInfo.InvariantCulture);
        return process;
    }

    /// <summary>The ssh of this side that leads to a socket of a directory there.</summary>
    private static int ClientOf(string directory) => CommandLines().Single(c => Path.GetFileName(c.Words[0]) == "ssh" && c.Words.Any(w => w.Contains($":{directory}/", StringComparison.Ordinal))).Process;

    private static IEnumerable<int> ServersOf(string id) => CommandLines().Where(c => c.Words[0] == "qemu-nbd" && c.Words.Any(w => w.Contains(DirectoryOf(id), StringComparison.Ordinal))).Select(c => c.Process);

    /// <summary>The shells over there that watch a server.</summary>
    private static IEnumerable<int> ShellsOf(string id) => CommandLines().Where(c => c.Words[0] == "sh" && c.Words.Contains(DirectoryOf(id))).Select(c => c.Process);

    private static IEnumerable<(int Process, IReadOnlyList<string> Words)> CommandLines()
    {
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(p => int.TryParse(Path.GetFileName(p), out _)))
        {
            string[] words;
            try
            {
                words = File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0');
            }
            catch (IOException)
            {
                continue; // it has ended meanwhile
            }

            yield return (int.Parse(Path.GetFileName(process), CultureInfo.InvariantCulture), words);
        }
    }

    private static void Signal(string name, int process) => ChildProcess.RunAsync(new ChildCommand("kill", $"-{name}", process.ToString(CultureInfo.InvariantCulture)), Cancel).GetAwaiter().GetResult();
}
