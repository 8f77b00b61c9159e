using Sealift.Disks;

namespace Sealift.Migrations.Tests;

public sealed class MigrationTests : IDisposable
{
    private readonly MigrationRig rig = new();

    public void Dispose() => rig.Dispose();

    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task Two_disks_arrive_byte_for_byte_and_nothing_else_stays(ImageFormat format)
    {
        var second = await MigrationRig.ConvertSourceAsync(rig.Second, "qcow2");
        var recorder = new Recorder();
        var outcome = await rig.StartAsync(rig.Request with { Sources = [rig.First, second], Format = format }, recorder);

        Assert.Equal((Verdict.Degraded, false), (outcome.Verdict, outcome.CanResume));
        var name = format == ImageFormat.Raw ? "raw" : "qcow2";
        Assert.Equal(
            new[] { "box-disk1.blockmap", $"box-disk1.{name}", "box-disk2.blockmap", $"box-disk2.{name}", "box-start.sh", "box.seal.html", "box.seal.json", "box.xml" }.Order(StringComparer.Ordinal),
            Directory.EnumerateFileSystemEntries(rig.Target).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal));
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await rig.DiskBytesAsync(Path.Combine(rig.Target, $"box-disk1.{name}"), name));
        Assert.Equal(await File.ReadAllBytesAsync(rig.Second, MigrationRig.Cancel), await rig.DiskBytesAsync(Path.Combine(rig.Target, $"box-disk2.{name}"), name));
        Assert.Equal(0x1ED, Posix.FileFacts.OfPath(outcome.StartScriptPath!).Permissions);
        Assert.Contains(Path.Combine(rig.Target, $"box-disk2.{name}"), await File.ReadAllTextAsync(outcome.DomainPath!, MigrationRig.Cancel), StringComparison.Ordinal);

        string[] expected = ["describe", "preflight", "copy disk1", "read-back disk1", "copy disk2", "read-back disk2", "gate", "hand-over", "seal"];
        Assert.Equal(expected, recorder.Events.OfType<StepFinished>().Select(s => $"{s.Step} {s.Disk}".TrimEnd()));
        Assert.Equal(outcome, Assert.IsType<MigrationFinished>(recorder.Events[^1]).Outcome);
        Assert.All(rig.Show().Steps, s => Assert.Equal(StepState.Done, s.State));

        var predicate = MigrationRig.Predicate(outcome.SealPath!);
        Assert.Equal("degraded", predicate.GetProperty("verdict").GetString());
        var disk = predicate.GetProperty("disks")[1];
        Assert.Equal(disk.GetProperty("sourceRoot").GetString(), disk.GetProperty("finalReadBackRoot").GetString());
        Assert.Equal("qcow2", disk.GetProperty("sourceFormat").GetString());
    }

    [Fact]
    public async Task The_root_in_the_seal_is_what_others_compute()
    {
        var outcome = await rig.StartAsync(rig.Request);
        var naive = NaiveRoot(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel));
        Assert.Equal(naive, MigrationRig.Predicate(outcome.SealPath!).GetProperty("disks")[0].GetProperty("finalReadBackRoot").GetString());
    }

    [Fact]
    public async Task Existing_files_are_refused_before_anything_is_copied()
    {
        Directory.CreateDirectory(rig.Target);
        var mine = Path.Combine(rig.Target, "box.xml");
        await File.WriteAllTextAsync(mine, "mine", MigrationRig.Cancel);
        var recorder = new Recorder();
        var outcome = await rig.StartAsync(rig.Request, recorder);

        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7101", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.Contains(mine, outcome.Reasons[0], StringComparison.Ordinal);
        Assert.DoesNotContain(recorder.Events, e => e is StepStarted { Step: StepName.Copy });
        Assert.Equal("mine", await File.ReadAllTextAsync(mine, MigrationRig.Cancel));
        Assert.Equal("failed", MigrationRig.Predicate(outcome.SealPath!).GetProperty("verdict").GetString());

        // The cause gone, the same migration goes on.
        File.Delete(mine);
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
    }

    [Fact]
    public async Task A_file_that_appears_meanwhile_is_not_written_over_and_nothing_is_handed_over_by_halves()
    {
        var mine = Path.Combine(rig.Target, "box.xml");
        var outcome = await rig.StartAsync(rig.Request, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Gate }) File.WriteAllText(mine, "mine");
        }));
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Equal(["box.xml"], Directory.EnumerateFiles(rig.Target).Select(p => Path.GetFileName(p)!));
        Assert.Equal("mine", await File.ReadAllTextAsync(mine, MigrationRig.Cancel));
        File.Delete(mine);
        Assert.Equal(Verdict.Degraded, (await rig.ResumeAsync()).Verdict);
    }

    [Fact]
    public async Task Overwrite_replaces_files_only_after_the_gate()
    {
        Directory.CreateDirectory(rig.Target);
        var disk = Path.Combine(rig.Target, "box-disk1.raw");
        await File.WriteAllTextAsync(disk, "old", MigrationRig.Cancel);
        var outcome = await rig.StartAsync(rig.Request with { Overwrite = true }, new Recorder(e =>
        {
            if (e is StepFinished { Step: StepName.Gate }) Assert.Equal("old", File.ReadAllText(disk));
        }));
        Assert.Equal(Verdict.Degraded, outcome.Verdict);
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await File.ReadAllBytesAsync(disk, MigrationRig.Cancel));
    }

    [Fact]
    public async Task A_hand_over_that_fails_half_way_puts_back_what_it_was_to_replace()
    {
        Directory.CreateDirectory(rig.Target);
        foreach (var name in new[] { "box-disk1.raw", "box.xml", "box.seal.json" }) await File.WriteAllTextAsync(Path.Combine(rig.Target, name), $"old {name}", MigrationRig.Cancel);
        var inTheWay = Path.Combine(rig.Target, "box-start.sh");
        var outcome = await rig.StartAsync(rig.Request with { Overwrite = true }, new Recorder(e =>
        {
            // After preflight has looked: the disk, its map and the domain get their names before the start script can't.
            if (e is StepFinished { Step: StepName.Gate }) Directory.CreateDirectory(inTheWay);
        }));
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7101", outcome.Reasons[0], StringComparison.Ordinal);
        foreach (var name in new[] { "box-disk1.raw", "box.xml", "box.seal.json" }) Assert.Equal($"old {name}", await File.ReadAllTextAsync(Path.Combine(rig.Target, name), MigrationRig.Cancel));

        Directory.Delete(inTheWay);
        var resumed = await rig.ResumeAsync();
        Assert.Equal(Verdict.Degraded, resumed.Verdict);
        Assert.Equal(await File.ReadAllBytesAsync(rig.First, MigrationRig.Cancel), await File.ReadAllBytesAsync(Path.Combine(rig.Target, "box-disk1.raw"), MigrationRig.Cancel));
        Assert.Empty(Directory.EnumerateDirectories(rig.Target));
    }

    [Fact]
    public async Task The_source_is_never_a_target_even_with_overwrite()
    {
        var source = Path.Combine(rig.SourceDirectory, "box-disk1.raw");
        File.Move(rig.First, source);
        var before = MigrationRig.Snapshot(rig.SourceDirectory);
        var outcome = await rig.StartAsync(rig.Request with { Sources = [source], TargetDirectory = rig.SourceDirectory, Overwrite = true });
        Assert.Contains("SL7105", Assert.Single(outcome.Reasons), StringComparison.Ordinal);
        using (var store = rig.OpenStore()) await MigrationRunner.RemoveAsync(store, outcome.Id, includeHandedOver: true);
        Assert.Equal(before, MigrationRig.Snapshot(rig.SourceDirectory));
    }

    [Fact]
    public async Task Less_than_full_proof_is_refused_at_once_where_the_plan_does_not_accept_it()
    {
        var outcome = await rig.StartAsync(rig.Request with { AcceptDegraded = false });
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.Contains("SL7203", outcome.Reasons[0], StringComparison.Ordinal);
        Assert.False(outcome.CanResume);
        Assert.False(Directory.Exists(rig.Target));
    }

    [Fact]
    public async Task A_source_that_cannot_be_read_still_gets_a_signed_report()
    {
        await File.WriteAllBytesAsync(rig.First, [1, 2, 3], MigrationRig.Cancel);
        var outcome = await rig.StartAsync(rig.Request);
        Assert.Equal(Verdict.Failed, outcome.Verdict);
        Assert.NotNull(outcome.SealPath);
        Assert.StartsWith(rig.State, outcome.SealPath, StringComparison.Ordinal);
        Assert.Equal("failed", MigrationRig.Predicate(outcome.SealPath).GetProperty("verdict").GetString());
        Assert.True(File.Exists(outcome.HtmlPath));
        Assert.False(Directory.Exists(rig.Target));
    }

    [Fact]
    public async Task Directories_made_on_the_way_to_the_target_go_when_nothing_was_copied_and_others_stay()
    {
        Directory.CreateDirectory(Path.Combine(rig.Target, "mine"));
        var request = rig.Request with { TargetDirectory = Path.Combine(rig.Target, "mine", "a", "b"), AcceptDegraded = false };
        await rig.StartAsync(request);
        Assert.True(Directory.Exists(Path.Combine(rig.Target, "mine")));
        Assert.False(Directory.Exists(Path.Combine(rig.Target, "mine", "a")));
    }

    [Fact]
    public async Task Only_files_are_ever_replaced_and_every_obstacle_is_told()
    {
        Directory.CreateDirectory(Path.Combine(rig.Target, "box.xml"));
        var recorder = new Recorder();
        var outcome = await rig.StartAsync(rig.Request with { Overwrite = true, AcceptDegraded = false }, recorder);
        Assert.Contains("SL7203", outcome.Reasons[0], StringComparison.Ordinal);
        var other = Assert.Single(recorder.Events.OfType<Note>(), n => n.Text.Contains("SL7101", StringComparison.Ordinal));
        Assert.Contains("never replaced", other.Text, StringComparison.Ordinal);
        Assert.Equal(["box.xml"], Directory.EnumerateFileSystemEntries(rig.Target).Select(p => Path.GetFileName(p)!));
    }

    [Fact]
    public async Task A_dry_run_writes_nothing_and_says_what_would_happen()
    {
        using var store = rig.OpenStore();
        var forecast = await MigrationRunner.DescribeAsync(store, rig.Request, MigrationRig.Cancel);
        Assert.Empty(forecast.Problems);
        Assert.False(Directory.Exists(rig.Target));
        Assert.Empty(store.List());
        Assert.Equal((3 << 20) + 1536, Assert.Single(forecast.Disks).LengthBytes);
        Assert.Contains(Path.Combine(rig.Target, "box.seal.json"), forecast.TargetPaths);
        Assert.True(forecast.SpaceNeededBytes > 0 && forecast.SpaceFreeBytes > forecast.SpaceNeededBytes);
        Assert.Equal(["describe", "preflight", "copy", "read-back", "gate", "hand-over", "seal"], forecast.Steps.Select(s => s.Step));
        Assert.DoesNotContain(Directory.EnumerateDirectories(rig.State), d => Path.GetFileName(d).StartsWith("forecast", StringComparison.Ordinal));

        Directory.CreateDirectory(rig.Target);
        await File.WriteAllTextAsync(Path.Combine(rig.Target, "box-disk1.raw"), "", MigrationRig.Cancel);
        forecast = await MigrationRunner.DescribeAsync(store, rig.Request with { AcceptDegraded = false }, MigrationRig.Cancel);
        Assert.Equal(["SL7203", "SL7101"], forecast.Problems.Select(p => p[..6]));
    }

    private static string NaiveRoot(byte[] disk)
    {
        using var root = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        for (var at = 0; at < disk.Length; at += 65536) root.AppendData(System.Security.Cryptography.SHA256.HashData(disk.AsSpan(at, Math.Min(65536, disk.Length - at))));
        root.AppendData(BitConverter.GetBytes((long)disk.Length));
        return Convert.ToHexStringLower(root.GetHashAndReset());
    }
}
