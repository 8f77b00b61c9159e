using Sealift.Disks;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>The first pass over a running machine where storage copies what the guest is writing to.</summary>
public sealed class WarmOffloadTests(MountedStorage storage) : IClassFixture<MountedStorage>, IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly Random random = new(17);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => rig.Dispose();

    /// <summary>The guest writes all the time: what the storage copies is of no one instant, and what arrives is.</summary>
    [Theory]
    [InlineData("xfs", "reflink", ReadBackScope.Full)]
    [InlineData("xfs", "reflink", ReadBackScope.Changed)]
    [InlineData("btrfs", "reflink", ReadBackScope.Full)]
    [InlineData("ext4", "copy-range", ReadBackScope.Full)]
    public async Task What_the_storage_copied_is_written_only_where_it_is_not_of_the_point_in_time(string kind, string way, ReadBackScope scope)
    {
        var folder = storage[kind];
        await using var qemu = await RunningQemu.StartAsync(folder, "raw", [24 << 20, (2 << 20) + 512], Cancel);
        for (var i = 0; i < 80; i++) await qemu.WriteSomewhereAsync(random, Cancel);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            // In the first 512 KiB of each disk: the rest is what the storage copied, whenever it did.
            while (!stop.IsCancellationRequested)
                await qemu.WriteAsync(random.Next(2), random.Next((2 << 20) / 512 / 4) * 512L, 4096, (byte)random.Next(1, 256), Cancel);
        }, Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu, folder, way, scope), new Recorder(e =>
        {
            if (e is not StepStarted { Step: StepName.Cutover }) return;
            stop.Cancel();
            writing.GetAwaiter().GetResult();
        }), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        Same(qemu, folder);
        var disks = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks").EnumerateArray().ToList();
        Assert.All(disks, disk =>
        {
            var transfer = disk.GetProperty("transfer");
            Assert.Equal(way, transfer.GetProperty("used").GetString());
            // All data but these, in whole blocks.
            Assert.InRange(transfer.GetProperty("offloadedBytes").GetInt64(), disk.GetProperty("dataBytes").GetInt64() - (640 << 10), disk.GetProperty("virtualBytes").GetInt64());
        });
        Assert.Contains($"the storage ({way})", await File.ReadAllTextAsync(outcome.HtmlPath!, Cancel), StringComparison.Ordinal);
        await EndedAsync(qemu);
    }

    [Fact]
    public async Task Died_anywhere_it_goes_on_and_misses_nothing()
    {
        var writes = 0;
        for (var crash = 0; crash <= writes; crash += 6) // for the time it takes
        {
            var folder = storage["xfs"];
            if (Directory.Exists(rig.State)) Directory.Delete(rig.State, recursive: true);
            await using var qemu = await RunningQemu.StartAsync(folder, "raw", [4 << 20], Cancel);
            for (var i = 0; i < 20; i++) await qemu.WriteSomewhereAsync(random, Cancel);
            var request = Request(qemu, folder, "reflink", ReadBackScope.Changed);
            using (var store = rig.OpenStore())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash && crash > 3) throw new SimulatedCrash();
                };
                if (crash <= 3)
                {
                    // Undisturbed: so often is the journal written.
                    Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, request, new Recorder(), Cancel)).Verdict);
                    (writes, crash) = (count, 0);
                    continue;
                }

                await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, request, new Recorder(), Cancel));
            }

            await using (var machine = qemu.IsRunning ? await QemuMachine.ConnectIfThereAsync(qemu.SocketPath, Cancel) : null)
            {
                if (machine is null) continue; // it had ended its source: only tidying up was left
                if (await machine.StatusAsync(Cancel) == "running") await qemu.WriteSomewhereAsync(random, Cancel);
            }

            using var again = rig.OpenStore();
            var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, new Recorder(), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash} of {writes}: {string.Join(' ', outcome.Reasons)}");
            Same(qemu, folder);
            await EndedAsync(qemu);
        }

        Assert.InRange(writes, 20, 200);
    }

    [Theory]
    [InlineData("xfs", "qcow2", "the source is qcow2")]
    [InlineData("ext4", "raw", "ext4 cannot share blocks")]
    public async Task What_is_asked_for_and_not_possible_fails_before_anything_is_copied_and_says_why(string kind, string format, string said)
    {
        var folder = storage[kind];
        await using var qemu = await RunningQemu.StartAsync(folder, format, [2 << 20], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu, folder, "reflink", null), new Recorder(), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL4281", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Contains(said, outcome.Reasons[0], StringComparison.Ordinal);
        Assert.True(qemu.IsRunning);
    }

    /// <summary>Shared blocks cost the guest a copy with each of its writes, so nobody shares them unasked.</summary>
    [Fact]
    public async Task Unasked_nothing_is_shared_and_the_seal_says_why()
    {
        var folder = storage["xfs"];
        await using var qemu = await RunningQemu.StartAsync(folder, "raw", [2 << 20], Cancel);
        using var store = rig.OpenStore();
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu, folder, TransferPlan.Auto, null), new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        var transfer = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("transfer");
        Assert.Equal("stream", transfer.GetProperty("used").GetString());
        Assert.Contains("not by itself while the machine runs", transfer.GetProperty("passedOver")[0].GetProperty("why").GetString(), StringComparison.Ordinal);
        await EndedAsync(qemu);
    }

    private MigrationRequest Request(RunningQemu qemu, string folder, string way, ReadBackScope? scope) => rig.Request with
    {
        Sources = [$"qmp:{qemu.SocketPath}"],
        TargetDirectory = Path.Combine(folder, "machines"),
        Transfer = new TransferPlan(way),
        Warm = new WarmPlan { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50), ReadBack = scope, CutoverAt = DateTimeOffset.UtcNow, ScratchDirectory = rig.Root },
    };

    private static void Same(RunningQemu qemu, string folder)
    {
        for (var disk = 0; disk < qemu.Images.Count; disk++) Assert.True(qemu.Model(disk).SequenceEqual(File.ReadAllBytes(Path.Combine(folder, "machines", $"box-disk{disk + 1}.raw"))), $"disk {disk} differs");
    }

    private static async Task EndedAsync(RunningQemu qemu) => await qemu.EndedAsync(Cancel);
}
