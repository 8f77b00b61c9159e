using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary><c>sealift compare</c> as a script uses it: 0 is equal, 1 is different, and trouble is neither.</summary>
public sealed class CompareCommandTests(Rig rig)
{
    private const int Length = 8 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("qcow2")]
    [InlineData("vmdk")]
    [InlineData("vhdx")]
    public async Task Images_are_compared_by_the_disks_in_them(string format)
    {
        var (directory, a, b) = Disks();
        var image = Path.Combine(directory, "image." + format);
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", format, b, image), Cancel);
        var equal = await CompareAsync(b, image);
        Assert.Equal((0, $"equal: {Length} bytes\n"), (equal.ExitCode, equal.Output));

        var differs = await CompareAsync(a, image, "--json");
        Assert.Equal(1, differs.ExitCode);
        var events = Events(differs);
        var found = events.Where(e => Kind(e) == "difference").Select(e => (e.GetProperty("offset").GetInt64(), e.GetProperty("lengthBytes").GetInt64(), e.GetProperty("bytesB").GetString()!)).ToList();
        Assert.Equal([(1_000_000, 5), (7 << 20, 1)], found.Select(f => ((int)f.Item1, (int)f.Item2)));
        Assert.StartsWith("68656c6c6f", found[0].Item3, StringComparison.Ordinal);
        var last = events[^1];
        Assert.Equal((false, "none", 2, 6), (last.GetProperty("equal").GetBoolean(), last.GetProperty("rest").GetString(), last.GetProperty("ranges").GetInt32(), last.GetProperty("differingBytes").GetInt32()));
        Assert.Equal(1 << 20, last.GetProperty("settings").GetProperty("requestBytes").GetInt32());
    }

    [Fact]
    public async Task A_range_is_a_line_and_beyond_the_limit_they_are_counted()
    {
        var (_, a, b) = Disks();
        var result = await CompareAsync(a, b, "--limit", "1", "--request-size", "64K", "--queue-depth", "2", "--bandwidth", "1G", "--connections", "1");
        Assert.Equal(1, result.ExitCode);
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.Matches(@"^ +1000000 +5 content  first at 1000000: [0-9a-f]{32} in A, 68656c6c6f[0-9a-f]{22} in B$", lines[0]);
        Assert.Equal("differ: 6 bytes in 2 ranges, 1 of which are not listed (--limit)", lines[1]);
    }

    [Fact]
    public async Task A_map_is_known_by_its_content_and_stands_for_its_disk()
    {
        var (directory, a, b) = Disks();
        var (mapA, mapB) = (Path.Combine(directory, "a.any"), Path.Combine(directory, "b.any"));
        foreach (var (disk, map) in new[] { (a, mapA), (b, mapB) }) Assert.Equal(0, (await rig.RunAsync(directory, ["hash", "--map", map, disk], Cancel)).ExitCode);
        foreach (var (x, y) in new[] { (a, mapA), (mapB, b) }) Assert.Equal(0, (await CompareAsync(x, y)).ExitCode);
        File.Copy(mapA, Path.Combine(directory, "copy"));
        Assert.Equal(0, (await CompareAsync(mapA, Path.Combine(directory, "copy"))).ExitCode);
        foreach (var (x, y) in new[] { (a, mapB), (mapA, b), (mapA, mapB) })
        {
            var result = await CompareAsync(x, y, "--json");
            Assert.Equal(1, result.ExitCode);
            Assert.Equal([(983_040, 65536), (7 << 20, 65536)], Events(result).Where(e => Kind(e) == "difference").Select(e => (e.GetProperty("offset").GetInt32(), e.GetProperty("lengthBytes").GetInt32())));
        }

        // Where it is said to be a disk it is one, and another one than that whose map it is.
        var taken = await CompareAsync(a, mapA, "--format-b", "raw");
        Assert.Equal(1, taken.ExitCode);
        Assert.Contains("length: A has 8388608 bytes", taken.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Zeros_behind_the_shorter_one_count_unless_they_are_to_be_ignored()
    {
        var (directory, a, _) = Disks();
        var longer = Path.Combine(directory, "longer.raw");
        File.Copy(a, longer);
        using (var file = PosixFile.Open(longer, OpenMode.ReadWrite)) file.SetLength(Length + 1000);
        var result = await CompareAsync(a, longer);
        Assert.Equal((1, "length: A has 8388608 bytes and B 8389608; what B has more is all zeros\ndiffer: only behind the end of the shorter one, as far as is known\n"), (result.ExitCode, result.Output));
        result = await CompareAsync(longer, a, "--ignore-trailing-zeros");
        Assert.Equal((0, "length: A has 8389608 bytes and B 8388608; what A has more is all zeros\nequal: 8388608 bytes, and only zeros behind them\n"), (result.ExitCode, result.Output));
        using (var file = PosixFile.Open(longer, OpenMode.ReadWrite)) file.WriteAt([1], Length + 999);
        result = await CompareAsync(a, longer, "--ignore-trailing-zeros");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("what B has more is not all zeros", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trouble_is_neither_equal_nor_different()
    {
        var (directory, a, b) = Disks();
        var (map, cut, sha1, broken) = (Path.Combine(directory, "map"), Path.Combine(directory, "cut"), Path.Combine(directory, "sha1"), Path.Combine(directory, "broken.qcow2"));
        Assert.Equal(0, (await rig.RunAsync(directory, ["hash", "--map", map, a], Cancel)).ExitCode);
        Assert.Equal(0, (await rig.RunAsync(directory, ["hash", "--digest", "sha1", "--map", sha1, b], Cancel)).ExitCode);
        await File.WriteAllBytesAsync(cut, (await File.ReadAllBytesAsync(map, Cancel))[..9000], Cancel);
        await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", "qcow2", a, broken), Cancel);
        using (var file = PosixFile.Open(broken, OpenMode.ReadWrite)) file.SetLength(file.Facts().LengthBytes / 2);
        var link = Path.Combine(directory, "link");
        File.CreateSymbolicLink(link, a);
        foreach (var (x, y, code, options) in new (string, string, string, string[])[]
        {
            (a, Path.Combine(directory, "gone"), "SL1001", []),
            (a, directory, "SL4015", []),
            (a, broken, "SL4002", []),
            (a, cut, "SL2104", []),
            (map, sha1, "SL2109", []),
            (a, "nbd+unix:///?socket=" + Path.Combine(directory, "nobody"), "SL3010", []),
            (a, link, "SL8006", []),
            (map, map, "SL8006", []),
            ("nbd://h/x", "nbd://h:10809/x", "SL8006", []),
            (a, b, "SL4012", ["--format-b", "vmdk"]),
            (a, b, "SL8004", ["--limit", "-1"]),
            (a, b, "SL8004", ["--queue-depth", "1000"]),
            (map, b, "SL8004", ["--request-size", "32K"]),
        })
        {
            var result = await CompareAsync(x, y, options);
            Assert.True(result.ExitCode == 5, $"{x} {y}: {result.ExitCode} {result.ErrorTail}");
            Assert.Contains(code, result.ErrorTail, StringComparison.Ordinal);
            Assert.Empty(result.Output);
        }

        Assert.Equal(2, (await CompareAsync(a, b, "--frobnicate")).ExitCode);
    }

    /// <summary>Two raw disks that differ in five bytes of data and in one byte of a hole.</summary>
    private (string Directory, string A, string B) Disks()
    {
        var directory = rig.NewDirectory();
        var (a, b) = (Path.Combine(directory, "a.raw"), Path.Combine(directory, "b.raw"));
        var data = new byte[3 << 20];
        new Random(7).NextBytes(data);
        foreach (var path in new[] { a, b })
        {
            using var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew);
            file.SetLength(Length);
            file.WriteAt(data, 0);
            file.WriteAt([0x55, 0xAA], 510);
            file.WriteAt(new byte[64], 446);
            file.WriteAt(path == a ? [0, 0, 0, 0, 0] : "hello"u8, 1_000_000);
            if (path == b) file.WriteAt([1], 7 << 20);
        }

        return (directory, a, b);
    }

    private Task<ChildResult> CompareAsync(string a, string b, params string[] options) => rig.RunAsync(rig.NewDirectory(), ["compare", .. options, a, b], Cancel);

    private static List<JsonElement> Events(ChildResult result) =>
        [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static string Kind(JsonElement happened) => happened.GetProperty("event").GetString()!;
}
