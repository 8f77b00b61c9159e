using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>Units to which something happens in the middle of a copy, at a place that a test can choose.</summary>
public sealed class XcopyFaultTests : IDisposable
{
    private const int MiB = 1 << 20;
    private const byte Read = 0x88;
    private const byte Write = 0x8A;
    private const byte ExtendedCopy = 0x83;
    private const byte SynchronizeCache = 0x91;

    private static readonly ScsiReply PowerOn = StandInArray.Check(ScsiSense.UnitAttention, 0x29, 0x01);

    private readonly string folder = Directory.CreateTempSubdirectory("xcopy-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Whatever it is asked to do, a source is only read.</summary>
    [Theory]
    [InlineData("xcopy")]
    [InlineData("stream")]
    public async Task A_source_gets_no_command_that_could_change_it(string way)
    {
        var (run, array) = Make();
        using var _ = run;
        run.DemandSame(await run.CopyAsync(way));
        Assert.DoesNotContain(array.Commands, c => c.File == "source" && c.Code is not (0x00 or 0x12 or 0x5A or 0x9E or Read));
        Assert.Equal(way == "xcopy" ? 6 : 0, array.Commands.Count(c => c == ("target", ExtendedCopy)));
        Assert.Equal(way == "xcopy", !array.Commands.Contains(("target", Write)));
    }

    [Fact]
    public async Task A_command_that_writes_is_not_sent_over_a_session_for_reading()
    {
        var (run, array) = Make();
        using var _ = run;
        using var unit = await ScsiUnit.OpenAsync(array.Place("source"), mayWrite: false, null, TestContext.Current.CancellationToken);
        Assert.Equal("SL3228", Assert.Throws<ScsiException>(() => unit.Write(0, new byte[512], CancellationToken.None)).Code);
        Assert.Equal("SL3228", Assert.Throws<ScsiException>(() => unit.Copy(CopyForm.Lid1, new byte[80], "nothing", CancellationToken.None)).Code);
        Assert.Equal("SL3228", Assert.Throws<ScsiException>(() => unit.CopyInBackground(1, new byte[140], [new CopySegment(0, 0, 1)], "nothing", null, CancellationToken.None)).Code);
        Assert.Equal("SL3228", Assert.Throws<ScsiException>(() => unit.Flush(CancellationToken.None)).Code);
        Assert.DoesNotContain(array.Commands, c => c.Code is Write or ExtendedCopy or SynchronizeCache);
    }

    [Fact]
    public async Task What_happened_to_a_unit_that_lost_nothing_is_passed_over()
    {
        var (run, array) = Make();
        using var _ = run;
        var told = 0;
        // Three events, one after the other, at the second read.
        array.Instead = (file, command, _) => file == "source" && command.OperationCode == Read && Interlocked.Increment(ref told) is 2 or 3 or 4 ? PowerOn : null;
        run.DemandSame(await run.CopyAsync("xcopy"));
        Assert.True(told > 4);
    }

    [Theory]
    [InlineData("stream", Write)]
    [InlineData("xcopy", ExtendedCopy)]
    [InlineData("stream", SynchronizeCache)]
    [InlineData("xcopy", SynchronizeCache)]
    public async Task A_reset_while_writes_lie_in_the_cache_is_an_error_and_gone_on_from(string way, byte at)
    {
        var (run, array) = Make();
        using var _ = run;
        var (wrote, told) = (0, 0);
        array.Instead = (file, command, _) =>
        {
            if (file != "target") return null;
            if (command.OperationCode is Write or ExtendedCopy && Interlocked.Increment(ref wrote) == 1) return null;
            return wrote > 0 && command.OperationCode == at && Interlocked.Increment(ref told) == 1 ? PowerOn : null;
        };
        var failed = await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync(way));
        Assert.Contains("SL3227", failed.Message, StringComparison.Ordinal);
        run.DemandSame(await run.CopyAsync(way, CopyStart.Resume));
    }

