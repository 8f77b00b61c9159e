using Sealift.Posix;
using Sealift.Posix.Tests;
using Sealift.Rigs;

namespace Sealift.Disks.Tests;

/// <summary>
/// What is demanded of every provider on every storage that it is meant for. A new one is added to <see cref="All"/>, with the storage that
/// it needs to <see cref="MountedStorage"/>; docs/offload.md. Alone, because some faults are of the whole process.
/// </summary>
[Collection("Alone")]
public sealed class TransferConformanceTests(MountedStorage storage, StandInEsxi esxi) : IClassFixture<MountedStorage>, IClassFixture<StandInEsxi>
{
    private static readonly (string Way, string Storage)[] Pairs =
    [
        (TransferPlan.Stream, "ext4"), (TransferPlan.Stream, "xfs"),
        ("reflink", "xfs"), ("reflink", "btrfs"),
        ("copy-range", "ext4"), ("copy-range", "xfs"), ("copy-range", "btrfs"), ("copy-range", "tmpfs"),
        (EsxiCloneTransfer.ItsName, "ext4"), (EsxiCloneTransfer.ItsName, "xfs"),
        ("xcopy", "ext4"), ("xcopy", Lid4), // a stand-in for an array, which keeps its units there
        (StandInTransfer.ItsName, "ext4"),
    ];

    // The stand-in that copies by LID4, in the background.
    private const string Lid4 = "ext4 with LID4";
    private const int MiB = 1 << 20;

    // Neighbours, a short hole, a long one, and a tail that is no whole block.
    private static readonly (long, int)[] Islands = [(64 << 10, MiB), (3 * MiB, 2 * MiB), ((5 * MiB) + (128 << 10), 300_000), ((9 * MiB) + 517, 7)];
    private const long IslandsLength = (10L * MiB) + 512;

    public static TheoryData<string, string> All => [.. Pairs];

    // A unit tells nothing of changes.
    public static TheoryData<string, string> ShowingChanges => [.. Pairs.Where(pair => pair.Way != "xcopy")];

    public static TheoryData<string, string, string> Lies => [.. from pair in Pairs where pair.Way is "reflink" or "copy-range" or "xcopy" from lie in new[] { "nothing", "half", "elsewhere" } select (pair.Way, pair.Storage, lie)];

    public static TheoryData<string, string, Errno> Declines =>
        [.. from pair in Pairs where pair.Way is "reflink" or "copy-range" or "xcopy" from errno in new[] { Errno.EXDEV, Errno.EOPNOTSUPP, Errno.ETXTBSY, Errno.EINVAL, Errno.ENOSYS } select (pair.Way, pair.Storage, errno)];

    public static TheoryData<string, string> Offloads => [.. Pairs.Where(pair => pair.Way is "reflink" or "copy-range" or "xcopy")];

    [Theory]
    [MemberData(nameof(All))]
    public async Task A_disk_of_any_length_with_holes_and_zeros_arrives(string way, string kind)
    {
        foreach (var (length, data) in Disks())
        {
            using var run = Run(way, kind);
            run.Make(length, data);
            if (length > 2 * MiB)
                using (var file = PosixFile.Open(run.Source, OpenMode.ReadWrite)) file.WriteAt(new byte[200_000], MiB + 300_000); // zeros that are no hole
            var before = FileIdentity.Of(run.Source);
            var report = await run.CopyAsync(way);
            run.DemandSame(report);
            Assert.Empty(report.Repaired);
            Assert.NotNull(report.CacheBypass);
            Assert.Equal((way, null, 0), (report.Transfer!.Used, report.Transfer.Declined, report.Transfer.RepairedBytes));
            Assert.Equal(way != TransferPlan.Stream && (data.Length > 0 || length > 2 * MiB), report.Transfer.OffloadedBytes > 0);
            Assert.Null(FileIdentity.Of(run.Source).ChangeSince(before));
            if (way == "xcopy") continue; // a unit tells nothing of its holes
            // A hole stays one: the target takes no more space than its data, and a block at each of their ends.
            Assert.InRange(FileFacts.OfPath(run.Target).AllocatedBytes, 0, FileFacts.OfPath(run.Source).AllocatedBytes + (data.Length * 128L << 10) + (256 << 10));
        }
    }

