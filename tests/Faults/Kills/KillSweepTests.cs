using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Kills;

namespace Sealift.Faults.Kills;

/// <summary>kill -9 by count of calls, and power cuts: what is gone on from ends as if nothing had happened.</summary>
public sealed class KillSweepTests(OtherSide side)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Every eighth point; `bench/faults kill` runs all of them.</summary>
    [Fact]
    public async Task Killed_at_hundreds_of_calls_each_command_is_gone_on_from_to_the_undisturbed_end() => await SweepAsync(power: false, stride: 8, atLeast: 300);

    /// <summary>Every twelfth point, and what was not synced is lost; `bench/faults power` runs all of them.</summary>
    [Fact]
    public async Task What_a_power_cut_leaves_is_gone_on_from_to_the_undisturbed_end() => await SweepAsync(power: true, stride: 12, atLeast: 150);

    private async Task SweepAsync(bool power, int stride, int atLeast)
    {
        var library = await Rig.CompileAsync(OtherSide.Script("kill-at.c"), side.NewDirectory(), Cancel);
        var trials = await KillSweep.RunAsync(KillSweep.All(side.Sealift, library), library, power, stride, null, Cancel);
        foreach (var group in trials.GroupBy(t => t.Command).OrderBy(g => g.Key, StringComparer.Ordinal)) Console.WriteLine($"{(power ? "power cut" : "kill -9")}, {group.Key}: {KillSweep.Summary([.. group])}");
        var bad = trials.Where(t => t.Outcome is not (Outcome.CorrectResult or Outcome.NotReached)).Select(t => $"{t.Outcome} {t.Command}: {t.Kill}: {t.Detail}").ToList();
        Assert.True(bad.Count == 0, string.Join("\n", bad));
        // A library that kills nothing would pass as well.
        Assert.True(trials.Count(t => t.Outcome == Outcome.CorrectResult) >= atLeast, KillSweep.Summary([.. trials]));
    }
}
