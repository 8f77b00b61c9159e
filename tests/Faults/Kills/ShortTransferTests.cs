using Sealift.Bench.Faults;
using Sealift.Bench.Faults.Kills;
using Sealift.Bench.Faults.Transfers;

namespace Sealift.Faults.Kills;

/// <summary>Transfers that really are shorter than asked for, calls that a signal ends again and again, and reads that end where the file goes on.</summary>
public sealed class ShortTransferTests(OtherSide side)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_transfer_that_comes_short_makes_a_wrong_byte_or_a_hang()
    {
        var directory = side.NewDirectory();
        var commands = TransferSweep.All(side.Sealift, await Rig.CompileAsync(OtherSide.Script("kill-at.c"), directory, Cancel));
        var trials = await TransferSweep.RunAsync(commands, await Rig.CompileAsync(OtherSide.Script("short-transfers.c"), directory, Cancel), Cancel);
        foreach (var group in trials.GroupBy(t => t.Command).OrderBy(g => g.Key, StringComparer.Ordinal)) Console.WriteLine($"short transfers, {group.Key}: {TransferSweep.Summary([.. group])}");
        var bad = trials.Where(t => t.Outcome > Outcome.CleanError).Select(t => $"{t.Outcome} {t.Command}: {t.Shortage}: {t.Detail}").ToList();
        Assert.True(bad.Count == 0, string.Join("\n", bad));
        // A library that shortens nothing would pass as well.
        Assert.All(commands, c => Assert.True(trials.Where(t => t.Command == c.Name).Sum(t => t.Disturbed) > 1000, c.Name));
    }
}
