using Sealift.Disks;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>Machines that run, on a real QEMU, and go to libvirt of another host: pass after pass into volumes there.</summary>
public sealed class FarWarmTargetTests : IAsyncLifetime
{
    private readonly MigrationRig rig = new();
    private readonly Random random = new(14);
    private StoragePoolRig pool = null!;
    private SshServer ssh = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static WarmPlan Plan => new() { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50) };

    public async ValueTask InitializeAsync()
    {
        pool = await StoragePoolRig.StartAsync(Cancel);
        ssh = await SshServer.StartAsync(rig.Root, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await ssh.DisposeAsync();
        await pool.DisposeAsync();
        rig.Dispose();
    }

    /// <summary>Also where a downtime is asked for that this exceeds: a volume there does not show who has written to it between two passes.</summary>
    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task It_is_followed_there_cut_over_and_all_of_it_is_read_back(ImageFormat format)
    {
        await using var qemu = await StartAsync("qcow2", 4 << 20, 1 << 20);
        await WriteAsync(qemu, 30);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is not PassFinished { Pass: { IsFinal: false } pass }) return;
            for (var i = 0; i < 5; i++) qemu.WriteSomewhereAsync(random, Cancel).GetAwaiter().GetResult();
            if (pass.Number == 2) CutOver(store);
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Format = format, Warm = Plan with { Downtime = TimeSpan.Zero } }, recorder, Cancel);
        Assert.True(outcome is { Verdict: Verdict.Degraded, CanResume: false }, string.Join(' ', outcome.Reasons));
        await AssertArrivedAsync(qemu, format);
        Assert.True(await StoragePoolRig.IsDefinedAsync(pool.Name, Cancel));
        Assert.False(Directory.Exists($"/var/tmp/sealift-{outcome.Id}"));
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.True(predicate.GetProperty("passes").GetArrayLength() >= 4);
        var parts = predicate.GetProperty("disks")[0].GetProperty("readBack");
        Assert.Equal(("full", 4L << 20), (parts.GetProperty("scope").GetString(), parts.GetProperty("endBytes").GetInt64()));
        Assert.Equal(0, predicate.GetProperty("disks")[0].GetProperty("mismatches").GetArrayLength());
    }

    [Theory]
    [InlineData(2 << 20, 3 << 20)]
    [InlineData(3 << 20, 2 << 20)]
    public async Task A_disk_that_is_resized_between_passes_gets_a_volume_of_its_new_length(int before, int after)
    {
        await using var qemu = await StartAsync("raw", before, 1 << 20);
        await WriteAsync(qemu, 20);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is PassFinished { Pass.Number: 0 })
            {
                qemu.ResizeAsync(0, after, Cancel).GetAwaiter().GetResult();
                qemu.WriteAsync(0, after - 512, 512, 0x44, Cancel).GetAwaiter().GetResult();
            }

            if (e is PassFinished { Pass: { Number: 1, IsFinal: false } }) CutOver(store);
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu), recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertArrivedAsync(qemu, ImageFormat.Raw);
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.Equal(after, predicate.GetProperty("disks")[0].GetProperty("virtualBytes").GetInt64());
        Assert.Contains($"it had {before} bytes, and has {after} now", predicate.GetProperty("passes")[1].GetProperty("disks")[0].GetProperty("fullBecause").GetString(), StringComparison.Ordinal);
    }

    /// <summary>What is lost is the target: another point in time at the source would only disturb its guest.</summary>
    [Fact]
    public async Task A_connection_that_breaks_in_a_pass_ends_the_run_and_a_resume_goes_on_from_there()
    {
        await using var qemu = await StartAsync("qcow2", 4 << 20);
        for (var at = 0; at < 4; at++) await qemu.WriteAsync(0, at << 20, 1 << 20, 7, Cancel);
        using var store = rig.OpenStore();
        var ended = 0;
        var request = Request(qemu) with { Warm = Plan with { Patience = TimeSpan.FromSeconds(20) }, BandwidthBytesPerSecond = 2 << 20, CheckpointBytes = 1 << 20 };
        var outcome = await MigrationRunner.StartAsync(store, request, new Recorder(e =>
        {
            if (e is StepProgress { DataBytes: > 1 << 20, Disk: "disk1" } && ended == 0) ended = ssh.Disconnect();
        }), Cancel);
        Assert.NotEqual(0, ended);
        Assert.True(outcome is { Verdict: Verdict.Failed, CanResume: true }, string.Join(' ', outcome.Reasons));
        Assert.Contains("the server of the volume on 127.0.0.1 ended", string.Join(' ', outcome.Reasons), StringComparison.Ordinal);
        Assert.Single(store.Journal.Passes(outcome.Id));
        await WriteAsync(qemu, 5);
        outcome = await MigrationRunner.ResumeAsync(store, outcome.Id, AfterTwoPasses(store), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertArrivedAsync(qemu, ImageFormat.Raw);
    }

    [Theory]
    [InlineData(StepName.Precopy)]
    [InlineData(StepName.Cutover)]
    public async Task Died_after_a_pass_it_goes_on_there_and_misses_nothing_that_was_written_meanwhile(string step)
    {
        await using var qemu = await StartAsync("qcow2", 4 << 20);
        await WriteAsync(qemu, 20);
        using (var store = rig.OpenStore())
        {
            await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request(qemu), new Recorder(e =>
            {
                if (e is PassFinished { Pass.Number: 1 }) CutOver(store);
                if ((step == StepName.Cutover && e is StepStarted { Step: StepName.Cutover }) || (step == StepName.Precopy && e is PassFinished { Pass.Number: 1 })) throw new SimulatedCrash();
            }), Cancel));
        }

        await WriteAsync(qemu, 5);
        using var again = rig.OpenStore();
        var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, AfterTwoPasses(again), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertArrivedAsync(qemu, ImageFormat.Raw);
    }

    /// <summary>As where it goes to a block device: nothing there shows a write between two passes.</summary>
    [Fact]
    public async Task A_plan_that_relies_on_what_the_passes_read_back_is_refused()
    {
        using var store = rig.OpenStore();
        var request = rig.Request with { Sources = ["qmp:/nowhere"], Target = Target, Warm = Plan with { ReadBack = ReadBackScope.Changed } };
        Assert.Equal("SL7010", (await Assert.ThrowsAnyAsync<Posix.SealiftException>(() => MigrationRunner.StartAsync(store, request, new Recorder(), Cancel))).Code);
    }

    private static void CutOver(MigrationStore store) => store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });

    private static Recorder AfterTwoPasses(MigrationStore store) => new(e =>
    {
        if (e is PassFinished { Pass: { Number: >= 1, IsFinal: false } }) CutOver(store);
    });

    private MachineTarget Target => new() { Libvirt = new LibvirtTarget(LibvirtHost.Parse(ssh.LibvirtUri), pool.Name) };

    private MigrationRequest Request(RunningQemu qemu) => rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], Target = Target, Overrides = rig.Request.Overrides with { Name = pool.Name }, Warm = Plan };

    private Task<RunningQemu> StartAsync(string format, params int[] lengths) => RunningQemu.StartAsync(rig.SourceDirectory, format, lengths, Cancel);

    private async Task WriteAsync(RunningQemu qemu, int writes)
    {
        for (var i = 0; i < writes; i++) await qemu.WriteSomewhereAsync(random, Cancel);
    }

    private async Task AssertArrivedAsync(RunningQemu qemu, ImageFormat format)
    {
        var extension = format == ImageFormat.Raw ? "raw" : "qcow2";
        Assert.Equal(qemu.Images.Count, Directory.EnumerateFileSystemEntries(pool.Directory).Count());
        for (var disk = 0; disk < qemu.Images.Count; disk++)
        {
            var arrived = await rig.DiskBytesAsync(Path.Combine(pool.Directory, $"{pool.Name}-disk{disk + 1}.{extension}"), extension);
            Assert.True(qemu.Model(disk).SequenceEqual(arrived), $"disk {disk} differs");
        }
    }
}