    [Theory]
    [MemberData(nameof(ShowingChanges))]
    public async Task A_source_that_changes_meanwhile_is_noticed(string way, string kind)
    {
        using var run = Run(way, kind);
        run.Make(IslandsLength, Islands);
        var changed = 0;
        run.OnProgress = (_, _) =>
        {
            if (Interlocked.Exchange(ref changed, 1) != 0) return;
            using var file = PosixFile.Open(run.Source, OpenMode.ReadWrite);
            file.WriteAt("changed"u8, 3 * MiB);
        };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync(way))).Code);
        Assert.False(run.HasItsName);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Interrupted_again_and_again_it_comes_to_the_same_end(string way, string kind)
    {
        using var run = Run(way, kind);
        run.Make(IslandsLength, Islands);
        var (interruptions, resumed) = (0, 0L);
        CopyReport? report = null;
        // Each time one flush later: before anything, between checkpoints, in the read-back, at the end.
        for (var flush = 0; report is null; flush++)
        {
            Assert.InRange(flush, 0, 60);
            using var armed = FaultyLibc.Everywhere("fsync", Errno.EIO, only: flush);
            try
            {
                report = await run.CopyAsync(way, Directory.Exists(run.Work) ? CopyStart.Resume : CopyStart.New);
                resumed = report.Copied?.ResumedBytes ?? IslandsLength; // null: only its tidying up was left
            }
            catch (SealiftException)
            {
                interruptions++;
                Assert.False(run.HasItsName && Directory.Exists(run.Work + "/disk"));
            }
        }

        Assert.True(interruptions > 5 && resumed > 0, $"{interruptions} interruptions, {resumed} bytes resumed");
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
    }

    /// <summary>The storage says that all is done. What differs is found, named, and copied by the engine; or it is the end, where that was not to be.</summary>
    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Storage_that_lies_is_found_out(string way, string kind, string lie)
    {
        foreach (var mayFallBack in new[] { true, false })
        {
            using var run = Run(way, kind);
            run.Make(IslandsLength, Islands);
            using (FaultyLibc.Lying(Call(way), lie))
            {
                if (!mayFallBack)
                {
                    Assert.Equal("SL4284", (await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync(way, mayFallBack: false))).Code);
                    Assert.False(run.HasItsName);
                    continue;
                }

                var report = await run.CopyAsync(way);
                Assert.True(FaultyLibc.Lies > 0);
                run.DemandSame(report);
                Assert.NotEmpty(report.Repaired);
                Assert.Equal(report.Repaired, run.Mismatches);
                Assert.Equal(way, report.Transfer!.Used);
                Assert.InRange(report.Transfer.RepairedBytes, 1, IslandsLength);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Declines))]
    public async Task Storage_that_declines_is_replaced_or_it_is_the_end(string way, string kind, Errno errno)
    {
        var first = way == "xcopy" ? 0 : 1; // the others ask the storage itself beforehand
        for (var call = 0; call < 3; call++)
        {
            using var run = Run(way, kind);
            run.Make(IslandsLength, Islands);
            using (FaultyLibc.Everywhere(Call(way), errno, only: call))
            {
                if (call < first)
                {
                    // Before it has begun: who was asked for cannot, and nothing is left.
                    var refused = await Assert.ThrowsAsync<SealiftException>(() => run.CopyAsync(way));
                    Assert.Equal("SL4281", refused.Code);
                    Assert.False(run.HasBegun || Directory.Exists(run.Work));
                    continue;
                }

                var report = await run.CopyAsync(way);
                run.DemandSame(report);
                Assert.Empty(report.Repaired);
                Assert.Contains(way == "xcopy" ? "copy aborted" : errno.ToString(), report.Transfer!.Declined, StringComparison.Ordinal);
                Assert.Equal(call == first, report.Transfer.DeclinedAt < MiB);
                Assert.Equal(call == first, report.Transfer.OffloadedBytes == 0);
            }
        }

        using var strict = Run(way, kind);
        strict.Make(IslandsLength, Islands);
        using (FaultyLibc.Everywhere(Call(way), errno, only: 2))
            Assert.Equal("SL4283", (await Assert.ThrowsAsync<SealiftException>(() => strict.CopyAsync(way, mayFallBack: false))).Code);
        Assert.False(strict.HasItsName);
    }

    [Theory]
    [MemberData(nameof(Offloads))]
    public async Task An_error_of_the_storage_is_the_end_names_the_place_and_is_gone_on_from(string way, string kind)
    {
        foreach (var errno in new[] { Errno.EIO, Errno.ENOSPC, Errno.EDQUOT })
        {
            using var run = Run(way, kind);
            run.Make(IslandsLength, Islands);
            using (FaultyLibc.Everywhere(Call(way), errno, only: 2))
            {
                var failed = await Assert.ThrowsAsync<DiskAccessException>(() => run.CopyAsync(way));
                Assert.Equal("SL4215", failed.Code);
                Assert.InRange(failed.Offset, MiB, 5 * MiB);
                Assert.Contains(Said(way, errno), failed.Message, StringComparison.Ordinal);
                Assert.False(run.HasItsName);
            }

            run.DemandSame(await run.CopyAsync(way, CopyStart.Resume));
        }
    }

    [Theory]
    [InlineData("short")]
    [InlineData("zero")]
    public async Task A_short_copy_is_gone_on_with_and_one_of_nothing_is_declined(string kind)
    {
        using var run = Run("copy-range", "ext4");
        run.Make(IslandsLength, Islands);
        using var armed = kind == "short" ? FaultyLibc.Lying("copy_file_range", "short") : FaultyLibc.Everywhere("copy_file_range", 0, only: 1);
        var report = await run.CopyAsync("copy-range");
        run.DemandSame(report);
        Assert.Empty(report.Repaired);
        Assert.Equal(kind == "zero", report.Transfer!.Declined is not null);
    }

    /// <summary>A file system that is full in the middle of it: a clean end, nothing under the target's name, and what was begun is gone on with once there is room.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public async Task A_full_file_system_is_said_and_gone_on_from(string way, string kind)
    {
        using var run = Run(way, kind);
        run.Make(48L * MiB, (0, 16 * MiB), (17 * MiB, 30 * MiB));
        var filler = Path.Combine(Path.GetDirectoryName(run.Source)!, "filler");
        await FillAsync(filler);
        try
        {
            CopyReport? report = null;
            try
            {
                report = await run.CopyAsync(way);
                Assert.True(way == "reflink" || kind is "xfs" or "btrfs", "there was room after all"); // sharing blocks takes none
            }
            catch (SealiftException e)
            {
                // By the storage, or by what lies beside the copy.
                Assert.Matches($"{Said(way, Errno.ENOSPC)}|ENOSPC", e.Message);
                Assert.False(run.HasItsName);
            }

            File.Delete(filler);
            run.DemandSame(report ?? await run.CopyAsync(way, Directory.Exists(run.Work) ? CopyStart.Resume : CopyStart.New));
        }
        finally
        {
            File.Delete(filler);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Without_a_proof_the_source_is_hashed_and_nothing_is_claimed_of_the_target(string way, string kind)
    {
        using var run = Run(way, kind);
        run.Make(IslandsLength, Islands);
        var report = await run.CopyAsync(way, prove: false);
        run.DemandSame(report);
        Assert.Null(report.CacheBypass);
    }

    private static string Call(string way) => way == "reflink" ? "ioctl" : "copy_file_range";

    private static IEnumerable<(long Length, (long, int)[] Data)> Disks()
    {
        foreach (var length in new[] { 512L, 4096, 65_024, 65_536, 66_048, (MiB * 1L) + 512, 3L * MiB }) yield return (length, [(0, (int)length)]);
        yield return (3L * MiB, []);
        yield return ((2L * MiB) + 1536, []);
        yield return (IslandsLength, Islands);
        yield return (40L * MiB, [.. Enumerable.Range(0, 300).Select(i => (i * 128L << 10, 4096))]); // more islands than a proof lists one by one
    }

    /// <summary>Fills a file system up to the last byte, then leaves 8 MiB: enough for what lies beside a copy, and for a part of it.</summary>
    private static async Task FillAsync(string filler)
    {
        _ = await ChildProcess.RunAsync(new ChildCommand("dd", "if=/dev/zero", $"of={filler}", "bs=1M", "conv=fsync", "status=none") { AcceptedExitCodes = [1] }, TestContext.Current.CancellationToken); // 1: full, as it is meant to be
        using var file = PosixFile.Open(filler, OpenMode.ReadWrite);
        file.SetLength(file.Facts().LengthBytes - (8L * MiB));
        file.Sync();
        await Scratch.ToolAsync("sync", "-f", filler); // Btrfs gives space back when it commits
    }

    /// <summary>What an error is called where it comes from.</summary>
    private static string Said(string way, Errno errno) => way != "xcopy" ? errno.ToString() : errno == Errno.EIO ? "medium error" : "there is no space left";

    private TransferRun Run(string way, string kind)
    {
        var folder = storage[kind == Lid4 ? "ext4" : kind];
        return new(folder)
        {
            Esxi = way == EsxiCloneTransfer.ItsName ? esxi.Host(folder) : null,
            Providers = [.. TransferPlan.Providers.Where(p => p is not EsxiCloneTransfer), new EsxiCloneTransfer { Patience = EsxiCloneTests.Short }, new StandInTransfer()],
            Units = way == "xcopy" ? new StandInArray(folder) { Lid4 = kind == Lid4 ? new StandInCopies() : null }.Pair() : null,
        };
    }
}
