using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class BandwidthLimitTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bytes_are_given_out_at_the_rate_that_was_asked_for_and_evenly()
    {
        var time = new InstantTime();
        var limit = new BandwidthLimit(10 << 20, time);
        for (var i = 0; i < 100; i++) await limit.TakeAsync(1 << 20, Cancel);
        // 100 MiB at 10 MiB/s, but for the burst of 50 ms at the start.
        Assert.Equal(9.95, time.Elapsed.TotalSeconds, 3);
        Assert.Equal(TimeSpan.FromMilliseconds(50), time.Waits[0]);
        Assert.All(time.Waits.Skip(1), wait => Assert.Equal(TimeSpan.FromMilliseconds(100), wait));
    }

    [Fact]
    public async Task What_a_pause_leaves_unused_is_lost_but_for_a_burst()
    {
        var time = new InstantTime();
        var limit = new BandwidthLimit(10 << 20, time);
        await limit.TakeAsync(1 << 20, Cancel);
        time.Pass(TimeSpan.FromHours(1));
        var before = time.Elapsed;
        for (var i = 0; i < 10; i++) await limit.TakeAsync(1 << 20, Cancel);
        Assert.Equal(0.95, (time.Elapsed - before).TotalSeconds, 3);
    }

    [Fact]
    public async Task A_reader_that_comes_late_is_not_slowed_down_for_it()
    {
        var time = new InstantTime();
        var limit = new BandwidthLimit(10 << 20, time);
        for (var i = 0; i < 100; i++)
        {
            await limit.TakeAsync(1 << 20, Cancel);
            time.Pass(TimeSpan.FromMilliseconds(40)); // a timer that was late, a disk that took its time
        }

        Assert.InRange(time.Elapsed.TotalSeconds, 9.95, 10.0);
    }

    [Fact]
    public async Task Many_readers_share_one_limit_in_the_order_in_which_they_ask()
    {
        var time = new HeldTime();
        var limit = new BandwidthLimit(1 << 20, time);
        var waiting = Enumerable.Range(0, 8).Select(_ => limit.TakeAsync(1 << 20, Cancel).AsTask()).ToList();
        Assert.Equal(Enumerable.Range(1, 8).Select(second => second - 0.05), time.Due.Select(due => Math.Round(due.TotalSeconds, 3)));
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        foreach (var timer in time.Fire) timer();
        await Task.WhenAll(waiting);
    }

    [Fact]
    public async Task Waiting_ends_when_the_work_is_cancelled()
    {
        using var stop = new CancellationTokenSource();
        var limit = new BandwidthLimit(BandwidthLimit.MinimumBytesPerSecond, new HeldTime());
        var waiting = limit.TakeAsync(32 << 20, stop.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public void Less_than_the_least_rate_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new BandwidthLimit(BandwidthLimit.MinimumBytesPerSecond - 1, TimeProvider.System));

    [Fact]
    public async Task A_copy_reads_its_source_at_the_rate_and_neither_holes_nor_the_read_back_count()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 24 << 20, 1, (0, 5 << 20), (16 << 20, 3 << 20));
        await using var source = Scratch.OpenRaw(path);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 24 << 20, Cancel);
        using var map = scratch.Map("map", 24 << 20);
        var time = new InstantTime();
        var options = new CopyOptions { Workers = 1, TargetReadsZeroes = true, Bandwidth = new BandwidthLimit(1 << 20, time) };
        await using (var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
        {
            await DiskCopy.RunAsync(source, target, map, options, null, Cancel);
            await target.CloseAsync(Cancel);
        }

        Assert.Equal(8 - 0.05, time.Elapsed.TotalSeconds, 3);
        // What an interrupted copy knows is not read again, and costs nothing.
        await using (var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
            await DiskCopy.RunAsync(source, target, map, options with { Resume = true }, null, Cancel);
        await using (var uncached = await DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
            Assert.True((await ReadBack.RunAsync(uncached, map, options, null, Cancel)).IsEqual);
        Assert.Equal(8 - 0.05, time.Elapsed.TotalSeconds, 3);

        var hashing = new InstantTime();
        await DiskHash.RunAsync(source, BlkhashParameters.Default, null, options with { Bandwidth = new BandwidthLimit(1 << 20, hashing) }, null, Cancel);
        Assert.Equal(8 - 0.05, hashing.Elapsed.TotalSeconds, 3);
    }

    [Fact]
    public async Task A_repair_within_a_proof_reads_the_source_at_the_rate()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 4 << 20, 1, (0, 4 << 20));
        File.Copy(path, scratch["target"]);
        using var map = scratch.Map("map", 4 << 20);
        await using (var source = Scratch.OpenRaw(path)) await DiskHash.RunAsync(source, map.Parameters, map, CopyOptions.Default, null, Cancel);
        using (var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite)) file.WriteAt(new byte[2 << 20], 1 << 20);
        var time = new InstantTime();
        await TargetProof.RunAsync(
            _ => Task.FromResult(Scratch.OpenRaw(path)),
            c => DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, c),
            c => DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, c),
            map,
            new CopyOptions { Workers = 1, Bandwidth = new BandwidthLimit(1 << 20, time) },
            _ => { },
            null,
            Cancel);
        // One block to find the first byte, then the two mebibytes that differ.
        Assert.Equal((65536.0 / (1 << 20)) + 2 - 0.05, time.Elapsed.TotalSeconds, tolerance: 0.002); // timers count whole milliseconds
    }

    /// <summary>A clock that stands still; its timers are fired by the test.</summary>
    private sealed class HeldTime : TimeProvider
    {
        public List<TimeSpan> Due { get; } = [];

        public List<Action> Fire { get; } = [];

        public override long GetTimestamp() => 0;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                Due.Add(dueTime);
                Fire.Add(() => callback(state));
            }

            return new Timer();
        }

        private sealed class Timer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
