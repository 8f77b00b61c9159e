using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;
using Sealift.Rigs;

namespace Sealift.Migrations.Tests;

/// <summary>Disks that go to real block devices: what is refused, what is overwritten and what is not, and what is taken back.</summary>
public sealed class DeviceTargetTests : IAsyncLifetime
{
    private const int BehindBytes = 1 << 20;

    private readonly MigrationRig rig = new();
    private LoopDevice device = null!;

    private static CancellationToken Cancel => MigrationRig.Cancel;

    /// <summary>What the device is made of, longer than the disk that goes there.</summary>
    private string Storage => Path.Combine(rig.Root, "storage");

    private string Final => Path.Combine(rig.Target, "box-disk1.raw");

    private MigrationRequest Request => rig.Request with { Sources = [rig.First, rig.Second], Target = On(("disk1", device.Path)) };

    public async ValueTask InitializeAsync()
    {
        FillStorage();
        device = await LoopDevice.OfAsync(Storage, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await device.DisposeAsync();
        rig.Dispose();
    }

    [Fact]
    public async Task The_disk_is_on_the_device_and_what_lies_behind_it_stays()
    {
        var outcome = await rig.StartAsync(Request);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertArrivedAsync();
        Assert.Equal(device.Path, new FileInfo(Final).LinkTarget);
        Assert.Null(new FileInfo(Path.Combine(rig.Target, "box-disk2.raw")).LinkTarget);
        Assert.Equal(await File.ReadAllBytesAsync(rig.Second, Cancel), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk2.raw"), Cancel));
        var sources = System.Xml.Linq.XDocument.Load(outcome.DomainPath!).Descendants("disk").Select(d => (d.Attribute("type")!.Value, d.Element("source")!.FirstAttribute!.Name.LocalName, d.Element("source")!.FirstAttribute!.Value));
        Assert.Equal([("block", "dev", device.Path), ("file", "file", Path.Combine(rig.Target, "box-disk2.raw"))], sources);
        Assert.Contains(MigrationRig.Predicate(outcome.SealPath!).GetProperty("notProven").EnumerateArray(), n => n.GetString()!.Contains(device.Path, StringComparison.Ordinal));

        // Zeros were written over what the device held, and not only found missing by the read-back.
        Assert.Equal(0, MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("mismatches").GetArrayLength());

        Assert.True((await VerifyAsync(outcome)).Ok);
        await WriteAsync(70_000, 1);
        var verified = await VerifyAsync(outcome);
        Assert.Contains("offset 65536", Assert.Single(verified.Claims, c => !c.Holds).Text, StringComparison.Ordinal);

        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true);
        Assert.Empty(report.Kept);
        Assert.False(Path.Exists(rig.Target));
        Assert.Equal(FileKind.BlockDevice, FileFacts.OfPath(device.Path).Kind);
    }

    [Fact]
    public async Task It_is_named_by_what_the_source_identifies_it_by_as_well()
    {
        using var store = rig.OpenStore();
        var forecast = await MigrationRunner.DescribeAsync(store, Request, Cancel);
        Assert.Empty(forecast.Problems);
        var identity = forecast.Machine.Disks[0].Identity;
        Assert.Empty((await MigrationRunner.DescribeAsync(store, Request with { Target = On((identity, device.Path)) }, Cancel)).Problems);
    }

    [Fact]
    public async Task What_cannot_take_the_disk_is_refused_before_a_byte_is_written()
    {
        var small = Path.Combine(rig.Root, "small");
        await File.WriteAllBytesAsync(small, new byte[1 << 20], Cancel);
        await using var shorter = await LoopDevice.OfAsync(small, Cancel);
        await RefusedAsync("SL4206", On(("disk1", shorter.Path)));
        await RefusedAsync("SL4253", On(("disk1", Storage)));
        await RefusedAsync("SL1001", On(("disk1", "/dev/no-such-device")));
        await RefusedAsync("SL7128", On(("disk3", device.Path)));
        await RefusedAsync("SL7128", On(("disk1", device.Path), ("disk2", device.Path)));
        using (PosixFile.Open(device.Path, OpenMode.Read | OpenMode.Unused)) await RefusedAsync("SL1001", Request.Target); // as by a mount
        // As by a machine of libvirt's, whose QEMU has a node of its own for the device: nothing else tells of it.
        await using (var machine = ChildProcess.Start(new ChildCommand("sh", "-c", "exec 9<>\"$1\"; echo; read -r end", "sh", device.Path)))
        {
            Assert.NotNull(await machine.ReadLineAsync(Cancel));
            await RefusedAsync("SL4208", Request.Target);
        }

        var label = new byte[32];
        "LABELONE"u8.CopyTo(label);
        "LVM2 001"u8.CopyTo(label.AsSpan(24));
        await using (var file = File.OpenWrite(device.Path))
        {
            file.Position = 512;
            await file.WriteAsync(label, Cancel);
        }

        await RefusedAsync("SL4259", Request.Target);

        async Task RefusedAsync(string code, MachineTarget target)
        {
            using var store = rig.OpenStore();
            Assert.StartsWith(code, Assert.Single((await MigrationRunner.DescribeAsync(store, Request with { Target = target }, Cancel)).Problems), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_device_that_is_the_source_is_never_written_to()
    {
        using var store = rig.OpenStore();
        var problems = (await MigrationRunner.DescribeAsync(store, rig.Request with { Sources = [device.Path], SourceFormat = ImageFormat.Raw, Target = On(("disk1", device.Path)) }, Cancel)).Problems;
        Assert.StartsWith("SL7105", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_loop_device_over_the_source_is_the_source()
    {
        using var store = rig.OpenStore();
        await using var over = await LoopDevice.OfAsync(rig.First, Cancel);
        Assert.StartsWith("SL7105", Assert.Single((await MigrationRunner.DescribeAsync(store, Request with { Target = On(("disk1", over.Path)) }, Cancel)).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_device_that_another_migration_has_claimed_is_refused_until_that_is_removed()
    {
        var first = await rig.StartAsync(Request);
        Assert.True(first.Verdict == Verdict.Degraded, string.Join(' ', first.Reasons));
        var again = Request with { TargetDirectory = Path.Combine(rig.Root, "elsewhere") };
        var second = await rig.StartAsync(again);
        Assert.Equal(Verdict.Failed, second.Verdict);
        Assert.StartsWith("SL7128", second.Reasons[0], StringComparison.Ordinal);
        Assert.Contains($"sealift remove {first.Id}", second.Reasons[0], StringComparison.Ordinal);
        using var store = rig.OpenStore();
        Assert.StartsWith("SL7128", Assert.Single((await MigrationRunner.DescribeAsync(store, again, Cancel)).Problems), StringComparison.Ordinal);
        _ = await MigrationRunner.RemoveAsync(store, first.Id, includeHandedOver: true);
        Assert.Equal(Verdict.Degraded, (await MigrationRunner.ResumeAsync(store, second.Id, new Recorder(), Cancel)).Verdict);
    }

    /// <summary>Somebody begins to use it between the preflight and the copy: not a byte is written.</summary>
    [Fact]
    public async Task One_that_somebody_has_begun_to_use_since_it_was_looked_at_is_not_written_to()
    {
        var before = await File.ReadAllBytesAsync(device.Path, Cancel);
        await using var machine = ChildProcess.Start(new ChildCommand("sh", "-c", "read -r go; exec 9<>\"$1\"; echo; read -r end", "sh", device.Path));
        var outcome = await rig.StartAsync(Request, new Recorder(e =>
        {
            if (e is not StepStarted { Step: StepName.Copy, Disk: "disk1" }) return;
            machine.SendAsync("go\n", Cancel).GetAwaiter().GetResult();
            Assert.NotNull(machine.ReadLineAsync(Cancel).GetAwaiter().GetResult());
        }));
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.StartsWith("SL4208", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(device.Path, Cancel));
        Assert.DoesNotContain(MigrationRig.Predicate(outcome.SealPath!).GetProperty("nextSteps").EnumerateArray(), n => n.GetString()!.Contains("holds parts", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_device_in_its_place_at_the_hand_over_ends_it_and_is_said_not_to_be_used()
    {
        var other = Path.Combine(rig.Root, "other");
        File.Copy(Storage, other);
        await using var stranger = await LoopDevice.OfAsync(other, Cancel);
        var name = Path.Combine(rig.Root, "by-name");
        File.CreateSymbolicLink(name, device.Path);
        var outcome = await rig.StartAsync(Request with { Target = On(("disk1", name)) }, new Recorder(e =>
        {
            if (e is not StepFinished { Step: StepName.Gate }) return;
            File.Delete(name);
            File.CreateSymbolicLink(name, stranger.Path);
        }));
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL7130", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        Assert.Contains(MigrationRig.Predicate(outcome.SealPath!).GetProperty("nextSteps").EnumerateArray(), n => n.GetString()!.StartsWith($"{name} holds parts", StringComparison.Ordinal));
        Assert.Equal(await File.ReadAllBytesAsync(other, Cancel), await File.ReadAllBytesAsync(stranger.Path, Cancel));
    }

    [Fact]
    public async Task It_is_converted_over_the_device_and_committed_into_it()
    {
        using var store = rig.OpenStore();
        store.Converter = async (request, log, cancel) =>
        {
            _ = await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1048576 65536", request.Drives[0].ImagePath!), cancel); // what it did it says in its log
            return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
        };
        var outcome = await MigrationRunner.StartAsync(store, Request with { Convert = true }, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        var expected = await File.ReadAllBytesAsync(rig.First, Cancel);
        expected.AsSpan(1 << 20, 1 << 16).Fill(0x5a);
        await AssertArrivedAsync(expected);
        Assert.True((await VerifyAsync(outcome)).Ok);
    }

    /// <summary>The checks look through the overlay of a conversion at the device below it; an image of somebody else's may not name one.</summary>
    [Fact]
    public async Task A_device_below_an_image_is_looked_at_only_where_the_image_is_ours()
    {
        var overlay = Path.Combine(rig.Root, "overlay.qcow2");
        await Overlay.CreateAsync(overlay, device.Path, ImageFormat.Raw, 3 << 20, Cancel);
        var options = new ImageProbeOptions { AllowBackingDirectory = "/", Format = ImageFormat.Qcow2 };
        Assert.Equal("SL4016", (await Assert.ThrowsAnyAsync<SealiftException>(() => ImageProbe.ExamineAsync(new ImageLocation(overlay), options, Cancel))).Code);
        var image = await ImageProbe.ExamineAsync(new ImageLocation(overlay), options with { AllowBackingDevice = true }, Cancel);
        Assert.Equal((true, ImageFormat.Raw), (image.Backing!.IsBlockDevice, image.Backing.Format));
    }

    [Fact]
    public async Task Died_before_any_write_of_the_journal_it_resumes_to_the_same_end_on_the_device()
    {
        for (var crash = 3; ; crash += 2) // every second, for the time it takes
        {
            if (Directory.Exists(rig.Target)) Directory.Delete(rig.Target, recursive: true);
            if (Directory.Exists(rig.State)) Directory.Delete(rig.State, recursive: true);
            await WriteAsync(0, (3 << 20) + 1536);
            var died = false;
            using (var store = rig.OpenStore())
            {
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count < crash) return;
                    died = true;
                    throw new SimulatedCrash();
                };
                try
                {
                    Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, Request, new Recorder(), Cancel)).Verdict);
                }
                catch (SimulatedCrash)
                {
                    // As if killed.
                }
            }

            if (died)
            {
                var outcome = await rig.ResumeAsync();
                Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash}: {string.Join(' ', outcome.Reasons)}");
            }

            await AssertArrivedAsync();
            Assert.Equal(device.Path, new FileInfo(Final).LinkTarget);
            Assert.Empty(Directory.EnumerateDirectories(rig.Target));
            if (!died) return;
        }
    }

    [Theory]
    [InlineData("disk1", "SL7128")]
    [InlineData("=/dev/x", "SL7128")]
    [InlineData("disk1=vg0/web01", "SL7128")]
    public void A_target_that_names_no_device_is_refused(string text, string code) => Assert.Equal(code, Assert.ThrowsAny<SealiftException>(() => DiskTarget.Parse(text)).Code);

    [Fact]
    public void What_the_source_identifies_a_disk_by_may_hold_an_equals_sign() => Assert.Equal(new DiskTarget("uuid=7", "/dev/vg0/web01"), DiskTarget.Parse("uuid=7=/dev/vg0/web01"));

    private static MachineTarget On(params IEnumerable<(string Disk, string Device)> disks) => new() { Disks = [.. disks.Select(d => new DiskTarget(d.Disk, d.Device))] };

    private Task<SealVerification> VerifyAsync(MigrationOutcome outcome) => SealVerifier.VerifyAsync(outcome.SealPath!, new SealVerifyOptions { StateDirectory = rig.State }, null, Cancel);

    private void FillStorage()
    {
        var old = new byte[(3 << 20) + 1536 + BehindBytes];
        Array.Fill(old, (byte)0xEE);
        File.WriteAllBytes(Storage, old);
    }

    private async Task AssertArrivedAsync(byte[]? expected = null)
    {
        expected ??= await File.ReadAllBytesAsync(rig.First, Cancel);
        var found = await File.ReadAllBytesAsync(device.Path, Cancel);
        Assert.Equal(expected, found[..expected.Length]);
        Assert.Equal(BehindBytes, found.Length - expected.Length);
        Assert.All(found[expected.Length..], b => Assert.Equal(0xEE, b));
    }

    private async Task WriteAsync(int offset, int length)
    {
        await using var file = File.OpenWrite(device.Path);
        file.Position = offset;
        var bytes = new byte[length];
        Array.Fill(bytes, (byte)0xEE);
        await file.WriteAsync(bytes, Cancel);
        file.Flush();
    }
}
