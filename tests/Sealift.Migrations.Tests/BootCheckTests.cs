using System.Text.Json;
using System.Text.Json.Nodes;
using Sealift.Guests;
using Sealift.Guests.Boot;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

/// <summary>The boot proof as a step: what it is given, what becomes of what it saw, and that it can die at any time.</summary>
public sealed class BootCheckTests : IDisposable
{
    private readonly MigrationRig rig = new();
    private readonly List<(BootMachine Machine, BootOptions Options)> booted = [];

    public void Dispose() => rig.Dispose();

    private MigrationRequest Always => rig.Request with { BootCheck = BootCheck.Always };

    private MigrationRequest Automatic => rig.Request with { BootCheck = BootCheck.Auto, Convert = true };

    [Fact]
    public async Task A_machine_that_boots_is_handed_over_and_its_seal_shows_the_screen()
    {
        using var store = Open(Seen(BootOutcome.Booted, "boot.login-prompt", "web01 login:"), kvm: false);
        var recorder = new Recorder();
        var outcome = await MigrationRunner.StartAsync(store, Always, recorder, MigrationRig.Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        var steps = recorder.Events.OfType<StepFinished>().Select(s => s.Step).ToList();
        Assert.Equal([StepName.ReadBack, StepName.BootCheck, StepName.Gate], steps[^5..^2]);
        var seal = MigrationRig.Predicate(outcome.SealPath!);
        var boot = seal.GetProperty("boot");
        Assert.Equal(("booted", "boot.login-prompt", "web01 login:"), (boot.GetProperty("outcome").GetString(), boot.GetProperty("class").GetString(), boot.GetProperty("said").GetString()));
        Assert.Equal((4, 2), Png.Measure(boot.GetProperty("screen").GetProperty("png").GetBytesFromBase64()));
        Assert.DoesNotContain("boots", seal.GetProperty("notProven").ToString(), StringComparison.Ordinal);
        var page = await File.ReadAllTextAsync(outcome.HtmlPath!, MigrationRig.Cancel);
        Assert.Contains($"src=\"data:image/png;base64,{boot.GetProperty("screen").GetProperty("png").GetString()}\"", page, StringComparison.Ordinal);
        Assert.Contains("img-src data:;", page, StringComparison.Ordinal);
        Assert.Contains("the console &lt;end&gt;", page, StringComparison.Ordinal);
        var verified = await SealVerifier.VerifyAsync(outcome.SealPath!, new SealVerifyOptions { PublicKeyPath = Path.Combine(store.KeysDirectory, "seal.pub") }, null, MigrationRig.Cancel);
        Assert.All(verified.Claims, c => Assert.True(c.Holds, c.ToString()));
        Assert.True(File.Exists(Path.Combine(store.DirectoryOf(outcome.Id), "boot-check.png")));
    }

    [Theory]
    [InlineData(BootCheck.Always)]
    [InlineData(BootCheck.Required)]
    [InlineData(BootCheck.Auto)]
    public async Task A_machine_that_fails_is_not_handed_over_and_can_be_tried_again(BootCheck check)
    {
        var request = check == BootCheck.Auto ? Automatic : rig.Request with { BootCheck = check };
        using var store = Open(Seen(BootOutcome.Failed, "boot.panic", "Kernel panic - not syncing: x"), kvm: true);
        var recorder = new Recorder();
        var outcome = await MigrationRunner.StartAsync(store, request, recorder, MigrationRig.Cancel);
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL7209", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Contains("Kernel panic", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        Assert.Equal(("boot.panic", FindingSeverity.Damage), recorder.Events.OfType<FindingReported>().Select(f => (f.Finding.Class, f.Finding.Severity)).Single());
        var report = MigrationRig.Predicate(outcome.SealPath!);
        var finding = Assert.Single(report.GetProperty("findingsAfter").EnumerateArray());
        Assert.Equal(("boot.panic", "new"), (finding.GetProperty("class").GetString(), finding.GetProperty("standing").GetString()));
        Assert.Equal("failed", report.GetProperty("boot").GetProperty("outcome").GetString());
        Assert.Contains("data:image/png", await File.ReadAllTextAsync(outcome.HtmlPath!, MigrationRig.Cancel), StringComparison.Ordinal);

        store.Booter = Seen(BootOutcome.Booted, "boot.login-prompt", "login:");
        Assert.Equal(Verdict.Degraded, (await MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), MigrationRig.Cancel)).Verdict);
        Assert.True(File.Exists(Path.Combine(rig.Target, "box-disk1.raw")));
    }

    [Fact]
    public async Task Nothing_seen_is_a_note_unless_it_is_required()
    {
        using (var store = Open(Seen(BootOutcome.Unclear, "boot.deadline", "Nothing came within 300 seconds."), kvm: true))
        {
            var recorder = new Recorder();
            var outcome = await MigrationRunner.StartAsync(store, Always, recorder, MigrationRig.Cancel);
            Assert.Equal(Verdict.Degraded, outcome.Verdict);
            Assert.Equal(("boot.deadline", FindingSeverity.Note), recorder.Events.OfType<FindingReported>().Select(f => (f.Finding.Class, f.Finding.Severity)).Single());
            Assert.Contains("That the new machine boots: Nothing came within 300 seconds.", MigrationRig.Predicate(outcome.SealPath!).GetProperty("notProven").EnumerateArray().Select(n => n.GetString()));
            await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true);
        }

        using var again = Open(Seen(BootOutcome.Unclear, "boot.deadline", "Nothing came within 300 seconds."), kvm: true);
        var required = await MigrationRunner.StartAsync(again, rig.Request with { BootCheck = BootCheck.Required }, new Recorder(), MigrationRig.Cancel);
        Assert.Equal((Verdict.Failed, true), (required.Verdict, required.CanResume));
        Assert.Contains("SL7209", required.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_kvm_nothing_is_booted_unless_somebody_asks_and_the_seal_says_so()
    {
        using var store = Open(Seen(BootOutcome.Booted, "boot.login-prompt", "login:"), kvm: false);
        var outcome = await MigrationRunner.StartAsync(store, Automatic, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.Empty(booted);
        var seal = MigrationRig.Predicate(outcome.SealPath!);
        Assert.Equal("untried", seal.GetProperty("boot").GetProperty("outcome").GetString());
        Assert.Contains(seal.GetProperty("notProven").EnumerateArray(), n => n.GetString()!.StartsWith("That the new machine boots: KVM is not usable", StringComparison.Ordinal));
    }

    [Fact]
    public async Task It_is_left_out_where_the_guest_is_not_converted_or_somebody_says_so()
    {
        using var store = Open(Seen(BootOutcome.Failed, "boot.panic", "x"), kvm: true);
        var plain = await MigrationRunner.StartAsync(store, Automatic with { Convert = false }, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Degraded, plain.Verdict);
        Assert.Equal(JsonValueKind.Null, MigrationRig.Predicate(plain.SealPath!).GetProperty("boot").ValueKind);
        await MigrationRunner.RemoveAsync(store, plain.Id, includeHandedOver: true);
        var never = await MigrationRunner.StartAsync(store, Automatic with { BootCheck = BootCheck.Never }, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Degraded, never.Verdict);
        Assert.Contains("--no-boot-check", MigrationRig.Predicate(never.SealPath!).GetProperty("reducedProof").ToString(), StringComparison.Ordinal);
        Assert.Empty(booted);
    }

    [Theory]
    [InlineData("SL5201", "untried")]
    [InlineData("SL5202", "unclear")]
    [InlineData("SL5203", "unclear")]
    public async Task A_qemu_that_breaks_is_an_error_only_where_the_proof_was_asked_for(string code, string outcome)
    {
        using var store = Open((_, _, _, _) => throw new SealiftException(code, "boot", "box", "QEMU went away", "Try again"), kvm: true);
        var automatic = await MigrationRunner.StartAsync(store, Automatic, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Degraded, automatic.Verdict);
        var boot = MigrationRig.Predicate(automatic.SealPath!).GetProperty("boot");
        Assert.Equal(outcome, boot.GetProperty("outcome").GetString());
        Assert.Contains("QEMU went away", boot.GetProperty("said").GetString(), StringComparison.Ordinal);
        await MigrationRunner.RemoveAsync(store, automatic.Id, includeHandedOver: true);
        var asked = await MigrationRunner.StartAsync(store, Always, new Recorder(), MigrationRig.Cancel);
        Assert.Equal((Verdict.Failed, true), (asked.Verdict, asked.CanResume));
        Assert.Contains(code, asked.Reasons[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_that_was_written_to_meanwhile_is_found_out()
    {
        using var store = Open(
            async (machine, options, log, cancel) =>
            {
                await using (var file = File.OpenWrite(machine.Disks[0].Path)) file.WriteByte(1);
                return await Seen(BootOutcome.Booted, "boot.login-prompt", "login:")(machine, options, log, cancel);
            },
            kvm: true);
        var recorder = new Recorder();
        var outcome = await MigrationRunner.StartAsync(store, Always, recorder, MigrationRig.Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7206", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal(StepName.BootCheck, Assert.Single(recorder.Events.OfType<StepFailed>()).Step); // not only at the gate
    }

    [Fact]
    public async Task Killed_in_the_middle_it_is_run_again()
    {
        using (var store = Open(
            (_, options, _, _) =>
            {
                File.WriteAllText(Path.Combine(options.WorkDirectory, "overlay"), "half");
                throw new InvalidOperationException("never seen: the observer dies first");
            },
            kvm: true))
        {
            await Assert.ThrowsAsync<SimulatedCrash>(() => MigrationRunner.StartAsync(store, Always, new Recorder(e =>
            {
                if (e is StepStarted { Step: StepName.BootCheck }) throw new SimulatedCrash();
            }), MigrationRig.Cancel));
        }

        using var again = Open(Seen(BootOutcome.Booted, "boot.login-prompt", "login:"), kvm: true);
        Assert.Equal(Verdict.Degraded, (await MigrationRunner.ResumeAsync(again, again.List().Single().Id, new Recorder(), MigrationRig.Cancel)).Verdict);
        Assert.Single(booted);
        Assert.Empty(Directory.EnumerateDirectories(rig.Target));
    }

    [Fact]
    public async Task It_boots_what_will_be_handed_over_as_long_as_the_plan_says()
    {
        using var store = Open(Seen(BootOutcome.Booted, "boot.login-prompt", "login:"), kvm: false);
        store.Converter = (_, _, _) => Task.FromResult(new ConversionResult("ide", "e1000", [], "stand-in", TimeSpan.Zero));
        var request = Always with { Sources = [rig.First, rig.Second], Convert = true, BootDeadline = TimeSpan.FromSeconds(7) };
        Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, request, new Recorder(), MigrationRig.Cancel)).Verdict);
        var (machine, options) = Assert.Single(booted);
        Assert.Equal(["ide-hd,bus=ide.0,unit=0", "ide-hd,bus=ide.0,unit=1"], machine.Disks.Select(d => d.Device));
        Assert.Equal((true, true, 256L << 20), (machine.OldChipset, machine.HasVirtio, machine.MemoryBytes));
        Assert.Equal((false, TimeSpan.FromSeconds(7)), (options.Kvm, options.Deadline));
        Assert.Equal([(3L << 20) + 1536, 1 << 20], machine.Disks.Select(d => d.LengthBytes));
    }

    [Fact]
    public void A_seal_of_an_earlier_version_has_no_boot_proof_and_is_read_all_the_same()
    {
        var json = JsonNode.Parse(SealStatement.Of(Seals.ExampleSeals.Sealed()).ToJson())!;
        Assert.True(json["predicate"]!.AsObject().Remove("boot"));
        Assert.Null(SealStatement.Parse(JsonSerializer.SerializeToUtf8Bytes(json), "x").Predicate.Boot);
    }

    [Fact]
    public void What_contradicts_a_boot_proof_is_not_signed()
    {
        var report = new BootReport(BootOutcome.Booted, "boot.login-prompt", "login:", "tcg", "QEMU 7.2.22", 3, [], "", Screen);
        var good = Seals.ExampleSeals.Sealed() with { Boot = SealedBoot.Of(report) };
        Assert.Empty(SealContradictions.Of(good));
        SealedBoot[] bad =
        [
            good.Boot with { Outcome = BootOutcome.Failed },
            good.Boot with { Accelerator = "" },
            good.Boot with { ElapsedSeconds = double.NaN },
            good.Boot with { ConsoleTail = new string('x', SealedBoot.ConsoleLimitCharacters + 1) },
            good.Boot with { Screen = new SealedScreen(4, 3, Screen.Png) },
            good.Boot with { Screen = new SealedScreen(4, 2, [.. "<svg onload='alert(1)'/>"u8]) },
        ];
        foreach (var boot in bad) Assert.Single(SealContradictions.Of(good with { Boot = boot }));
    }

    private static BootScreen Screen => new(4, 2, Png.Encode(4, 2, new byte[24]));

    private MigrationStore Open(Func<BootMachine, BootOptions, IProgress<string>?, CancellationToken, Task<BootReport>> booter, bool kvm) => new(rig.State)
    {
        Booter = booter,
        KvmUsable = _ => Task.FromResult(kvm),
        Converter = (_, _, _) => Task.FromResult(new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero)),
    };

    private Func<BootMachine, BootOptions, IProgress<string>?, CancellationToken, Task<BootReport>> Seen(BootOutcome outcome, string name, string said) => (machine, options, _, _) =>
    {
        booted.Add((machine, options));
        return Task.FromResult(new BootReport(outcome, name, said, options.Kvm ? "kvm" : "tcg", "QEMU 7.2.22", 3.5, ["It was tried with 1 of its 2 CPUs."], "the console <end>", Screen));
    };
}
