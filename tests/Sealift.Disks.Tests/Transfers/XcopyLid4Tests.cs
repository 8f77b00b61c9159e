using System.Buffers.Binary;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Disks.Tests;

/// <summary>An array that copies by EXTENDED COPY(LID4), in the background where it can, and all that can go wrong there; the array is a stand-in.</summary>
public sealed class XcopyLid4Tests : IDisposable
{
    private const int MiB = 1 << 20;
    private const int Length = (10 * MiB) + 512;
    private const byte Done = 0x01, Failed = 0x02, InBackground = 0x12, Aborted = 0x60;
    private const string Background = "EXTENDED COPY(LID4) in the background";

    private readonly string folder = Directory.CreateTempSubdirectory("lid4-").FullName;
    private readonly StandInCopies copies = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Four segments of a mebibyte in each command.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // what its copies can do is in the page alone
    public async Task A_disk_is_copied_in_the_background(bool tellsParameters)
    {
        var (run, array) = Make(tellsParameters: tellsParameters);
        using var _ = run;
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        Assert.Equal(("xcopy", Background, (long)Length), (report.Transfer!.Used, report.Transfer.How, report.Transfer.OffloadedBytes));
        Assert.Equal([Done, Done, Done], copies.Begun.Select(b => b.Ended!.Value));
        Assert.Equal(3, copies.Begun.Select(b => b.Id).Distinct().Count());
        Assert.DoesNotContain(array.Commands, c => c.Code == 0x8A);
        Assert.DoesNotContain(array.Commands, c => c.File == "source" && c.Code is 0x83 or 0x84 or 0x91);
    }

    public static TheoryData<byte[], byte[], string, int> Offers => new()
    {
        { [0x00, 0x01, 0x1C], [0x03, 0x05], Background, 3 },
        { [0x01, 0x1C], [0x05], Background, 3 }, // no LID1 at all
        { [0x00, 0x01, 0x1C], [0x03], "EXTENDED COPY(LID4)", 0 }, // nobody could ask
        { [0x00, 0x01], [0x03, 0x05], "EXTENDED COPY(LID4)", 0 }, // nobody could abort
        { [0x00], [0x03, 0x05], "EXTENDED COPY(LID1)", 0 },
    };

    [Theory]
    [MemberData(nameof(Offers))]
    public async Task The_best_of_what_is_listed_is_used(byte[] listed, byte[] questions, string how, int inBackground)
    {
        copies.Lists = (listed, questions);
        var (run, _) = Make();
        using var __ = run;
        var report = await run.CopyAsync("auto");
        run.DemandSame(report);
        Assert.Equal(("xcopy", how, (long)Length), (report.Transfer!.Used, report.Transfer.How, report.Transfer.OffloadedBytes));
        Assert.Equal(inBackground, copies.Begun.Count);
    }

    [Fact]
    public async Task One_that_lists_no_copy_is_not_asked()
    {
        copies.Lists = ([0x10, 0x11], [0x07]); // tokens
        var (run, _) = Make();
        using var __ = run;
        var report = await run.CopyAsync("auto");
        run.DemandSame(report);
        Assert.Equal("the target cannot copy by itself: its list of third-party copy commands has no EXTENDED COPY, neither LID1 nor LID4", report.Transfer!.PassedOver.Single(p => p.Name == "xcopy").Why);
    }

    /// <summary>It lists what it does not know: whichever it refuses, the next is asked for, once, and that is told.</summary>
    [Theory]
    [InlineData(false, 0x20, "EXTENDED COPY(LID1); what it lists and does not do: EXTENDED COPY(LID4) in the background: illegal request, it does not know the command (sense 5/20/00); EXTENDED COPY(LID4): illegal request, it does not know the command (sense 5/20/00)", 2)]
    [InlineData(true, 0x26, "EXTENDED COPY(LID4); what it lists and does not do: EXTENDED COPY(LID4) in the background: illegal request, a field of the parameter list is not valid (sense 5/26/00)", 1)] // IMMED
    public async Task What_is_listed_and_refused_is_asked_for_in_another_way(bool onlyInBackground, byte asc, string how, int refusals)
    {
        var (run, array) = Make();
        using var _ = run;
        var refused = 0;
        array.Instead = (_, command, list) => command.OperationCode == 0x83 && command.Cdb.Span[1] == 0x01 && (!onlyInBackground || list.Span[15] == 0x01) ? Refuse() : null;
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        Assert.Equal((how, null, (long)Length), (report.Transfer!.How, report.Transfer.Declined, report.Transfer.OffloadedBytes));
        Assert.Equal(refusals, refused);

        ScsiReply? Refuse()
        {
            refused++;
            return StandInArray.Check(ScsiSense.IllegalRequest, asc, 0);
        }
    }

