using System.Text.Json;
using Sealift.Posix;

namespace Sealift.EndToEnd;

/// <summary>Runs of the command on a running machine, pass by pass.</summary>
internal static class WarmRun
{
    /// <summary>Runs a command that reports in JSON until so many passes were done, then kills it, or does something else and lets it come to its end.</summary>
    /// <returns>How many passes it did.</returns>
    public static async Task<int> UntilAsync(Rig rig, string state, IReadOnlyList<string> arguments, Func<int, bool> isTime, bool kill, Func<CancellationToken, Task> then, CancellationToken cancel, int exitCode = 0)
    {
        await using var child = ChildProcess.Start(rig.Command(state, arguments));
        var (passes, done) = (0, false);
        var last = string.Empty;
        while (await child.ReadLineAsync(cancel) is { } line)
        {
            last = line;
            if (JsonDocument.Parse(line).RootElement.GetProperty("event").GetString() != "pass-finished") continue;
            passes++;
            if (done || !isTime(passes)) continue;
            done = true;
            if (kill)
            {
                child.Kill("the test wants it dead");
                break;
            }

            await then(cancel);
        }

        Assert.True(done, $"it ended after {passes} passes: {last}\n{child.ErrorTail}");
        if (!kill) Assert.True(await child.WaitAsync(cancel) == exitCode, $"{last}\n{child.ErrorTail}");
        return passes;
    }

    public static async Task<string> OnlyMigrationAsync(Rig rig, string state, CancellationToken cancel)
    {
        var list = await rig.RunAsync(state, ["list", "--json"], cancel);
        return JsonDocument.Parse(list.Output.Trim()).RootElement.GetProperty("id").GetString()!;
    }
}
