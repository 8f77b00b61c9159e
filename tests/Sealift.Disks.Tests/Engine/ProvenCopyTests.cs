using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A copy as a whole: interrupted anywhere and gone on with, and believing nothing that the read-back has not seen.</summary>
public sealed class ProvenCopyTests : IDisposable
{
    private const long Length = 12 << 20;
    private static readonly CopyOptions Often = CopyOptions.Default with { CheckpointBytes = 1 << 20, Workers = 2 };
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task Interrupted_again_and_again_it_comes_to_the_same_end(ImageFormat format)
    {
        var source = Source();
        long resumed = 0;
        var interruptions = 0;
        CopyReport? report = null;
        for (var attempt = 0; report is null; attempt++)
        {
            Assert.InRange(attempt, 0, 40);
            try
            {
                // Each attempt gets a little further: first within the copy, then within the read-back.
                report = await RunAsync(source, attempt == 0 ? CopyStart.New : CopyStart.Resume, new Interrupting(attempt), format: format);
            }
            catch (Interruption)
            {
                interruptions++;
                Assert.False(File.Exists(scratch["target"]));
                Assert.True(File.Exists(scratch["target.sealift-copy/copy.json"]));
            }
        }

        resumed += report.Copied!.ResumedBytes;
        Assert.True(interruptions >= 4 && resumed > 0, $"{interruptions} interruptions, {resumed} bytes resumed");
        await Scratch.ToolAsync("qemu-img", "compare", "-f", "raw", "-F", format == ImageFormat.Raw ? "raw" : "qcow2", source, scratch["target"]);
        Assert.Equal(Convert.ToHexStringLower(Scratch.NaiveRoot(await File.ReadAllBytesAsync(source, Cancel))), report.Root);
        Assert.Empty(report.Repaired);
        Assert.False(Directory.Exists(scratch["target.sealift-copy"]));
    }

