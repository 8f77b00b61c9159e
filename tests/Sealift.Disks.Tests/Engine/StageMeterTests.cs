using System.Text.Json;

namespace Sealift.Disks.Tests;

/// <summary>Where the time of a copy goes, by a clock that the disks themselves move.</summary>
public sealed class StageMeterTests : IDisposable
{
    private const int Chunk = 1 << 20;
    private readonly Scratch scratch = new();
    private readonly InstantTime time = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Theory]
    [InlineData(1, 3, 0, CopyStage.Target)]
    [InlineData(3, 1, 0, CopyStage.Source)]
    [InlineData(1, 1, 9, CopyStage.Target)] // a disk that takes long to flush is a slow target
    public async Task The_stage_that_takes_longest_is_named(int readSeconds, int writeSeconds, int flushSeconds, CopyStage expected)
    {
        var report = await CopyAsync(readSeconds, writeSeconds, flushSeconds, new CopyOptions { Workers = 1, TargetReadsZeroes = true });
        Assert.Equal(expected, report.Bottleneck);
        Assert.Equal(4 * (readSeconds + writeSeconds) + flushSeconds, report.ElapsedSeconds, 6);
        Assert.Equal(new StageFigures(CopyStage.Source, 4 * Chunk, 4 * readSeconds), report.Stages.Single(s => s.Stage == CopyStage.Source));
        Assert.Equal(new StageFigures(CopyStage.Target, 4 * Chunk, (4 * writeSeconds) + flushSeconds), report.Stages.Single(s => s.Stage == CopyStage.Target));
        Assert.Equal((double)Chunk / readSeconds, report.Stages.Single(s => s.Stage == CopyStage.Source).BytesPerSecond);
        Assert.DoesNotContain(report.Stages, s => s.Stage is CopyStage.ReadBack or CopyStage.BandwidthLimit);
    }

    [Fact]
    public async Task A_limit_that_was_asked_for_is_not_taken_for_a_slow_source()
    {
        var options = new CopyOptions { Workers = 1, TargetReadsZeroes = true, Bandwidth = new BandwidthLimit(Chunk / 8, time) };
        var report = await CopyAsync(1, 1, 0, options);
        Assert.Equal(CopyStage.BandwidthLimit, report.Bottleneck);
        Assert.Equal(4, report.Stages.Single(s => s.Stage == CopyStage.Source).Seconds);
    }

    [Fact]
    public async Task A_flush_that_everybody_waits_for_counts_for_everybody()
    {
        var report = await CopyAsync(0, 0, 5, new CopyOptions { Workers = 3, TargetReadsZeroes = true });
        Assert.Equal(5, report.Stages.Single(s => s.Stage == CopyStage.Target).Seconds, 6);
    }

    [Fact]
    public void No_more_workers_hash_at_once_than_there_are_processors()
    {
        var meter = new StageMeter(8, 2, time);
        var enteredAt = meter.Enter();
        time.Pass(TimeSpan.FromSeconds(6));
        meter.Leave(CopyStage.Source, enteredAt, 10);
        meter.Leave(CopyStage.Hash, enteredAt, 10);
        Assert.Equal(6.0 / 8, meter.Report().Stages.Single(s => s.Stage == CopyStage.Source).Seconds);
        Assert.Equal(3, meter.Report().Stages.Single(s => s.Stage == CopyStage.Hash).Seconds);
        for (var i = 0; i < 7; i++) meter.Leave(CopyStage.Hash, enteredAt, 10); // all of them, all of the time
        Assert.Equal(new StageFigures(CopyStage.Hash, 80, 6), meter.Report().Stages.Single(s => s.Stage == CopyStage.Hash));
        Assert.Equal(CopyStage.Hash, meter.Report().Bottleneck);
    }

    [Fact]
    public void Progress_tells_of_the_last_seconds_only()
    {
        var meter = new StageMeter(1, 2, time);
        Spend(meter, CopyStage.Source, 100);
        _ = meter.Lately();
        for (var i = 0; i < 10; i++)
        {
            Spend(meter, CopyStage.Target, 1);
            _ = meter.Lately();
        }

        Assert.Equal(CopyStage.Target, meter.Lately().Bottleneck);
        Assert.DoesNotContain(meter.Lately().Stages, s => s.Stage == CopyStage.Source);
        Assert.Equal(CopyStage.Source, meter.Report().Bottleneck);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(100_000)]
    public void The_chart_has_every_byte_and_a_bounded_length_however_long_it_takes(int seconds)
    {
        var meter = new StageMeter(1, 2, time);
        var random = new Random(seconds);
        long source = 0, target = 0, back = 0;
        for (var i = 0; i < 1000; i++)
        {
            var enteredAt = meter.Enter();
            time.Pass(TimeSpan.FromSeconds((double)seconds / 1000));
            var bytes = random.Next(1 << 20);
            var stage = (CopyStage)random.Next(5);
            meter.Leave(stage, enteredAt, bytes);
            if (stage == CopyStage.Source) source += bytes;
            if (stage == CopyStage.Target) target += bytes;
            if (stage == CopyStage.ReadBack) back += bytes;
        }

        var series = meter.Report().Throughput!;
        Assert.Equal((source, target, back), (series.SourceBytes.Sum(), series.TargetBytes.Sum(), series.ReadBackBytes.Sum()));
        Assert.InRange(series.SourceBytes.Count, 20, ThroughputSeries.MaximumIntervals);
        Assert.Equal((series.SourceBytes.Count, series.SourceBytes.Count), (series.TargetBytes.Count, series.ReadBackBytes.Count));
        Assert.InRange(series.IntervalSeconds * series.SourceBytes.Count, seconds * 0.99, (seconds * 1.01) + series.IntervalSeconds);
    }

    [Fact]
    public void A_copy_of_nothing_waits_for_nothing() => Assert.Null(new StageMeter(4, 2, time).Report().Bottleneck);

    [Fact]
    public void Stages_have_the_names_that_the_documents_use()
    {
        Assert.Equal(["bandwidth-limit", "source", "hash", "target", "read-back"], Enum.GetValues<CopyStage>().Select(CopyStageName.Of));
        Assert.Equal("\"read-back\"", JsonSerializer.Serialize(CopyStage.ReadBack));
    }

    private void Spend(StageMeter meter, CopyStage stage, int seconds)
    {
        var enteredAt = meter.Enter();
        time.Pass(TimeSpan.FromSeconds(seconds));
        meter.Leave(stage, enteredAt, 1);
    }

    private async Task<StageReport> CopyAsync(int readSeconds, int writeSeconds, int flushSeconds, CopyOptions options)
    {
        const long Length = 4 * Chunk;
        scratch.Raw("source", Length, 1, (0, (int)Length));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Length, Cancel);
        using var map = scratch.Map("map", Length);
        await using var source = new HookedDisk(Scratch.OpenRaw(scratch["source"]))
        {
            AfterRead = (_, _) =>
            {
                Pass(readSeconds);
                return ValueTask.CompletedTask;
            },
        };
        await using var target = new HookedDisk(RawDisk.OpenWrite(scratch["target"]))
        {
            OnWrite = (_, _) =>
            {
                Pass(writeSeconds);
                return true;
            },
            OnFlush = () => Pass(flushSeconds),
        };
        var meter = new StageMeter(options.Workers, 2, time);
        await DiskCopy.RunAsync(source, target, map, options with { Stages = meter }, null, Cancel);
        return meter.Report();

        void Pass(int seconds) => time.Pass(TimeSpan.FromSeconds(seconds));
    }
}