    [Fact]
    public async Task A_capacity_that_changes_is_the_end()
    {
        var (run, array) = Make();
        using var _ = run;
        var told = 0;
        array.Instead = (file, command, _) => file == "target" && command.OperationCode == Write && Interlocked.Increment(ref told) == 2 ? StandInArray.Check(ScsiSense.UnitAttention, 0x2A, 0x09) : null;
        Assert.Contains("SL3226", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("stream"))).Message, StringComparison.Ordinal);
    }

    /// <summary>Somebody maps another volume to the number, between the opening and the first write.</summary>
    [Theory]
    [InlineData("stream")]
    [InlineData("xcopy")]
    public async Task Another_unit_in_the_place_of_the_target_is_not_written(string way)
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (file, command, _) =>
        {
            // Flushed when it is opened for writing, and asked for its copies: all sessions are open by then.
            if (way == "stream" && file == "source" && command.OperationCode == Read) array.Names["target"] = "another";
            if (way == "xcopy" && file == "target" && command.OperationCode == 0x84 && array.Commands.Count(c => c.Code == 0x84) == 2) array.Names["target"] = "another";
            return null;
        };
        var failed = await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync(way));
        Assert.Contains("SL3225", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(array.Commands, c => c.Code is Write or ExtendedCopy);
        Assert.False(File.ReadAllBytes(run.Target).AsSpan().ContainsAnyExcept((byte)0));

        // Nor is it gone on with.
        array.Instead = null;
        Assert.Equal("SL4255", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync(way, CopyStart.Resume))).Code);
    }

    [Fact]
    public async Task Another_source_than_the_one_that_was_begun_with_is_not_gone_on_with()
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (file, command, _) => file == "target" && command.OperationCode == Write ? StandInArray.Check(ScsiSense.MediumError, 0x0C, 0) : null;
        await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("stream"));
        array.Instead = null;
        array.Names["source"] = "another";
        Assert.Equal("SL4254", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("stream", CopyStart.Resume))).Code);
    }

    [Fact]
    public async Task A_reservation_of_somebody_else_is_said_and_not_broken()
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (file, command, _) => file == "target" && command.OperationCode is Write or ExtendedCopy ? new ScsiReply(ScsiStatus.ReservationConflict, 0, default) : null;
        foreach (var (way, start) in new[] { ("stream", CopyStart.New), ("xcopy", CopyStart.Restart) })
            Assert.Contains("SL3221", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync(way, start))).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(array.Commands, c => c.Code is 0x5F or 0x16 or 0x17);
    }

    [Fact]
    public async Task A_unit_that_cannot_flush_is_no_target()
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (_, command, _) => command.OperationCode is SynchronizeCache or 0x35 ? StandInArray.Check(ScsiSense.IllegalRequest, 0x20, 0) : null;
        Assert.Equal("SL4224", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("auto"))).Code);
        Assert.False(run.HasBegun);
    }

    [Fact]
    public async Task A_unit_that_is_busy_for_a_while_is_waited_for()
    {
        var (run, array) = Make();
        using var _ = run;
        var told = 0;
        array.Instead = (_, command, _) => command.OperationCode is Read or ExtendedCopy && Interlocked.Increment(ref told) % 4 is 1 ? new ScsiReply(told % 8 == 1 ? ScsiStatus.Busy : ScsiStatus.TaskSetFull, 0, default) : null;
        run.DemandSame(await run.CopyAsync("xcopy"));
    }

    /// <summary>Bytes that never came would be those of another read.</summary>
    [Theory]
    [InlineData(0x70, 1)] // of this command: it was done
    [InlineData(0x71, 2)] // of an earlier one: this one was not carried out
    public async Task A_flush_that_was_not_carried_out_is_asked_for_again(byte format, int expected)
    {
        var (run, array) = Make();
        using var _ = run;
        using var unit = await ScsiUnit.OpenAsync(array.Place("target"), mayWrite: true, null, TestContext.Current.CancellationToken);
        var flushes = 0;
        array.Instead = (_, command, _) => command.OperationCode == SynchronizeCache && ++flushes == 1 ? new ScsiReply(ScsiStatus.CheckCondition, 0, new byte[] { format, 0, 1, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0C, 0x01, 0, 0, 0, 0 }) : null;
        unit.Flush(CancellationToken.None);
        Assert.Equal(expected, flushes);
    }

    [Fact]
    public async Task A_short_read_that_says_nothing_is_an_error()
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (file, command, _) => file == "source" && command.OperationCode == Read ? ScsiReply.Good(512) : null;
        Assert.Contains("SL3223", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("stream"))).Message, StringComparison.Ordinal);
    }

    /// <summary>A unit that does not know WRITE SAME gets zeros one by one; what it held before is gone in any case.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Zeros_are_written(bool knowsWriteSame)
    {
        var (run, array) = Make();
        using var _ = run;
        using (var file = PosixFile.Open(run.Source, OpenMode.ReadWrite)) file.WriteAt(new byte[2 * MiB], MiB);
        var rubbish = new byte[6 * MiB];
        Random.Shared.NextBytes(rubbish);
        await File.WriteAllBytesAsync(run.Target, rubbish, TestContext.Current.CancellationToken);
        if (!knowsWriteSame) array.Instead = (_, command, _) => command.OperationCode == 0x93 ? StandInArray.Check(ScsiSense.IllegalRequest, 0x20, 0) : null;
        var report = await run.CopyAsync("stream");
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        Assert.Contains(("target", (byte)0x93), array.Commands);
    }

    /// <summary>Killed between the making of its map and the first byte that was written.</summary>
    [Fact]
    public async Task A_copy_whose_map_was_never_whole_is_begun_anew_by_a_resume()
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (file, command, _) => file == "target" && command.OperationCode == Write ? StandInArray.Check(ScsiSense.MediumError, 0x0C, 0) : null;
        await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("stream"));
        array.Instead = null;
        var record = Path.Combine(run.Work, "copy.json");
        var looked = await File.ReadAllTextAsync(record, TestContext.Current.CancellationToken);
        Assert.Contains("\"IsLookedAt\": true", looked, StringComparison.Ordinal);
        await File.WriteAllTextAsync(record, looked.Replace("\"IsLookedAt\": true", "\"IsLookedAt\": false", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        using (var map = PosixFile.Open(Path.Combine(run.Work, "blockmap"), OpenMode.ReadWrite)) map.SetLength(0);
        run.DemandSame(await run.CopyAsync("stream", CopyStart.Resume));
    }

    [Fact]
    public async Task Several_segments_go_in_one_command()
    {
        var array = new StandInArray(folder) { MaximumSegments = 4 };
        using var run = new TransferRun(folder) { Units = array.Pair() };
        run.Make((6 * MiB) + 512, (0, (6 * MiB) + 512));
        run.DemandSame(await run.CopyAsync("xcopy"));
        Assert.Equal(2, array.Commands.Count(c => c.Code == ExtendedCopy));
    }

    private (TransferRun Run, StandInArray Array) Make()
    {
        var array = new StandInArray(folder);
        var run = new TransferRun(folder) { Units = array.Pair() };
        run.Make(6 * MiB, (0, 6 * MiB));
        return (run, array);
    }
}