    [Fact]
    public async Task What_storage_lost_during_the_interruption_is_found_and_copied_again()
    {
        var source = Source();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, new Interrupting(6)));
        using (var file = PosixFile.Open(scratch["target.sealift-copy/disk"], OpenMode.ReadWrite))
        {
            file.WriteAt(new byte[4096], 65536 + 8192); // in a block that the map knows
            file.WriteAt([1, 2, 3], (11 << 20) + 5); // in a hole, which the map may not know yet
        }

        var observer = new Interrupting(int.MaxValue);
        var report = await RunAsync(source, CopyStart.Resume, observer);
        var mismatch = Assert.Single(observer.Mismatches);
        Assert.Equal(new DiskRange(65536, 65536), mismatch.Range);
        var content = await File.ReadAllBytesAsync(source, Cancel);
        Assert.Equal(new FirstDifference(65536 + 8192, Convert.ToHexStringLower(content.AsSpan(65536 + 8192, 16)), new string('0', 32)), mismatch.First);
        Assert.Contains("first at byte 73728", mismatch.ToString(), StringComparison.Ordinal);
        Assert.Equal([mismatch], report.Repaired);
        Assert.Equal(content, await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task A_damaged_record_or_map_or_a_stranger_in_its_place_is_refused_and_restart_begins_anew()
    {
        var source = Source();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, new Interrupting(6)));
        var (disk, map, record) = (scratch["target.sealift-copy/disk"], scratch["target.sealift-copy/blockmap"], scratch["target.sealift-copy/copy.json"]);

        var whole = await File.ReadAllBytesAsync(record, Cancel);
        await File.WriteAllBytesAsync(record, whole[..^20], Cancel);
        await RefusedAsync("SL4255", CopyStart.Resume);
        await File.WriteAllBytesAsync(record, whole, Cancel);

        var leaves = await File.ReadAllBytesAsync(map, Cancel);
        await File.WriteAllBytesAsync(map, leaves[..8192], Cancel);
        await RefusedAsync("SL2104", CopyStart.Resume);
        await File.WriteAllBytesAsync(map, leaves, Cancel);

        File.Move(disk, scratch["elsewhere"]);
        File.Copy(scratch["elsewhere"], disk);
        await RefusedAsync("SL4255", CopyStart.Resume);
        await RefusedAsync("SL4251", CopyStart.New);

        await RunAsync(source, CopyStart.Restart, new Interrupting(int.MaxValue));
        Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));

        async Task RefusedAsync(string code, CopyStart start) =>
            Assert.Equal(code, (await Assert.ThrowsAnyAsync<SealiftException>(() => RunAsync(source, start, new Interrupting(int.MaxValue)))).Code);
    }

    [Fact]
    public async Task Killed_after_its_last_rename_only_the_tidying_up_is_left()
    {
        var source = Source();
        // Somebody takes the name while the copy is read back: it is proven, and cannot be renamed.
        var inTheWay = new Interrupting(int.MaxValue) { AtReadBack = () => File.WriteAllText(scratch["target"], "mine") };
        Assert.Equal("SL1001", (await Assert.ThrowsAsync<PosixException>(() => RunAsync(source, CopyStart.New, inTheWay))).Code);
        Assert.Equal("mine", await File.ReadAllTextAsync(scratch["target"], Cancel));
        // What a kill right after the rename leaves: the record with its proof, the map, and no disk.
        File.Move(scratch["target.sealift-copy/disk"], scratch["target"], overwrite: true);

        var modified = File.GetLastWriteTimeUtc(scratch["target"]);
        var report = await RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue));
        Assert.Null(report.Copied);
        // One call further: the directory alone is left, and nothing that could be gone on with.
        Directory.CreateDirectory(scratch["target.sealift-copy"]);
        Assert.Equal("SL4256", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue)))).Code);
        Assert.NotNull(report.CacheBypass);
        Assert.Equal(modified, File.GetLastWriteTimeUtc(scratch["target"]));
        Assert.False(Directory.Exists(scratch["target.sealift-copy"]));
    }

    [Fact]
    public async Task An_export_that_changed_without_a_sign_is_found_out()
    {
        var store = Source();
        await using var server = await Nbdkit.StartAsync(scratch, "file", store);
        var uri = server.Uri.ToString();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(uri, CopyStart.New, new Interrupting(6)));
        var report = new Interrupting(7);
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(uri, CopyStart.Resume, report)); // unchanged, it goes on
        using (var file = PosixFile.Open(store, OpenMode.ReadWrite)) file.WriteAt([1, 2, 3], 70_000);
        var error = await Assert.ThrowsAsync<SealiftException>(() => RunAsync(uri, CopyStart.Resume, new Interrupting(int.MaxValue)));
        Assert.Equal("SL4201", error.Code);
        Assert.False(File.Exists(scratch["target"]));
    }

    [Fact]
    public async Task One_process_at_a_time_works_on_a_copy()
    {
        var source = Source();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, new Interrupting(6)));
        using (var held = PosixFile.Open(scratch["target.sealift-copy/lock"], OpenMode.ReadWrite))
        {
            Assert.True(held.TryLock());
            foreach (var start in new[] { CopyStart.Resume, CopyStart.Restart })
                Assert.Equal("SL4252", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, start, new Interrupting(int.MaxValue)))).Code);
            held.Unlock();
        }

        await RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue));
        Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task A_target_that_is_too_short_is_refused_before_anything_is_written()
    {
        var store = scratch.Raw("store", Length - 512, 2, (0, 4096));
        var before = await File.ReadAllBytesAsync(store, Cancel);
        await using var server = await Nbdkit.StartAsync(scratch, "file", store);
        var error = await Assert.ThrowsAsync<SealiftException>(() => RunAsync(Source(), CopyStart.New, new Interrupting(int.MaxValue), server.Uri.ToString()));
        Assert.Equal("SL4206", error.Code);
        Assert.Equal(before, await File.ReadAllBytesAsync(store, Cancel));
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["state/copies"]));
    }

    public void Dispose() => scratch.Dispose();

    private string Source()
    {
        var path = scratch.Raw("source.raw", Length, 1, (0, 3 << 20), (4 << 20, 2 << 20), (7 << 20, (3 << 20) + 512));
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        file.WriteAt(new byte[65536], 5 << 20);
        return path;
    }

    private async Task<CopyReport> RunAsync(string from, CopyStart start, ICopyObserver observer, string? to = null, ImageFormat format = ImageFormat.Raw)
    {
        var source = await CopySource.ExamineAsync(from, new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, Cancel);
        var target = CopyTarget.Of(to ?? scratch["target"], format, overwrite: to is not null, new NbdOptions(), scratch["state"], scratch.Folder);
        return await ProvenCopy.RunAsync(new CopyRequest(source, target, BlkhashParameters.Default) { Start = start, Options = Often }, observer, Cancel);
    }

    private sealed class Interruption : Exception;

    /// <summary>Ends a copy as a crash would after so many MiB of data that went through a stage.</summary>
    private sealed class Interrupting(int afterMebibytes) : ICopyObserver
    {
        private long leftBytes = (long)afterMebibytes << 20;

        public Action AtReadBack { get; init; } = () => { };

        public List<Mismatch> Mismatches { get; } = [];

        public void Begun(CopyTarget target, bool resumed, long lengthBytes) => Assert.Equal(Length, lengthBytes);

        public IProgress<DiskProgress> Progress(string stage)
        {
            if (stage == "read-back") AtReadBack();
            return new Stage(this);
        }

        public void Differs(Mismatch mismatch) => Mismatches.Add(mismatch);

        private sealed class Stage(Interrupting owner) : IProgress<DiskProgress>
        {
            private long before;

            public void Report(DiskProgress value)
            {
                lock (owner)
                {
                    owner.leftBytes -= value.DataBytes - before;
                    before = value.DataBytes;
                    if (owner.leftBytes < 0) throw new Interruption();
                }
            }
        }
    }
}
