namespace Sealift.Bench.Copies.Rows;

/// <summary>How long it takes until the command says anything.</summary>
internal sealed class HelpRow : IRow
{
    public string Name => "help";

    public string About => "start of the command: sealift --help";

    public long RoomBytes(Options options, Sizes sizes) => 1 << 20;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var ours = new Contestant("sealift --help")
        {
            WhatIsWrong = (run, _) => Task.FromResult(run.Output.Contains("Usage:", StringComparison.Ordinal) ? null : $"no usage: {run.Output}"),
        };
        var runs = await bench.InterleaveAsync(Name, [ours, new Contestant("/usr/bin/true")], 0, cancel, bench.Sizes.HelpRuns);
        Series Milliseconds(IReadOnlyList<Run> side) => new([.. side.Select(r => r.Seconds * 1000)]);
        bench.Report.Add(new ReportLine(Name, "`sealift --help`", "–", new Goal(30, Unit: " ms"), Milliseconds(runs[0]), " ms", $"{runs[0].Count} runs"));
        bench.Report.Add(new ReportLine(Name, "`/usr/bin/true`: the measuring itself", "–", null, Milliseconds(runs[1]), " ms", $"{runs[1].Count} runs"));
    }
}
