using System.Globalization;
using Sealift.Bench.Faults.Storage;

namespace Sealift.Bench.Faults;

/// <summary>What the sweeps found, in Markdown.</summary>
public static class FaultTable
{
    /// <summary>A row for each tool: how it took the faults of its system calls.</summary>
    /// <param name="tools">The tools.</param>
    /// <param name="trials">Their trials.</param>
    public static string OfCalls(IEnumerable<Tool> tools, IReadOnlyCollection<Trial> trials)
    {
        var rows = tools.Select(tool =>
        {
            var own = trials.Where(t => t.Tool == tool.Name).ToList();
            int Count(Outcome outcome) => own.Count(t => t.Outcome == outcome);
            var swallowed = own.Where(t => t.Outcome == Outcome.SwallowedError).ToList();
            var closes = swallowed.Count(t => t.Injection.Call == "close");
            var idle = swallowed.Count(t => !t.IsAtStake);
            var corrupt = own.Where(t => t.Outcome == Outcome.SilentCorruption).ToList();
            var misled = corrupt.Count(t => IsFalseStatement(t.Injection));
            return (IReadOnlyList<string>)
            [
                $"`{tool.Name}`", tool.Flushes ? "yes" : "no", $"{own.Count} ({own.Count - Count(Outcome.NotReached)})", Number(Count(Outcome.CleanError)), Number(Count(Outcome.CorrectResult)),
                Bad(swallowed.Count - closes), Bad(closes - idle), Number(idle), Bad(corrupt.Count - misled), Number(misled), Bad(Count(Outcome.Hang)), Bad(Count(Outcome.Complaint)),
            ];
        });
        return Of(
            ["tool", "flushes", "faults injected (reached)", "clean errors", "correct results", "swallowed: flush", "swallowed: close", "the same, nothing at stake", "**silent corruption**", "the same, after a false ENXIO", "hangs", "complaints, crashes"],
            rows);
    }

    /// <summary>A row for each tool: on how much of each kind of faulty storage it claimed success with wrong bytes on the medium.</summary>
    /// <param name="tools">The tools.</param>
    /// <param name="faults">The kinds.</param>
    /// <param name="trials">Their trials.</param>
    public static string OfStorage(IEnumerable<CopyTool> tools, IReadOnlyList<StorageFault> faults, IReadOnlyCollection<StorageTrial> trials)
    {
        var rows = tools.Select(tool => (IReadOnlyList<string>)[$"`{tool.Name}`", tool.Flushes ? "yes" : "no", .. faults.Select(fault => Cell(trials.Where(t => t.Tool == tool.Name && t.Fault == fault.Name).ToList()))]);
        return Of(["tool", "flushes", .. faults.Select(f => f.Name)], rows);
    }

    /// <summary>Whether a fault is no failure but a statement that is not true: that there are no more data.</summary>
    public static bool IsFalseStatement(Injection injection) => injection is { Call: "lseek", Error: "ENXIO" };

    private static string Cell(List<StorageTrial> trials)
    {
        if (trials.Count == 0) return "–";
        int Count(Outcome outcome) => trials.Count(t => t.Outcome == outcome);
        var bad = Count(Outcome.SilentCorruption) + Count(Outcome.SwallowedError);
        string Also(Outcome outcome, string word) => Count(outcome) == 0 ? string.Empty : $", {Count(outcome)} {word}";
        var cell = string.Create(CultureInfo.InvariantCulture, $"{bad}/{trials.Count}");
        return (bad > 0 ? $"**{cell}**" : cell) + Also(Outcome.Hang, "hang") + Also(Outcome.Complaint, "crash");
    }

    private static string Number(int n) => n.ToString(CultureInfo.InvariantCulture);

    private static string Bad(int n) => n > 0 ? $"**{Number(n)}**" : "0";

    private static string Of(IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows) =>
        string.Join('\n', [Line(head), Line([.. head.Select(_ => "---")]), .. rows.Select(Line)]) + "\n";

    private static string Line(IReadOnlyList<string> cells) => $"| {string.Join(" | ", cells)} |";
}
