using System.Globalization;
using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>The hash, beside the rate at which OpenSSL's SHA-256 goes through memory on all processors.</summary>
internal sealed class HashRow : IRow
{
    public string Name => "hash";

    public string About => "sealift hash of a file in the page cache, against the rate of openssl speed on all processors";

    public long RoomBytes(Options options, Sizes sizes) => sizes.Hash + GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), bench.Sizes.Hash, 11, half: false, cancel);
        var ours = new Contestant("sealift hash source.raw")
        {
            Before = _ =>
            {
                RawFiles.Warm(disk.Path);
                return Task.CompletedTask;
            },
            Beforehand = "source.raw is read into the page cache",
            WhatIsWrong = (run, _) => Task.FromResult(run.Output == $"{disk.Hash}  source.raw\n" ? null : $"not the hash {disk.Hash}: {run.Output}"),
        };
        var peer = new Contestant($"openssl speed -multi {Environment.ProcessorCount} -evp sha256 -bytes 65536 -seconds {bench.Sizes.RateSeconds} 2>&1")
        {
            WhatIsWrong = (run, _) => Task.FromResult(BytesPerSecond(run.Output) > 0 ? null : $"no rate: {run.Output}"),
        };
        var runs = await bench.InterleaveAsync(Name, [ours, peer], 0, cancel);
        var rates = runs[0].Select(r => disk.LengthBytes / r.Seconds).ToList();
        var theirs = runs[1].Select(r => BytesPerSecond(r.Output)).ToList();
        // Without AVX-512 both do the same with the same instructions of the processor, and ours has a file to read.
        var goal = new Goal(Machine.HasAvx512 ? 1.5 : 0.95, AtLeast: true);
        bench.Report.Add(new ReportLine(Name, $"`sealift hash` of {Text(disk.LengthBytes)} in the page cache", $"rate of SHA-256 in memory, `openssl speed -multi {Environment.ProcessorCount}`", goal, new Series([.. rates.Zip(theirs, (o, p) => o / p)]),
            Note: $"rate by rate: more is better; {(Machine.HasAvx512 ? "with" : "without")} AVX-512"));
        bench.Report.Add(new ReportLine(Name, "the same", "–", null, new Series([.. rates.Select(r => r / 1e6)]), " MB/s"));
        bench.Report.Add(new ReportLine(Name, "`openssl speed`", "–", null, new Series([.. theirs.Select(r => r / 1e6)]), " MB/s"));
    }

    // The last line is "sha256   3064857.19k": thousands of bytes a second.
    private static double BytesPerSecond(string output)
    {
        var words = output.TrimEnd().Split('\n')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length == 2 && words[0] == "sha256" && words[1].EndsWith('k') && double.TryParse(words[1][..^1], CultureInfo.InvariantCulture, out var thousands) ? thousands * 1000 : 0;
    }
}
