using System.Xml.Linq;
using Sealift.Disks;
using Sealift.Guests;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Tests;

/// <summary>Disks that go to exports of real NBD servers: what is refused, what is overwritten and what is not, what is said of it, and what is taken back.</summary>
public sealed class ExportTargetTests : IDisposable
{
    private const int DiskBytes = (3 << 20) + 1536, BehindBytes = 1 << 20;
    private const string ServerCache = "over new connections after a flush; what the server itself keeps in memory is beyond our reach";

    private readonly MigrationRig rig = new();

    public ExportTargetTests() => Fill(DiskBytes + BehindBytes);

    private static CancellationToken Cancel => MigrationRig.Cancel;

    /// <summary>What the export is made of, longer than the disk that goes there.</summary>
    private string Storage => Path.Combine(rig.Root, "storage");

    private string Socket => Path.Combine(rig.Root, "nbd");

    private string Final => Path.Combine(rig.Target, "box-disk1.nbd");

    public void Dispose() => rig.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_disk_is_on_the_export_and_what_lies_behind_it_stays(bool qemu)
    {
        await using var server = qemu ? await ServedExport.ByQemuAsync(Storage, Socket) : await ServedExport.ByNbdkitAsync(rig.Root, "file", Storage);
        var outcome = await rig.StartAsync(Request(server.Uri));
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
        await AssertArrivedAsync();
        Assert.Equal(server.Uri + "\n", await File.ReadAllTextAsync(Final, Cancel));
        Assert.Equal(await File.ReadAllBytesAsync(rig.Second, Cancel), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk2.raw"), Cancel));

        var disk = XDocument.Load(outcome.DomainPath!).Descendants("disk").First();
        var source = disk.Element("source")!;
        Assert.Equal(("network", "nbd", qemu ? "disk one" : null), (disk.Attribute("type")!.Value, source.Attribute("protocol")!.Value, source.Attribute("name")?.Value));
        Assert.Equal(qemu ? ["unix", Socket] : ["127.0.0.1", server.Uri.Split(':', '/')[^2]], source.Element("host")!.Attributes().Select(a => a.Value));
        Assert.Contains($"file='{server.Uri}'", await File.ReadAllTextAsync(outcome.StartScriptPath!, Cancel), StringComparison.Ordinal);

        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.Equal(ServerCache, predicate.GetProperty("disks")[0].GetProperty("cacheBypass").GetString());
        // Zeros were written over what the export held, and not only found missing by the read-back.
        Assert.Equal(0, predicate.GetProperty("disks")[0].GetProperty("mismatches").GetArrayLength());
        Assert.Contains(predicate.GetProperty("notProven").EnumerateArray(), n => n.GetString()!.Contains(server.Uri, StringComparison.Ordinal) && n.GetString()!.Contains(ServerCache, StringComparison.Ordinal));
        Assert.Contains(predicate.GetProperty("notProven").EnumerateArray(), n => n.GetString()!.Contains("one and the same export", StringComparison.Ordinal));

        Assert.True((await VerifyAsync(outcome)).Ok);
        await AssertVerifiedByHandAsync(outcome);
        await SpoilAsync(70_000);
        Assert.Contains("offset 65536", Assert.Single((await VerifyAsync(outcome)).Claims, c => !c.Holds).Text, StringComparison.Ordinal);

        var left = await File.ReadAllBytesAsync(Storage, Cancel);
        using var store = rig.OpenStore();
        var report = await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true);
        Assert.Empty(report.Kept);
        Assert.False(Path.Exists(rig.Target));
        Assert.Equal(left, await File.ReadAllBytesAsync(Storage, Cancel));
    }