    /// <summary>Nothing is begun in the background of which nobody could say whether it has ended.</summary>
    [Theory]
    [InlineData(true, "illegal request, it does not know the command (sense 5/20/00)")]
    [InlineData(false, "has an answer")]
    public async Task One_that_cannot_be_asked_copies_nothing_in_the_background(bool refuses, string why)
    {
        var (run, array) = Make();
        using var _ = run;
        array.Instead = (_, command, _) => command.OperationCode != 0x84 || command.Cdb.Span[1] != 0x05 ? null : refuses ? StandInArray.Check(ScsiSense.IllegalRequest, 0x20, 0) : ScsiReply.Good(32);
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Empty(copies.Begun);
        Assert.StartsWith("EXTENDED COPY(LID4); what it lists and does not do: ", report.Transfer!.How, StringComparison.Ordinal);
        Assert.Contains(why, report.Transfer.How, StringComparison.Ordinal);
    }

    /// <summary>Within the second command, after its first segment: that one counts, and all behind it is copied by stream.</summary>
    [Theory]
    [InlineData(ScsiSense.CopyAborted, 0x0D, 0x02, "copy aborted, a device of the copy cannot be reached (sense a/0d/02)")]
    [InlineData(ScsiSense.IllegalRequest, 0x26, 0x0A, "illegal request, a segment of the copy is longer than it may be (sense 5/26/0a)")]
    [InlineData(ScsiSense.AbortedCommand, 0x4B, 0x00, "command aborted, a data phase failed (sense b/4b/00)")]
    public async Task What_fails_in_the_middle_of_a_command_is_copied_by_stream_from_there(byte key, byte asc, byte ascq, string said)
    {
        var (run, array) = Make();
        using var _ = run;
        var segments = 0;
        copies.Tells = (_, at, status) => FailAfter(status, ref segments, at, 5, key, asc, ascq);
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        Assert.Equal(((long?)(5 * MiB), 5L * MiB), (report.Transfer!.DeclinedAt, report.Transfer.OffloadedBytes));
        Assert.StartsWith(said, report.Transfer.Declined, StringComparison.Ordinal);
        Assert.Equal(2, copies.Begun.Count);
    }

    [Theory]
    [InlineData(ScsiSense.MediumError, 0x11, 0x00)]
    [InlineData(ScsiSense.DataProtect, 0x27, 0x07)]
    [InlineData(ScsiSense.HardwareError, 0x44, 0x00)]
    public async Task What_any_copy_would_fail_over_ends_it_and_is_gone_on_from(byte key, byte asc, byte ascq)
    {
        var (run, array) = Make();
        using var _ = run;
        var segments = 0;
        copies.Tells = (_, at, status) => FailAfter(status, ref segments, at, 5, key, asc, ascq);
        var failed = await Assert.ThrowsAsync<DiskAccessException>(() => run.CopyAsync("xcopy"));
        Assert.Equal("SL4215", failed.Code);
        Assert.Contains("SL3220", failed.Message, StringComparison.Ordinal);
        copies.Tells = null;
        run.DemandSame(await run.CopyAsync("xcopy", CopyStart.Resume));
    }

