using System.Text.Json;
using Sealift.Disks;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>A machine whose disks an ESXi host clones from one datastore to another.</summary>
public sealed class EsxiCloneTests : IClassFixture<StandInEsxi>, IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly StandInEsxi esxi;
    private readonly string descriptor;
    private EsxiHost? host;

    public EsxiCloneTests(StandInEsxi esxi)
    {
        this.esxi = esxi;
        esxi.Behave("honest");
        descriptor = Path.Combine(rig.SourceDirectory, "first disk.vmdk");
        File.WriteAllText(descriptor, $"# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW {new FileInfo(rig.First).Length / 512} FLAT \"first.raw\" 0\n");
    }

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task Each_disk_is_cloned_and_proven_and_nothing_is_left_beside_it()
    {
        var outcome = await rig.StartAsync(Request());
        Assert.Equal(Verdict.Degraded, outcome.Verdict); // what was left out on purpose
        var disk = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0];
        var transfer = disk.GetProperty("transfer");
        Assert.Equal(("esxi-clone", 0L), (transfer.GetProperty("used").GetString(), transfer.GetProperty("repairedBytes").GetInt64()));
        Assert.False(transfer.TryGetProperty("declined", out _));
        Assert.Equal(disk.GetProperty("sourceRoot").GetString(), disk.GetProperty("targetRoot").GetString());
        await ArrivedAsync();
        Assert.DoesNotContain(rig.Show().Artefacts, a => a.Kind == "clone");
    }

    [Fact]
    public async Task A_clone_that_lies_or_fails_is_made_good_by_a_stream_and_the_seal_says_it()
    {
        esxi.Behave("half");
        var lied = MigrationRig.Predicate((await rig.StartAsync(Request())).SealPath!).GetProperty("disks")[0].GetProperty("transfer");
        Assert.InRange(lied.GetProperty("repairedBytes").GetInt64(), 65536, 4 << 20);
        await ArrivedAsync();
        Again();
        esxi.Behave("fail");
        var failed = MigrationRig.Predicate((await rig.StartAsync(Request())).SealPath!).GetProperty("disks")[0].GetProperty("transfer");
        Assert.Contains("Input/output error (327689)", failed.GetProperty("declined").GetString(), StringComparison.Ordinal);
        await ArrivedAsync();
        Again();
        var outcome = await rig.StartAsync(Request(mayFallBack: false));
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL4283", outcome.Reasons[0], StringComparison.Ordinal);
        // What was made is gone by then; a resume asks the host anew.
        esxi.Behave("honest");
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
        await ArrivedAsync();
    }

    /// <summary>Died before any write of the journal, with the host at work or not: the resume ends what is left of it, and comes to the same end.</summary>
    [Fact]
    public async Task Died_before_any_write_of_the_journal_it_resumes_to_the_same_end()
    {
        var (writes, copying) = (0, (First: 0, Last: 0));
        Assert.Equal(Verdict.Degraded, await RunAsync(() => writes++, e =>
        {
            if (e is StepStarted { Step: StepName.Copy }) copying.First = writes;
            if (e is StepFinished { Step: StepName.Copy }) copying.Last = writes;
        }));
        Assert.InRange(copying.Last - copying.First, 12, 60); // of each name that is made, and that it is gone
        var expected = rig.TargetSnapshot();
        for (var crash = copying.First; crash <= copying.Last + 1; crash++)
        {
            Again();
            var count = 0;
            await Assert.ThrowsAsync<SimulatedCrash>(() => RunAsync(() =>
            {
                if (++count >= crash) throw new SimulatedCrash();
            }));
            var outcome = await rig.ResumeAsync();
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash}: {string.Join(' ', outcome.Reasons)}");
            Assert.Equal(expected, rig.TargetSnapshot());
        }
    }

    [Fact]
    public async Task What_a_migration_has_made_at_the_host_is_ended_and_removed_with_it()
    {
        esxi.Behave("slow");
        // It dies in the midst of the clone; what it had planned is listed until it is gone.
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(Request(), new Recorder(e =>
        {
            if (e is StepProgress { Step: StepName.Copy }) throw new SimulatedCrash();
        })));
        Assert.Equal(4, rig.Show().Artefacts.Count(a => a.Kind == "clone"));
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, store.List().Single().Id, includeHandedOver: false);
        Assert.Empty(report.Kept);
        Assert.Empty(esxi.Running());
        Assert.False(Directory.Exists(rig.Target));
    }

    /// <summary>A plan keeps the host, so that a resume needs nothing else; one of an earlier version has none.</summary>
    [Fact]
    public void A_plan_keeps_the_host_and_its_datastores()
    {
        var request = Request();
        var read = JsonSerializer.Deserialize(JsonSerializer.Serialize(request, MigrationJson.Default.MigrationRequest), MigrationJson.Default.MigrationRequest)!;
        Assert.Equal(request.Transfer.Esxi!.Uri, read.Transfer.Esxi!.Uri);
        Assert.Equal(request.Transfer.Esxi.Datastores, read.Transfer.Esxi.Datastores);
    }

    private MigrationRequest Request(bool mayFallBack = true) =>
        rig.Request with { Sources = [descriptor], Transfer = new TransferPlan("esxi-clone", mayFallBack) { Esxi = host ??= esxi.Host(rig.Root) } };

    private async Task ArrivedAsync() =>
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), MigrationRig.Cancel));

    private void Again()
    {
        Directory.Delete(rig.Target, recursive: true);
        Directory.Delete(rig.State, recursive: true);
    }

    private async Task<Verdict?> RunAsync(Action beforeWrite, Action<MigrationEvent>? observe = null)
    {
        using var store = rig.OpenStore();
        store.Journal.BeforeWrite = beforeWrite;
        return (await MigrationRunner.StartAsync(store, Request(), new Recorder(observe ?? (_ => { })), MigrationRig.Cancel)).Verdict;
    }
}
