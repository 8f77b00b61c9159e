using Sealift.Bench.Copies;
using Sealift.Migrations;
using Sealift.Rigs;

namespace Sealift.Bench.Warm.Rows;

using Bench = Copies.Bench;

/// <summary>How long a machine is off for its last difference, and what the audit adds; beside a cold copy of the same disk, for which it would be off all the time.</summary>
internal sealed class DowntimeRow : IRow
{
    private const int WriteBytes = 1 << 20;

    public string Name => "downtime";

    public string About => "from the request to shut down to the last proof, with and without audit, against a cold copy of the same disk";

    public long RoomBytes(Options options, Sizes sizes) => (2 * WarmSizes.Of(options).Disk) + (2 * Sizes.GiB);

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var sizes = WarmSizes.Of(bench.Options);
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), sizes.Disk, 81, half: false, cancel);
        var random = new Random(82);
        List<string> ways = ["--audit none", "--audit sample", "--audit full"];
        // A build that can read back what changed alone.
        if (await bench.Clock.SucceedsAsync("sealift migrate --help | grep -q -e --read-back", cancel)) ways.Insert(0, "--audit none --read-back changed");
        var followed = ways.ConvertAll(_ => new List<FollowedMachine>());
        var cold = new List<Run>();
        var copy = new Contestant("sealift copy --source-format raw source.raw target.raw")
        {
            Before = _ =>
            {
                bench.Scratch.Remove("target.raw");
                RawFiles.Warm(disk.Path);
                return Task.CompletedTask;
            },
            Beforehand = "source.raw is read into the page cache; no target.raw",
            WhatIsWrong = (run, token) => Task.FromResult(!run.Output.Contains("verdict: proven", StringComparison.Ordinal) ? $"another verdict: {run.Output}" : RawFiles.WhatDiffers(disk.Path, bench.Scratch.In("target.raw"), token)),
        };
        for (var round = 0; round < bench.Options.Runs; round++)
        {
            for (var i = 0; i < ways.Count; i++)
            {
                var run = await FollowedMachine.FollowAsync(bench, "source.raw", ways[i], async (qemu, id, pass) =>
                {
                    if (pass.Number > 0) return;
                    _ = await Writes.SomewhereAsync(qemu, random, disk.LengthBytes, (int)(sizes.Changed / WriteBytes), WriteBytes, anyLength: false, WriteBytes, cancel); // a few of them meet
                    await FollowedMachine.CutOverAsync(bench, id, cancel);
                }, cancel);
                followed[i].Add(run);
                var last = run.Passes[^1];
                bench.Say($"{Name}: {Report.Seconds(run.DowntimeSeconds)} s off, of it {Report.Seconds(last.Seconds)} s for the last pass and {Report.Seconds(run.ReadBackSeconds)} s for the read-back: {ways[i]}");
                bench.Scratch.Remove("target");
            }

            cold.Add(await bench.Clock.TakeAsync(copy, bench.Sizes.RunLimit, cancel));
            bench.Say($"{Name}: {Report.Seconds(cold[^1].Seconds)} s: {copy.Line}");
            bench.Scratch.Remove("target.raw");
        }

        for (var i = 0; i < ways.Count; i++) bench.Report.AddSide(Name, followed[i][0].Side, [.. followed[i].Select(f => f.Whole)], 0);
        bench.Report.AddSide(Name, copy, cold, disk.LengthBytes);
        var (what, against) = ($"downtime, {Sizes.Text(sizes.Changed)} of {Sizes.Text(disk.LengthBytes)} changed", $"`sealift copy` of the same disk, hashed and proven");
        for (var i = 0; i < ways.Count; i++)
        {
            bench.Compare(Name, $"{what}, `{ways[i]}`", against, i == 0 ? new Goal(0.1) : null, [.. followed[i].Select(f => f.Whole with { Seconds = f.DowntimeSeconds })], cold);
            Add($"the same, `{ways[i]}`", f => f.DowntimeSeconds, " s");
            Add($"of it the last pass, `{ways[i]}`", f => f.Passes[^1].Seconds, " s");
            Add($"of it the read-back, `{ways[i]}`", f => f.ReadBackSeconds, " s");
            Add($"read to be compared by the audit, `{ways[i]}`", f => f.Passes[^1].Disks[0].ComparedBytes / 1e6, " MB");

            void Add(string line, Func<FollowedMachine, double> figure, string unit) => bench.Report.Add(new ReportLine(Name, line, "–", null, new Series([.. followed[i].Select(figure)]), unit));
        }

        bench.Report.Add(new ReportLine(Name, against, "–", null, new Series([.. cold.Select(c => c.Seconds)]), " s"));
    }
}
