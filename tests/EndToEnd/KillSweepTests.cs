using System.Diagnostics;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>kill -9 at random moments, then resume: the same disks, byte for byte, and the same verdict as an undisturbed run.</summary>
public sealed class KillSweepTests(Rig rig)
{
    private const int Kills = 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // Copy, read-back, gate, hand-over and seal without the appliance, so that twenty runs fit a test. Not checked: degraded.
    private string[] Migrate(string target) => ["migrate", rig.Ova, "--to", target, "--no-convert", "--no-check", "--accept-degraded", "--json"];

    [Fact]
    public async Task A_killed_migration_resumes_to_the_same_bytes_and_verdict()
    {
        var calmTarget = rig.NewDirectory();
        var watch = Stopwatch.StartNew();
        var calm = await rig.RunAsync(rig.NewDirectory(), Migrate(calmTarget), Cancel);
        var elapsed = watch.Elapsed;
        Assert.True(calm.ExitCode == 3, calm.Output + calm.ErrorTail);
        var expected = Snapshot(calmTarget);

        var seed = Environment.TickCount;
        var random = new Random(seed);
        var interrupted = 0;
        for (var i = 0; i < Kills; i++)
        {
            var target = rig.NewDirectory();
            var state = rig.NewDirectory();
            var delay = elapsed * random.NextDouble();
            var context = $"seed {seed}, run {i}, killed after {delay.TotalMilliseconds:0} ms of {elapsed.TotalMilliseconds:0}";
            // One that ended before it was killed says how long one takes now that others may have stopped to use the machine.
            if (await RunAndKillAsync(state, Migrate(target), delay) is { } took) elapsed = took;
            var exitCode = await FinishAsync(state, target, context);
            if (exitCode.Resumed) interrupted++;
            Assert.True(exitCode.Code == 3, $"{context}: exit code {exitCode.Code}: {exitCode.Output}");
            Assert.Equal(expected, Snapshot(target));
            var verified = await rig.RunAsync(state, ["verify", Path.Combine(target, "tiny.seal.json")], Cancel);
            Assert.True(verified.ExitCode == 0, $"{context}: {verified.Output}");
            Directory.Delete(target, recursive: true);
        }

        TestContext.Current.SendDiagnosticMessage($"{interrupted} of {Kills} migrations were interrupted and resumed (seed {seed})");
        Assert.True(interrupted >= Kills / 2, $"only {interrupted} of {Kills} kills hit a migration that was under way");
    }

    /// <summary>One migration, killed again and again until it gets through.</summary>
    [Fact]
    public async Task A_migration_killed_many_times_over_still_ends_in_the_same_bytes()
    {
        var calmTarget = rig.NewDirectory();
        var watch = Stopwatch.StartNew();
        var calm = await rig.RunAsync(rig.NewDirectory(), Migrate(calmTarget), Cancel);
        var elapsed = watch.Elapsed;
        Assert.True(calm.ExitCode == 3, calm.Output + calm.ErrorTail);

        var (target, state, seed) = (rig.NewDirectory(), rig.NewDirectory(), Environment.TickCount);
        var random = new Random(seed);
        _ = await RunAndKillAsync(state, Migrate(target), elapsed * 0.5); // wherever it was
        for (var i = 0; i < Kills && (await ListAsync(state)) is [{ } one] && one.GetProperty("verdict").ValueKind == JsonValueKind.Null; i++)
            _ = await RunAndKillAsync(state, ["resume", one.GetProperty("id").GetString()!, "--json"], elapsed * random.NextDouble()); // wherever it was
        var end = await FinishAsync(state, target, $"seed {seed}");
        Assert.True(end.Code == 3, $"seed {seed}: {end.Output}");
        Assert.Equal(Snapshot(calmTarget), Snapshot(target));
    }

    /// <summary>virt-v2v starts servers of its own, which nobody would end if they outlived it.</summary>
    [Fact]
    public async Task What_a_tool_started_dies_with_a_killed_migration()
    {
        var (target, state, tools) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
        var marker = $"sleep 7{Random.Shared.Next(100_000, 999_999)}";
        var tool = Path.Combine(tools, "virt-v2v-in-place");
        await File.WriteAllTextAsync(tool, $"#!/bin/sh\n[ \"$1\" = --version ] && {{ echo 'virt-v2v-in-place 0'; exit 0; }}\n{marker} &\n{marker}\n", Cancel);
        PosixPath.SetPermissions(tool, 0x1ED /* 0755 */);
        var command = rig.Command(state, ["migrate", rig.Ova, "--to", target, "--no-check", "--accept-degraded", "--json"]) with
        {
            Environment = new Dictionary<string, string?> { ["PATH"] = $"{tools}:{Environment.GetEnvironmentVariable("PATH")}" },
        };
        await using var child = ChildProcess.Start(command);
        child.EndInput();
        var drain = Task.Run(async () => { while (await child.ReadLineAsync(Cancel) is not null) { } }, Cancel);
        await UntilAsync(async () => await CountAsync(marker) == 2, "the tool and what it started never ran");
        await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", $"{child.Id}"), Cancel);
        await UntilAsync(async () => await CountAsync(marker) == 0, "what the tool started survived");
        await drain;
    }

