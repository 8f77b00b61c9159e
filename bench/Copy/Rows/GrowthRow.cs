using System.Globalization;
using Sealift.Posix;
using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Copies.Rows;

/// <summary>How time and memory grow with the disk. Each is run once: the table shows a trend, and no ratio is taken from it.</summary>
internal sealed class GrowthRow : IRow
{
    private static readonly string[] Head = ["disk", "hash, s", "MB", "copy --no-proof, s", "MB", "copy, s", "MB"];

    private const string NotEnded = "not ended after";

    private const int ProofCell = 5;

    public string Name => "growth";

    public string About => "time and peak memory of hash and copy for disks from small to very large";

    // The longest of --large is left out where there is no room for it.
    public long RoomBytes(Options options, Sizes sizes) => RoomOf((options.Large ? sizes.GrowthLargeDense : sizes.GrowthDense)[^1]);

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var (rows, peaks, isProofTried) = (new List<IReadOnlyList<string>>(), new List<long>(), true);
        var (sizes, isLarge) = (bench.Sizes, bench.Options.Large);
        // One run each: with --large none is so long that it is not worth the wait.
        var limit = isLarge ? sizes.RunLimit : sizes.SparseLimit;
        foreach (var lengthBytes in isLarge ? [.. sizes.GrowthDense, .. sizes.GrowthLargeDense, sizes.GrowthLargest] : sizes.GrowthDense)
        {
            bench.Scratch.Clear();
            if (PosixPath.FreeBytes(bench.Scratch.In(".")) < RoomOf(lengthBytes))
            {
                rows.Add([$"{Text(lengthBytes)}, full", $"not tried: it needs {Text(RoomOf(lengthBytes))} of room", "–", "–", "–", "–", "–"]);
                continue;
            }

            var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), lengthBytes, 91, half: false, cancel);
            rows.Add(await FileAsync(bench, disk, $"{Text(lengthBytes)}, full", bench.Sizes.RunLimit, isProofTried: true, peaks, cancel));
        }

        foreach (var lengthBytes in isLarge ? [.. sizes.GrowthSparse, .. sizes.GrowthLargeSparse] : sizes.GrowthSparse)
        {
            bench.Scratch.Clear();
            var disk = Sparse(bench, lengthBytes, cancel);
            rows.Add(await FileAsync(bench, disk, Sparsely(disk.LengthBytes == lengthBytes ? Text(lengthBytes) : $"{Text(lengthBytes)} − 64 KiB (the file system's limit)"), limit, isProofTried, peaks, cancel));
            isProofTried &= !rows[^1][ProofCell].StartsWith(NotEnded, StringComparison.Ordinal); // what does not end with this one does not with a longer one
        }

        bench.Scratch.Clear();
        if (isLarge) rows.Add(await ServedAsync(bench, isProofTried, limit, peaks, cancel));
        bench.Report.AddTable("Growth", Head, rows);
        bench.Report.Add(new ReportLine(Name, "peak memory, the most in the table of growth", "–", new Goal(150, Unit: " MB"), new Series([peaks.Max() / 1e6]), " MB", "one run each"));

        string Sparsely(string length) => $"{length}, sparse, {Text(bench.Sizes.SparseData)} of data";
    }

    // The source, the target, and what a copy keeps beside it.
    private static long RoomOf(long lengthBytes) => (2 * lengthBytes) + GiB;

    private static TestDisk Sparse(Bench bench, long lengthBytes, CancellationToken cancel)
    {
        // The longest file of ext4 with blocks of 4 KiB is 16 TiB less one block.
        var longest = CanHold(bench, lengthBytes) ? lengthBytes : lengthBytes - ReferenceHash.BlockBytes;
        return TestDisk.Sparse(bench.Scratch.In("source.raw"), longest, bench.Sizes.SparseData, bench.Sizes.SparsePieces, 92, cancel);
    }

    private static bool CanHold(Bench bench, long lengthBytes)
    {
        try
        {
            RawFiles.MakeEmpty(bench.Scratch.In("longest"), lengthBytes);
            return true;
        }
        catch (PosixException e) when (e.Errno == Errno.EFBIG)
        {
            return false; // that is the question
        }
        finally
        {
            bench.Scratch.Remove("longest");
        }
    }

    private async Task<IReadOnlyList<string>> FileAsync(Bench bench, TestDisk disk, string name, TimeSpan limit, bool isProofTried, List<long> peaks, CancellationToken cancel)
    {
        var copies = new FileCopies(bench, "source.raw", disk);
        var hash = new Contestant("sealift hash source.raw") { WhatIsWrong = (run, _) => Task.FromResult(Wrong(run, disk.Hash)) };
        return await RowAsync(bench, name, [hash, copies.Ours("--source-format raw", proven: false), copies.Ours("--source-format raw")], limit, isProofTried, peaks, cancel);
    }

    /// <summary>A disk longer than any file: a sparse one of the table, and zeros behind it, from one server to another that keeps only what is not zero.</summary>
    private async Task<IReadOnlyList<string>> ServedAsync(Bench bench, bool isProofTried, TimeSpan limit, List<long> peaks, CancellationToken cancel)
    {
        const string Source = "nbd+unix:///?socket=source.sock", Target = "nbd+unix:///?socket=target.sock";
        var disk = TestDisk.Sparse(bench.Scratch.In("source.raw"), bench.Sizes.GrowthSparse[0], bench.Sizes.SparseData, bench.Sizes.SparsePieces, 93, cancel);
        var lengthBytes = bench.Sizes.GrowthServed;
        var expected = disk.HashWhenExtended(lengthBytes);
        var length = lengthBytes.ToString(CultureInfo.InvariantCulture);
        await using var source = await NbdServer.StartAsync(bench.Scratch, "source", ["--unix", "source.sock", "--readonly", "--filter", "truncate", "file", "source.raw", $"truncate={length}"], cancel);
        NbdServer? target = null;
        try
        {
            Contestant Copy(bool proven) => new(proven ? $"sealift copy --overwrite '{Source}' '{Target}'" : $"sealift copy --overwrite --no-proof '{Source}' '{Target}'")
            {
                ExitCode = proven ? 0 : 3,
                Before = async token =>
                {
                    if (target is not null) await target.DisposeAsync();
                    target = await NbdServer.StartAsync(bench.Scratch, "target", ["--unix", "target.sock", "memory", length], token);
                    bench.Scratch.Remove("state"); // of a run that did not end
                },
                WhatIsWrong = async (run, token) => Wrong(run, expected) ?? await WhatDiffersAsync(bench, Target, expected, token),
            };

            var hash = new Contestant($"sealift hash '{Source}'") { WhatIsWrong = (run, _) => Task.FromResult(Wrong(run, expected)) };
            return await RowAsync(bench, $"{Text(lengthBytes)} by NBD, sparse, {Text(bench.Sizes.SparseData)} of data", [hash, Copy(proven: false), Copy(proven: true)], limit, isProofTried, peaks, cancel);
        }
        finally
        {
            if (target is not null) await target.DisposeAsync();
        }
    }

    private async Task<IReadOnlyList<string>> RowAsync(Bench bench, string name, IReadOnlyList<Contestant> sides, TimeSpan limit, bool isProofTried, List<long> peaks, CancellationToken cancel)
    {
        List<string> cells = [string.Empty, name]; // without the first: so that there is always one before the last
        foreach (var side in isProofTried ? sides : sides.SkipLast(1))
        {
            if (cells[^2].StartsWith(NotEnded, StringComparison.Ordinal))
            {
                cells.AddRange(["not tried: it takes longer", "–"]);
                continue;
            }

            var run = await bench.Clock.TakeAsync(side, limit, cancel);
            bench.Say($"{Name}: {name}: {Report.Seconds(run.Seconds)} s{(run.Ended ? string.Empty : ", not ended")}: {side.Line}");
            cells.AddRange(run.Ended ? [Report.Seconds(run.Seconds), Report.Megabytes(run.PeakBytes)] : [$"{NotEnded} {run.Seconds}", "–"]);
            if (run.Ended) peaks.Add(run.PeakBytes);
        }

        if (!isProofTried) cells.AddRange(["not tried: a shorter one did not end", "–"]);
        return cells[1..];
    }

    // Nobody else than sealift hashes so long a disk in useful time; its hash is compared with our own reckoning.
    private static async Task<string?> WhatDiffersAsync(Bench bench, string target, string expected, CancellationToken cancel)
    {
        var said = await bench.Clock.RunAsync($"sealift hash '{target}'", cancel);
        return said.StartsWith(expected, StringComparison.Ordinal) ? null : $"{target} has the hash {said}";
    }

    private static string? Wrong(Run run, string hash) => run.Output.StartsWith($"{hash}  ", StringComparison.Ordinal) ? null : $"not the hash {hash}: {run.Output}";
}
