using System.Globalization;
using Sealift.Bench.Copies;
using Sealift.Disks;
using Sealift.Migrations;
using Sealift.Rigs;

namespace Sealift.Bench.Warm.Rows;

using Bench = Copies.Bench;

/// <summary>Trackers that lie, at random places: how much of it the audit catches.</summary>
internal sealed class LiesRow : IRow
{
    private const int LengthBytes = 16 << 20, WritesEach = 60, QemuBytes = 64 << 20, QemuWrites = 40;

    public string Name => "lies";

    public string About => "what a change tracker keeps to itself, at random places, and how much of it the audit catches";

    public long RoomBytes(Options options, Sizes sizes) => 2 * Sizes.GiB;

    public async Task MeasureAsync(Bench bench, CancellationToken cancel)
    {
        var sizes = WarmSizes.Of(bench.Options);
        var table = new List<IReadOnlyList<string>>();
        foreach (var lie in Enum.GetValues<TrackerLie>())
            await TryAsync(Text(lie), sizes.LieSeeds, lie == TrackerLie.DuplicatePages, (seed, audit) => LyingTracker.LieAsync(bench.Scratch.Path, new Random(seed), LengthBytes, WritesEach, lie, audit, cancel));
        await TryAsync("cleared in a real QEMU", sizes.QemuLieSeeds, isTrue: false, (seed, audit) => ClearedAsync(bench, seed, audit, cancel));
        bench.Report.AddTable($"Lies: disks of {LengthBytes >> 20} MiB in {LengthBytes / LyingTracker.BlockBytes} blocks, in QEMU {QemuBytes >> 20} MiB in {QemuBytes / Writes.LeafBytes}; a sample picks 1024 times", ["what the tracker did", "trials", "blocks that it kept to itself", "caught by a full audit", "caught by a sample", "trials in which the sample caught one"], table);

        async Task TryAsync(string what, int seeds, bool isTrue, Func<int, AuditScope, Task<LyingTracker>> lieAsync)
        {
            var (full, sample) = (new List<LyingTracker>(), new List<LyingTracker>());
            for (var seed = 0; seed < seeds; seed++)
            {
                full.Add(await lieAsync(seed, AuditScope.Full));
                sample.Add(await lieAsync(seed, AuditScope.Sample));
                if (full.Concat(sample).FirstOrDefault(l => l.Found.Except(l.Injected).Any()) is { } slander) throw new BenchException($"{what}, seed {seed}: what was told or never written is called a lie: {string.Join(' ', slander.Found.Except(slander.Injected))}");
                if (!full[^1].RootIsOfMap || !sample[^1].RootIsOfMap) throw new BenchException($"{what}, seed {seed}: wrong result: the root is not that of the map");
                // What is caught is copied; so a target that differs is a lie that was missed, or a wrong copy.
                if (full[^1].Found.SetEquals(full[^1].Injected) && !full[^1].HasArrived) throw new BenchException($"{what}, seed {seed}: wrong result: the target is not the source");
            }

            var injected = full.Sum(l => l.Injected.Count);
            if (injected == 0 != isTrue) throw new BenchException($"{what}: {injected} blocks were kept to itself");
            bench.Say($"{Name}: {what}: {injected} blocks in {seeds} trials, {Share(full)} caught in full, {Share(sample)} by a sample");
            table.Add([what, Report.Number(seeds), Report.Number(injected), Share(full), Share(sample), injected == 0 ? "–" : $"{Report.Number(100.0 * sample.Count(l => l.Found.Count > 0) / seeds, "F0")} %"]);
            if (injected > 0) bench.Report.Add(new ReportLine(Name, $"{what}: caught by `--audit full`", $"{injected} blocks in {seeds} trials", new Goal(100, AtLeast: true, Unit: " %"), new Series([100.0 * full.Sum(l => l.Found.Count) / injected]), " %", $"by a sample {Share(sample)}"));
        }
    }

    private static string Share(List<LyingTracker> lied) =>
        lied.Sum(l => l.Injected.Count) is > 0 and var injected ? string.Create(CultureInfo.InvariantCulture, $"{100.0 * lied.Sum(l => l.Found.Count) / injected:F1} %") : "none, rightly";

    private static string Text(TrackerLie lie) => lie switch
    {
        TrackerLie.DroppedAreas => "areas dropped",
        TrackerLie.ShiftedAreas => "areas shifted by a block",
        TrackerLie.CutOffList => "list cut off",
        TrackerLie.DuplicatePages => "pages told twice",
        TrackerLie.CutShortAreas => "areas cut short",
        TrackerLie.ClearedBitmap => "bitmap cleared",
        _ => throw new ArgumentOutOfRangeException(nameof(lie)),
    };

    /// <summary>The whole migration of a real QEMU, whose dirty bitmap somebody clears between the first pass and the last.</summary>
    private static async Task<LyingTracker> ClearedAsync(Bench bench, int seed, AuditScope audit, CancellationToken cancel)
    {
        var random = new Random(seed);
        foreach (var name in (string[])["lied", "state"]) bench.Scratch.Remove(name);
        var place = Directory.CreateDirectory(bench.Scratch.In("lied")).FullName;
        await using var qemu = await RunningQemu.StartAsync(place, "raw", [QemuBytes], cancel);
        for (var i = 0; i < QemuWrites; i++) await qemu.WriteSomewhereAsync(random, cancel);
        var before = qemu.Snapshot(0);
        using var store = new MigrationStore(bench.Scratch.In("state"));
        PassRecord? last = null;
        var outcome = await MigrationRunner.StartAsync(store, WarmRequest.Of(qemu, Path.Combine(place, "target"), new WarmPlan { CutoverAt = DateTimeOffset.UtcNow, Audit = audit }), new Follower(pass =>
        {
            for (var i = 0; i < QemuWrites; i++) qemu.WriteSomewhereAsync(random, cancel).GetAwaiter().GetResult();
            qemu.ClearBitmapAsync(0, pass.Bitmap, cancel).GetAwaiter().GetResult();
        }, pass => last = pass), cancel);
        WarmRequest.Demand(outcome);
        await qemu.EndedAsync(cancel);
        var injected = Differing(before, qemu.Model(0));
        var lies = last!.Disks[0];
        var found = lies.Lies.SelectMany(r => Enumerable.Range(0, (int)(r.LengthBytes / Writes.LeafBytes)).Select(i => (r.Offset / Writes.LeafBytes) + i)).ToHashSet();
        if (found.Count * (long)Writes.LeafBytes != lies.LieBytes) throw new BenchException($"{lies.LieBytes} bytes of lies, and {found.Count} leaves of them are named");
        var target = await File.ReadAllBytesAsync(Path.Combine(place, "target", WarmRequest.DiskName), cancel);
        return new LyingTracker(injected, found, qemu.Model(0).SequenceEqual(target), RootIsOfMap: lies.Root is not null);
    }

    private static HashSet<long> Differing(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        var leaves = new HashSet<long>();
        for (var leaf = 0; leaf < after.Length / Writes.LeafBytes; leaf++)
            if (!before.Slice(leaf * Writes.LeafBytes, Writes.LeafBytes).SequenceEqual(after.Slice(leaf * Writes.LeafBytes, Writes.LeafBytes))) leaves.Add(leaf);
        return leaves;
    }
}
