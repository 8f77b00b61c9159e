using System.Text.Json;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.EndToEnd;

/// <summary>kill -9 at many moments of a migration whose source goes on writing: each goes on to the source's own bytes, and leaves nothing in QEMU.</summary>
public sealed class WarmKillSweepTests(Rig rig)
{
    private const int Migrations = 3, Deaths = 6, MostLines = 30;
    private const int DiskBytes = 24 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_warm_migration_killed_many_times_over_ends_in_the_bytes_of_its_source()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var deaths = 0;
        for (var i = 0; i < Migrations; i++)
        {
            var (place, target, state) = (rig.NewDirectory(), rig.NewDirectory(), rig.NewDirectory());
            await using var qemu = await RunningQemu.StartAsync(place, i % 2 == 0 ? "qcow2" : "raw", [DiskBytes, DiskBytes / 4], Cancel);
            var context = $"seed {seed}, migration {i}";
            string[] arguments =
            [
                "migrate", $"qmp:{qemu.SocketPath}", "--to", target, "--name", "swept", "--no-convert", "--no-check", "--no-boot-check", "--accept-degraded",
                "--interval", "0s", "--force-off", "--shutdown-deadline", "1s", "--read-back", "changed", "--checkpoint", "4M", "--json",
            ];
            var isAsked = false;
            for (var death = 0; death < Deaths; death++)
            {
                await WriteAsync(qemu, random, 20);
                deaths += await RunAsync(state, arguments, random.Next(1, MostLines)) ? 1 : 0;
                var (id, isOver) = await FindAsync(state);
                if (isOver) break;
                if (id is null) continue; // nothing was journaled yet: it simply starts
                // Halfway through it is told to cut over: from then on it dies at, or after, the cutover.
                if (death >= Deaths / 2 && !isAsked) isAsked = (await rig.RunAsync(state, ["cutover", id], Cancel)).ExitCode == 0;
                arguments = ["resume", id, "--json"];
            }

            var (last, done) = await FindAsync(state);
            if (!done)
            {
                if (last is null) arguments = [.. arguments, "--cutover-at", "now"];
                else if (!isAsked) Assert.Equal(0, (await rig.RunAsync(state, ["cutover", last], Cancel)).ExitCode);
                var end = await rig.RunAsync(state, arguments, Cancel);
                Assert.True(end.ExitCode == 3, $"{context}: exit code {end.ExitCode}: {end.Output}{end.ErrorTail}");
            }

            await qemu.EndedAsync(Cancel); // by our quit, when nothing of ours was left in it
            for (var disk = 0; disk < 2; disk++)
            {
                var arrived = await File.ReadAllBytesAsync(Path.Combine(target, $"swept-disk{disk + 1}.raw"), Cancel);
                Assert.True(qemu.Model(disk).SequenceEqual(arrived), $"{context}: disk {disk} differs");
            }

            Assert.Empty(Directory.EnumerateFileSystemEntries(target, ".sealift-*"));
            Assert.Empty(Directory.EnumerateFiles(place, "*.scratch"));
            Assert.Empty(Attempt.ProcessesAbout(target, state));
            var verified = await rig.RunAsync(state, ["verify", Path.Combine(target, "swept.seal.json")], Cancel);
            Assert.True(verified.ExitCode == 0, $"{context}: {verified.Output}");
        }

        Assert.True(deaths >= Migrations * Deaths / 2, $"seed {seed}: only {deaths} of {Migrations * Deaths} kills hit a migration that was under way");
    }

    /// <summary>Runs the command until it has said so many lines, and kills it.</summary>
    /// <returns>Whether it was killed, and had not ended before.</returns>
    private async Task<bool> RunAsync(string state, string[] arguments, int lines)
    {
        await using var child = ChildProcess.Start(rig.Command(state, arguments));
        child.EndInput();
        for (var said = 0; await child.ReadLineAsync(Cancel) is not null;)
            if (++said == lines) child.Kill("the test wants it dead");
        _ = await Record.ExceptionAsync(() => child.WaitAsync(Cancel)); // killed: it has no exit code
        return child.End!.Value.Number == 9;
    }

    /// <summary>As the guest would, unless it is off.</summary>
    private static async Task WriteAsync(RunningQemu qemu, Random random, int writes)
    {
        if (!qemu.IsRunning || !(await qemu.AskAsync("query-status", null, Cancel)).GetProperty("running").GetBoolean()) return;
        for (var i = 0; i < writes; i++) await qemu.WriteSomewhereAsync(random, Cancel);
    }

    /// <summary>The migration, where one was journaled, and whether it has a verdict.</summary>
    private async Task<(string? Id, bool IsOver)> FindAsync(string state)
    {
        var list = await rig.RunAsync(state, ["list", "--json"], Cancel);
        Assert.True(list.ExitCode == 0, list.ErrorTail);
        if (list.Output.Trim() is not { Length: > 0 } line) return (null, false);
        var one = JsonDocument.Parse(line).RootElement;
        return (one.GetProperty("id").GetString(), one.GetProperty("verdict").ValueKind != JsonValueKind.Null);
    }
}
