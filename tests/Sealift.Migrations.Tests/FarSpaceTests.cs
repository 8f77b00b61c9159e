using Sealift.Disks;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>A pool of another host that is full, or becomes so, on a file system of its own.</summary>
public sealed class FarSpaceTests : IAsyncLifetime
{
    private const string Theirs = "theirs";

    private readonly MigrationRig rig = new();
    private StoragePoolRig pool = null!;
    private MountedDisk disk = null!;
    private SshServer ssh = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Source => Path.Combine(rig.SourceDirectory, "whole.raw");

    public async ValueTask InitializeAsync()
    {
        pool = await StoragePoolRig.StartAsync(Cancel);
        disk = await MountedDisk.OverAsync(pool.Directory, Path.Combine(rig.Root, "pool.img"), 24 << 20, Cancel);
        Directory.Delete(Path.Combine(pool.Directory, "lost+found"));
        ssh = await SshServer.StartAsync(rig.Root, Cancel);
        var content = new byte[4 << 20];
        new Random(16).NextBytes(content);
        (await File.ReadAllBytesAsync(rig.First, Cancel)).AsSpan(0, 512).CopyTo(content); // its table of partitions
        await File.WriteAllBytesAsync(Source, content, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await ssh.DisposeAsync();
        await disk.DisposeAsync();
        await pool.DisposeAsync();
        rig.Dispose();
    }

    /// <summary>Nobody is served by half a disk on storage that is full; and a resume, which finds more room, begins it anew.</summary>
    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task One_that_gets_full_in_the_copy_gets_its_room_back_and_a_resume_finds_more(ImageFormat format)
    {
        var filled = false;
        var outcome = await rig.StartAsync(Request with { Format = format, BandwidthBytesPerSecond = 2 << 20, CheckpointBytes = 512 << 10 }, new Recorder(e =>
        {
            if (filled || e is not StepProgress { Step: StepName.Copy, DoneBytes: > 1 << 20 }) return;
            filled = true;
            disk.FillAsync(Theirs, Cancel).GetAwaiter().GetResult();
        }));
        Assert.True(filled);
        Assert.True(outcome is { Verdict: Verdict.Failed, CanResume: true }, string.Join(' ', outcome.Reasons));
        Assert.Contains("ENOSPC", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal([Theirs], Names());
        Assert.Equal([Theirs], await pool.VolumesAsync(Cancel));
        Assert.True(new DriveInfo(pool.Directory).AvailableFreeSpace >= 1 << 20, "its room is not free again");
        Assert.False(Directory.Exists($"/var/tmp/sealift-{outcome.Id}"));

        File.Delete(Path.Combine(pool.Directory, Theirs));
        var resumed = await rig.ResumeAsync();
        Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
        var extension = format == ImageFormat.Raw ? "raw" : "qcow2";
        Assert.Equal([$"{pool.Name}-disk1.{extension}"], Names());
        Assert.Equal(await File.ReadAllBytesAsync(Source, Cancel), await rig.DiskBytesAsync(Path.Combine(pool.Directory, $"{pool.Name}-disk1.{extension}"), extension));
    }

    /// <summary>libvirt tells what was free when it looked last, which is not what is free now.</summary>
    [Fact]
    public async Task What_is_free_there_now_decides_whether_a_copy_begins()
    {
        await disk.FillAsync(Theirs, Cancel);
        using (var store = rig.OpenStore())
        {
            var space = (await MigrationRunner.DescribeAsync(store, Request, Cancel)).FarSpace!;
            Assert.Equal(FarDisks.NameOf(LibvirtHost.WithoutParameters(LibvirtHost.Parse(ssh.LibvirtUri)), pool.Directory), space.Place);
            Assert.True(space.FreeBytes < space.NeededBytes, space.ToString());
        }

        var recorder = new Recorder();
        var outcome = await rig.StartAsync(Request, recorder);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL6612", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.DoesNotContain(recorder.Events, e => e is StepStarted { Step: StepName.Copy });
        // Now the other way round: it has seen that the pool is full, and not what was removed since.
        _ = await LibvirtDaemon.VirshAsync(Cancel, "pool-refresh", pool.Name);
        File.Delete(Path.Combine(pool.Directory, Theirs));
        var resumed = await rig.ResumeAsync();
        Assert.True(resumed.Verdict == Verdict.Degraded, string.Join(' ', resumed.Reasons));
    }

    private MigrationRequest Request => rig.Request with
    {
        Sources = [Source],
        Target = new MachineTarget { Libvirt = new LibvirtTarget(LibvirtHost.Parse(ssh.LibvirtUri), pool.Name) },
        Overrides = rig.Request.Overrides with { Name = pool.Name },
    };

    private IEnumerable<string> Names() => Directory.EnumerateFileSystemEntries(pool.Directory).Select(p => Path.GetFileName(p)!);
}
