using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>Machines that run, on a real QEMU, and whose disks go to block devices and NBD exports: pass after pass into what is there already.</summary>
public sealed class WarmPlaceTests : IDisposable
{
    private const int DiskBytes = 4 << 20, BehindBytes = 1 << 20;

    private readonly MigrationRig rig = new();
    private readonly Random random = new(13);

    public WarmPlaceTests() => Fill();

    private static CancellationToken Cancel => MigrationRig.Cancel;

    private static WarmPlan Plan => new() { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50) };

    private string Storage => Path.Combine(rig.Root, "storage");

    public void Dispose() => rig.Dispose();

    /// <summary>Also where a downtime is asked for that this exceeds: neither of the two shows whether anybody wrote to it between two passes.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_is_followed_to_the_place_and_all_of_it_is_read_back_at_the_end(bool onDevice)
    {
        await using var place = await PlaceAsync(onDevice);
        await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "qcow2", [DiskBytes, 1 << 20], Cancel);
        await WriteAsync(qemu, 30);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is not PassFinished { Pass: { IsFinal: false } pass }) return;
            for (var i = 0; i < 5; i++) qemu.WriteSomewhereAsync(random, Cancel).GetAwaiter().GetResult();
            if (pass.Number == 2) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu, place.Name) with { Warm = Plan with { Downtime = TimeSpan.Zero } }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertArrived(qemu);
        Assert.Equal(qemu.Snapshot(1), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk2.raw"), Cancel));
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.True(predicate.GetProperty("passes").GetArrayLength() >= 4);
        var disk = predicate.GetProperty("disks")[0];
        Assert.Equal(("full", (long)DiskBytes), (disk.GetProperty("readBack").GetProperty("scope").GetString(), disk.GetProperty("readBack").GetProperty("endBytes").GetInt64()));
        // Zeros were written over what was there, and not only found missing by the read-back.
        Assert.Equal(0, disk.GetProperty("mismatches").GetArrayLength());
        Assert.Contains(predicate.GetProperty("notProven").EnumerateArray(), n => n.GetString()!.Contains(place.Name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Died_anywhere_it_goes_on_there_and_misses_nothing_that_was_written_meanwhile(bool onDevice)
    {
        await using var place = await PlaceAsync(onDevice);
        var writes = 0;
        await using (var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "qcow2", [DiskBytes], Cancel))
        {
            using var store = rig.OpenStore();
            store.Journal.BeforeWrite = () => writes++;
            Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, Request(qemu, place.Name), AfterTwoPasses(store), Cancel)).Verdict);
        }

        for (var crash = 9; crash <= writes; crash += 8) // every eighth, for the time it takes
        {
            Directory.Delete(rig.State, recursive: true);
            if (Directory.Exists(rig.Target)) Directory.Delete(rig.Target, recursive: true);
            await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "qcow2", [DiskBytes], Cancel);
            await WriteAsync(qemu, 20);
            using (var store = rig.OpenStore())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash) throw new SimulatedCrash();
                };
                await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request(qemu, place.Name), AfterTwoPasses(store), Cancel));
            }

            await using (var machine = qemu.IsRunning ? await QemuMachine.ConnectIfThereAsync(qemu.SocketPath, Cancel) : null)
            {
                if (machine is null) continue; // it had ended its source, or was about to: only tidying up was left
                if (await machine.StatusAsync(Cancel) == "running") await WriteAsync(qemu, 5);
            }

            using var again = rig.OpenStore();
            var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, AfterTwoPasses(again), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash} of {writes}: {string.Join(' ', outcome.Reasons)}");
            AssertArrived(qemu);
        }
    }

    /// <summary>Its other disks as well: what goes to the device is the first.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_loop_device_over_what_the_machine_runs_on_is_its_source_and_is_not_written_to(int disk)
    {
        await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "raw", [DiskBytes, DiskBytes], Cancel);
        await WriteAsync(qemu, 10);
        var before = await File.ReadAllBytesAsync(qemu.Images[disk], Cancel);
        await using var over = await LoopDevice.OfAsync(qemu.Images[disk], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu, over.Path) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow } }, new Recorder(), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL7105", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(qemu.Images[disk], Cancel));
        Assert.Empty(store.Journal.Passes(outcome.Id)); // its guest was not frozen for that
    }

    /// <summary>It is the source that is waited for, with a new point in time each; where the target is away that would only disturb the guest.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_of_the_target_that_dies_ends_the_run_without_another_pass_and_a_resume_goes_on(bool whileWritten)
    {
        var socket = Path.Combine(rig.Root, "nbd");
        var server = await ServedExport.ByQemuAsync(Storage, socket);
        try
        {
            await using var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "qcow2", [DiskBytes], Cancel);
            for (var at = 0; at < DiskBytes; at += 1 << 20) await qemu.WriteAsync(0, at, 1 << 20, 7, Cancel);
            using var store = rig.OpenStore();
            var killed = false;
            var request = Request(qemu, server.Uri) with { Warm = Plan with { Patience = TimeSpan.FromSeconds(20) }, BandwidthBytesPerSecond = 4 << 20, CheckpointBytes = 1 << 20 };
            var outcome = await MigrationRunner.StartAsync(store, request, new Recorder(e =>
            {
                if (killed || !(whileWritten ? e is StepProgress { DataBytes: > 0, Disk: "disk1" } : e is PassFinished)) return;
                killed = true;
                server.Kill();
            }), Cancel);
            Assert.True(killed);
            Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
            Assert.StartsWith(whileWritten ? "SL42" : "SL3010", outcome.Reasons[0], StringComparison.Ordinal);
            Assert.Equal(whileWritten ? 1 : 2, store.Journal.Passes(outcome.Id).Count);
            await server.DisposeAsync();
            server = await ServedExport.ByQemuAsync(Storage, socket);
            outcome = await MigrationRunner.ResumeAsync(store, outcome.Id, AfterTwoPasses(store), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
            AssertArrived(qemu);
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_the_passes_read_back_does_not_count_there_so_a_plan_that_relies_on_it_is_refused()
    {
        using var store = rig.OpenStore();
        var request = rig.Request with { Sources = ["qmp:/nowhere"], Target = On("/dev/vg0/web01"), Warm = Plan with { ReadBack = ReadBackScope.Changed } };
        Assert.Equal("SL7010", (await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.StartAsync(store, request, new Recorder(), Cancel))).Code);
    }

    private static MachineTarget On(string place) => new() { Disks = [new DiskTarget("disk1", place)] };

    private static Recorder AfterTwoPasses(MigrationStore store) => new(e =>
    {
        if (e is PassFinished { Pass: { Number: >= 1, IsFinal: false } }) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
    });

    private MigrationRequest Request(RunningQemu qemu, string place) => rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], Target = On(place), Warm = Plan };

    private async Task<Place> PlaceAsync(bool onDevice)
    {
        if (onDevice)
        {
            var device = await LoopDevice.OfAsync(Storage, Cancel);
            return new Place(device.Path, device);
        }

        var server = await ServedExport.ByQemuAsync(Storage, Path.Combine(rig.Root, "nbd"));
        return new Place(server.Uri, server);
    }

    private async Task WriteAsync(RunningQemu qemu, int writes)
    {
        for (var i = 0; i < writes; i++) await qemu.WriteSomewhereAsync(random, Cancel);
    }

    private void Fill()
    {
        var old = new byte[DiskBytes + BehindBytes];
        Array.Fill(old, (byte)0xEE);
        File.WriteAllBytes(Storage, old);
    }

    private void AssertArrived(RunningQemu qemu)
    {
        var found = File.ReadAllBytes(Storage);
        Assert.True(qemu.Model(0).SequenceEqual(found.AsSpan(0, DiskBytes)), "it differs");
        Assert.All(found[DiskBytes..], b => Assert.Equal(0xEE, b));
    }

    private sealed record Place(string Name, IAsyncDisposable What) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => What.DisposeAsync();
    }
}