    [Fact]
    public async Task A_reservation_that_comes_in_between_is_said()
    {
        var (run, _) = Make();
        using var __ = run;
        copies.Tells = (_, _, status) => Changed(status, 5, Failed, 12, ScsiStatus.ReservationConflict);
        Assert.Contains("SL3221", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("xcopy"))).Message, StringComparison.Ordinal);
    }

    /// <summary>A reset ends what goes on in the background, and what lay in the cache may be lost; other events change nothing.</summary>
    [Theory]
    [InlineData(0x29, true)]
    [InlineData(0x3F, false)]
    public async Task Something_happens_to_the_unit_while_it_copies(byte asc, bool ends)
    {
        var (run, array) = Make();
        using var _ = run;
        var asked = 0;
        array.Instead = (file, command, _) => file == "target" && command.OperationCode == 0x84 && command.Cdb.Span[1] == 0x05 && copies.Begun.Count > 0 && Interlocked.Increment(ref asked) == 3 ? StandInArray.Check(ScsiSense.UnitAttention, asc, asc == 0x29 ? (byte)0 : (byte)0x0E) : null;
        if (ends)
        {
            Assert.Contains("SL3227", (await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("xcopy"))).Message, StringComparison.Ordinal);
            run.DemandSame(await run.CopyAsync("xcopy", CopyStart.Resume));
        }
        else
        {
            var report = await run.CopyAsync("xcopy");
            run.DemandSame(report);
            Assert.Null(report.Transfer!.Declined);
        }

        Assert.True(asked > 3);
    }

    [Fact]
    public async Task One_that_never_ends_is_aborted_at_its_deadline()
    {
        var (run, _) = Make(longDeadline: TimeSpan.FromSeconds(1));
        using var __ = run;
        copies.Stalls = true;
        var failed = await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("xcopy"));
        Assert.Contains("SL3251", failed.Message, StringComparison.Ordinal);
        Assert.Equal([Aborted], copies.Begun.Select(b => b.Ended!.Value));
        copies.Stalls = false;
        run.DemandSame(await run.CopyAsync("xcopy", CopyStart.Resume));
    }

    /// <summary>What may still be written to is not written to by anybody else: neither by stream, nor by the next command.</summary>
    [Theory]
    [InlineData(true)] // it agrees, and goes on
    [InlineData(false)] // it does not know how
    public async Task One_that_cannot_be_aborted_ends_the_copy(bool agrees)
    {
        var (run, array) = Make(longDeadline: TimeSpan.FromMilliseconds(200), replyDeadline: TimeSpan.FromMilliseconds(300));
        using var _ = run;
        copies.Aborts = false;
        copies.Tells = (_, _, status) => Changed(status, 5, InBackground);
        if (!agrees) array.Instead = (_, command, _) => command.OperationCode == 0x83 && command.Cdb.Span[1] == 0x1C ? StandInArray.Check(ScsiSense.IllegalRequest, 0x20, 0) : null;
        var failed = await Assert.ThrowsAnyAsync<SealiftException>(() => run.CopyAsync("xcopy"));
        Assert.Equal("SL4215", failed.Code);
        Assert.Contains("SL3250", failed.Message, StringComparison.Ordinal);
        Assert.Contains(agrees ? "it agreed" : "it says illegal request, it does not know the command", failed.Message, StringComparison.Ordinal);
        Assert.Single(copies.Begun);
        Assert.DoesNotContain(array.Commands, c => c.Code == 0x8A);
    }

    /// <summary>What makes no sense is not believed, and not left to go on.</summary>
    [Theory]
    [InlineData("more bytes than were asked for", "it says that it has copied 4194305 of 4194304 bytes")]
    [InlineData("more segments than were asked for", "it says that it has processed 5 of 4 segments")]
    [InlineData("more sense data than came", "what it says of its copy makes no sense (32 bytes)")]
    [InlineData("of another command", "what it says of its copy makes no sense (32 bytes)")]
    [InlineData("a part of an answer", "what it says of its copy makes no sense (16 bytes)")]
    [InlineData("no known status", "the copy has a status of no known meaning (0x77)")]
    public async Task A_status_that_makes_no_sense_is_no_copy(string what, string said)
    {
        var (run, array) = Make();
        using var _ = run;
        var told = 0;
        copies.Tells = (_, at, status) =>
        {
            // Once, of the second command, while it is under way.
            if (copies.Begun.Count < 2 || told > 0 || status[5] != InBackground) return status;
            told++;
            switch (what)
            {
                case "more bytes than were asked for":
                    BinaryPrimitives.WriteInt64BigEndian(status.AsSpan(16), (4 * MiB) + 1);
                    return status;
                case "more segments than were asked for":
                    return Changed(status, 25, 5);
                case "more sense data than came":
                    return Changed(status, 13, 18, 14, 18);
                case "of another command":
                    return Changed(status, 4, 0x11);
                case "a part of an answer":
                    return status[..16];
                default:
                    return Changed(status, 5, 0x77);
            }
        };
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Equal(1, told);
        Assert.Empty(report.Repaired);
        Assert.StartsWith(said, report.Transfer!.Declined, StringComparison.Ordinal);
        Assert.InRange(report.Transfer.DeclinedAt!.Value, 4 * MiB, (4 * MiB) + MiB);
        Assert.Equal([Done, Aborted], copies.Begun.Select(b => b.Ended!.Value));
    }

    [Theory]
    [InlineData(0x04, "the copy ended, and a part of it was not copied")]
    [InlineData(0x60, "the copy was aborted, not from here")]
    [InlineData(0x02, "the copy ended with errors (GOOD), and it does not say which")]
    public async Task One_that_ends_without_having_copied_all_is_finished_by_stream(byte status, string said)
    {
        var (run, _) = Make();
        using var __ = run;
        copies.Tells = (_, at, told) => at.Done == at.All ? Changed(told, 5, status, 24, 0, 25, 1) : told;
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.StartsWith(said, report.Transfer!.Declined, StringComparison.Ordinal);
    }

    /// <summary>A target that was restarted knows nothing of what it did.</summary>
    [Fact]
    public async Task One_that_nobody_knows_of_any_more_is_finished_by_stream()
    {
        var (run, _) = Make();
        using var __ = run;
        copies.Tells = (_, at, status) => copies.Begun.Count == 2 && at.Done > 1 ? null : status;
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.StartsWith("the copy has ended, nobody knows how", report.Transfer!.Declined, StringComparison.Ordinal);
        Assert.Equal(5 * MiB, report.Transfer.DeclinedAt);
    }

    [Fact]
    public async Task One_that_says_that_it_is_done_and_did_nothing_is_found_out()
    {
        copies.Pretends = true;
        var (run, _) = Make();
        using var __ = run;
        var report = await run.CopyAsync("xcopy");
        run.DemandSame(report);
        Assert.Equal((Background, (long)Length, (long)Length), (report.Transfer!.How, report.Transfer.OffloadedBytes, report.Transfer.RepairedBytes));
    }

    /// <summary>Ctrl-C in the middle of a command: the array stops as well, before anything else is done.</summary>
    [Fact]
    public async Task A_copy_that_is_cancelled_is_aborted_and_gone_on_with()
    {
        var (run, array) = Make();
        using var _ = run;
        using var stop = new CancellationTokenSource();
        run.Stop = stop.Token;
        copies.Tells = (_, at, status) =>
        {
            if (copies.Begun.Count == 2 && at.Done == 2) stop.Cancel();
            return status;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.CopyAsync("xcopy"));
        Assert.Equal([Done, Aborted], copies.Begun.Select(b => b.Ended!.Value));
        run.Stop = null;
        copies.Tells = null;
        run.DemandSame(await run.CopyAsync("xcopy", CopyStart.Resume));
    }

    private (TransferRun Run, StandInArray Array) Make(bool tellsParameters = true, TimeSpan? longDeadline = null, TimeSpan? replyDeadline = null)
    {
        var array = new StandInArray(folder)
        {
            Lid4 = copies,
            MaximumSegments = 4,
            TellsParameters = tellsParameters,
            LongDeadline = longDeadline ?? TimeSpan.FromMinutes(10),
            ReplyDeadline = replyDeadline ?? TimeSpan.FromSeconds(60),
        };
        var run = new TransferRun(folder) { Units = array.Pair() };
        run.Make(Length, (0, Length));
        return (run, array);
    }

    /// <summary>Bytes of a status, by their offsets.</summary>
    private static byte[] Changed(byte[] status, params int[] changes)
    {
        for (var i = 0; i < changes.Length; i += 2) status[changes[i]] = (byte)changes[i + 1];
        return status;
    }

    /// <summary>Ends a copy badly where so many segments of all would have been processed.</summary>
    private static byte[] FailAfter(byte[] status, ref int segments, (int Done, int All) at, int after, byte key, byte asc, byte ascq)
    {
        if (segments + at.Done <= after)
        {
            if (at.Done == at.All) segments += at.All;
            return status;
        }

        return [0, 0, 0, 46, 1, Failed, 0, 0, 255, 255, 255, 255, ScsiStatus.CheckCondition, 18, 18, 0, .. new byte[8], 0, 1, .. new byte[6], 0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0];
    }
}
