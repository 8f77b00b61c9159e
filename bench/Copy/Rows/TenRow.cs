using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>Ten disks of one machine at once.</summary>
internal sealed class TenRow : IRow
{
    // It is there to inform, and each round takes as long as twenty copies.
    private const int Disks = 10, MostRounds = 3;

    public string Name => "ten";

    public string About => "ten copies started together, against the same ones one after the other";

    public long RoomBytes(Options options, Sizes sizes) => (2 * Disks * sizes.EachOfTen) + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var copies = new List<Contestant>();
        for (var i = 0; i < Disks; i++)
        {
            var disk = TestDisk.Dense(bench.Scratch.In($"source{i}.raw"), bench.Sizes.EachOfTen, 700 + (ulong)i, half: false, cancel);
            copies.Add(new FileCopies(bench, $"source{i}.raw", disk, $"target{i}.raw").Ours("--source-format raw"));
        }

        var (together, inTurn, peaks) = (new List<Run>(), new List<Run>(), new List<double>());
        for (var round = 0; round < Math.Min(bench.Options.Runs, MostRounds); round++)
        {
            var runs = await TogetherAsync(bench, copies, cancel);
            together.Add(runs[0] with { Seconds = runs.Max(r => r.StartedAt + r.Seconds) - runs.Min(r => r.StartedAt), PeakBytes = runs.Sum(r => r.PeakBytes) });
            var alone = new List<Run>();
            foreach (var copy in copies) alone.Add(await bench.Clock.TakeAsync(copy, bench.Sizes.RunLimit, cancel));
            inTurn.Add(alone[0] with { Seconds = alone.Sum(r => r.Seconds), PeakBytes = alone.Max(r => r.PeakBytes) });
            bench.Say($"{Name}: {Report.Seconds(together[^1].Seconds)} s together, {Report.Seconds(inTurn[^1].Seconds)} s one after the other");
        }

        var line = copies[0].Line.Replace("0.raw", "N.raw", StringComparison.Ordinal);
        var beforehand = copies[0].Beforehand.Replace("0.raw", "N.raw", StringComparison.Ordinal);
        var bytes = Disks * bench.Sizes.EachOfTen;
        bench.Report.AddSide(Name, new Contestant($"{line}  # N = 0 … {Disks - 1} at once; memory is the sum") { Beforehand = beforehand }, together, bytes);
        bench.Report.AddSide(Name, new Contestant($"{line}  # N = 0 … {Disks - 1} one after the other") { Beforehand = beforehand }, inTurn, bytes);
        bench.Compare(Name, $"ten `sealift copy` of {Text(bench.Sizes.EachOfTen)} together, hashed and proven", "one after the other", null, together, inTurn, "bounded by the slowest of processors, source and target");
        bench.Report.Add(new ReportLine(Name, "peak memory of all ten, summed", "–", null, new Series([.. together.Select(r => r.PeakBytes / 1e6)]), " MB"));
    }

    private static async Task<IReadOnlyList<Run>> TogetherAsync(Bench bench, List<Contestant> copies, CancellationToken cancel)
    {
        foreach (var copy in copies) await copy.Before(cancel);
        _ = await bench.Clock.RunAsync("sync -f .", cancel); // it has nothing to say
        var runs = await Task.WhenAll(copies.Select(copy => bench.Clock.MeasureAsync(copy, bench.Sizes.RunLimit, cancel)));
        foreach (var (copy, run) in copies.Zip(runs))
        {
            if (!run.Ended) throw new BenchException($"{copy.Line}: not ended after {run.Seconds} s, with nine others beside it");
            if (await copy.WhatIsWrong(run, cancel) is { } wrong) throw new BenchException($"{copy.Line}: wrong result: {wrong}");
        }

        return runs;
    }
}
