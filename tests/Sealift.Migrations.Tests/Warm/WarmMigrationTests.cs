using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests.Warm;

/// <summary>Machines that are migrated while their disks are written, on a real QEMU whose every byte is known.</summary>
public sealed class WarmMigrationTests : IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly Random random = new(11);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static WarmPlan Plan => new() { Interval = TimeSpan.Zero, ForceOff = true, ShutdownDeadline = TimeSpan.FromMilliseconds(50) };

    public void Dispose() => rig.Dispose();

    [Fact]
    public async Task A_machine_that_is_written_all_the_time_is_followed_cut_over_and_sealed()
    {
        await using var qemu = await StartAsync([12 << 20, (2 << 20) + 512]);
        await WriteAsync(qemu, 50);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) await qemu.WriteSomewhereAsync(random, Cancel);
        }, Cancel);
        using var store = rig.OpenStore();
        var passes = 0;
        var recorder = new Recorder(e =>
        {
            if (e is PassFinished && ++passes == 3) Assert.NotNull(MigrationRunner.Steer(store, store.List().Single().Id, s => s with { CutoverAt = DateTimeOffset.UtcNow }).CutoverAt);
            if (e is not StepStarted { Step: StepName.Cutover }) return;
            // Without an operating system there is nobody who would stop writing.
            stop.Cancel();
            writing.GetAwaiter().GetResult();
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu), recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(qemu);
        await AssertEndedAsync(qemu);
        var sealed_ = MigrationRig.Predicate(outcome.SealPath!).GetProperty("passes").EnumerateArray().ToList();
        Assert.True(sealed_.Count >= 4);
        Assert.True(sealed_[^1].GetProperty("isFinal").GetBoolean());
        Assert.Equal("full", sealed_[^1].GetProperty("audit").GetString());
        Assert.All(sealed_.Skip(1).SelectMany(p => p.GetProperty("disks").EnumerateArray()), d => Assert.Equal(0, d.GetProperty("lieBytes").GetInt64()));
        var page = await File.ReadAllTextAsync(outcome.HtmlPath!, Cancel);
        Assert.Contains("Passes over the running machine", page, StringComparison.Ordinal);
        Assert.Contains("first pass", page, StringComparison.Ordinal);
        var steered = Assert.Throws<SealiftException>(() => MigrationRunner.Steer(store, outcome.Id, s => s));
        Assert.Equal("SL7306", steered.Code);
    }

    [Fact]
    public async Task Died_anywhere_it_goes_on_and_misses_nothing_that_was_written_meanwhile()
    {
        var writes = 0;
        await using (var qemu = await StartAsync([4 << 20]))
        {
            using var store = rig.OpenStore();
            store.Journal.BeforeWrite = () => writes++;
            Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, InParts(qemu), AfterThreePasses(store), Cancel)).Verdict);
        }

        for (var crash = 4; crash <= writes; crash += 9) // every ninth, for the time it takes
        {
            Directory.Delete(rig.State, recursive: true);
            if (Directory.Exists(rig.Target)) Directory.Delete(rig.Target, recursive: true);
            await using var qemu = await StartAsync([4 << 20]);
            await WriteAsync(qemu, 20);
            using (var store = rig.OpenStore())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count >= crash) throw new SimulatedCrash();
                };
                await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, InParts(qemu), AfterThreePasses(store), Cancel));
            }

            AssertProofsHold();
            await using (var machine = qemu.IsRunning ? await QemuMachine.ConnectIfThereAsync(qemu.SocketPath, Cancel) : null)
            {
                if (machine is null) continue; // it had ended its source, or was about to: only tidying up was left
                if (await machine.StatusAsync(Cancel) == "running") await WriteAsync(qemu, 5);
            }

            using var again = rig.OpenStore();
            var outcome = await MigrationRunner.ResumeAsync(again, again.List().Single().Id, AfterThreePasses(again), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash} of {writes}: {string.Join(' ', outcome.Reasons)}");
            AssertSame(qemu);
            await AssertEndedAsync(qemu);
        }
    }

    [Fact]
    public async Task A_tracker_that_lies_is_caught_named_and_distrusted()
    {
        await using var qemu = await StartAsync([6 << 20]);
        await WriteAsync(qemu, 30);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is not PassFinished { Pass: { Number: 0 } pass }) return;
            qemu.WriteAsync(0, 5 << 16, 4096, 0x77, Cancel).GetAwaiter().GetResult();
            qemu.ClearBitmapAsync(0, pass.Bitmap, Cancel).GetAwaiter().GetResult();
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(qemu);
        var last = store.Journal.Passes(outcome.Id)[^1].Disks[0];
        Assert.Equal((65536, new DiskRange(5 << 16, 65536)), (last.LieBytes, last.Lies.Single()));
        Assert.Contains(recorder.Events.OfType<Note>(), n => n.Text.Contains("the change tracker lied", StringComparison.Ordinal));
        Assert.Contains("lied", await File.ReadAllTextAsync(outcome.HtmlPath!, Cancel), StringComparison.Ordinal);
        await AssertEndedAsync(qemu);
    }

    [Fact]
    public async Task A_qemu_that_was_restarted_has_lost_its_trackers_and_everything_is_compared()
    {
        string[] images;
        byte[] model;
        await using (var qemu = await StartAsync([6 << 20], "raw"))
        {
            await WriteAsync(qemu, 30);
            using var store = rig.OpenStore();
            await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Request(qemu), new Recorder(e =>
            {
                if (e is PassFinished { Pass.Number: 1 }) throw new SimulatedCrash();
            }), Cancel));
            await WriteAsync(qemu, 10);
            (images, model) = ([.. qemu.Images], qemu.Snapshot(0));
            await qemu.KillAsync();
        }

        await using (var qemu = await RunningQemu.StartAsync(rig.SourceDirectory, "raw", images, [model], Cancel))
        {
            using var store = rig.OpenStore();
            var outcome = await MigrationRunner.ResumeAsync(store, store.List().Single().Id, AfterThreePasses(store), Cancel);
            Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
            AssertSame(qemu);
            Assert.Contains("QEMU was restarted", store.Journal.Passes(outcome.Id)[2].Disks[0].FullBecause, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_qemu_that_ends_while_it_is_followed_is_looked_for_again_for_as_long_as_the_plan_says(bool comesBack)
    {
        var qemu = await StartAsync([4 << 20], "raw");
        try
        {
            await WriteAsync(qemu, 10);
            using var store = rig.OpenStore();
            var three = AfterThreePasses(store);
            var recorder = new Recorder(e =>
            {
                three.Report(e);
                if (e is not PassFinished { Pass.Number: 0 }) return;
                var (images, model) = (qemu.Images, qemu.Snapshot(0));
                qemu.KillAsync().GetAwaiter().GetResult();
                if (!comesBack) return;
                qemu.DisposeAsync().AsTask().GetAwaiter().GetResult();
                qemu = RunningQemu.StartAsync(rig.SourceDirectory, "raw", images, [model], Cancel).GetAwaiter().GetResult();
                WriteAsync(qemu, 5).GetAwaiter().GetResult();
            });
            var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Warm = Plan with { Patience = comesBack ? TimeSpan.FromMinutes(5) : TimeSpan.FromSeconds(1) } }, recorder, Cancel);
            Assert.Contains(recorder.Events.OfType<Note>(), n => n.Text.StartsWith("the source was lost", StringComparison.Ordinal));
            if (comesBack)
            {
                Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
                AssertSame(qemu);
            }
            else
            {
                Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
                Assert.Contains("SL3101", outcome.Reasons[0], StringComparison.Ordinal);
            }
        }
        finally
        {
            await qemu.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_source_without_a_tracker_is_followed_by_hash()
    {
        await using var qemu = await StartAsync([6 << 20]);
        await WriteAsync(qemu, 30);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is PassFinished { Pass.Number: 0 }) qemu.WriteAsync(0, 9 << 16, 512, 0x66, Cancel).GetAwaiter().GetResult();
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Warm = Plan with { UseTracker = false, CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        AssertSame(qemu);
        Assert.Equal(0, store.Journal.Passes(outcome.Id)[^1].Disks[0].LieBytes); // nobody claimed anything
    }

    [Fact]
    public async Task A_machine_that_is_started_again_behind_our_back_does_not_pass_the_gate()
    {
        await using var qemu = await StartAsync([2 << 20]);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.ReadBack }) qemu.AskAsync("cont", null, Cancel).GetAwaiter().GetResult();
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.Equal((Verdict.Failed, false), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL7307", outcome.Reasons[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_it_fails_after_the_cutover_the_guest_is_started_again_if_the_plan_says_so_and_nothing_stays(bool restart)
    {
        await using var qemu = await StartAsync([2 << 20]);
        await WriteAsync(qemu, 5);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            // Somebody takes the copied disk away.
            if (e is StepStarted { Step: StepName.ReadBack }) File.Delete(store.Show(store.List().Single().Id).Artefacts.Single(a => a.Kind == "disk").Path);
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Warm = Plan with { CutoverAt = DateTimeOffset.UtcNow, RestartSource = restart } }, recorder, Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7206", outcome.Reasons[0], StringComparison.Ordinal);
        // What was established before it failed stands in the report, also where it is void from now on.
        Assert.Equal(64, MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("sourceRoot").GetString()!.Length);
        await using var machine = await QemuMachine.ConnectAsync(qemu.SocketPath, Cancel);
        Assert.Equal(restart ? "running" : "paused", await machine.StatusAsync(Cancel));
        Assert.Empty(await machine.LeftoversAsync(RunningSource.Prefix, Cancel));
    }

    [Fact]
    public async Task Running_machines_and_images_are_not_mixed_up()
    {
        using var store = rig.OpenStore();
        Assert.Equal("SL7010", (await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.StartAsync(store, rig.Request with { Warm = Plan }, new Recorder(), Cancel))).Code);
        Assert.Equal("SL7010", (await Assert.ThrowsAsync<SealiftException>(() => MigrationRunner.StartAsync(store, rig.Request with { Sources = ["qmp:/nowhere"] }, new Recorder(), Cancel))).Code);
        var unreachable = await MigrationRunner.StartAsync(store, rig.Request with { Sources = ["qmp:/nowhere"], Warm = Plan }, new Recorder(), Cancel);
        Assert.Contains("SL3101", unreachable.Reasons[0], StringComparison.Ordinal);
    }

    /// <summary>And in any format: what a pass writes, it reads back.</summary>
    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task What_the_passes_have_read_back_is_not_read_again_at_the_end_and_the_seal_says_so(ImageFormat format)
    {
        await using var qemu = await StartAsync([6 << 20]);
        await WriteAsync(qemu, 30);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is StepStarted { Step: StepName.Cutover }) qemu.WriteAsync(0, 9 << 16, 512, 0x66, Cancel).GetAwaiter().GetResult();
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Format = format, Warm = Plan with { ReadBack = ReadBackScope.Changed, CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertSameAsync(qemu, format);
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        var parts = predicate.GetProperty("disks")[0].GetProperty("readBack");
        Assert.Equal(("changed", 65536, (6 << 20) - 65536), (parts.GetProperty("scope").GetString(), parts.GetProperty("endBytes").GetInt64(), parts.GetProperty("earlierBytes").GetInt64()));
        var pass = predicate.GetProperty("passes")[0];
        Assert.Equal(6 << 20, pass.GetProperty("disks")[0].GetProperty("provenBytes").GetInt64());
        Assert.InRange(parts.GetProperty("since").GetDateTimeOffset(), pass.GetProperty("pointInTime").GetDateTimeOffset(), DateTimeOffset.UtcNow);
        Assert.Contains(predicate.GetProperty("reducedProof").EnumerateArray(), o => o.GetProperty("option").GetString() == "--read-back changed");
        Assert.Contains("in parts", await File.ReadAllTextAsync(outcome.HtmlPath!, Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ImageFormat.Raw, StepName.Cutover)]
    [InlineData(ImageFormat.Raw, StepName.ReadBack)]
    [InlineData(ImageFormat.Qcow2, StepName.ReadBack)]
    public async Task Somebody_else_who_writes_to_the_copied_disk_voids_what_was_read_back_of_it(ImageFormat format, string when)
    {
        await using var qemu = await StartAsync([6 << 20]);
        await qemu.WriteAsync(0, 0, 6 << 20, 0x11, Cancel);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is StepStarted started && started.Step == when) Damage(store.Show(store.List().Single().Id).Artefacts.Single(a => a.Kind == "disk").Path);
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Format = format, Warm = Plan with { ReadBack = ReadBackScope.Changed, CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertSameAsync(qemu, format);
        Assert.Contains(recorder.Events.OfType<Note>(), n => n.Text.Contains("does not count any more: it was written to since", StringComparison.Ordinal));
        var disk = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0];
        Assert.Equal((6 << 20, 1), (disk.GetProperty("readBack").GetProperty("endBytes").GetInt64(), disk.GetProperty("mismatches").GetArrayLength()));
    }

    /// <summary>The finished disk, too: what the commit wrote is read back, and all of it where somebody else has written.</summary>
    [Theory]
    [InlineData(ImageFormat.Raw, false)]
    [InlineData(ImageFormat.Qcow2, false)]
    [InlineData(ImageFormat.Raw, true)]
    public async Task What_was_read_back_before_the_commit_is_not_read_again_unless_somebody_else_has_written(ImageFormat format, bool damage)
    {
        await using var qemu = await StartAsync([6 << 20]);
        await qemu.WriteAsync(0, 0, 6 << 20, 0x11, Cancel);
        using var store = new MigrationStore(rig.State)
        {
            Converter = async (request, _, cancel) =>
            {
                await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0xc0 1000000 100000", request.Drives[0].ImagePath!), cancel);
                return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
            },
        };
        var recorder = new Recorder(e =>
        {
            if (damage && e is StepStarted { Step: StepName.Prove }) Damage(store.Show(store.List().Single().Id).Artefacts.Single(a => a.Kind == "disk").Path);
        });
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Format = format, Convert = true, Warm = Plan with { ReadBack = ReadBackScope.Changed, CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        if (damage)
        {
            Assert.Equal(Verdict.Failed, outcome.Verdict);
            Assert.Contains("SL7204", outcome.Reasons[0], StringComparison.Ordinal);
            return;
        }

        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        var expected = qemu.Snapshot(0);
        expected.AsSpan(1_000_000, 100_000).Fill(0xC0);
        var name = format == ImageFormat.Raw ? "raw" : "qcow2";
        Assert.Equal(expected, await rig.DiskBytesAsync(Path.Combine(rig.Target, $"box-disk1.{name}"), name));
        var parts = MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("finalReadBack");
        var endBytes = parts.GetProperty("endBytes").GetInt64();
        Assert.InRange(endBytes, 2 << 16, 4 << 16); // D's blocks
        Assert.Equal((6 << 20) - endBytes, parts.GetProperty("earlierBytes").GetInt64());
    }

    [Theory]
    [InlineData(2 << 20, 3 << 20, ImageFormat.Raw)]
    [InlineData(3 << 20, 2 << 20, ImageFormat.Raw)]
    [InlineData(2 << 20, (3 << 20) + 512, ImageFormat.Qcow2)]
    public async Task A_disk_that_is_resized_is_copied_anew_at_its_new_length(int before, int after, ImageFormat format)
    {
        await using var qemu = await StartAsync([before, 1 << 20], "raw");
        await WriteAsync(qemu, 20);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            if (e is not PassFinished { Pass.Number: 0 }) return;
            qemu.ResizeAsync(0, after, Cancel).GetAwaiter().GetResult();
            qemu.WriteAsync(0, after - 512, 512, 0x44, Cancel).GetAwaiter().GetResult();
        });
        var outcome = await MigrationRunner.StartAsync(store, InParts(qemu) with { Format = format, Warm = Plan with { ReadBack = ReadBackScope.Changed, CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertSameAsync(qemu, format);
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.Equal(after, predicate.GetProperty("disks")[0].GetProperty("virtualBytes").GetInt64());
        Assert.Contains($"it had {before} bytes, and has {after} now", predicate.GetProperty("passes")[1].GetProperty("disks")[0].GetProperty("fullBecause").GetString(), StringComparison.Ordinal);
        Assert.Null(predicate.GetProperty("passes")[1].GetProperty("disks")[1].GetProperty("fullBecause").GetString());
        Assert.Contains(recorder.Events.OfType<Note>(), n => n.Text.Contains($"it had {before} bytes", StringComparison.Ordinal));
        await AssertEndedAsync(qemu);
    }

    [Fact]
    public async Task A_disk_that_could_not_be_read_back_is_copied_anew_by_a_resume()
    {
        await using var qemu = await StartAsync([2 << 20]);
        await WriteAsync(qemu, 5);
        using var store = rig.OpenStore();
        var recorder = new Recorder(e =>
        {
            // Its map is damaged: nothing says any more what should be on it.
            if (e is StepStarted { Step: StepName.ReadBack }) File.WriteAllBytes(store.Show(store.List().Single().Id).Artefacts.First(a => a.Path.EndsWith("source.blockmap", StringComparison.Ordinal)).Path, new byte[9000]);
        });
        var failed = await MigrationRunner.StartAsync(store, InParts(qemu) with { Warm = Plan with { ReadBack = ReadBackScope.Changed, CutoverAt = DateTimeOffset.UtcNow } }, recorder, Cancel);
        Assert.Equal((Verdict.Failed, true), (failed.Verdict, failed.CanResume));
        var outcome = await MigrationRunner.ResumeAsync(store, failed.Id, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertSameAsync(qemu, ImageFormat.Raw);
        Assert.Equal(2 << 20, MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("readBack").GetProperty("endBytes").GetInt64());
        await AssertEndedAsync(qemu);
    }

    [Theory]
    [InlineData(null, 3600, ReadBackScope.Full)]
    [InlineData(null, 0, ReadBackScope.Changed)]
    [InlineData(null, null, ReadBackScope.Full)]
    [InlineData(ReadBackScope.Full, 0, ReadBackScope.Full)]
    [InlineData(ReadBackScope.Changed, 3600, ReadBackScope.Changed)]
    public async Task All_of_it_is_read_back_unless_the_plan_says_otherwise_or_it_takes_longer_than_the_machine_may_be_off(ReadBackScope? asked, int? downtimeSeconds, ReadBackScope expected)
    {
        await using var qemu = await StartAsync([2 << 20]);
        await qemu.WriteAsync(0, 0, 1 << 20, 0x11, Cancel);
        using var store = rig.OpenStore();
        TimeSpan? downtime = downtimeSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        var outcome = await MigrationRunner.StartAsync(store, Request(qemu) with { Warm = Plan with { ReadBack = asked, Downtime = downtime, CutoverAt = DateTimeOffset.UtcNow } }, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertSameAsync(qemu, ImageFormat.Raw);
        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        var parts = predicate.GetProperty("disks")[0].GetProperty("readBack");
        Assert.Equal(expected == ReadBackScope.Full ? "full" : "changed", parts.GetProperty("scope").GetString());
        Assert.Equal(expected == ReadBackScope.Full ? 2 << 20 : 0, parts.GetProperty("endBytes").GetInt64());
        Assert.Equal(expected == ReadBackScope.Changed, predicate.GetProperty("reducedProof").EnumerateArray().Any(o => o.GetProperty("option").GetString() is "--downtime" or "--read-back changed"));
    }

    private static Recorder AfterThreePasses(MigrationStore store) => new(e =>
    {
        if (e is PassFinished { Pass: { Number: >= 2, IsFinal: false } }) store.Journal.Steer(store.List().Single().Id, Steering.None with { CutoverAt = DateTimeOffset.UtcNow });
    });

    private MigrationRequest Request(RunningQemu qemu) => rig.Request with { Sources = [$"qmp:{qemu.SocketPath}"], Warm = Plan };

    private MigrationRequest InParts(RunningQemu qemu) => Request(qemu) with { Warm = Plan with { ReadBack = ReadBackScope.Changed } };

    /// <summary>What the record calls read back, of the disk as it is now, is what the disk holds.</summary>
    private void AssertProofsHold()
    {
        using var store = rig.OpenStore();
        var id = store.List().Single().Id;
        var (path, record) = (Path.Combine(rig.Target, $".sealift-{id}", "disk1.raw"), Path.Combine(rig.Target, $".sealift-{id}", "disk1.proven.blockmap"));
        if (!File.Exists(path) || !File.Exists(record) || store.Journal.Passes(id).LastOrDefault(p => p.IsDone)?.Disks[0].Target != TargetState.Of(path)) return; // then nobody believes it
        using var proven = BlockMap.Open(record);
        var bytes = File.ReadAllBytes(path);
        var hasher = new LeafHasher(proven.Parameters);
        Span<byte> leaf = stackalloc byte[proven.Parameters.DigestBytes];
        Span<byte> found = stackalloc byte[proven.Parameters.DigestBytes];
        for (var block = 0; block < proven.BlockCount; block++)
        {
            if (proven.Read(block, leaf) == BlockState.Unknown) continue;
            hasher.Hash(bytes.AsSpan(block << 16, 1 << 16), found);
            Assert.True(leaf.SequenceEqual(found), $"block {block}");
        }
    }

    private Task<RunningQemu> StartAsync(IReadOnlyList<int> lengths, string format = "qcow2") => RunningQemu.StartAsync(rig.SourceDirectory, format, lengths, Cancel);

    private async Task WriteAsync(RunningQemu qemu, int writes)
    {
        for (var i = 0; i < writes; i++) await qemu.WriteSomewhereAsync(random, Cancel);
    }

    private void AssertSame(RunningQemu qemu)
    {
        for (var disk = 0; disk < qemu.Images.Count; disk++) Assert.True(qemu.Model(disk).SequenceEqual(File.ReadAllBytes(Path.Combine(rig.Target, $"box-disk{disk + 1}.raw"))), $"disk {disk} differs");
    }

    private async Task AssertSameAsync(RunningQemu qemu, ImageFormat format)
    {
        for (var disk = 0; disk < qemu.Images.Count; disk++)
        {
            var name = format == ImageFormat.Raw ? "raw" : "qcow2";
            Assert.Equal(qemu.Snapshot(disk), await rig.DiskBytesAsync(Path.Combine(rig.Target, $"box-disk{disk + 1}.{name}"), name));
        }
    }

    /// <summary>In the midst of the disk's data, and with the time of modification set back.</summary>
    private static void Damage(string path)
    {
        var modified = File.GetLastWriteTimeUtc(path);
        using (var file = File.OpenWrite(path))
        {
            file.Position = 5 << 20;
            file.WriteByte(0xEE);
        }

        File.SetLastWriteTimeUtc(path, modified);
    }

    private async Task AssertEndedAsync(RunningQemu qemu)
    {
        await qemu.EndedAsync(Cancel); // by our quit
        Assert.DoesNotContain(Directory.EnumerateFiles(rig.Root, "*.scratch", SearchOption.AllDirectories), _ => true);
    }
}
