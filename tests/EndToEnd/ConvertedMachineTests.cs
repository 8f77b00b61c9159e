using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>From a VMware OVA to a machine that boots from virtio, with a seal that holds.</summary>
public sealed class ConvertedMachineTests(Rig rig, ConvertedMachine machine) : IClassFixture<ConvertedMachine>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void The_verdict_is_sealed()
    {
        Assert.True(machine.Result.ExitCode == 0, $"exit code {machine.Result.ExitCode}\n{machine.Result.Output}\n{machine.Result.ErrorTail}");
        var last = machine.Events[^1];
        Assert.Equal("migration-finished", last.GetProperty("event").GetString());
        Assert.Equal("sealed", last.GetProperty("outcome").GetProperty("verdict").GetString());
    }

    [Fact]
    public void The_steps_are_the_same_words_in_progress_and_seal()
    {
        var shown = machine.Events.Where(e => e.GetProperty("event").GetString() == "step-finished").Select(e => e.GetProperty("step").GetString()).Distinct().ToList();
        foreach (var step in new[] { "describe", "preflight", "check-source", "copy", "read-back", "convert", "check-target", "commit", "prove", "check-committed", "boot-check", "gate", "hand-over" }) Assert.Contains(step, shown);
        var inSeal = machine.Predicate.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("name").GetString()).ToList();
        Assert.Empty(inSeal.Except(shown));
    }

    [Fact]
    public void The_source_is_as_it_was() => Assert.Equal(machine.SourceDigestBefore, Digest.OfFile(rig.TwoDiskOva));

    [Fact]
    public void Nothing_but_the_machine_is_left_in_the_target()
    {
        var names = Directory.EnumerateFileSystemEntries(machine.Target).Select(Path.GetFileName).Order().ToList();
        Assert.Equal(["tiny-changes.jsonl", "tiny-disk1.blockmap", "tiny-disk1.raw", "tiny-disk2.blockmap", "tiny-disk2.raw", "tiny-start.sh", "tiny.seal.html", "tiny.seal.json", "tiny.xml"], names);
    }

    [Fact]
    public async Task The_seal_verifies()
    {
        var result = await rig.RunAsync(machine.State, ["verify", machine.Seal], Cancel);
        Assert.True(result.ExitCode == 0, result.Output + result.ErrorTail);
        Assert.Contains("every claim holds", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_final_digest_is_what_the_disk_hashes_to()
    {
        var expected = machine.Predicate.GetProperty("disks")[0].GetProperty("finalRoot").GetString();
        var result = await rig.RunAsync(machine.State, ["hash", machine.Disk, "--format", "raw"], Cancel);
        Assert.StartsWith(expected!, result.Output, StringComparison.Ordinal);
    }

    /// <summary>First byte, somewhere in the middle, a hole, last byte: each flip is found and located.</summary>
    [Theory]
    [InlineData(0L)]
    [InlineData(5L * 1024 * 1024 + 4321)]
    [InlineData(70L * 1024 * 1024 + 1)]
    [InlineData((128L * 1024 * 1024) - 1)]
    public async Task One_flipped_bit_is_found_and_located(long offset)
    {
        var copy = Path.Combine(rig.NewDirectory(), "copy.raw");
        File.Copy(machine.Disk, copy);
        using (var file = PosixFile.Open(copy, OpenMode.ReadWrite))
        {
            var one = new byte[1];
            file.ReadExactlyAt(one, offset);
            one[0] ^= 0x10;
            file.WriteAt(one, offset);
        }

        var result = await rig.RunAsync(machine.State, ["verify", machine.Seal, "--disk", $"disk1={copy}"], Cancel);
        Assert.Equal(1, result.ExitCode);
        var block = offset / 65536 * 65536;
        Assert.Contains($"offset {block.ToString(CultureInfo.InvariantCulture)}", result.Output, StringComparison.Ordinal);
        File.Delete(copy);
    }

    [Fact]
    public async Task A_seal_signed_by_somebody_else_is_not_believed()
    {
        var result = await rig.RunAsync(rig.NewDirectory(), ["verify", machine.Seal], Cancel);
        Assert.Equal(1, result.ExitCode);
    }

    /// <summary>The OVF lists them the other way round: what counts is the unit that each hangs on.</summary>
    [Fact]
    public void Each_disk_is_in_its_place()
    {
        Assert.Equal(128 << 20, new FileInfo(machine.Disk).Length);
        Assert.Equal(64 << 20, new FileInfo(Path.Combine(machine.Target, "tiny-disk2.raw")).Length);
        var disks = machine.Predicate.GetProperty("disks").EnumerateArray().Select(d => (d.GetProperty("key").GetString(), d.GetProperty("identity").GetString())).ToList();
        Assert.Equal([("disk1", "vmdisk1"), ("disk2", "vmdisk2")], disks);
        var domain = System.Xml.Linq.XDocument.Load(Path.Combine(machine.Target, "tiny.xml")).Descendants("disk")
            .ToDictionary(d => d.Element("target")!.Attribute("dev")!.Value, d => Path.GetFileName(d.Element("source")!.Attribute("file")!.Value));
        Assert.Equal("tiny-disk1.raw", domain["vda"]);
        Assert.Equal("tiny-disk2.raw", domain["vdb"]);
    }

    [Fact]
    public void Every_file_system_was_checked_before_and_after()
    {
        foreach (var when in new[] { "filesystemsBefore", "filesystemsAfter" })
        {
            var labels = machine.Predicate.GetProperty(when).EnumerateArray().Where(f => f.GetProperty("clean").GetBoolean()).Select(f => f.GetProperty("label").GetString()).Order();
            Assert.Equal(["data", "root"], labels);
        }
    }

    [Fact]
    public void Each_point_was_checked_or_is_proven_to_be_what_was_checked() => Assert.Equal(
        ["source checked 2", "copied-target identical 0", "converted-overlay checked 2", "committed-target checked 2"],
        machine.Predicate.GetProperty("points").EnumerateArray().Select(p => $"{p.GetProperty("name").GetString()} {p.GetProperty("standing").GetString()} {p.GetProperty("checkedCount").GetInt32()}"));

    [Fact]
    public void Conversion_is_accounted_for()
    {
        var disk = machine.Predicate.GetProperty("disks")[0];
        Assert.Equal(disk.GetProperty("sourceRoot").GetString(), disk.GetProperty("targetRoot").GetString());
        Assert.Equal(disk.GetProperty("finalRoot").GetString(), disk.GetProperty("finalReadBackRoot").GetString());
        Assert.NotEqual(disk.GetProperty("sourceRoot").GetString(), disk.GetProperty("finalRoot").GetString());
        Assert.NotEqual(0, disk.GetProperty("changed").GetProperty("totalBytes").GetInt64());
    }

    /// <summary>virt-v2v rebuilds the initramfs of this guest and says how it now boots; the second disk is none of its business.</summary>
    [Fact]
    public void The_files_that_the_conversion_changed_are_named()
    {
        var files = machine.Predicate.GetProperty("fileChanges");
        foreach (var filesystem in files.GetProperty("filesystems").EnumerateArray())
            Assert.Equal(string.Empty, filesystem.GetProperty("notTold").GetString());
        var all = File.ReadAllLines(Path.Combine(machine.Target, "tiny-changes.jsonl")).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(all.Count, files.GetProperty("listed").GetInt64());
        Assert.Equal(all.Count, files.GetProperty("filesystems").EnumerateArray().Sum(f => f.GetProperty("changed").GetInt64() + f.GetProperty("removed").GetInt64() + f.GetProperty("added").GetInt64()));
        Assert.Contains(all, f => f.GetProperty("path").GetString()!.StartsWith("/boot/initrd", StringComparison.Ordinal));
        Assert.Contains("list of changed files", File.ReadAllText(Path.Combine(machine.Target, "tiny.seal.html")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_source_boots_from_ide_and_not_from_virtio()
    {
        var console = await Console.BootFromIdeAsync(rig.Disk, "login:", Cancel);
        Assert.Contains("TINY-UP root=/dev/sda1", console, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_migrated_machine_boots_from_virtio_to_its_login_prompt()
    {
        // On a copy, since a machine that runs writes to its disk and the other tests look at it.
        var place = rig.NewDirectory();
        foreach (var file in Directory.EnumerateFiles(machine.Target)) File.Copy(file, Path.Combine(place, Path.GetFileName(file)));
        var console = await Console.WatchAsync(Path.Combine(place, "tiny-start.sh"), [], "login:", TimeSpan.FromMinutes(4), Cancel);
        Assert.Contains("TINY-UP root=/dev/vda1", console, StringComparison.Ordinal);
        Assert.Contains("virtio_blk", console, StringComparison.Ordinal);
    }

    /// <summary>The proof saw what the next test sees, before the machine was handed over.</summary>
    [Fact]
    public void It_was_seen_to_boot_from_virtio_and_the_seal_shows_its_screen()
    {
        var boot = machine.Predicate.GetProperty("boot");
        Assert.Equal(("booted", "boot.login-prompt", "tiny-guest login:"), (boot.GetProperty("outcome").GetString(), boot.GetProperty("class").GetString(), boot.GetProperty("said").GetString()));
        Assert.Contains("TINY-UP root=/dev/vda1", boot.GetProperty("consoleTail").GetString(), StringComparison.Ordinal);
        var page = File.ReadAllText(Path.Combine(machine.Target, "tiny.seal.html"));
        Assert.Contains("src=\"data:image/png;base64," + boot.GetProperty("screen").GetProperty("png").GetString(), page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_migration_does_not_touch_the_first()
    {
        var result = await rig.RunAsync(rig.NewDirectory(), ["migrate", rig.Ova, "--to", machine.Target, "--no-convert", "--no-check", "--accept-degraded"], Cancel);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("--overwrite", result.Output + result.ErrorTail, StringComparison.Ordinal);
        Assert.True(JsonDocument.Parse(File.ReadAllText(machine.Seal)).RootElement.TryGetProperty("payload", out _));
        Assert.Empty(Directory.EnumerateFileSystemEntries(machine.Target, ".sealift-*"));
    }
}
