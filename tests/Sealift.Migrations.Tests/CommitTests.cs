using Sealift.Guests;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

/// <summary>Conversion and commit over real overlays, with a converter that needs no appliance: it writes known bytes into each.</summary>
public sealed class CommitTests : IDisposable
{
    private readonly MigrationRig rig = new();

    public void Dispose() => rig.Dispose();

    private MigrationRequest Request => rig.Request with { Sources = [rig.First, rig.Second], Convert = true };

    [Fact]
    public async Task Died_anywhere_from_conversion_to_seal_it_resumes_to_the_same_end_on_both_disks()
    {
        var (writes, firstOfConversion) = (0, 0);
        using (var store = Open())
        {
            store.Journal.BeforeWrite = () => writes++;
            var calm = await MigrationRunner.StartAsync(store, Request, new Recorder(e =>
            {
                if (e is StepStarted { Step: StepName.Convert }) firstOfConversion = writes;
            }), MigrationRig.Cancel);
            Assert.True(calm.Verdict == Verdict.Degraded, string.Join(' ', calm.Reasons));
        }

        var expected = rig.TargetSnapshot();
        await AssertConvertedAsync();
        for (var crash = firstOfConversion; crash <= writes; crash += 3) // every third, for the time it takes
        {
            Directory.Delete(rig.Target, recursive: true);
            Directory.Delete(rig.State, recursive: true);
            using (var store = Open())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash) throw new SimulatedCrash();
                };
                await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel));
            }

            using var again = Open();
            var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, new Recorder(), MigrationRig.Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash} of {writes}: {string.Join(' ', outcome.Reasons)}");
            Assert.Equal(expected, rig.TargetSnapshot());
        }
    }

    [Fact]
    public async Task A_failed_conversion_leaves_the_copied_disks_as_they_arrived_and_can_be_resumed()
    {
        using var store = Open();
        store.Converter = async (request, log, cancel) =>
        {
            await ConvertAsync(request, log, cancel);
            throw new SealiftException("SL5999", "convert", "box", "no", "Try again");
        };
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel);
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        var artefacts = store.Show(outcome.Id).Artefacts;
        Assert.DoesNotContain(artefacts, a => a.Kind == "overlay");
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await File.ReadAllBytesAsync(artefacts.First(a => a.Kind == "disk").Path, MigrationRig.Cancel));

        store.Converter = ConvertAsync;
        Assert.Equal(Verdict.Degraded, (await MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), MigrationRig.Cancel)).Verdict);
        await AssertConvertedAsync();
    }

    [Fact]
    public async Task Cancelled_during_the_commit_it_finishes_the_commit_of_all_disks_and_hands_nothing_over()
    {
        using var store = Open();
        using var stop = new CancellationTokenSource();
        var recorder = new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Commit, Disk: "disk1" }) stop.Cancel();
        });
        var outcome = await MigrationRunner.StartAsync(store, Request, recorder, stop.Token);
        Assert.Equal(Verdict.Cancelled, outcome.Verdict);
        Assert.Equal(["disk1", "disk2"], recorder.Events.OfType<StepFinished>().Where(s => s.Step == StepName.Commit).Select(s => s.Disk));
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        Assert.Empty((await MigrationRunner.RemoveAsync(store, outcome.Id, false)).Kept);
        Assert.False(Directory.Exists(rig.Target));
    }

    [Fact]
    public async Task A_converter_that_writes_past_its_overlay_is_found_out()
    {
        using var store = Open();
        store.Converter = async (request, log, cancel) =>
        {
            var result = await ConvertAsync(request, log, cancel);
            var disk = store.Show(store.List().Single().Id).Artefacts.First(a => a.Kind == "disk").Path;
            await using (var file = File.OpenWrite(disk)) file.WriteByte(1);
            return result;
        };
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7206", outcome.Reasons[0], StringComparison.Ordinal);
    }

    private MigrationStore Open() => new(rig.State) { Converter = ConvertAsync };

    /// <summary>Writes 100,000 bytes of 0xC0 at 1,000,000 into disk1 (across a hole) and zeros over the data of disk2.</summary>
    private static async Task<ConversionResult> ConvertAsync(ConversionRequest request, IProgress<string>? log, CancellationToken cancel)
    {
        await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0xc0 1000000 100000", request.Drives[0].ImagePath!), cancel);
        await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -z 65536 65536", request.Drives[1].ImagePath!), cancel);
        return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
    }

    private async Task AssertConvertedAsync()
    {
        var first = await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel);
        first.AsSpan(1_000_000, 100_000).Fill(0xC0);
        var second = await File.ReadAllBytesAsync(rig.Second, MigrationRig.Cancel);
        second.AsSpan(65536, 65536).Clear();
        Assert.Equal(first, await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), MigrationRig.Cancel));
        Assert.Equal(second, await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk2.raw"), MigrationRig.Cancel));
    }
}
