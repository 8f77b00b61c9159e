using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary><c>sealift repair</c> as a user runs it: after a copy, on a target that storage spoilt.</summary>
public sealed class RepairCommandTests(Rig rig)
{
    private const int Length = 24 << 20;
    private static readonly long[] Spoilt = [(5 << 20) + 70_000, 7 << 20, (20 << 20) + 1];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task What_storage_spoilt_is_copied_again_and_the_whole_is_proven(string format)
    {
        var (directory, source, target, map) = await CopiedAsync(format);
        await SpoilAsync(target, format);
        var check = await RepairAsync(target, source, map, "--check-only", "--json");
        Assert.Equal(1, check.ExitCode);
        Assert.Equal("failed", Events(check)[^1].GetProperty("verdict").GetString());
        Assert.Equal(1, (await rig.RunAsync(directory, ["compare", source, target], Cancel)).ExitCode);

        var result = await RepairAsync(target, source, map, "--json", "--queue-depth", "3", "--request-size", "2M", "--bandwidth", "100M");
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        var events = Events(result);
        Assert.Equal(Spoilt, events.Where(e => Kind(e) == "mismatch").Select(e => e.GetProperty("firstDifferingByte").GetInt64()));
        Assert.Equal("""{"bandwidthBytesPerSecond":104857600,"connections":4,"queueDepth":3,"requestBytes":2097152}""", events.Single(e => Kind(e) == "repair-started").GetProperty("settings").GetRawText());
        Assert.Equal(("proven", 3 * 65536), (events[^1].GetProperty("verdict").GetString(), events[^1].GetProperty("repairedBytes").GetInt32()));
        Assert.Equal(0, (await rig.RunAsync(directory, ["compare", source, target], Cancel)).ExitCode);

        var again = await RepairAsync(target, source, map);
        Assert.True(again.ExitCode == 0, again.ErrorTail);
        Assert.Matches(@"^[0-9a-f]{64}  .*\nverdict: proven: .* reads back as the map says \(O_DIRECT", again.Output);
    }

    [Fact]
    public async Task Storage_that_spoils_the_repair_too_fails_it_and_better_storage_ends_it()
    {
        var (_, source, target, map) = await CopiedAsync("raw");
        await SpoilAsync(target, "raw");
        var failed = await RepairAsync(target, source, map, Fault("flip", target, times: 1000));
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("SL4234", failed.ErrorTail, StringComparison.Ordinal);
        Assert.Contains("verdict: failed: ", failed.Output, StringComparison.Ordinal);

        var full = await RepairAsync(target, source, map, Fault("enospc", target, times: 1000), "--json");
        Assert.Equal(1, full.ExitCode);
        Assert.Contains("SL4212", full.ErrorTail, StringComparison.Ordinal);
        Assert.Equal("failed", Events(full)[^1].GetProperty("verdict").GetString());

        Assert.Equal(0, (await RepairAsync(target, source, map)).ExitCode);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
    }

