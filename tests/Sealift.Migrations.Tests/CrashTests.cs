using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

/// <summary>A process that dies at any point of the journal, and a new one that resumes: the same end as an undisturbed run.</summary>
public sealed class CrashTests : IDisposable
{
    private const string Ovf = """
        <Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
          xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
          <References><File ovf:id="f" ovf:href="first.raw.gz" ovf:compression="gzip"/></References>
          <DiskSection><Info/><Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="3147264"/></DiskSection>
          <VirtualSystem ovf:id="box"><Info/><VirtualHardwareSection><Info/>
            <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
            <Item><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>256</rasd:VirtualQuantity></Item>
            <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>
            <Item><rasd:InstanceID>4</rasd:InstanceID><rasd:ResourceType>17</rasd:ResourceType><rasd:HostResource>ovf:/disk/d</rasd:HostResource><rasd:Parent>3</rasd:Parent><rasd:AddressOnParent>0</rasd:AddressOnParent></Item>
          </VirtualHardwareSection></VirtualSystem>
        </Envelope>
        """;

    private readonly MigrationRig rig = new();

    public void Dispose() => rig.Dispose();

    /// <summary>
    /// Death right before each statement that the journal writes: between any two of them lies everything that a step does, so
    /// each state of the files that the journal can be told about is resumed from. (Death in the midst of a write is for the kill
    /// sweep from outside.)
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Died_before_any_write_of_the_journal_it_resumes_to_the_same_end(bool overwrite)
    {
        var request = rig.Request with { Overwrite = overwrite };
        var writes = 0;
        PutInTheWay();
        var calm = await RunAsync(request, () => writes++);
        Assert.Equal(Verdict.Degraded, calm);
        var expected = rig.TargetSnapshot();
        Assert.True(writes > 30, $"{writes} writes");

        for (var crash = 3; crash <= writes; crash++) // 1 and 2: the migration does not exist yet
        {
            Directory.Delete(rig.Target, recursive: true);
            Directory.Delete(rig.State, recursive: true);
            PutInTheWay();
            var count = 0;
            var dead = false;
            await Assert.ThrowsAsync<SimulatedCrash>(() => RunAsync(request, () =>
            {
                if (++count == crash) dead = true;
                if (dead) throw new SimulatedCrash();
            }));

            using (var store = rig.OpenStore())
            {
                var summary = Assert.Single(store.List());
                Assert.Equal((MigrationState.Interrupted, true, null), (summary.State, summary.CanResume, summary.Verdict));
            }

            var outcome = await rig.ResumeAsync();
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash}: {string.Join(' ', outcome.Reasons)}");
            Assert.Equal(expected, rig.TargetSnapshot());
        }

