using System.Globalization;

namespace Sealift.Bench.Copies;

/// <summary>A line of the table of goals.</summary>
/// <param name="Row">The row that it belongs to.</param>
/// <param name="What">What is run.</param>
/// <param name="Against">What it is compared with.</param>
/// <param name="Goal">What the figure should be; null where it only informs.</param>
/// <param name="Figure">A ratio of times, unless the unit says otherwise.</param>
/// <param name="Unit">What follows the number; a ratio's is ×.</param>
/// <param name="Note">What must be known to read the figure.</param>
internal sealed record ReportLine(string Row, string What, string Against, Goal? Goal, Series Figure, string Unit = " ×", string Note = "");

/// <summary>What came of it, in Markdown.</summary>
internal sealed class Report
{
    private readonly List<ReportLine> lines = [];
    private readonly List<IReadOnlyList<string>> sides = [];
    private readonly List<IReadOnlyList<string>> tried = [];
    private readonly List<string> commands = [];
    private readonly List<string> tables = [];
    private readonly List<string> failures = [];

    /// <summary>Whether a run failed or a result is wrong.</summary>
    public bool HasFailed => failures.Count > 0;

    public void Add(ReportLine line) => lines.Add(line);

    /// <summary>The runs of one side, and its command.</summary>
    /// <param name="row">The row that it belongs to.</param>
    /// <param name="side">What is run.</param>
    /// <param name="runs">Its runs.</param>
    /// <param name="bytes">How much it gets through in a run; 0 where that means nothing.</param>
    public void AddSide(string row, Contestant side, IReadOnlyList<Run> runs, long bytes)
    {
        var seconds = new Series([.. runs.Select(r => r.Seconds)]);
        var ended = runs.All(r => r.Ended);
        sides.Add([
            row, $"`{side.Line}`", Number(runs.Count), (ended ? string.Empty : "not ended after ") + seconds.Text(Seconds),
            bytes == 0 || !ended ? "–" : Number(bytes / 1e6 / seconds.Median, "F0"), ended ? Megabytes(runs.Max(r => r.PeakBytes)) : "–",
        ]);
        var exit = side.ExitCode == 0 ? string.Empty : $"  # exit code {side.ExitCode}";
        commands.Add($"# {row}{(side.Beforehand.Length > 0 ? $"; before each run: {side.Beforehand}" : string.Empty)}\n{side.Line}{exit}");
    }

    /// <summary>The sets of flags that were tried for a peer, once each.</summary>
    public void AddTried(string row, IEnumerable<(Contestant Side, Run Run)> runs)
    {
        var all = runs.ToList();
        var fastest = all.Min(r => r.Run.Seconds);
        tried.AddRange(all.Select(r => (IReadOnlyList<string>)[row, $"`{r.Side.Line}`", (r.Run.Ended ? string.Empty : "not ended after ") + Seconds(r.Run.Seconds), r.Run.Seconds == fastest ? "taken" : string.Empty]));
    }

    /// <summary>A table of its own.</summary>
    public void AddTable(string title, IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows) => tables.Add($"## {title}\n\n{Table(head, rows)}");

    public void AddFailure(string row, string message) => failures.Add($"- {row}: {message.ReplaceLineEndings(" ")}");

    /// <summary>All of it.</summary>
    public string Markdown(string machine, Options options, TimeSpan elapsed)
    {
        var parts = new List<string>();
        if (options.Quick) parts.Add("**Small data (`--quick`): the figures mean nothing.**\n");
        if (failures.Count > 0) parts.Add($"## Failed\n\n{string.Join('\n', failures)}\n");
        if (lines.Count > 0)
        {
            parts.Add($"## Goals\n\n{(options.Runs == 1 ? "One run" : $"Median, and in brackets the least and the most, of {options.Runs} runs")} where nothing else is said.\n");
            parts.Add(Table(["row", "what is run", "against", "goal", "measured", "holds?", "note"], lines.Select(l => (IReadOnlyList<string>)
                [l.Row, l.What, l.Against, l.Goal?.ToString() ?? "–", l.Figure.Text(v => Number(v, FormatOf(v, l.Unit))) + l.Unit, l.Goal is null ? "–" : l.Goal.Holds(l.Figure.Median) ? "yes" : "**no**", l.Note])));
        }

        if (sides.Count > 0) parts.Add("## Each side\n\n" + Table(["row", "command", "runs", "seconds", "MB/s", "peak memory, MB"], sides));
        parts.AddRange(tables);
        if (tried.Count > 0) parts.Add("## Flags tried for the peers\n\nOnce each, before the comparison; the fastest was taken.\n\n" + Table(["row", "command", "seconds", ""], tried));
        if (commands.Count > 0) parts.Add($"## Commands\n\nIn a directory of their own, by `bash -c`, with sealift's own first in PATH.\n\n```bash\n{string.Join('\n', commands.Distinct())}\n```\n");
        parts.Add($"## Machine\n\n{machine}| whole run | {elapsed.TotalMinutes.ToString("F1", CultureInfo.InvariantCulture)} minutes |\n");
        return string.Join('\n', parts);
    }

    /// <summary>A number for a cell.</summary>
    public static string Number(double value, string format = "G") => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>Seconds for a cell.</summary>
    public static string Seconds(double value) => Number(value, value < 1 ? "F3" : "F2");

    /// <summary>Bytes for a cell, in megabytes of 10⁶.</summary>
    public static string Megabytes(long bytes) => Number(bytes / 1e6, "F0");

    private static string FormatOf(double value, string unit) => unit == " ×" ? "F2" : value < 1 ? "F3" : value < 100 ? "F1" : "F0";

    private static string Table(IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows) =>
        string.Join('\n', [Line(head), Line([.. head.Select(_ => "---")]), .. rows.Select(Line)]) + "\n";

    // A | in a command would end the cell.
    private static string Line(IReadOnlyList<string> cells) => $"| {string.Join(" | ", cells.Select(c => c.Replace("|", "\\|", StringComparison.Ordinal)))} |";
}
