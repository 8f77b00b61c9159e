using Sealift.Posix;

namespace Sealift.Faults;

/// <summary>The benchmark (bench/run), with small data: that it works, leaves nothing, and has no figures for what came out wrong.</summary>
public sealed class BenchmarkTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("sealift-test-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_measures_and_leaves_nothing()
    {
        var result = await RunAsync("hash", "help");
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

        var result = await RunAsync("hash", "help", "--sealift", programs);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("- hash: sealift hash source.raw: wrong result: not the hash ", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("| hash |", result.Output, StringComparison.Ordinal);
        Assert.Contains("| help | `sealift --help` |", result.Output, StringComparison.Ordinal);
        Assert.Equal([programs], Directory.EnumerateFileSystemEntries(directory));
    }

    /// <summary>bench/offload: each way on a real file system, with and without proof, beside its peers.</summary>
    [Theory]
    [InlineData("btrfs", "reflink", "copy-range", "stream", "cp --reflink=always")]
    [InlineData("ext4", "copy-range", "stream", "qemu-img convert")]
    public async Task What_storage_copies_is_measured_and_nothing_is_left(string system, params string[] commands)
    {
        var result = await ChildProcess.RunAsync(
            new ChildCommand("unshare", ["-m", Path.Combine(AppContext.BaseDirectory, "Offload"), system, "--quick", "--runs", "1", "--directory", directory]) { StartsOthers = true, AcceptedExitCodes = [0, 1] }, Cancel);
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        foreach (var command in commands) Assert.Contains(command, result.Output, StringComparison.Ordinal);
        // What shares blocks writes none: 64 MiB of data, of which the metadata are no more than a few.
        if (system == "btrfs") Assert.Matches(@"--transfer reflink source.raw target.raw` \| [0-9.]+ \| \d+ \| \d \|", result.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory));
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private Task<ChildResult> RunAsync(params string[] arguments) => ChildProcess.RunAsync(
        new ChildCommand(Path.Combine(AppContext.BaseDirectory, "Copy"), [.. arguments, "--quick", "--runs", "1", "--directory", directory]) { StartsOthers = true, AcceptedExitCodes = [0, 1] }, Cancel);
}