    /// <summary>The file beside the seal is not signed: a right copy elsewhere, or whatever answers there, is not the disk that was sealed.</summary>
    [Fact]
    public async Task What_the_file_beside_the_seal_names_is_verified_only_where_the_seal_names_it_too()
    {
        await using var server = await ServedExport.ByQemuAsync(Storage, Socket);
        var outcome = await rig.StartAsync(Request(server.Uri));
        Assert.Equal(server.Uri, MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("targetExport").GetString());
        var copy = Path.Combine(rig.Root, "copy");
        File.Copy(Storage, copy);
        var other = $"{Socket}2";
        await using var elsewhere = await ServedExport.ByQemuAsync(copy, other);
        foreach (var (text, code) in new[] { ($"{elsewhere.Uri}\n", "SL7143"), ("nbd://127.0.0.1:1/x\n", "SL7143"), ($"{server.Uri}x", "SL7143"), ("nbds://127.0.0.1:1/x", "SL7143"), ("where it is", "SL7142"), ("", "SL7142"), (new string('x', 5000), "SL7142") })
        {
            await File.WriteAllTextAsync(Final, text, Cancel);
            Assert.Contains(code, Assert.Single((await VerifyAsync(outcome)).Claims, c => !c.Holds).Text, StringComparison.Ordinal);
        }

        // One that is named is vouched for by whoever names it; but TLS is none of what a disk is brought to.
        Assert.True((await NamedAsync(elsewhere.Uri)).Ok);
        Assert.Contains("SL7142", Assert.Single((await NamedAsync("nbds://127.0.0.1:1/x")).Claims, c => !c.Holds).Text, StringComparison.Ordinal);
        // What stands for the disk is a file, also where the disk itself lies in its place.
        File.Delete(Final);
        _ = File.CreateSymbolicLink(Final, "/dev/null"); // what it says of itself is not needed
        Assert.Contains("SL7142", Assert.Single((await VerifyAsync(outcome)).Claims, c => !c.Holds).Text, StringComparison.Ordinal);

        async Task<SealVerification> NamedAsync(string uri)
        {
            var file = Path.Combine(rig.Root, "named.nbd");
            await File.WriteAllTextAsync(file, uri, Cancel);
            return await SealVerifier.VerifyAsync(outcome.SealPath!, new SealVerifyOptions { StateDirectory = rig.State, DiskFiles = new Dictionary<string, string> { ["disk1"] = file } }, null, Cancel);
        }
    }

