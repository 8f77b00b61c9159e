using Sealift.Bench.Copies;
using Sealift.Migrations;

namespace Sealift.Bench.Warm.Rows;

using Bench = Copies.Bench;

/// <summary>A large disk that is mostly a hole, of which little has changed: a pass should take what that little takes.</summary>
internal sealed class TebibyteRow : IRow
{
    public string Name => "tebibyte";

    public string About => "passes over a large sparse disk of which little has changed: time, and peak memory";

    public long RoomBytes(Options options, Sizes sizes) => (3 * WarmSizes.Of(options).TebibyteData) + (2 * Sizes.GiB);

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var sizes = WarmSizes.Of(bench.Options);
        var (runs, random) = (new List<FollowedMachine>(), new Random(72));
        var count = (int)(sizes.TebibyteChanged / Writes.LeafBytes);
        for (var round = 0; round < bench.Options.Runs; round++)
        {
            bench.Scratch.Remove("sparse.raw");
            _ = TestDisk.Sparse(bench.Scratch.In("sparse.raw"), sizes.Tebibyte, sizes.TebibyteData, sizes.TebibytePieces, 71, cancel); // its hash is of no use once it is written to
            var run = await FollowedMachine.FollowAsync(bench, "sparse.raw", "--audit none", async (qemu, id, pass) =>
            {
                if (pass.Number == 1) await FollowedMachine.CutOverAsync(bench, id, cancel);
                if (pass.Number > 0) return; // before it looked, it may have begun another one
                // Scattered, each leaf another piece: nothing is slower.
                _ = await Writes.SomewhereAsync(qemu, random, sizes.Tebibyte, count, Writes.LeafBytes, anyLength: false, Writes.LeafBytes, cancel); // a few of them meet
                _ = await bench.Clock.RunAsync($"sealift pace {id} --interval 0s", cancel); // its exit code is checked
            }, cancel);
            runs.Add(run);
            bench.Say($"{Name}: passes of {string.Join(", ", run.Passes.Select(p => $"{Report.Seconds(p.Seconds)} s"))}; the read-back {Report.Seconds(run.ReadBackSeconds)} s; {Report.Megabytes(run.Whole.PeakBytes)} MB");
        }

        bench.Report.AddSide(Name, runs[0].Side, [.. runs.Select(r => r.Whole)], 0);
        var what = $"{Sizes.Text(sizes.Tebibyte)} with {Sizes.Text(sizes.TebibyteData)} of data in {sizes.TebibytePieces} pieces";
        Add($"{what}: the first pass", null, r => r.Passes[0].Seconds, " s");
        Add($"a pass of {count} scattered leaves, {Sizes.Text(sizes.TebibyteChanged)}", new Goal(10, Unit: " s"), r => r.Passes[1].Seconds, " s");
        Add("read in it", null, r => r.Passes[1].Disks[0].ReadBytes / 1e6, " MB");
        Add("the last pass, with the machine off and nothing changed", new Goal(10, Unit: " s"), r => r.Passes[^1].Seconds, " s");
        Add("the read-back of the whole target", null, r => r.ReadBackSeconds, " s");
        Add("peak memory", new Goal(150, Unit: " MB"), r => r.Whole.PeakBytes / 1e6, " MB");

        void Add(string line, Goal? goal, Func<FollowedMachine, double> figure, string unit) => bench.Report.Add(new ReportLine(Name, line, "–", goal, new Series([.. runs.Select(figure)]), unit));
    }
}
