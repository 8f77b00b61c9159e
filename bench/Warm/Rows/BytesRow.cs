using System.Globalization;
using Sealift.Bench.Copies;
using Sealift.Disks;
using Sealift.Migrations;
using Sealift.Rigs;

namespace Sealift.Bench.Warm.Rows;

using Bench = Copies.Bench;

/// <summary>A pass reads what has changed, in whole leaves, and no more. By the library, so that the machine is written to between the passes and never in one.</summary>
internal sealed class BytesRow : IRow
{
    private static readonly IReadOnlyList<Kind> Kinds =
    [
        new("512 B", 1000, 512, 512),
        new("4 KiB", 1000, 4 << 10, 4 << 10),
        new("64 KiB, not at whole leaves", 500, 64 << 10, 512),
        new("1 MiB, not at whole leaves", 100, 1 << 20, 4 << 10),
        new("512 B to 256 KiB", 500, 256 << 10, 512, AnyLength: true),
    ];

    public string Name => "bytes";

    public string About => "bytes that a pass reads from the source, to the bytes of the leaves that changed";

    public long RoomBytes(Options options, Sizes sizes) => (2 * WarmSizes.Of(options).Disk) + (2 * Sizes.GiB);

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var sizes = WarmSizes.Of(bench.Options);
        var disk = TestDisk.Dense(bench.Scratch.In("source.raw"), sizes.Disk, 91, half: false, cancel);
        var random = new Random(92);
        await using var qemu = await RunningQemu.StartAsync(bench.Scratch.Path, "raw", [disk.Path], models: null, cancel);
        using var store = new MigrationStore(bench.Scratch.In("state"));
        var trials = new List<Trial>();
        var writers = Enumerable.Repeat(Kinds, bench.Options.Runs).SelectMany(k => k).ToList();
        var readBefore = 0L;
        var outcome = await MigrationRunner.StartAsync(store, WarmRequest.Of(qemu, bench.Scratch.In("target"), new WarmPlan { Audit = AuditScope.None }), new Follower(pass =>
        {
            // The migration waits meanwhile.
            if (trials.Count > 0)
            {
                trials[^1] = trials[^1] with { Pass = pass, QemuBytes = qemu.ReadBytes() - readBefore };
                bench.Say($"{Name}: {Report.Seconds(pass.Seconds)} s, {Report.Number(trials[^1].Ratio, "F3")} ×: pass {pass.Number}, after writes of {trials[^1].Kind.Text}");
            }

            if (trials.Count == writers.Count)
            {
                _ = MigrationRunner.Steer(store, store.List().Single().Id, s => s with { CutoverAt = DateTimeOffset.UtcNow }); // it throws where it cannot
                return;
            }

            var kind = writers[trials.Count];
            var changed = Writes.SomewhereAsync(qemu, random, disk.LengthBytes, Math.Max(1, kind.Count / sizes.WritesDivisor), kind.MostBytes, kind.AnyLength, kind.Alignment, cancel).GetAwaiter().GetResult();
            trials.Add(new Trial(kind, changed));
            readBefore = qemu.ReadBytes();
        }), cancel);
        WarmRequest.Demand(outcome);
        await qemu.EndedAsync(cancel);
        if (RawFiles.WhatDiffers(disk.Path, bench.Scratch.In(Path.Combine("target", WarmRequest.DiskName)), cancel) is { } wrong) throw new BenchException($"wrong result: {wrong}");
        if (trials.Find(t => t.Pass.Disks[0].FullBecause is not null) is { } full) throw new BenchException($"pass {full.Pass.Number} did not use its change tracker: {full.Pass.Disks[0].FullBecause}");
        foreach (var kind in Kinds)
        {
            var own = trials.FindAll(t => t.Kind == kind);
            var what = $"a pass after {own[0].CountOf(sizes)} random writes of {kind.Text} to {Sizes.Text(disk.LengthBytes)}";
            var leaves = string.Create(CultureInfo.InvariantCulture, $"{own[0].ChangedBytes / 1e6:F1} MB of leaves that they touch");
            bench.Report.Add(new ReportLine(Name, what, leaves, new Goal(1.1), new Series([.. own.Select(t => t.Ratio)]), Note: $"in {Report.Seconds(own[0].Pass.Seconds)} s; read as the kernel counts it for QEMU: {Report.Number(own[0].QemuBytes / (double)own[0].ChangedBytes, "F2")} ×"));
        }
    }

    /// <summary>A kind of writes.</summary>
    private sealed record Kind(string Text, int Count, int MostBytes, int Alignment, bool AnyLength = false);

    /// <summary>Writes, and the pass after them.</summary>
    private sealed record Trial(Kind Kind, long ChangedBytes)
    {
        public PassRecord Pass { get; init; } = null!;

        public long QemuBytes { get; init; }

        public double Ratio => Pass.Disks[0].ReadBytes / (double)ChangedBytes;

        public int CountOf(WarmSizes sizes) => Math.Max(1, Kind.Count / sizes.WritesDivisor);
    }
}
