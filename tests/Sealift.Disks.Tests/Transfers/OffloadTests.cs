using Sealift.Posix;
using Sealift.Posix.Tests;

namespace Sealift.Disks.Tests;

/// <summary>What becomes of a copy whose storage is slow, wrong, or gives up, at every place; the storage is a stand-in.</summary>
public sealed class OffloadTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const long Length = 12L * MiB;
    private readonly string folder = Directory.CreateTempSubdirectory("offload-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Were it read back as it is copied, the first part would have been proven long before the last range is written into it.</summary>
    [Fact]
    public async Task The_last_range_that_goes_to_the_place_of_the_first_is_found()
    {
        using var run = Run(new StandInTransfer
        {
            RangeBytes = MiB,
            Does = (ends, range, _) =>
            {
                // Slow enough that all that may be read back before would be.
                if (range.End == Length) SpinWait.SpinUntil(() => false, TimeSpan.FromMilliseconds(300));
                StandInTransfer.Copy(ends, range.Offset, range.End == Length ? 0 : range.Offset, range.LengthBytes);
                return null;
            },
        });
        var report = await run.CopyAsync(StandInTransfer.ItsName);
        run.DemandSame(report);
        Assert.Equal([new DiskRange(0, MiB), new DiskRange(Length - MiB, MiB)], run.Mismatches.Select(m => m.Range));
        Assert.Equal(2 * MiB, report.Transfer!.RepairedBytes);
    }

    [Fact]
    public async Task More_differing_ranges_than_a_proof_lists_are_all_repaired()
    {
        using var run = Run(new StandInTransfer { Does = (_, _, _) => null }, make: false);
        run.Make(80L * MiB, [.. Enumerable.Range(0, 600).Select(i => (i * 131_072L, 65_536))]);
        var report = await run.CopyAsync(StandInTransfer.ItsName);
        run.DemandSame(report);
        Assert.Equal(256, run.Mismatches.Count);
        Assert.Equal(600 * 65_536, report.Transfer!.RepairedBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(11)]
    public async Task From_where_the_storage_gives_up_the_engine_copies(int atRange)
    {
        var provider = new StandInTransfer
        {
            RangeBytes = MiB,
            Does = (ends, range, progress) =>
            {
                StandInTransfer.Copy(ends, range.Offset, range.Offset, range.LengthBytes / 2);
                progress?.Report(range.LengthBytes / 2);
                if (range.Offset == (long)atRange * MiB)
                {
                    // What it did not tell of may hold anything.
                    using var target = PosixFile.Open(ends.Target.Path!, OpenMode.ReadWrite);
                    target.WriteAt("rubbish"u8, range.End - 100);
                    return "had enough";
                }

                StandInTransfer.Copy(ends, range.Offset, range.Offset, range.LengthBytes);
                return null;
            },
        };
        using var run = Run(provider);
        var report = await run.CopyAsync(StandInTransfer.ItsName);
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        var at = ((long)atRange * MiB) + (MiB / 2);
        Assert.Equal(("had enough", at, at), (report.Transfer!.Declined, report.Transfer.DeclinedAt, report.Transfer.OffloadedBytes));
        Assert.Equal(atRange + 1, provider.Asked.Count);
    }

    /// <summary>A tail of written zeros that the storage left in the middle: a new file reads as zeros there no more.</summary>
    [Fact]
    public async Task Zeros_that_the_storage_gave_up_over_are_written()
    {
        using var run = Run(new StandInTransfer
        {
            RangeBytes = 4 * MiB,
            Does = (ends, range, _) =>
            {
                using var target = PosixFile.Open(ends.Target.Path!, OpenMode.ReadWrite);
                target.WriteAt(new byte[] { 1, 2, 3 }, range.Offset + (2 * MiB) + 5);
                return "had enough";
            },
        });
        using (var source = PosixFile.Open(run.Source, OpenMode.ReadWrite)) source.WriteAt(new byte[2 * MiB], 2 * MiB);
        var report = await run.CopyAsync(StandInTransfer.ItsName);
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
    }

    [Fact]
    public async Task What_differs_a_second_time_fails_the_copy()
    {
        using var run = Run(new StandInTransfer { Does = (_, _, _) => null });
        run.OnProgress = (stage, progress) =>
        {
            // Somebody spoils it again as soon as it was repaired; the target is written to by nobody else then.
            if (stage != "read-back" || run.Mismatches.Count == 0) return;
            using var target = PosixFile.Open(Path.Combine(run.Work, "disk"), OpenMode.ReadWrite);
            target.WriteAt("spoilt"u8, Length - 10);
            target.Sync();
        };
        var failed = await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync(StandInTransfer.ItsName));
        Assert.Contains(failed.Code, new[] { "SL4235", "SL4201" });
        Assert.False(File.Exists(run.Target));
    }

    /// <summary>The map claims a range when it was flushed after the storage said that it is there, and not before.</summary>
    [Fact]
    public async Task A_resumed_copy_asks_for_nothing_that_the_map_knows_and_for_all_else()
    {
        var calls = 0;
        FileIdentity? fresh = null;
        var first = new StandInTransfer
        {
            RangeBytes = MiB,
            Does = (ends, range, _) =>
            {
                fresh ??= FileIdentity.Of(folder + "/target.sealift-copy/blockmap");
                // Once the first of it is claimed, in a checkpoint, but not before.
                if (++calls == 7 && SpinWait.SpinUntil(() => FileIdentity.Of(fresh.Path).ChangeSince(fresh) is not null, TimeSpan.FromSeconds(30))) throw new SealiftException("SL9999", "copy", "the stand-in", "it fell over", "nothing");
                StandInTransfer.Copy(ends, range.Offset, range.Offset, range.LengthBytes);
                return null;
            },
        };
        using var run = Run(first);
        Assert.Equal("SL4215", (await Assert.ThrowsAsync<DiskAccessException>(() => run.CopyAsync(StandInTransfer.ItsName))).Code);

        List<DiskRange> known;
        using (var map = Blkhash.BlockMap.Open(Path.Combine(run.Work, "blockmap")))
            known = [.. map.Runs().Where(r => r.State != Blkhash.BlockState.Unknown).Select(r => new DiskRange(r.First * map.BlockBytes, map.BytesOf(r)))];
        Assert.NotEmpty(known);
        Assert.All(known, range => Assert.True(range.End <= 6L * MiB, $"{range} was never copied"));

        var second = new StandInTransfer { RangeBytes = MiB };
        using var again = new TransferRun(folder) { Providers = [second], Options = run.Options };
        again.DemandSame(await again.CopyAsync(StandInTransfer.ItsName, CopyStart.Resume));
        Assert.Equal(Length - known.Sum(r => r.LengthBytes), second.Asked.Sum(r => r.LengthBytes));
        Assert.DoesNotContain(second.Asked, asked => known.Any(k => asked.Offset < k.End && k.Offset < asked.End));
    }

    [Fact]
    public async Task A_failing_close_is_a_failing_flush()
    {
        using var run = Run(new StandInTransfer
        {
            OnClose = () =>
            {
                var file = PosixFile.Open(folder + "/target.sealift-copy/disk", OpenMode.ReadWrite);
                using var armed = FaultyLibc.Arm("close", Errno.EIO, times: 1);
                file.Close();
            },
        });
        Assert.Equal("SL4213", (await Assert.ThrowsAsync<DiskAccessException>(() => run.CopyAsync(StandInTransfer.ItsName))).Code);
    }

    [Fact]
    public async Task A_copy_that_is_cancelled_stops_and_is_gone_on_with()
    {
        using var stop = new CancellationTokenSource();
        var provider = new StandInTransfer
        {
            RangeBytes = MiB,
            Does = (ends, range, _) =>
            {
                if (range.Offset == 5L * MiB) stop.Cancel();
                StandInTransfer.Copy(ends, range.Offset, range.Offset, range.LengthBytes);
                return null;
            },
        };
        using var run = Run(provider);
        run.Stop = stop.Token;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.CopyAsync(StandInTransfer.ItsName));
        run.Stop = null;
        Assert.InRange(provider.Asked.Count, 6, 7);
        run.DemandSame(await run.CopyAsync(StandInTransfer.ItsName, CopyStart.Resume));
    }

    [Fact]
    public async Task Nobody_who_cannot_is_asked_and_nobody_unasked_who_would_be_no_faster()
    {
        var slow = new StandInTransfer { WhyNotUnasked = "no faster" };
        using (var run = Run(slow))
        {
            var report = await run.CopyAsync(TransferPlan.Auto);
            Assert.Equal(TransferPlan.Stream, report.Transfer!.Used);
            Assert.Equal([new TransferPassedOver(StandInTransfer.ItsName, "no faster")], report.Transfer.PassedOver);
            Assert.Equal([], slow.Asked);
            Assert.Equal(report.Transfer.Used, run.Chosen!.Used);
        }

        using var asked = Run(slow);
        Assert.Equal(StandInTransfer.ItsName, (await asked.CopyAsync(StandInTransfer.ItsName)).Transfer!.Used);
        Assert.NotEmpty(slow.Asked);
    }

    private TransferRun Run(StandInTransfer provider, bool make = true)
    {
        var run = new TransferRun(folder) { Providers = [provider] };
        if (make) run.Make(Length, (0, (int)Length));
        return run;
    }
}
