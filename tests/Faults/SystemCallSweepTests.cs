using Sealift.Bench.Faults;

namespace Sealift.Faults;

/// <summary>
/// The real command under strace(1), which fails one system call of its data path in each run: every kind of call that a run makes on
/// the trial's files and sockets, with each error that the call can return, at its first, second, a middle and its last occurrence.
/// `bench/faults` runs all of them, and the same over other tools; docs/fault-sweep.md has the table.
/// </summary>
public sealed class SystemCallSweepTests(OtherSide side)
{
    /// <summary>Every eighth fault: about 470 in two minutes on two cores. The order of the faults is fixed, so are those that are left out.</summary>
    private const int Stride = 8;
    private const int LeastInjected = 400;

    [Fact]
    public async Task A_fault_at_any_call_ends_in_a_clear_error_or_in_a_correct_result()
    {
        var tools = SealiftTools.All(side.Sealift);
        var trials = await Sweep.RunAsync(tools, Stride, null, TestContext.Current.CancellationToken);
        foreach (var tool in tools) Console.WriteLine($"{tool.Name}: {Sweep.Summary([.. trials.Where(t => t.Tool == tool.Name)])}");
        Console.WriteLine($"system calls: {Sweep.Summary(trials)}");

        var bad = trials.Where(t => t.Outcome is not (Outcome.NotReached or Outcome.CleanError or Outcome.CorrectResult)).ToList();
        Assert.True(bad.Count == 0, string.Join("\n\n", bad.Take(20).Select(t => $"{t.Outcome}: {t.Tool}: {t.Injection}: {t.Detail}")));
        Assert.All(tools, tool => Assert.Contains(trials, t => t.Tool == tool.Name && t.Outcome == Outcome.CleanError));
        Assert.True(trials.Count(t => t.Outcome != Outcome.NotReached) >= LeastInjected, "too few faults were reached to say anything");
    }
}
