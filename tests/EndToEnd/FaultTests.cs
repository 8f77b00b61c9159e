using System.Globalization;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>Targets in the way, storage that fails or lies, tools that die: nothing is lost, and what can go on does.</summary>
public sealed class FaultTests(Rig rig)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly string[] Quick = ["--no-convert", "--no-check", "--accept-degraded"];

    // In the middle of the data that HostileSources puts into its disk.
    private const long Inside = 3_500_000;

    [Theory]
    [InlineData("box-disk1.raw")]
    [InlineData("box.xml")]
    [InlineData("box.seal.json")]
    public async Task What_exists_is_not_written_over(string name)
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        await File.WriteAllTextAsync(Path.Combine(target, name), "mine", Cancel);
        var attempt = await MigrateAsync(source, target);
        Failed(attempt, "SL7101", name);
        Assert.Equal([name], Names(target));
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(target, name), Cancel));
    }

    [Theory]
    [InlineData("source")]
    [InlineData("storage")]
    public async Task Overwrite_keeps_the_old_machine_where_the_new_one_fails(string what)
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        Assert.Equal(3, (await MigrateAsync(source, target)).Result.ExitCode);
        var before = Digests(target);
        var attempt = what == "source"
            ? await MigrateAsync(source, target, Fault("eio", "/box.raw", Inside), "--overwrite")
            : await MigrateAsync(source, target, Fault("flip", "/disk1.raw", Inside, times: 1000), "--overwrite");
        Failed(attempt, what == "source" ? "SL4211" : "SL4234", "offset");
        await RemoveAsync(attempt);
        Assert.Equal(before, Digests(target));
    }

    [Fact]
    public async Task Overwrite_replaces_the_machine_and_leaves_other_files_alone()
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        foreach (var name in new[] { "box-disk1.raw", "box.xml", "box.seal.json", "notes.txt" }) await File.WriteAllTextAsync(Path.Combine(target, name), "mine", Cancel);
        var attempt = await MigrateAsync(source, target, null, "--overwrite");
        Assert.True(attempt.Result.ExitCode == 3, attempt.Said);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(Path.Combine(target, "box-disk1.raw")));
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(target, "notes.txt"), Cancel));
        Assert.Equal(["box-disk1.blockmap", "box-disk1.raw", "box-start.sh", "box.seal.html", "box.seal.json", "box.xml", "notes.txt"], Names(target));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("below-file")]
    [InlineData("dangling-link")]
    public async Task A_target_that_is_no_directory(string what)
    {
        var (source, root) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        var place = Path.Combine(root, "place");
        if (what == "dangling-link") File.CreateSymbolicLink(place, Path.Combine(root, "nowhere"));
        else await File.WriteAllTextAsync(place, "mine", Cancel);
        var target = what == "below-file" ? Path.Combine(place, "a", "b") : place;
        var attempt = await MigrateAsync(source, target);
        Assert.Equal(1, attempt.Result.ExitCode);
        Attempt.AssertReadable(attempt.Outcome.GetProperty("reasons")[0].GetString()!, "SL7104", place);
        Assert.Equal(["place"], Names(root));
        if (what != "dangling-link") Assert.Equal("mine", await File.ReadAllTextAsync(place, Cancel));
    }

    /// <summary>A real file system that is too small, in a mount namespace of its own.</summary>
    [Fact]
    public async Task Too_little_space_is_known_before_anything_is_copied()
    {
        var (source, root) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        var result = await ChildProcess.RunAsync(
            new ChildCommand(
                "unshare", Environment.UserName == "root" ? "-m" : "-rm", "sh", "-c", "mount -t tmpfs -o size=4m none \"$1\" && shift && \"$@\"; code=$?; ls -A \"$0\"; exit $code",
                root, root, rig.Sealift, "migrate", source, "--to", Path.Combine(root, "box"), "--state", rig.NewDirectory(), "--no-convert", "--no-check", "--accept-degraded") { AcceptedExitCodes = [1] },
            Cancel);
        Assert.Contains("SL7102", result.Output, StringComparison.Ordinal);
        Assert.Contains($"{4 << 20} are free", result.Output, StringComparison.Ordinal);
        Assert.EndsWith("sealift resume " + result.Output.TrimEnd()[^17..] + "\n", result.Output, StringComparison.Ordinal); // and nothing listed after it
    }

    [Theory]
    [InlineData("enospc", "/disk1.raw", "SL4212", "No space left on device")]
    [InlineData("eio", "/box.raw", "SL4211", "of the source")]
    public async Task A_failure_in_the_middle_names_the_place_and_the_migration_goes_on_once_the_cause_is_gone(string fault, string path, string code, string named)
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), Path.Combine(rig.NewDirectory(), "box"));
        var attempt = await MigrateAsync(source, target, Fault(fault, path, Inside));
        Failed(attempt, code, named);
        Assert.Contains("at offset", attempt.Failure, StringComparison.Ordinal);
        Assert.False(Directory.Exists(target)); // half a copy is worth nothing, and takes the space that is missing
        var resumed = await Attempt.RunAsync(rig, attempt.State, target, [source], ["resume", attempt.Outcome.GetProperty("id").GetString()!]);
        Assert.True(resumed.Result.ExitCode == 3, resumed.Said);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(Path.Combine(target, "box-disk1.raw")));
    }

    [Theory]
    [InlineData("eio", "/box.raw", true)]
    [InlineData("enospc", "/disk1.raw", false)] // others may need the space that is missing
    public async Task What_was_copied_up_to_a_checkpoint_before_a_failure_is_not_copied_again(string fault, string path, bool stays)
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), Path.Combine(rig.NewDirectory(), "box"));
        var attempt = await MigrateAsync(source, target, Fault(fault, path, Inside), "--checkpoint", "1M");
        Assert.Equal(1, attempt.Result.ExitCode);
        Assert.Equal(stays, Directory.Exists(target));
        var resumed = await Attempt.RunAsync(rig, attempt.State, target, [source], ["resume", attempt.Outcome.GetProperty("id").GetString()!]);
        Assert.True(resumed.Result.ExitCode == 3, resumed.Said);
        Assert.Equal(stays, resumed.Result.Output.Contains("copied before the interruption", StringComparison.Ordinal));
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(Path.Combine(target, "box-disk1.raw")));
    }

    [Fact]
    public async Task A_limit_on_file_sizes_is_an_error_and_not_the_end_of_the_process()
    {
        var (source, target, state) = (await new HostileSources(rig.NewDirectory()).RawAsync(), Path.Combine(rig.NewDirectory(), "box"), rig.NewDirectory());
        var result = await ChildProcess.RunAsync(
            new ChildCommand("prlimit", ["--fsize=2000000", rig.Sealift, "migrate", source, "--to", target, "--state", state, .. Quick]) { AcceptedExitCodes = [1] }, Cancel);
        Assert.Contains("EFBIG", result.Output, StringComparison.Ordinal);
        Assert.Contains("ulimit -f", result.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(target));
    }

    [Theory]
    [InlineData("flip")]
    [InlineData("lost")]
    public async Task A_target_that_kept_other_bytes_is_found_out_written_again_and_it_is_in_the_seal(string fault)
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        var attempt = await MigrateAsync(source, target, Fault(fault, "/disk1.raw", Inside, times: 1));
        Assert.True(attempt.Result.ExitCode == 3, attempt.Said);
        Assert.Equal(Digest.OfFile(source), Digest.OfFile(Path.Combine(target, "box-disk1.raw")));
        var mismatch = Assert.Single(attempt.Predicate.GetProperty("disks")[0].GetProperty("mismatches").EnumerateArray());
        Assert.True(mismatch.GetProperty("repaired").GetBoolean());
        Assert.InRange(Inside, mismatch.GetProperty("offset").GetInt64(), mismatch.GetProperty("offset").GetInt64() + mismatch.GetProperty("lengthBytes").GetInt64() - 1);
    }

    [Fact]
    public async Task A_target_that_does_it_twice_is_not_used()
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        var attempt = await MigrateAsync(source, target, Fault("flip", "/disk1.raw", Inside, times: 1000));
        Failed(attempt, "SL4234", Inside.ToString(CultureInfo.InvariantCulture));
        Assert.Empty(Directory.EnumerateFiles(target));
    }

    [Theory]
    [InlineData("qemu-nbd", "SL4221")]
    [InlineData("qemu-img", "SL4014")]
    [InlineData("guestfish", "SL5002")]
    public async Task A_tool_that_dies_is_quoted(string tool, string code)
    {
        var (files, target, bin) = (new HostileSources(rig.NewDirectory()), Path.Combine(rig.NewDirectory(), "box"), rig.NewDirectory());
        var source = await files.ImageAsync("qcow2");
        var real = ChildProcess.Find(tool)!;
        var fake = Path.Combine(bin, tool);
        await File.WriteAllTextAsync(fake, $"#!/bin/sh\n[ \"$1\" = --version ] && exec {real} --version\necho 'the dog ate my disk' >&2\nexit 1\n", Cancel);
        PosixPath.SetPermissions(fake, 0x1ED /* 0755 */);
        var path = new Dictionary<string, string?> { ["PATH"] = $"{bin}:{Environment.GetEnvironmentVariable("PATH")}" };
        var state = rig.NewDirectory();
        string[] options = tool == "guestfish" ? ["--no-convert"] : Quick;
        var attempt = await Attempt.RunAsync(rig, state, target, [source], ["migrate", source, "--to", target, .. options], path);
        Failed(attempt, code, tool == "guestfish" ? "guestfish" : "the dog ate my disk");
        if (tool == "guestfish") Assert.Contains("the dog ate my disk", await File.ReadAllTextAsync(Path.Combine(state, "migrations", attempt.Outcome.GetProperty("id").GetString()!, "check-source.log"), Cancel), StringComparison.Ordinal);
        Assert.False(Directory.Exists(target));
    }

    [Fact]
    public async Task Remove_takes_only_what_sealift_made_and_says_what_stays()
    {
        var (source, target) = (await new HostileSources(rig.NewDirectory()).RawAsync(), rig.NewDirectory());
        var attempt = await MigrateAsync(source, target, Fault("flip", "/disk1.raw", Inside, times: 1000));
        var id = attempt.Outcome.GetProperty("id").GetString()!;
        var work = Assert.Single(Directory.EnumerateDirectories(target));
        var stranger = Path.Combine(work, "thesis.txt");
        await File.WriteAllTextAsync(stranger, "mine", Cancel);

        var cancelled = await rig.RunAsync(attempt.State, ["cancel", id], Cancel);
        Assert.Equal(5, cancelled.ExitCode);
        Assert.Contains("SL7006", cancelled.ErrorTail, StringComparison.Ordinal);
        var shown = await rig.RunAsync(attempt.State, ["show", id], Cancel);
        Assert.Contains("SL4234", shown.Output, StringComparison.Ordinal);
        Assert.Contains("failed", (await rig.RunAsync(attempt.State, ["list"], Cancel)).Output, StringComparison.Ordinal);

        var removed = await RemoveAsync(attempt);
        Assert.Contains(removed, e => e.GetProperty("event").GetString() == "removed" && e.GetProperty("path").GetString()!.EndsWith("/disk1.raw", StringComparison.Ordinal));
        Assert.Contains(removed, e => e.GetProperty("event").GetString() == "kept" && e.GetProperty("path").GetString()!.StartsWith(work, StringComparison.Ordinal));
        Assert.Equal([stranger], Directory.EnumerateFileSystemEntries(target, "*", SearchOption.AllDirectories).Where(p => p != work));
        Assert.Equal("mine", await File.ReadAllTextAsync(stranger, Cancel));
        Assert.Equal(5, (await rig.RunAsync(attempt.State, ["show", id], Cancel)).ExitCode);
    }

    private static void Failed(Attempt attempt, string code, string named)
    {
        Assert.True(attempt.Result.ExitCode == 1, attempt.Said);
        Assert.Equal("failed", attempt.Verdict);
        Attempt.AssertReadable(attempt.Failure, code, named);
    }

    private Task<Attempt> MigrateAsync(string source, string target, IReadOnlyDictionary<string, string?>? environment = null, params string[] options) =>
        Attempt.RunAsync(rig, rig.NewDirectory(), target, [source], ["migrate", source, "--to", target, .. Quick, .. options], environment);

    private Dictionary<string, string?> Fault(string kind, string path, long offset, int times = 1) => new()
    {
        ["LD_PRELOAD"] = rig.FaultyStorage,
        ["FAULT"] = kind,
        ["FAULT_PATH"] = path,
        ["FAULT_OFFSET"] = offset.ToString(CultureInfo.InvariantCulture),
        ["FAULT_TIMES"] = times.ToString(CultureInfo.InvariantCulture),
    };

    private async Task<List<JsonElement>> RemoveAsync(Attempt attempt)
    {
        var result = await rig.RunAsync(attempt.State, ["remove", attempt.Outcome.GetProperty("id").GetString()!, "--json"], Cancel);
        Assert.True(result.ExitCode == 0, result.ErrorTail);
        return result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
    }

    private static List<string> Names(string directory) => [.. Directory.EnumerateFileSystemEntries(directory).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    private static SortedDictionary<string, string> Digests(string directory) =>
        new(Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).ToDictionary(p => p, Digest.OfFile), StringComparer.Ordinal);
}
