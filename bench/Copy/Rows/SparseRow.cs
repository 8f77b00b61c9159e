using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>A large disk that is mostly a hole, beside a small one with as much data: the holes should cost nothing.</summary>
internal sealed class SparseRow : IRow
{
    public string Name => "sparse";

    public string About => "a large sparse disk against a dense one with as much data; peak memory; size of the block map";

    public long RoomBytes(Options options, Sizes sizes) => (3 * sizes.SparseData) + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var sizes = bench.Sizes;
        var dense = TestDisk.Dense(bench.Scratch.In("dense.raw"), sizes.SparseData, 61, half: false, cancel);
        var sparse = TestDisk.Sparse(bench.Scratch.In("sparse.raw"), sizes.SparseLength, sizes.SparseData, sizes.SparsePieces, 62, cancel);
        var (what, against) = ($"{Text(sparse.LengthBytes)} with {Text(sizes.SparseData)} of data in {sizes.SparsePieces} pieces", $"{Text(dense.LengthBytes)} full of data");
        var mapBytes = new Dictionary<string, long>();
        Contestant Side(string name, TestDisk disk, bool proven)
        {
            var map = $"{name}.blockmap";
            var side = new FileCopies(bench, $"{name}.raw", disk).Ours($"--source-format raw --map {map}", proven);
            return side with
            {
                Before = async token =>
                {
                    bench.Scratch.Remove(map);
                    await side.Before(token);
                },
                WhatIsWrong = async (run, token) =>
                {
                    mapBytes[name] = new FileInfo(bench.Scratch.In(map)).Length;
                    return await side.WhatIsWrong(run, token);
                },
            };
        }

        var proven = await bench.InterleaveAsync(Name, [Side("sparse", sparse, proven: true), Side("dense", dense, proven: true)], sizes.SparseData, cancel, limit: sizes.SparseLimit);
        var bare = await bench.InterleaveAsync(Name, [Side("sparse", sparse, proven: false), Side("dense", dense, proven: false)], sizes.SparseData, cancel, limit: sizes.SparseLimit);
        bench.Compare(Name, $"`sealift copy` of {what}, proven", against, new Goal(1.2), proven[0], proven[1]);
        bench.Compare(Name, "the same with `--no-proof`", against, null, bare[0], bare[1]);
        var peak = proven.Concat(bare).SelectMany(s => s).Max(r => r.PeakBytes);
        bench.Report.Add(new ReportLine(Name, "peak memory, the most of all these runs that ended", "–", new Goal(150, Unit: " MB"), new Series([peak / 1e6]), " MB"));
        foreach (var (name, bytes) in mapBytes.OrderBy(m => m.Key, StringComparer.Ordinal))
            bench.Report.Add(new ReportLine(Name, $"block map of the {name} disk, {bytes} bytes", "its data", new Goal(0.06, Unit: " %"), new Series([100.0 * bytes / sizes.SparseData]), " %"));
    }
}