    [Fact]
    public async Task What_cannot_take_the_disk_is_refused_before_a_byte_is_written()
    {
        var before = await File.ReadAllBytesAsync(Storage, Cancel);
        await RefusedAsync("SL3010", On(("disk1", $"nbd+unix:///?socket={Socket}")));
        await using (var server = await ServedExport.ByNbdkitAsync(rig.Root, "-r", "file", Storage)) await RefusedAsync("SL4224", On(("disk1", server.Uri)));
        await using (var server = await ServedExport.ByNbdkitAsync(rig.Root, "memory", "1M"))
        {
            await RefusedAsync("SL4206", On(("disk1", server.Uri)));
            await RefusedAsync("SL7128", On(("disk3", server.Uri)));
        }

        // What a server with room for all clients says of itself stays what it is.
        var grows = "echo >> \"$tmpdir/clients\"; test $(wc -l < \"$tmpdir/clients\") -gt 2 && echo 9M || echo 8M";
        await using (var server = await ServedExport.ByNbdkitAsync(rig.Root, "eval", $"get_size={grows}", "pread=exit 1", "pwrite=exit 1", "flush=exit 0", "can_flush=exit 0", "can_multi_conn=exit 0")) await RefusedAsync("SL3019", On(("disk1", server.Uri)));

        // What qemu-nbd does where nobody tells it otherwise: it goes with its first client.
        await using (var server = await ServedExport.ByQemuAsync(Storage, Socket, "--shared=1")) await RefusedAsync("SL7141", On(("disk1", server.Uri)));
        Assert.Equal(before, await File.ReadAllBytesAsync(Storage, Cancel));
        await using (var server = await ServedExport.ByQemuAsync(Storage, Socket))
        {
            await RefusedAsync("SL7128", On(("disk1", server.Uri), ("disk2", server.Uri)));
            var label = new byte[32];
            "LABELONE"u8.CopyTo(label);
            "LVM2 001"u8.CopyTo(label.AsSpan(24));
            using (var file = PosixFile.Open(Storage, OpenMode.ReadWrite))
            {
                file.WriteAt(label, 512);
                file.Sync();
            }

            await RefusedAsync("SL4259", On(("disk1", server.Uri)));
        }

        async Task RefusedAsync(string code, MachineTarget target)
        {
            using var store = rig.OpenStore();
            Assert.StartsWith(code, Assert.Single((await MigrationRunner.DescribeAsync(store, Request(string.Empty) with { Target = target }, Cancel)).Problems), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_export_that_another_migration_has_claimed_is_refused_until_that_is_removed()
    {
        await using var server = await ServedExport.ByQemuAsync(Storage, Socket);
        var first = await rig.StartAsync(Request(server.Uri));
        Assert.True(first.Verdict == Verdict.Degraded, string.Join(' ', first.Reasons));
        var again = Request(server.Uri) with { TargetDirectory = Path.Combine(rig.Root, "elsewhere") };
        var second = await rig.StartAsync(again);
        Assert.Equal(Verdict.Failed, second.Verdict);
        Assert.StartsWith("SL7128", second.Reasons[0], StringComparison.Ordinal);
        Assert.Contains($"sealift remove {first.Id}", second.Reasons[0], StringComparison.Ordinal);
        using var store = rig.OpenStore();
        Assert.StartsWith("SL7128", Assert.Single((await MigrationRunner.DescribeAsync(store, again, Cancel)).Problems), StringComparison.Ordinal);
        _ = await MigrationRunner.RemoveAsync(store, first.Id, includeHandedOver: true);
        Assert.Equal(Verdict.Degraded, (await MigrationRunner.ResumeAsync(store, second.Id, new Recorder(), Cancel)).Verdict);
    }

    [Fact]
    public async Task One_that_has_another_length_at_the_hand_over_ends_it_and_is_said_not_to_be_used()
    {
        var server = await ServedExport.ByQemuAsync(Storage, Socket);
        try
        {
            var outcome = await rig.StartAsync(Request(server.Uri), new Recorder(e =>
            {
                if (e is not StepFinished { Step: StepName.Gate }) return;
                server.DisposeAsync().AsTask().GetAwaiter().GetResult();
                using (var file = PosixFile.Open(Storage, OpenMode.ReadWrite)) file.SetLength(DiskBytes + (2 * BehindBytes));
                server = ServedExport.ByQemuAsync(Storage, Socket).GetAwaiter().GetResult();
            }));
            Assert.Equal(Verdict.Failed, outcome.Verdict);
            Assert.StartsWith("SL7130", outcome.Reasons[0], StringComparison.Ordinal);
            Assert.Empty(Directory.EnumerateFiles(rig.Target));
            Assert.Contains(MigrationRig.Predicate(outcome.SealPath!).GetProperty("nextSteps").EnumerateArray(), n => n.GetString()!.StartsWith($"{server.Uri} holds parts", StringComparison.Ordinal));
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    /// <summary>The server dies in the midst of the copy, and what it had not written is lost with it.</summary>
    [Fact]
    public async Task A_server_that_dies_while_it_is_copied_to_ends_the_run_and_a_resume_proves_all_of_it()
    {
        var server = await ServedExport.ByQemuAsync(Storage, Socket);
        try
        {
            var killed = false;
            var outcome = await rig.StartAsync(Request(server.Uri) with { BandwidthBytesPerSecond = 4 << 20, CheckpointBytes = 1 << 20 }, new Recorder(e =>
            {
                if (killed || e is not StepProgress { Step: StepName.Copy, Disk: "disk1", DataBytes: > 0 }) return;
                killed = true;
                server.Kill();
            }));
            Assert.True(killed);
            Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
            await server.DisposeAsync();
            await SpoilAsync(100); // as if it had not been written, though a checkpoint may say so
            server = await ServedExport.ByQemuAsync(Storage, Socket);
            outcome = await rig.ResumeAsync();
            Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
            await AssertArrivedAsync();
        }
        finally
        {
            await server.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_is_converted_over_the_export_checked_through_it_and_committed_into_it(bool qemu)
    {
        var disk = await MakeFilesystemAsync();
        Fill((24 << 20) + BehindBytes);
        await using var server = qemu ? await ServedExport.ByQemuAsync(Storage, Socket) : await ServedExport.ByNbdkitAsync(rig.Root, "file", Storage);
        var shown = new List<(int Drives, bool BySocket)>();
        using var store = rig.OpenStore();
        store.Converter = ConvertAsync;
        store.Examiner = (drives, options, log, cancel) =>
        {
            shown.Add((drives.Count, drives[0].NbdSocket is not null));
            return GuestExamination.RunAsync(drives, options with { Way = CheckWay.Host, Inspect = false, FileListDirectory = null }, log, cancel);
        };
        var outcome = await MigrationRunner.StartAsync(store, Request(server.Uri) with { Sources = [disk], Convert = true, Check = true }, new Recorder(), Cancel);
        Assert.True(outcome.Verdict is Verdict.Sealed or Verdict.Degraded, string.Join(' ', outcome.Reasons));
        // The source, which has a server of its own; the overlay over the export; the export.
        Assert.Equal([(1, true), (1, true), (1, true)], shown);
        var expected = await File.ReadAllBytesAsync(disk, Cancel);
        expected.AsSpan(600 << 10, 1 << 16).Fill(0xc0);
        await AssertArrivedAsync(expected);
        Assert.True((await VerifyAsync(outcome)).Ok);
    }

    /// <summary>A file system that the conversion breaks is seen through the overlay over the export.</summary>
    [Fact]
    public async Task Damage_of_the_conversion_is_seen_through_the_export_and_nothing_of_it_reaches_it()
    {
        var disk = await MakeFilesystemAsync();
        Fill((24 << 20) + BehindBytes);
        await using var server = await ServedExport.ByQemuAsync(Storage, Socket);
        using var store = rig.OpenStore();
        store.Converter = async (request, log, cancel) =>
        {
            _ = await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0 1026k 1k", request.Drives[0].ImagePath!), cancel); // what it did it says in its log
            return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
        };
        store.Examiner = (drives, options, log, cancel) => GuestExamination.RunAsync(drives, options with { Way = CheckWay.Host, Inspect = false, FileListDirectory = null }, log, cancel);
        var outcome = await MigrationRunner.StartAsync(store, Request(server.Uri) with { Sources = [disk], Convert = true, Check = true }, new Recorder(), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL7202", outcome.Reasons[0], StringComparison.Ordinal);
        await AssertArrivedAsync(await File.ReadAllBytesAsync(disk, Cancel));
    }

    /// <summary>The header of the overlay is what QEMU goes by, so it is not believed.</summary>
    [Theory]
    [InlineData("-b", "SECOND", "-F", "raw")]
    [InlineData("-b", "")]
    [InlineData("-b", "EXPORT", "-F", "qcow2")]
    public async Task An_overlay_that_names_something_else_below_it_is_not_looked_at(params string[] rebase)
    {
        await using var server = await ServedExport.ByNbdkitAsync(rig.Root, "file", Storage);
        using var store = rig.OpenStore();
        store.Converter = async (request, log, cancel) =>
        {
            _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", ["rebase", "-u", "-f", "qcow2", .. rebase.Select(r => r switch { "SECOND" => rig.Second, "EXPORT" => server.Uri, _ => r }), request.Drives[0].ImagePath!]), cancel); // what it did is in the header
            return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
        };
        var outcome = await MigrationRunner.StartAsync(store, Request(server.Uri) with { Convert = true }, new Recorder(), Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.StartsWith("SL7144", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.True(outcome.CanResume);
        await AssertArrivedAsync();
        store.Converter = ConvertAsync;
        outcome = await MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), Cancel);
        Assert.True(outcome.Verdict == Verdict.Degraded, string.Join(' ', outcome.Reasons));
    }

    [Fact]
    public async Task Died_before_any_write_of_the_journal_it_resumes_to_the_same_end_on_the_export()
    {
        await using var server = await ServedExport.ByQemuAsync(Storage, Socket);
        for (var crash = 3; ; crash += 7) // every seventh, for the time it takes
        {
            if (Directory.Exists(rig.Target)) Directory.Delete(rig.Target, recursive: true);
            if (Directory.Exists(rig.State)) Directory.Delete(rig.State, recursive: true);
            await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "raw", "-c", $"write -P 0xee 0 {DiskBytes}", "-c", "flush", server.Uri), Cancel);
            var died = false;
            using (var store = rig.OpenStore())
            {
                store.Converter = ConvertAsync;
                var count = 0;
                store.Journal.BeforeWrite = () =>
                {
                    if (++count < crash) return;
                    died = true;
                    throw new SimulatedCrash();
                };
                try
                {
                    Assert.Equal(Verdict.Degraded, (await MigrationRunner.StartAsync(store, Request(server.Uri) with { Convert = true }, new Recorder(), Cancel)).Verdict);
                }
                catch (SimulatedCrash)
                {
                    // As if killed.
                }
            }

            if (died)
            {
                using var store = rig.OpenStore();
                store.Converter = ConvertAsync;
                var outcome = await MigrationRunner.ResumeAsync(store, store.List().Single().Id, new Recorder(), Cancel);
                Assert.True(outcome.Verdict == Verdict.Degraded, $"died before write {crash}: {string.Join(' ', outcome.Reasons)}");
            }

            var expected = await File.ReadAllBytesAsync(rig.First, Cancel);
            expected.AsSpan(600 << 10, 1 << 16).Fill(0xc0);
            await AssertArrivedAsync(expected);
            Assert.Equal(server.Uri + "\n", await File.ReadAllTextAsync(Final, Cancel));
            Assert.Empty(Directory.EnumerateDirectories(rig.Target));
            if (!died) return;
        }
    }

    [Theory]
    [InlineData("disk1=iscsi://array/iqn.2001-05.com.example:vol/2", "SL7129")]
    [InlineData("disk1=nbds://host/x", "SL7140")]
    [InlineData("disk1=nbd+unix:///x?socket=run/nbd", "SL7140")]
    [InlineData("disk1=nbd+unix:///x", "SL3001")]
    [InlineData("disk1=nbd://host/a%0Ab", "SL7140")]
    [InlineData("disk1=nbd+unix:///x?socket=/run/a%0Ab", "SL7140")]
    [InlineData("disk1=nbd+unix:///x?socket=/run/a%25b", "SL7140")]
    [InlineData("disk1=nbd+unix:///x?socket=/run/a%26b", "SL7140")]
    [InlineData("nbd+unix:///x?socket=/run/nbd", "SL7128")]
    [InlineData("=nbd://host/x", "SL7128")]
    public void What_names_no_export_is_refused(string text, string code) => Assert.Equal(code, Assert.ThrowsAny<SealiftException>(() => DiskTarget.Parse(text)).Code);

    [Theory]
    [InlineData("uuid=7=nbd+unix:///x?socket=/run/nbd", "uuid=7", "nbd+unix:///x?socket=/run/nbd")]
    [InlineData("disk1=nbd://somebody:secret@HOST:10809/x", "disk1", "nbd://host/x")]
    public void It_is_named_by_its_uri_without_what_is_secret(string text, string disk, string uri) => Assert.Equal(new DiskTarget(disk, uri), DiskTarget.Parse(text));

    private static MachineTarget On(params IEnumerable<(string Disk, string Device)> disks) => new() { Disks = [.. disks.Select(d => new DiskTarget(d.Disk, d.Device))] };

    /// <summary>As the page and docs/formats/seal.md say: what the export holds, in a file of the name of that which stands for it.</summary>
    private async Task AssertVerifiedByHandAsync(MigrationOutcome outcome)
    {
        var folder = Directory.CreateDirectory(Path.Combine(rig.Root, "by hand")).FullName;
        foreach (var file in Directory.EnumerateFiles(rig.Target).Where(f => f != Final)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        var page = XDocument.Parse((await File.ReadAllTextAsync(outcome.HtmlPath!, Cancel)).Replace("<!DOCTYPE html>", "", StringComparison.OrdinalIgnoreCase));
        var commands = Assert.Single(page.Descendants(), e => e.Name.LocalName == "pre" && e.Value.Contains("nbdcopy", StringComparison.Ordinal)).Value;
        _ = await ChildProcess.RunAsync(new ChildCommand("sh", "-e", "-c", commands.Replace("ELSEWHERE", "'by hand'", StringComparison.Ordinal)) { WorkingDirectory = rig.Root }, Cancel); // anything but exit code 0 is thrown
        await File.WriteAllTextAsync(Path.Combine(rig.Root, "verify.py"), VerifyByHand.Script, Cancel);
        var seal = Path.Combine(folder, Path.GetFileName(outcome.SealPath!));
        var run = await ChildProcess.RunAsync(new ChildCommand("python3", Path.Combine(rig.Root, "verify.py"), seal, Path.Combine(rig.State, "keys", "seal.pub")) { WorkingDirectory = folder, AcceptedExitCodes = [0, 1] }, Cancel);
        Assert.True(run.ExitCode == 0, run.Output + run.ErrorTail);
        Assert.Contains("box-disk1.nbd ok ", run.Output, StringComparison.Ordinal);
    }

    private MigrationRequest Request(string uri) => rig.Request with { Sources = [rig.First, rig.Second], Target = On(("disk1", uri)) };

    private Task<SealVerification> VerifyAsync(MigrationOutcome outcome) => SealVerifier.VerifyAsync(outcome.SealPath!, new SealVerifyOptions { StateDirectory = rig.State }, null, Cancel);

    /// <summary>Writes between the partition table and the partition, as a boot loader would.</summary>
    private static async Task<ConversionResult> ConvertAsync(ConversionRequest request, IProgress<string>? log, CancellationToken cancel)
    {
        _ = await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0xc0 600k 64k", request.Drives[0].ImagePath!), cancel); // what it did it says in its log
        return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
    }

    private async Task<string> MakeFilesystemAsync()
    {
        var disk = Path.Combine(rig.Root, "fs.raw");
        _ = await ChildProcess.RunAsync(new ChildCommand("sh", "-e", "-c", "truncate -s 24M \"$1\"; echo ',,L' | sfdisk -q \"$1\"; mke2fs -q -F -t ext4 -E offset=1048576 \"$1\" 22M", "sh", disk), Cancel); // anything but exit code 0 is thrown
        return disk;
    }

    private void Fill(int length)
    {
        var old = new byte[length];
        Array.Fill(old, (byte)0xEE);
        File.WriteAllBytes(Storage, old);
    }

    private async Task AssertArrivedAsync(byte[]? expected = null)
    {
        expected ??= await File.ReadAllBytesAsync(rig.First, Cancel);
        var found = await File.ReadAllBytesAsync(Storage, Cancel);
        Assert.Equal(expected, found[..expected.Length]);
        Assert.Equal(BehindBytes, found.Length - expected.Length);
        Assert.All(found[expected.Length..], b => Assert.Equal(0xEE, b));
    }

    private async Task SpoilAsync(int offset)
    {
        using var file = PosixFile.Open(Storage, OpenMode.ReadWrite);
        var one = new byte[1];
        file.ReadExactlyAt(one, offset);
        one[0] ^= 0x40;
        file.WriteAt(one, offset);
        file.Sync();
        await Task.CompletedTask;
    }
}
