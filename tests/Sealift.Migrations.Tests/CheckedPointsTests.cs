using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Sealift.Guests;
using Sealift.Guests.Files;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Tests;

/// <summary>A machine with a real file system, converted by a stand-in, checked at each point by what needs no appliance.</summary>
public sealed class CheckedPointsTests : IDisposable
{
    private const int GroupDescriptorsAt = (1 << 20) + 2048; // of a file system with blocks of 1 KiB, which so small a one has

    private readonly MigrationRig rig = new();
    private readonly string disk;

    public CheckedPointsTests() => disk = Path.Combine(rig.SourceDirectory, "ext4.raw");

    public void Dispose() => rig.Dispose();

    private MigrationRequest Request => rig.Request with { Sources = [disk], Convert = true, Check = true };

    [Fact]
    public async Task Each_point_is_checked_or_proven_to_be_what_was_checked()
    {
        await MakeDiskAsync();
        using var store = Open();
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel);
        Assert.True(outcome.Verdict == Verdict.Sealed, string.Join(' ', outcome.Reasons));
        Assert.Equal(
            ["source checked check-source 1 ", "copied-target identical  0 source", "converted-overlay checked check-target 1 ", "committed-target checked check-committed 1 converted-overlay"],
            Points(outcome));
    }

    [Fact]
    public async Task Without_a_conversion_the_copied_disks_themselves_are_checked()
    {
        await MakeDiskAsync();
        using var store = Open();
        var outcome = await MigrationRunner.StartAsync(store, Request with { Convert = false }, new Recorder(), MigrationRig.Cancel);
        Assert.True(outcome.Verdict == Verdict.Sealed, string.Join(' ', outcome.Reasons));
        Assert.Equal(["source checked check-source 1 ", "copied-target checked check-target 1 source", "converted-overlay absent  0 ", "committed-target absent  0 "], Points(outcome));
    }

    [Fact]
    public async Task Without_checks_only_what_was_read_back_is_said()
    {
        await MakeDiskAsync();
        using var store = Open();
        var outcome = await MigrationRunner.StartAsync(store, Request with { Check = false }, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.Equal(["source unchecked  0 ", "copied-target identical  0 source", "converted-overlay unchecked  0 ", "committed-target identical  0 converted-overlay"], Points(outcome));
    }

    /// <summary>After the disk was read back, behind the back of its time stamps: what a proof by reading cannot see any more.</summary>
    [Fact]
    public async Task Damage_that_comes_after_the_proof_is_found_and_nothing_is_handed_over()
    {
        await MakeDiskAsync();
        using var store = Open();
        var damaged = new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Prove, Earlier: false }) Damage(store.Show(store.List().Single().Id).Artefacts.Single(a => a.Kind == "disk").Path);
        });
        var outcome = await MigrationRunner.StartAsync(store, Request, damaged, MigrationRig.Cancel);
        Assert.Equal((Verdict.Failed, true), (outcome.Verdict, outcome.CanResume));
        Assert.Contains("SL7211", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
        var finding = Assert.Single(MigrationRig.Predicate(outcome.SealPath!).GetProperty("findingsAfter").EnumerateArray(), f => f.GetProperty("standing").GetString() == "new");
        Assert.Equal("ext4.errors", finding.GetProperty("class").GetString());

        // A resume commits and reads back again: what lies outside of what was committed is still damaged, and is found there.
        outcome = await MigrationRunner.ResumeAsync(store, outcome.Id, new Recorder(), MigrationRig.Cancel);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7204", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(rig.Target));
    }

    [Fact]
    public async Task What_changed_by_file_is_handed_over_and_verified_with_the_seal()
    {
        await MakeDiskAsync();
        using var store = Open();
        var outcome = await MigrationRunner.StartAsync(store, Request, new Recorder(), MigrationRig.Cancel);
        var list = Path.Combine(rig.Target, "box-changes.jsonl");
        Assert.Equal("""{"filesystem":"fs","change":"changed","type":"file","path":"/etc/fstab","bytesBefore":1,"bytesAfter":2,"differences":["size"]}""", Assert.Single(await File.ReadAllLinesAsync(list, MigrationRig.Cancel)));
        var files = MigrationRig.Predicate(outcome.SealPath!).GetProperty("fileChanges");
        Assert.Equal(("box-changes.jsonl", 1), (files.GetProperty("list").GetString(), files.GetProperty("listed").GetInt32()));
        Assert.False(Directory.Exists(Path.Combine(store.DirectoryOf(outcome.Id), "files-before")));
        Assert.False(Directory.Exists(Path.Combine(store.DirectoryOf(outcome.Id), "files-after")));

        var options = new SealVerifyOptions { StateDirectory = rig.State };
        Assert.True((await SealVerifier.VerifyAsync(outcome.SealPath!, options, null, MigrationRig.Cancel)).Ok);
        await File.AppendAllTextAsync(list, "{}\n", MigrationRig.Cancel);
        Assert.Equal("box-changes.jsonl", Assert.Single((await SealVerifier.VerifyAsync(outcome.SealPath!, options, null, MigrationRig.Cancel)).Claims, c => !c.Holds).Subject);
    }

    [Fact]
    public async Task A_list_that_was_lost_on_the_way_is_said_and_stops_nothing()
    {
        await MakeDiskAsync();
        using var store = Open();
        var outcome = await MigrationRunner.StartAsync(
            store,
            Request,
            new Recorder(e =>
            {
                if (e is StepFinished { Step: StepName.Convert }) Directory.Delete(Path.Combine(store.DirectoryOf(store.List().Single().Id), "files-before"), recursive: true);
            }),
            MigrationRig.Cancel);
        Assert.Equal(Verdict.Sealed, outcome.Verdict);
        var filesystem = Assert.Single(MigrationRig.Predicate(outcome.SealPath!).GetProperty("fileChanges").GetProperty("filesystems").EnumerateArray());
        Assert.Contains("cannot be read", filesystem.GetProperty("notTold").GetString(), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Points(MigrationOutcome outcome) => MigrationRig.Predicate(outcome.SealPath!).GetProperty("points").EnumerateArray()
        .Select(p => $"{p.GetProperty("name").GetString()} {p.GetProperty("standing").GetString()} {p.GetProperty("step").GetString()} {p.GetProperty("checkedCount").GetInt32()} {p.GetProperty("sameAs").GetString()}");

    private static void Damage(string path)
    {
        var reference = path + ".times";
        ChildProcess.RunAsync(new ChildCommand("touch", "-r", path, reference), MigrationRig.Cancel).GetAwaiter().GetResult();
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite)) file.WriteAt(new byte[64], GroupDescriptorsAt);
        ChildProcess.RunAsync(new ChildCommand("touch", "-r", reference, path), MigrationRig.Cancel).GetAwaiter().GetResult();
        File.Delete(reference);
    }

    private MigrationStore Open() => new(rig.State) { Converter = ConvertAsync, Examiner = ExamineAsync };

    /// <summary>Writes between the partition table and the partition, as a boot loader would.</summary>
    private static async Task<ConversionResult> ConvertAsync(ConversionRequest request, IProgress<string>? log, CancellationToken cancel)
    {
        await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", "qcow2", "-c", "write -P 0xc0 600k 64k", request.Drives[0].ImagePath!), cancel);
        return new ConversionResult("virtio-blk", "virtio", [], "stand-in", TimeSpan.Zero);
    }

    /// <summary>Really checks; only the operating system is not looked for, and the list of its files is made up.</summary>
    private static async Task<GuestReport> ExamineAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, IProgress<string>? log, CancellationToken cancel)
    {
        var report = await GuestExamination.RunAsync(drives, options with { Way = CheckWay.Host, Inspect = false }, log, cancel);
        if (options.FileListDirectory is not { } directory) return report;
        using var list = new MemoryStream();
        using (var gzip = new GZipStream(list, CompressionLevel.Fastest)) gzip.Write(Encoding.UTF8.GetBytes($"f 10 644 0:0 {(directory.EndsWith("before", StringComparison.Ordinal) ? 1 : 2)} 1.0 1.0\0./etc/fstab\0\0end\0\0\0"));
        await File.WriteAllBytesAsync(Path.Combine(directory, "0.gz"), list.ToArray(), cancel);
        return report with { FileLists = [new FileList("fs", "disk1 partition 1, ext4", "/", "ext4", "0.gz", 1, Convert.ToHexStringLower(SHA256.HashData(list.ToArray())), string.Empty)] };
    }

    private async Task MakeDiskAsync() => _ = await ChildProcess.RunAsync(
        new ChildCommand("sh", "-e", "-c", "truncate -s 24M \"$1\"; echo ',,L' | sfdisk -q \"$1\"; mke2fs -q -F -t ext4 -E offset=1048576 \"$1\" 22M", "sh", disk), MigrationRig.Cancel);
}
