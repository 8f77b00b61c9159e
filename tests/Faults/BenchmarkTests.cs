using Sealift.Posix;

namespace Sealift.Faults;

/// <summary>The benchmarks (bench/run and bench/warm), with small data: that it works, leaves nothing, and has no figures for what came out wrong.</summary>
public sealed class BenchmarkTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-test-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_measures_and_leaves_nothing()
    {
        var result = await RunAsync("Copy", "hash", "help");
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        Assert.Contains("| hash | `sealift hash` of 64 MiB in the page cache |", result.Output, StringComparison.Ordinal);
        Assert.Contains("| help | `sealift --help` |", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("## Failed", result.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
    }

    [Fact]
    public async Task A_wrong_result_fails_it_and_the_other_rows_have_their_figures_all_the_same()
    {
        var programs = Directory.CreateDirectory(Path.Combine(directory, "programs")).FullName;
        var liar = Path.Combine(programs, "sealift");
        await File.WriteAllTextAsync(liar, "#!/bin/sh\necho \"Usage: 0000  source.raw\"\n", Cancel);
        PosixPath.SetPermissions(liar, 0x1ED /* 0755 */);

        var result = await RunAsync("Copy", "hash", "help", "--sealift", programs);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("- hash: sealift hash source.raw: wrong result: not the hash ", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("| hash |", result.Output, StringComparison.Ordinal);
        Assert.Contains("| help | `sealift --help` |", result.Output, StringComparison.Ordinal);
        Assert.Equal([programs], Directory.EnumerateFileSystemEntries(directory));
    }

    [Fact]
    public async Task The_warm_one_measures_and_leaves_nothing()
    {
        var result = await RunAsync("Warm");
        Assert.True(result.ExitCode == 0, result.Output + result.ErrorTail);
        Assert.DoesNotContain("## Failed", result.Output, StringComparison.Ordinal);
        // These do not depend on the machine, nor on how much data there is.
        var bytes = Lines(result, "bytes");
        Assert.Equal(5, bytes.Count);
        Assert.All(bytes, l => Assert.Contains("| ≤ 1.1 × | 1.00 × | yes |", l, StringComparison.Ordinal));
        var lies = Lines(result, "lies");
        Assert.Equal(6, lies.Count);
        Assert.All(lies, l => Assert.Contains("| ≥ 100 % | 100 % | yes |", l, StringComparison.Ordinal));
        Assert.Contains(Lines(result, "tebibyte"), l => l.Contains("a pass of 64 scattered leaves, 4 MiB", StringComparison.Ordinal));
        Assert.Contains(Lines(result, "downtime"), l => l.Contains("4 MiB of 64 MiB changed, `--audit full` | `sealift copy` of the same disk", StringComparison.Ordinal));
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
    }

    [Fact]
    public async Task A_warm_migration_with_one_wrong_byte_has_no_figures()
    {
        var programs = Directory.CreateDirectory(Path.Combine(directory, "programs")).FullName;
        var spoiler = Path.Combine(programs, "sealift");
        await File.WriteAllTextAsync(spoiler, $"#!/bin/sh\n'{Sealift()}' \"$@\"\ncode=$?\n[ \"$1\" != migrate ] || printf 'wrong' | dd of=target/box-disk1.raw bs=1 seek=70000 conv=notrunc status=none\nexit $code\n", Cancel);
        PosixPath.SetPermissions(spoiler, 0x1ED /* 0755 */);

        var result = await RunAsync("Warm", "downtime", "--sealift", programs);
        Assert.Equal(1, result.ExitCode);
        Assert.Matches("(?m)^- downtime: sealift migrate .*: wrong result: .*box-disk1.raw differs from .*source.raw at offset 7000[0-4]$", result.Output);
        Assert.Empty(Lines(result, "downtime"));
        Assert.Equal([programs], Directory.EnumerateFileSystemEntries(directory));
    }

    /// <summary>bench/offload: each way on a real file system, with and without proof, beside its peers.</summary>
    [Theory]
    [InlineData("btrfs", "reflink", "copy-range", "stream", "cp --reflink=always")]
    [InlineData("ext4", "copy-range", "stream", "qemu-img convert")]
    [InlineData("array", "--transfer xcopy iscsi://…/1 iscsi://…/2", "stream", "qemu-img convert")]
    public async Task What_storage_copies_is_measured_and_nothing_is_left(string system, params string[] commands)
    {
        var result = await ChildProcess.RunAsync(
            new ChildCommand("unshare", ["-m", Path.Combine(AppContext.BaseDirectory, "Offload"), system, "--quick", "--runs", "1", "--directory", directory]) { StartsOthers = true, AcceptedExitCodes = [0, 1] }, Cancel);
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        foreach (var command in commands) Assert.Contains(command, result.Output, StringComparison.Ordinal);
        // What shares blocks writes none: 64 MiB of data, of which the metadata are no more than a few.
        if (system == "btrfs") Assert.Matches(@"--transfer reflink source.raw target.raw` \| [0-9.]+ \| \d+ \| \d \|", result.Output);
        // The array's bytes do not pass through here: what goes there are commands, for 16 MiB of data.
        if (system == "array") Assert.Matches(@"--transfer xcopy --no-proof iscsi://…/1 iscsi://…/2` \| [0-9.]+ \| \d+ \| 0 \|", result.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    /// <summary>The lines of the table of goals that are of a row.</summary>
    private static List<string> Lines(ChildResult result, string row) =>
        [.. result.Output.Split("## Each side")[0].Split('\n').Where(l => l.StartsWith($"| {row} |", StringComparison.Ordinal))];

    private static string Sealift()
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("Not below the repository");
        return Path.Combine(at, "out", "sealift");
    }

    private Task<ChildResult> RunAsync(string program, params string[] arguments) => ChildProcess.RunAsync(
        new ChildCommand(Path.Combine(AppContext.BaseDirectory, program), [.. arguments, "--quick", "--runs", "1", "--directory", directory]) { StartsOthers = true, AcceptedExitCodes = [0, 1] }, Cancel);
}