    [Fact]
    public async Task Killed_again_and_again_it_comes_to_its_end()
    {
        var (_, source, target, map) = await CopiedAsync("raw");
        var stale = new byte[Length];
        new Random(5).NextBytes(stale);
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var i = 0; i < 10; i++)
        {
            using (var file = PosixFile.Open(target, OpenMode.ReadWrite)) file.WriteAt(stale, 0); // all of it is to be repaired
            var writing = new TaskCompletionSource();
            var command = rig.Command(rig.NewDirectory(), ["repair", target, "--from", source, "--map", map]) with
            {
                OnErrorLine = line => { if (line.Contains("copying them again", StringComparison.Ordinal)) writing.TrySetResult(); },
            };
            await using (var child = ChildProcess.Start(command))
            {
                await writing.Task.WaitAsync(TimeSpan.FromMinutes(2), Cancel);
                await Task.Delay(random.Next(60), Cancel); // anywhere in the writing, the flush, or the read-back
                child.Kill("the test does so");
            }

            var result = await RepairAsync(target, source, map);
            Assert.True(result.ExitCode == 0, $"seed {seed}, run {i}: {result.ErrorTail}");
            Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
        }
    }

    [Fact]
    public async Task What_does_not_belong_together_is_refused_and_nothing_is_written()
    {
        var (directory, source, target, map) = await CopiedAsync("raw");
        await SpoilAsync(target, "raw");
        var before = Digest.OfFile(target);
        var (longer, other, otherMap, cut) = (Path.Combine(directory, "longer.raw"), Path.Combine(directory, "other.raw"), Path.Combine(directory, "other.map"), Path.Combine(directory, "cut"));
        File.Copy(source, other);
        using (var file = PosixFile.Open(other, OpenMode.ReadWrite)) file.WriteAt("another one"u8, (20 << 20) + 100); // the ranges before it are as the map says
        Assert.Equal(0, (await rig.RunAsync(directory, ["hash", "--map", otherMap, other], Cancel)).ExitCode);
        File.Copy(target, longer);
        using (var file = PosixFile.Open(longer, OpenMode.ReadWrite)) file.SetLength(Length + 512);
        await File.WriteAllBytesAsync(cut, (await File.ReadAllBytesAsync(map, Cancel))[..9000], Cancel);
        foreach (var (to, from, by, code) in new[]
        {
            (target, source, otherMap, "SL4263"),
            (target, other, map, "SL4263"),
            (target, longer, map, "SL4263"),
            (longer, source, map, "SL4262"),
            (target, target, map, "SL4257"),
            (source, source, map, "SL4257"),
            (target, source, cut, "SL2104"),
            (target, source, source, "SL2101"),
            (Path.Combine(directory, "gone"), source, map, "SL1001"),
            (target, Path.Combine(directory, "gone"), map, "SL1001"),
        })
        {
            var result = await RepairAsync(to, from, by);
            Assert.True(result.ExitCode == 5, $"{to} {from} {by}: {result.ExitCode} {result.ErrorTail}");
            Assert.Contains(code, result.ErrorTail, StringComparison.Ordinal);
            Assert.DoesNotContain("verdict", result.Output, StringComparison.Ordinal);
        }

        Assert.Equal(before, Digest.OfFile(target));
    }

    [Fact]
    public async Task An_export_is_repaired_in_place()
    {
        var (directory, source, target, map) = await CopiedAsync("raw");
        await SpoilAsync(target, "raw");
        var socket = Path.Combine(directory, "s");
        await using var server = ChildProcess.Start(new ChildCommand("nbdkit", "-f", "-U", socket, "file", target) { Deadline = TimeSpan.FromMinutes(5) });
        while (!File.Exists(socket)) await Task.Delay(20, Cancel);
        var result = await RepairAsync("nbd+unix:///?socket=" + socket, source, map, "--connections", "2");
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        Assert.Contains("after 196608 bytes were copied again", result.Output, StringComparison.Ordinal);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(target));
    }

    /// <summary>A disk, and a copy of it with its map.</summary>
    private async Task<(string Directory, string Source, string Target, string Map)> CopiedAsync(string format)
    {
        var directory = rig.NewDirectory();
        var (source, target, map) = (Path.Combine(directory, "source.raw"), Path.Combine(directory, "target"), Path.Combine(directory, "map"));
        var random = new Random(3);
        using (var file = PosixFile.Open(source, OpenMode.ReadWrite | OpenMode.CreateNew))
        {
            file.SetLength(Length);
            foreach (var (offset, length) in new[] { (0, 3 << 20), (5 << 20, 1 << 20), (9 << 20, 4 << 20), (18 << 20, 5 << 20) })
            {
                var bytes = new byte[length];
                random.NextBytes(bytes);
                file.WriteAt(bytes, offset);
            }

            file.WriteAt([0x55, 0xAA], 510);
            file.WriteAt(new byte[64], 446);
        }

        var copied = await rig.RunAsync(directory, ["copy", "--format", format, "--map", map, source, target], Cancel);
        Assert.True(copied.ExitCode == 0, copied.ErrorTail);
        return (directory, source, target, map);
    }

    /// <summary>Turns one byte in data, one in a hole, and one in data again.</summary>
    private static async Task SpoilAsync(string target, string format)
    {
        foreach (var at in Spoilt)
            await ChildProcess.RunAsync(new ChildCommand("qemu-io", "-f", format, "-c", string.Create(CultureInfo.InvariantCulture, $"write -P 0x5a {at} 1"), target), Cancel);
    }

    private Task<ChildResult> RepairAsync(string target, string source, string map, params string[] options) => RepairAsync(target, source, map, [], options);

    private async Task<ChildResult> RepairAsync(string target, string source, string map, Dictionary<string, string?> environment, params string[] options)
    {
        var command = rig.Command(rig.NewDirectory(), ["repair", .. options, "--from", source, "--map", map, target]);
        var temporary = rig.NewDirectory();
        var result = await ChildProcess.RunAsync(command with { Environment = new Dictionary<string, string?>(environment) { ["TMPDIR"] = temporary } }, Cancel);
        Assert.Empty(Directory.EnumerateFileSystemEntries(temporary));
        return result;
    }

    private Dictionary<string, string?> Fault(string kind, string path, int times) => new()
    {
        ["LD_PRELOAD"] = rig.FaultyStorage,
        ["FAULT"] = kind,
        ["FAULT_PATH"] = path,
        ["FAULT_OFFSET"] = Spoilt[0].ToString(CultureInfo.InvariantCulture),
        ["FAULT_TIMES"] = times.ToString(CultureInfo.InvariantCulture),
    };

    private static List<JsonElement> Events(ChildResult result) =>
        [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string Kind(JsonElement happened) => happened.GetProperty("event").GetString()!;
}