        void PutInTheWay()
        {
            if (!overwrite) return;
            Directory.CreateDirectory(rig.Target);
            foreach (var name in new[] { "box-disk1.raw", "box.xml", "box.seal.html" }) File.WriteAllText(Path.Combine(rig.Target, name), "old");
        }
    }

    [Fact]
    public async Task An_observer_that_throws_ends_the_run_like_a_crash_and_it_resumes_from_each_step()
    {
        var expected = new Dictionary<string, string>();
        var steps = new List<(string Step, string Disk)>();
        Assert.Equal(Verdict.Degraded, (await rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepStarted s) steps.Add((s.Step, s.Disk));
        }))).Verdict);
        foreach (var (name, digest) in rig.TargetSnapshot()) expected[name] = digest;

        Directory.Delete(rig.Target, recursive: true);
        Directory.Delete(rig.State, recursive: true);
        var last = steps[0];
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, CrashAt(last)));
        foreach (var step in steps.Skip(1))
        {
            await Assert.ThrowsAsync<SimulatedCrash>(() => rig.ResumeAsync(CrashAt(step)));
            Assert.Equal(StepState.Started, rig.Show().Steps.Single(s => (s.Step, s.Disk) == step).State);
        }

        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
        Assert.Equal(expected, rig.TargetSnapshot());

        static Recorder CrashAt((string Step, string Disk) at) => new(e =>
        {
            if (e is StepStarted s && (s.Step, s.Disk) == at) throw new SimulatedCrash();
        });
    }

    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task A_crash_in_a_copy_costs_no_more_than_was_copied_since_its_last_checkpoint(ImageFormat format)
    {
        // Slow enough that it is told of more than once. Half of the data is two checkpoints, of which at least one was made then.
        var request = rig.Request with { Format = format, CheckpointBytes = 256 << 10, QueueDepth = 1, RequestBytes = 64 << 10, BandwidthBytesPerSecond = 512 << 10 };
        await CrashInCopyAsync(request, e => e.DataBytes >= 512 << 10 && e.DoneBytes < e.TotalBytes);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        using (var map = BlockMap.Open(MapOfCopy())) Assert.InRange(map.UnknownBlocks, 1, map.BlockCount - (256 << 10 >> 16));
        var events = new Recorder();
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync(events)).Verdict);
        Assert.Contains("copied before the interruption", events.Events.OfType<StepFinished>().Single(e => e.Step == StepName.Copy).Summary, StringComparison.Ordinal);
        await ArrivedAsync(format);
    }

    [Fact]
    public async Task What_was_copied_before_a_crash_is_not_copied_again_and_the_seal_counts_it_all_the_same()
    {
        await CrashInCopyAsync(rig.Request, e => e.DoneBytes == e.TotalBytes);
        var events = new Recorder();
        var outcome = await rig.ResumeAsync(events);
        Assert.Contains("copied before the interruption", events.Events.OfType<StepFinished>().Single(e => e.Step == StepName.Copy).Summary, StringComparison.Ordinal);
        await ArrivedAsync(ImageFormat.Raw);
        var resumed = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0];
        Assert.Equal(0, resumed.GetProperty("performance").GetProperty("stages").EnumerateArray().Where(s => s.GetProperty("stage").GetString() == "target").Sum(s => s.GetProperty("bytes").GetInt64()));

        Directory.Delete(rig.Target, recursive: true);
        Directory.Delete(rig.State, recursive: true);
        var undisturbed = MigrationRig.Predicate((await rig.StartAsync(rig.Request)).SealPath!).GetProperty("disks")[0];
        foreach (var name in new[] { "dataBytes", "zeroBytes", "holeBytes", "sourceRoot", "finalReadBackRoot" })
            Assert.Equal(undisturbed.GetProperty(name).ToString(), resumed.GetProperty(name).ToString());
    }

    [Fact]
    public async Task What_was_copied_before_a_crash_is_not_trusted_either()
    {
        await CrashInCopyAsync(rig.Request, e => e.DoneBytes == e.TotalBytes);
        using (var file = File.OpenWrite(WorkFile("disk1.raw")))
        {
            file.Position = 300_000;
            file.WriteByte(0xFF);
            file.WriteByte(0x00);
        }

        var outcome = await rig.ResumeAsync();
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        var mismatch = Assert.Single(MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("mismatches").EnumerateArray());
        Assert.Equal((4 * 65536, true), (mismatch.GetProperty("offset").GetInt64(), mismatch.GetProperty("repaired").GetBoolean()));
        await ArrivedAsync(ImageFormat.Raw);
    }

    [Fact]
    public async Task A_copy_whose_block_map_was_damaged_begins_anew_and_says_so()
    {
        await CrashInCopyAsync(rig.Request, e => e.DoneBytes == e.TotalBytes);
        using (var file = File.OpenWrite(MapOfCopy())) file.Write(new byte[16 << 10]); // both headers, and what follows them
        var events = new Recorder();
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync(events)).Verdict);
        Assert.Contains(events.Events.OfType<Note>(), n => n.Text.Contains("copied anew", StringComparison.Ordinal));
        Assert.DoesNotContain("copied before", events.Events.OfType<StepFinished>().Single(e => e.Step == StepName.Copy).Summary, StringComparison.Ordinal);
        await ArrivedAsync(ImageFormat.Raw);
    }

    [Theory]
    [InlineData(StepName.Copy)]
    [InlineData(StepName.ReadBack)]
    [InlineData(StepName.Gate)]
    [InlineData(StepName.HandOver)]
    public async Task A_source_that_changed_between_crash_and_resume_fails_for_good(string step)
    {
        await CrashBeforeAsync(step);
        await using (var file = File.OpenWrite(rig.First)) file.WriteByte(1);
        var outcome = await rig.ResumeAsync();
        Assert.Equal((Verdict.Failed, false), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL6003", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.True(!Directory.Exists(rig.Target) || !Directory.EnumerateFiles(rig.Target).Any());
        Assert.Equal("SL7005", (await Assert.ThrowsAnyAsync<SealiftException>(() => rig.ResumeAsync())).Code);
    }

    [Fact]
    public async Task A_copied_disk_that_somebody_changed_after_its_proof_does_not_pass_the_gate()
    {
        await CrashBeforeAsync(StepName.Gate);
        var disk = rig.Show().Artefacts.Single(a => a.Kind == "disk").Path;
        await using (var file = File.OpenWrite(disk)) file.WriteByte(1);
        var outcome = await rig.ResumeAsync();
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7206", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
    }

    [Fact]
    public async Task A_copied_disk_that_was_damaged_before_its_read_back_is_found_and_copied_again()
    {
        await CrashBeforeAsync(StepName.ReadBack);
        var disk = rig.Show().Artefacts.Single(a => a.Kind == "disk").Path;
        await using (var file = File.OpenWrite(disk))
        {
            file.Position = 100_000;
            file.WriteByte((byte)(File.ReadAllBytes(rig.First)[100_000] ^ 1));
        }

        var outcome = await rig.ResumeAsync();
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), MigrationRig.Cancel));
        var mismatch = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("mismatches")[0];
        Assert.Equal((65536, true), (mismatch.GetProperty("offset").GetInt64(), mismatch.GetProperty("repaired").GetBoolean()));
    }

    [Fact]
    public async Task A_damaged_block_map_is_not_trusted()
    {
        await CrashBeforeAsync(StepName.ReadBack);
        var map = rig.Show().Artefacts.Single(a => a.Kind == "block-map").Path;
        var bytes = await File.ReadAllBytesAsync(map, MigrationRig.Cancel);
        await using (var file = File.OpenWrite(map)) file.SetLength(bytes.Length / 2);
        var outcome = await rig.ResumeAsync();
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        // The read-back could not be done: the disk is copied anew, with a new map.
        Assert.True(outcome.CanResume);
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
    }

    /// <summary>A hand-over that fails at its last name is taken back; killed at any write of that, the resume ends as if nothing had happened.</summary>
    [Fact]
    public async Task Killed_while_a_hand_over_is_taken_back_nothing_is_lost()
    {
        var seal = Path.Combine(rig.Target, "box.seal.json");
        var source = await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel);
        for (var crash = 1; ; crash++)
        {
            if (Directory.Exists(rig.Target)) Directory.Delete(rig.Target, recursive: true);
            if (Directory.Exists(rig.State)) Directory.Delete(rig.State, recursive: true);
            int? left = null;
            var failed = false;
            using (var store = rig.OpenStore())
            {
                store.Journal.BeforeWrite = () =>
                {
                    if (left is { } n && (left = n - 1) <= 0) throw new SimulatedCrash();
                };
                var run = MigrationRunner.StartAsync(store, rig.Request, new Recorder(e =>
                {
                    if (e is StepStarted { Step: StepName.Seal }) File.WriteAllText(seal, "somebody else's"); // the name is taken
                    if (e is StepFailed { Step: StepName.Seal }) left = crash;
                }), MigrationRig.Cancel);
                try
                {
                    Assert.Equal(Verdict.Failed, (await run).Verdict);
                }
                catch (SimulatedCrash)
                {
                    failed = true;
                }
            }

            File.Delete(seal);
            var outcome = await rig.ResumeAsync();
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died at write {crash}: {string.Join(' ', outcome.Reasons)}");
            Assert.True(File.Exists(Path.Combine(rig.Target, "box-disk1.raw")), $"died at write {crash}: the disk is gone");
            Assert.Equal(source, await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), MigrationRig.Cancel));
            if (!failed) return;
        }
    }

    [Theory]
    [InlineData(StepName.HandOver)]
    [InlineData(StepName.Seal)]
    public async Task A_disk_that_somebody_changed_after_the_gate_is_not_sealed(string step)
    {
        await CrashBeforeAsync(step);
        var disk = rig.Show().Artefacts.Single(a => a.Kind == "disk").Path;
        await using (var file = File.OpenWrite(disk)) file.WriteByte(1);
        var outcome = await rig.ResumeAsync();
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7206", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
    }

    [Fact]
    public async Task A_disk_that_is_written_to_as_its_read_back_ends_is_not_sealed()
    {
        var written = false;
        // A raw disk is read back while it is copied.
        var outcome = await rig.StartAsync(rig.Request with { Format = ImageFormat.Qcow2 }, new Recorder(e =>
        {
            if (written || e is not StepProgress { Step: StepName.ReadBack } p || p.DoneBytes < p.TotalBytes) return;
            written = true;
            var disk = rig.Show().Artefacts.Single(a => a.Kind == "disk").Path;
            using var file = File.OpenWrite(disk);
            file.WriteByte(1);
        }));
        Assert.True(written);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
    }

    [Fact]
    public async Task A_disk_that_is_written_to_after_it_was_read_back_while_it_was_copied_is_read_back_again()
    {
        var events = new Recorder(e =>
        {
            if (e is not StepStarted { Step: StepName.ReadBack }) return;
            using var file = File.OpenWrite(WorkFile("disk1.raw"));
            file.Position = 70_000;
            file.Write(new byte[16]);
        });
        var outcome = await rig.StartAsync(rig.Request, events);
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.Contains(events.Events.OfType<Note>(), n => n.Text.Contains("written to after it was copied", StringComparison.Ordinal));
        var mismatch = Assert.Single(MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("mismatches").EnumerateArray());
        Assert.Equal((65536, true), (mismatch.GetProperty("offset").GetInt64(), mismatch.GetProperty("repaired").GetBoolean()));
        await ArrivedAsync(ImageFormat.Raw);
    }

    [Fact]
    public async Task A_raw_disk_is_read_once_after_it_was_written_and_a_qcow2_as_well()
    {
        foreach (var format in new[] { ImageFormat.Raw, ImageFormat.Qcow2 })
        {
            var request = rig.Request with { Format = format, TargetDirectory = Path.Combine(rig.Root, format.ToString()) };
            var disk = MigrationRig.Predicate((await rig.StartAsync(request)).SealPath!).GetProperty("disks")[0];
            var read = new[] { "performance", "readBackPerformance" }.Where(name => disk.GetProperty(name).ValueKind == System.Text.Json.JsonValueKind.Object)
                .SelectMany(name => disk.GetProperty(name).GetProperty("stages").EnumerateArray()).Where(s => s.GetProperty("stage").GetString() == "read-back").ToList();
            Assert.InRange(Assert.Single(read).GetProperty("bytes").GetInt64(), disk.GetProperty("dataBytes").GetInt64(), disk.GetProperty("virtualBytes").GetInt64());
        }
    }

    [Fact]
    public async Task What_was_unpacked_from_a_source_is_a_source_too()
    {
        await ChildProcess.RunAsync(new ChildCommand("sh", "-c", $"cd {rig.SourceDirectory} && gzip -k first.raw && cat > box.ovf && tar cf box.ova box.ovf first.raw.gz") { StandardInput = Ovf }, MigrationRig.Cancel);
        var request = rig.Request with { Sources = [Path.Combine(rig.SourceDirectory, "box.ova")] };
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(request, new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Copy }) throw new SimulatedCrash();
        })));
        var unpacked = Directory.EnumerateFiles(rig.Target, "unpacked-*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }).Single();
        await using (var file = File.OpenWrite(unpacked))
        {
            file.Position = 200_000;
            file.WriteByte(1);
        }

        var outcome = await rig.ResumeAsync();
        Assert.Equal((Verdict.Failed, false), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL6003", outcome.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Once_the_seal_is_written_the_machine_stays_even_where_the_source_went()
    {
        var sealedAlready = false;
        using (var store = rig.OpenStore())
        {
            store.Journal.BeforeWrite = () =>
            {
                if (sealedAlready) throw new SimulatedCrash();
            };
            await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, rig.Request, new Recorder(e =>
            {
                if (e is StepFinished { Step: StepName.Seal }) sealedAlready = true;
            }), MigrationRig.Cancel));
        }

        File.Move(rig.First, rig.First + ".away");
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
        Assert.True(File.Exists(Path.Combine(rig.Target, "box-disk1.raw")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task A_journal_that_cannot_be_written_after_the_seal_takes_nothing_back(int failing)
    {
        MigrationOutcome outcome;
        using (var store = rig.OpenStore())
        {
            int? left = null;
            store.Journal.BeforeWrite = () =>
            {
                if (left is { } n && (left = n - 1) == 0) throw MigrationErrors.JournalFailed("sealift.db", new IOException("no space"));
            };
            outcome = await MigrationRunner.StartAsync(store, rig.Request, new Recorder(e =>
            {
                if (e is StepFinished { Step: StepName.Seal }) left = failing;
            }), MigrationRig.Cancel);
        }

        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.True(File.Exists(outcome.SealPath));
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), MigrationRig.Cancel));
        if (!outcome.CanResume) return; // it failed at something that only had to be tidied up
        Assert.Contains(outcome.Reasons, r => r.Contains("SL7007", StringComparison.Ordinal));
        Assert.Equal((Verdict.Degraded, false), await ResumedAsync());
        Assert.True(File.Exists(Path.Combine(rig.Target, "box-disk1.raw")));
        Assert.Empty(Directory.EnumerateDirectories(rig.Target));

        async Task<(Verdict Verdict, bool CanResume)> ResumedAsync()
        {
            var resumed = await rig.ResumeAsync();
            return (resumed.Verdict, resumed.CanResume);
        }
    }

    private async Task CrashBeforeAsync(string step) =>
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepStarted s && s.Step == step) throw new SimulatedCrash();
        })));

    private async Task CrashInCopyAsync(MigrationRequest request, Func<StepProgress, bool> when) =>
        await Assert.ThrowsAsync<SimulatedCrash>(() => rig.StartAsync(request, new Recorder(e =>
        {
            if (e is StepProgress { Step: StepName.Copy } progress && when(progress)) throw new SimulatedCrash();
        })));

    private string MapOfCopy() => WorkFile("disk1.source.blockmap");

    private string WorkFile(string name) => Directory.EnumerateFiles(rig.Target, name, new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 }).Single();

    private async Task ArrivedAsync(ImageFormat format)
    {
        var name = format.ToString().ToLowerInvariant();
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await rig.DiskBytesAsync(Path.Combine(rig.Target, $"box-disk1.{name}"), name));
    }

    private async Task<Verdict> RunAsync(MigrationRequest request, Action beforeWrite)
    {
        using var store = rig.OpenStore();
        store.Journal.BeforeWrite = beforeWrite;
        return (await MigrationRunner.StartAsync(store, request, new Recorder(), MigrationRig.Cancel)).Verdict;
    }
}
