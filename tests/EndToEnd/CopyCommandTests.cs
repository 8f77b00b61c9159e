using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary><c>sealift copy</c> as a user runs it: what it makes, what it refuses, what it leaves when it fails, and how it goes on.</summary>
public sealed class CopyCommandTests(Rig rig)
{
    private const long Length = 24 << 20;
    private const long Inside = (5 << 20) + 70_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("raw", "raw")]
    [InlineData("qcow2", "raw")]
    [InlineData("vmdk", "qcow2")]
    [InlineData("vhdx", "raw")]
    [InlineData("raw", "qcow2")]
    public async Task A_disk_of_any_format_arrives_and_its_hash_is_that_of_both(string from, string to)
    {
        var (directory, raw) = Disk();
        var source = Path.Combine(directory, "source." + from);
        if (from == "raw") source = raw;
        else await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", from, raw, source), Cancel);
        var (target, map) = (Path.Combine(directory, "target"), Path.Combine(directory, "map"));
        var before = Digest.OfFile(source);

        var result = await CopyAsync(source, target, "--format", to, "--map", map);
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        Assert.Contains("\nverdict: proven: ", result.Output, StringComparison.Ordinal);
        var root = result.Output.Split(' ')[0];
        foreach (var (file, format) in new[] { (source, from), (target, to), (raw, "raw") })
            Assert.StartsWith(root + "  ", (await rig.RunAsync(directory, ["hash", "--format", format, file], Cancel)).Output, StringComparison.Ordinal);
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "compare", "-f", "raw", "-F", to, raw, target), Cancel);
        Assert.Contains(root, (await rig.RunAsync(directory, ["map", "verify", map], Cancel)).Output, StringComparison.Ordinal);
        Assert.Equal(before, Digest.OfFile(source));
        Assert.Empty(Directory.EnumerateDirectories(directory));
    }

    [Fact]
    public async Task What_exists_is_left_alone_unless_it_was_meant_and_replaced_only_when_all_is_proven()
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        await File.WriteAllTextAsync(target, "mine", Cancel);
        var refused = await CopyAsync(source, target);
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains("SL4253", refused.ErrorTail, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(target, Cancel));

        var failed = await CopyAsync(source, target, Fault("flip", "/disk", times: 1000), "--overwrite");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("SL4234", failed.ErrorTail, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(target, Cancel));

        Assert.Equal(5, (await CopyAsync(source, target, "--overwrite")).ExitCode); // SL4251: an unfinished copy is there
        Assert.Equal(0, (await CopyAsync(source, target, "--overwrite", "--restart")).ExitCode);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
        Assert.Empty(Directory.EnumerateDirectories(directory));

        var itself = await CopyAsync(source, source, "--overwrite");
        Assert.Equal(5, itself.ExitCode);
        Assert.Contains("SL4257", itself.ErrorTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_says_where_its_time_went_and_how_this_machine_hashes()
    {
        var (directory, source) = Disk();
        var result = await CopyAsync(source, Path.Combine(directory, "target.raw"), "--json");
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        var events = Events(result);
        Assert.NotEmpty(events.Single(e => Kind(e) == "copy-started").GetProperty("hashEngine").GetString()!);
        var performance = events[^1].GetProperty("performance");
        var stages = performance.GetProperty("stages").EnumerateArray().ToDictionary(s => s.GetProperty("stage").GetString()!);
        Assert.Equal(["source", "hash", "target", "read-back"], stages.Keys);
        Assert.Contains(performance.GetProperty("bottleneck").GetString()!, stages.Keys);
        var data = events[^1].GetProperty("dataBytes").GetInt64() + events[^1].GetProperty("zeroBytes").GetInt64();
        Assert.Equal(data, stages["source"].GetProperty("bytes").GetInt64());
        Assert.Equal(events[^1].GetProperty("dataBytes").GetInt64(), stages["target"].GetProperty("bytes").GetInt64());
        foreach (var (stage, series) in new[] { ("source", "sourceBytes"), ("target", "targetBytes"), ("read-back", "readBackBytes") })
            Assert.Equal(stages[stage].GetProperty("bytes").GetInt64(), performance.GetProperty("throughput").GetProperty(series).EnumerateArray().Sum(b => b.GetInt64()));
        Assert.All(events.Where(e => Kind(e) == "progress" && e.GetProperty("stage").GetString() == "copy"), e => Assert.True(e.TryGetProperty("performance", out _)));
    }

    [Theory]
    [InlineData("flip")]
    [InlineData("lost")]
    public async Task A_write_that_storage_spoils_once_is_copied_again_and_said(string fault)
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        var result = await CopyAsync(source, target, Fault(fault, "/disk", times: 1), "--json");
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        var events = Events(result);
        var mismatch = Assert.Single(events, e => Kind(e) == "mismatch");
        Assert.InRange(Inside, mismatch.GetProperty("offset").GetInt64(), mismatch.GetProperty("offset").GetInt64() + mismatch.GetProperty("lengthBytes").GetInt64());
        Assert.Equal("proven", events[^1].GetProperty("verdict").GetString());
        Assert.True(events[^1].GetProperty("repairedBytes").GetInt64() >= 65536);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
    }

    [Fact]
    public async Task A_copy_without_room_keeps_what_it_has_and_goes_on_when_there_is_room()
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        var failed = await CopyAsync(source, target, Fault("enospc", "/disk", offset: 20 << 20), "--checkpoint", "2M", "--json");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("SL4212", failed.ErrorTail, StringComparison.Ordinal);
        Assert.Contains("ENOSPC", failed.ErrorTail, StringComparison.Ordinal);
        Assert.Equal("failed", Events(failed)[^1].GetProperty("verdict").GetString());
        Assert.False(File.Exists(target));

        var resumed = await CopyAsync(source, target, "--resume", "--json");
        Assert.True(resumed.ExitCode == 0, resumed.ErrorTail);
        Assert.InRange(Events(resumed)[^1].GetProperty("resumedBytes").GetInt64(), 1 << 20, 20 << 20);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
        Assert.Empty(Directory.EnumerateDirectories(directory));
        Assert.Contains("SL4256", (await CopyAsync(source, target, "--resume")).ErrorTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_source_that_changed_since_the_interruption_is_refused()
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        Assert.Equal(1, (await CopyAsync(source, target, Fault("enospc", "/disk", offset: 20 << 20), "--checkpoint", "2M")).ExitCode);
        using (var file = PosixFile.Open(source, OpenMode.ReadWrite)) file.WriteAt([1], Inside);
        var refused = await CopyAsync(source, target, "--resume");
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains("SL4254", refused.ErrorTail, StringComparison.Ordinal);
        Assert.False(File.Exists(target));
        Assert.Equal(0, (await CopyAsync(source, target, "--restart")).ExitCode);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
    }

    [Fact]
    public async Task Without_the_read_back_the_verdict_is_degraded_and_nothing_of_it_can_be_resumed()
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        var result = await CopyAsync(source, target, "--no-proof");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("verdict: degraded: ", result.Output, StringComparison.Ordinal);
        Assert.Contains("not read back", result.Output, StringComparison.Ordinal);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
        Assert.Equal(2, (await CopyAsync(source, target, "--no-proof", "--resume")).ExitCode);
    }

    [Fact]
    public async Task An_export_full_of_other_data_becomes_the_disk_and_what_lies_behind_it_stays()
    {
        var (directory, source) = Disk();
        var store = Path.Combine(directory, "store");
        var old = new byte[Length + (1 << 20)];
        new Random(4).NextBytes(old);
        await File.WriteAllBytesAsync(store, old, Cancel);
        var socket = Path.Combine(directory, "s");
        await using var server = ChildProcess.Start(new ChildCommand("nbdkit", "-f", "-U", socket, "file", store) { Deadline = TimeSpan.FromMinutes(5) });
        while (!File.Exists(socket)) await Task.Delay(20, Cancel);
        var uri = "nbd+unix:///?socket=" + socket;

        var refused = await CopyAsync(source, uri);
        Assert.Contains("SL4253", refused.ErrorTail, StringComparison.Ordinal);
        var result = await CopyAsync(source, uri, "--overwrite");
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        var now = await File.ReadAllBytesAsync(store, Cancel);
        Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), now[..(int)Length]);
        Assert.Equal(old[(int)Length..], now[(int)Length..]);

        var back = Path.Combine(directory, "back.raw");
        Assert.Equal(0, (await CopyAsync(uri, back)).ExitCode);
        Assert.Equal(Digest.OfFile(store), Digest.OfFile(back));

        // What has become a physical volume since is not overwritten, though that was allowed before.
        _ = await ChildProcess.RunAsync(new ChildCommand(Path.Combine(Rig.Scripts, "lvm-volume.py"), store, "0", $"{Length >> 20 << 20}", "group", "volume"), Cancel);
        var group = Digest.OfFile(store);
        var member = await CopyAsync(source, uri, "--overwrite");
        Assert.Equal(5, member.ExitCode);
        Assert.Contains("SL4259", member.ErrorTail, StringComparison.Ordinal);
        Assert.Contains("SL4259", (await CopyAsync(source, uri, "--overwrite", "--restart")).ErrorTail, StringComparison.Ordinal);
        Assert.Equal(group, Digest.OfFile(store));
        Assert.Contains("SL4256", (await CopyAsync(source, uri, "--overwrite", "--resume")).ErrorTail, StringComparison.Ordinal); // nothing was begun
    }

    [Fact]
    public async Task Where_direct_io_is_refused_the_read_back_still_sees_storage_and_says_how()
    {
        var (directory, source) = Disk();
        foreach (var format in new[] { "raw", "qcow2" })
        {
            var target = Path.Combine(directory, "target." + format);
            var result = await CopyAsync(source, target, Fault("nodirect", "/disk"), "--format", format);
            Assert.True(result.ExitCode == 0, result.ErrorTail);
            Assert.Contains("refuses O_DIRECT (EINVAL)", result.Output, StringComparison.Ordinal);
        }

        // The way that is left is no formality: bytes that changed on the disk are seen by it too.
        var spoilt = Path.Combine(directory, "spoilt.raw");
        var failed = await CopyAsync(source, spoilt, Fault("nodirect,flip", "/disk", times: 1000), "--json");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("SL4234", failed.ErrorTail, StringComparison.Ordinal);
        Assert.Contains(Events(failed), e => Kind(e) == "mismatch" && e.GetProperty("firstDifferingByte").GetInt64() == Inside);
    }

    [Theory]
    [InlineData("nopunch", 0)] // zeros are written instead: the same place, the same length
    [InlineData("shortzero", 1)] // a request that is done in part and acknowledged: only the read-back can tell
    public async Task Stale_bytes_in_holes_become_zeros_however_they_are_asked_for(string fault, int mismatches)
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        Assert.Equal(1, (await CopyAsync(source, target, Fault("enospc", "/disk", offset: 20 << 20), "--checkpoint", "2M")).ExitCode);
        var stale = new byte[(9 << 20) - (6 << 20)];
        Array.Fill(stale, (byte)0xAB);
        using (var file = PosixFile.Open(target + ".sealift-copy/disk", OpenMode.ReadWrite)) file.WriteAt(stale, 6 << 20); // exactly the hole there

        var resumed = await CopyAsync(source, target, Fault(fault, "/disk", offset: (7 << 20) + 12_288), "--resume", "--json");
        Assert.True(resumed.ExitCode == 0, resumed.ErrorTail);
        var seen = Events(resumed).Where(e => Kind(e) == "mismatch").ToList();
        Assert.Equal(mismatches, seen.Count);
        if (mismatches > 0) Assert.Equal((7 << 20) + 12_288, Assert.Single(seen).GetProperty("firstDifferingByte").GetInt64());
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
    }

    [Theory]
    [InlineData(5 << 20, 1 << 20)] // a whole piece of data
    [InlineData(9 << 20, 65536)] // the beginning of one
    [InlineData((18 << 20) + 4096, 4 << 20)] // the middle of one
    public async Task Data_that_a_file_system_calls_a_hole_are_read_all_the_same(long offset, long length)
    {
        var (directory, source) = Disk();
        var target = Path.Combine(directory, "target.raw");
        var lie = Fault("hidden", "/disk.raw", offset);
        lie["FAULT_LENGTH"] = length.ToString(CultureInfo.InvariantCulture);
        var result = await CopyAsync(source, target, lie);
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        Assert.Contains("no hole of the source was believed", result.ErrorTail, StringComparison.Ordinal);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
    }

    /// <summary>A disk with data, holes and blocks of zeros, in a directory of its own.</summary>
    private (string Directory, string Path) Disk()
    {
        var directory = rig.NewDirectory();
        var path = Path.Combine(directory, "disk.raw");
        var random = new Random(3);
        using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
        file.SetLength(Length);
        foreach (var (offset, length) in new[] { (0, 3 << 20), (5 << 20, 1 << 20), (9 << 20, 4 << 20), (18 << 20, 5 << 20) })
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            file.WriteAt(bytes, offset);
        }

        file.WriteAt(new byte[1 << 20], 14 << 20);
        file.WriteAt([0x55, 0xAA], 510); // a boot sector, by which a raw disk is known
        file.WriteAt(new byte[64], 446); // and its empty partition table
        return (directory, path);
    }

    private Task<ChildResult> CopyAsync(string source, string target, params string[] options) => CopyAsync(source, target, [], options);

    private async Task<ChildResult> CopyAsync(string source, string target, Dictionary<string, string?> environment, params string[] options)
    {
        var command = rig.Command(rig.NewDirectory(), ["copy", .. options, source, target]);
        var temporary = rig.NewDirectory();
        var result = await ChildProcess.RunAsync(command with { Environment = new Dictionary<string, string?>(environment) { ["TMPDIR"] = temporary } }, Cancel);
        Assert.Empty(Directory.EnumerateFileSystemEntries(temporary));
        return result;
    }

    private Dictionary<string, string?> Fault(string kind, string path, long offset = Inside, int times = 1) => new()
    {
        ["LD_PRELOAD"] = rig.FaultyStorage,
        ["FAULT"] = kind,
        ["FAULT_PATH"] = path,
        ["FAULT_OFFSET"] = offset.ToString(CultureInfo.InvariantCulture),
        ["FAULT_TIMES"] = times.ToString(CultureInfo.InvariantCulture),
    };

    private static List<JsonElement> Events(ChildResult result) =>
        [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string Kind(JsonElement happened) => happened.GetProperty("event").GetString()!;
}