    /// <summary>Killed when the boot proof begins, when QEMU has started, and when the guest is under way: QEMU dies too, and the next run boots it again.</summary>
    [Fact]
    public async Task A_migration_killed_while_it_boots_the_machine_boots_it_again()
    {
        var (target, state) = (rig.NewDirectory(), rig.NewDirectory());
        string[] arguments = ["migrate", rig.Disk, "--to", target, "--no-convert", "--no-check", "--accept-degraded", "--bus", "ide", "--memory", "256M", "--boot-check", "--json"];
        foreach (var moment in new[] { "\"step-started\"", "booting", "console: " })
        {
            await KillAtAsync(state, arguments, moment);
            await UntilAsync(() => Task.FromResult(!Attempt.ProcessesAbout(target, state).Any()), $"killed at {moment}, something survived");
            arguments = ["resume", Assert.Single(await ListAsync(state)).GetProperty("id").GetString()!, "--json"];
        }

        var end = await rig.RunAsync(state, arguments, Cancel);
        Assert.True(end.ExitCode == 3, end.Output + end.ErrorTail);
        var boot = SealFile.PredicateOf(Path.Combine(target, "tiny.seal.json")).GetProperty("boot");
        Assert.Equal("boot.login-prompt", boot.GetProperty("class").GetString());
        Assert.Empty(Directory.EnumerateFileSystemEntries(target, ".sealift-*"));
        var verified = await rig.RunAsync(state, ["verify", Path.Combine(target, "tiny.seal.json")], Cancel);
        Assert.True(verified.ExitCode == 0, verified.Output);
    }

    private async Task KillAtAsync(string state, string[] arguments, string moment)
    {
        await using var child = ChildProcess.Start(rig.Command(state, arguments));
        child.EndInput();
        var reached = false;
        while (await child.ReadLineAsync(Cancel) is { } line)
        {
            if (reached || !line.Contains("boot-check", StringComparison.Ordinal) || !line.Contains(moment, StringComparison.Ordinal)) continue;
            reached = true;
            await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", $"{child.Id}"), Cancel);
        }

        await child.WaitAsync(Cancel);
        Assert.True(reached, $"{moment} was never said");
        Assert.Equal(9, child.End!.Value.Number);
    }

    private static async Task UntilAsync(Func<Task<bool>> reached, string otherwise)
    {
        for (var i = 0; i < 300; i++)
        {
            if (await reached()) return;
            await Task.Delay(100, Cancel);
        }

        Assert.Fail(otherwise);
    }

    private static async Task<int> CountAsync(string commandLine)
    {
        var found = await ChildProcess.RunAsync(new ChildCommand("pgrep", "-c", "-x", "-f", commandLine) { AcceptedExitCodes = [0, 1] }, Cancel);
        return int.Parse(found.Output, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <returns>How long it took where it ended by itself; null where it was killed.</returns>
    private async Task<TimeSpan?> RunAndKillAsync(string state, string[] arguments, TimeSpan delay)
    {
        var watch = Stopwatch.StartNew();
        await using var child = ChildProcess.Start(rig.Command(state, arguments));
        child.EndInput();
        var drain = Task.Run(async () => { while (await child.ReadLineAsync(Cancel) is not null) { } }, Cancel);
        await Task.WhenAny(child.WaitAsync(Cancel), Task.Delay(delay, Cancel));
        // Only the process itself: what it started must die with it.
        if (child.IsRunning) await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", $"{child.Id}") { AcceptedExitCodes = [0, 1] }, Cancel);
        await child.WaitAsync(Cancel);
        var took = watch.Elapsed;
        await drain;
        return child.End is { BySignal: true } ? null : took;
    }

    private async Task<(int Code, bool Resumed, string Output)> FinishAsync(string state, string target, string context)
    {
        var known = await ListAsync(state);
        if (known.Count == 0)
        {
            // Killed before anything was journaled: then nothing may have been made, and it simply starts.
            Assert.True(!Directory.Exists(target) || !Directory.EnumerateFileSystemEntries(target).Any(), $"{context}: something was made before it was journaled");
            var fresh = await rig.RunAsync(state, Migrate(target), Cancel);
            return (fresh.ExitCode, false, fresh.Output + fresh.ErrorTail);
        }

        var one = Assert.Single(known);
        if (one.GetProperty("verdict").ValueKind != JsonValueKind.Null) return (3, false, string.Empty);
        var resumed = await rig.RunAsync(state, ["resume", one.GetProperty("id").GetString()!, "--json"], Cancel);
        return (resumed.ExitCode, true, resumed.Output + resumed.ErrorTail);
    }

    private async Task<List<JsonElement>> ListAsync(string state)
    {
        var list = await rig.RunAsync(state, ["list", "--json"], Cancel);
        Assert.True(list.ExitCode == 0, list.ErrorTail);
        return list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).ToList();
    }

    /// <summary>Names and content of everything in the target; of the seal only that it is there, since it carries times and ids.</summary>
    private static Dictionary<string, string> Snapshot(string target) => Directory.EnumerateFileSystemEntries(target).ToDictionary(
        path => Path.GetFileName(path),
        path => path.Contains(".seal.", StringComparison.Ordinal) ? "seal" : File.ReadAllText(path).Length == 0 ? "empty" : Normal(path, target));

    private static string Normal(string path, string target) => Path.GetExtension(path) is ".raw" or ".qcow2"
        ? Digest.OfFile(path)
        : Path.GetExtension(path) == ".blockmap" ? "map" : File.ReadAllText(path).Replace(target, "TARGET", StringComparison.Ordinal);
}
