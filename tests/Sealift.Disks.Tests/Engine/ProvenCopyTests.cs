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

        Task RefusedAsync(string code, CopyStart start) => this.RefusedAsync(code, source, start);
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

    [Fact]
    public async Task A_copy_that_is_gone_on_with_says_so_and_reads_the_rest_alone()
    {
        var source = Source();
        var first = new Interrupting(6);
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, first));
        Assert.Equal([false], first.Begins);
        var second = new Interrupting(int.MaxValue);
        var copied = (await RunAsync(source, CopyStart.Resume, second)).Copied!;
        Assert.Equal([true], second.Begins);
        Assert.InRange(copied.ResumedBytes, 1 << 20, Length);
        Assert.Equal(copied.DataBytes + copied.ZeroBytes, second.Last["copy"].DataBytes); // a file shows its changes: what is known is not read again
        Assert.Equal((Length, Length), (second.Last["read-back"].DoneBytes, second.Last["read-back"].TotalBytes)); // all of it, the part that was known too
        Assert.InRange(second.Last["read-back"].DataBytes, copied.DataBytes + (1 << 20), Length);
    }

    [Theory]
    [InlineData("blockmap")]
    [InlineData("disk")]
    public async Task Without_its_map_or_without_its_file_a_copy_is_begun_anew(string missing)
    {
        var source = Source();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, new Interrupting(6)));
        File.Delete(scratch[$"target.sealift-copy/{missing}"]);
        var observer = new Interrupting(int.MaxValue);
        var report = await RunAsync(source, CopyStart.Resume, observer);
        Assert.Equal([false], observer.Begins);
        Assert.Equal(0, report.Copied!.ResumedBytes);
        await ArrivedAsync(source);
    }

    [Fact]
    public async Task A_map_of_another_disk_and_a_source_that_changed_stop_what_would_be_gone_on_with()
    {
        var source = Source();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, new Interrupting(6)));
        var map = scratch["target.sealift-copy/blockmap"];
        File.Move(map, scratch["kept"]);
        foreach (var (length, blockBytes) in new[] { (Length + 512, 65536), (Length, 4096) })
        {
            BlockMap.Create(map, length, new BlkhashParameters(BlkhashAlgorithm.Sha256, blockBytes)).Close();
            await RefusedAsync("SL4255", source, CopyStart.Resume);
            File.Delete(map);
        }

        File.Move(scratch["kept"], map);
        using (var file = PosixFile.Open(source, OpenMode.ReadWrite)) file.WriteAt([1], 0);
        await RefusedAsync("SL4254", source, CopyStart.Resume);
        Assert.True(File.Exists(map)); // and all of it is left
        await RunAsync(source, CopyStart.Restart, new Interrupting(int.MaxValue));
        await ArrivedAsync(source);
    }

    [Fact]
    public async Task What_exists_is_replaced_only_where_that_was_asked_for_and_never_the_source()
    {
        var source = Source();
        var content = await File.ReadAllBytesAsync(source, Cancel);
        await File.WriteAllTextAsync(scratch["target"], "mine", Cancel);
        await RefusedAsync("SL4253", source, CopyStart.New);
        Assert.Equal("mine", await File.ReadAllTextAsync(scratch["target"], Cancel));
        Assert.False(Directory.Exists(scratch["target.sealift-copy"]));
        await RunAsync(source, CopyStart.New, new Interrupting(int.MaxValue), overwrite: true);
        await ArrivedAsync(source);

        await Scratch.ToolAsync("ln", source, scratch["other name"]);
        foreach (var target in new[] { source, scratch["other name"] })
            Assert.Equal("SL4257", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, CopyStart.New, new Interrupting(int.MaxValue), target, overwrite: true))).Code);
        await using var server = await Nbdkit.StartAsync(scratch, "file", source);
        Assert.Equal("SL4257", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(server.Uri.ToString(), CopyStart.New, new Interrupting(int.MaxValue), server.Uri.ToString()))).Code);
        Assert.Equal(content, await File.ReadAllBytesAsync(source, Cancel));
    }

    [Fact]
    public async Task What_cannot_be_begun_says_why_even_where_a_strangers_file_keeps_the_directory()
    {
        var source = Source();
        await File.WriteAllTextAsync(scratch["target"], "mine", Cancel);
        Directory.CreateDirectory(scratch["target.sealift-copy"]);
        await File.WriteAllTextAsync(scratch["target.sealift-copy/notes"], "a stranger's", Cancel);
        await RefusedAsync("SL4253", source, CopyStart.Restart);
        Assert.True(File.Exists(scratch["target.sealift-copy/notes"]));
    }

    [Fact]
    public async Task Killed_before_its_first_record_a_copy_is_begun_anew_and_what_is_not_its_own_stays()
    {
        var source = Source();
        Directory.CreateDirectory(scratch["target.sealift-copy"]);
        await RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue));
        await ArrivedAsync(source);

        // The file has its name, and something without a record lies in the directory: whose it is nobody knows.
        Directory.CreateDirectory(scratch["target.sealift-copy"]);
        await File.WriteAllTextAsync(scratch["target.sealift-copy/disk"], "somebody's", Cancel);
        await RefusedAsync("SL4253", source, CopyStart.Resume);
        Assert.Equal("somebody's", await File.ReadAllTextAsync(scratch["target.sealift-copy/disk"], Cancel));
        File.Delete(scratch["target.sealift-copy/disk"]);

        // The same in a copy over a file that exists: that one is the old file.
        await File.WriteAllTextAsync(scratch["target"], "old", Cancel);
        await RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue), overwrite: true);
        await ArrivedAsync(source);
    }

    [Fact]
    public async Task Proven_and_named_but_changed_removed_or_linked_since_it_is_not_finished()
    {
        var source = Source();
        await ProvenAndNamedAsync(source);
        using (var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite)) file.WriteAt([1, 2, 3], 0);
        await RefusedAsync("SL4253", source, CopyStart.Resume);
        File.Delete(scratch["target"]);
        await RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue));
        await ArrivedAsync(source);

        // Somebody gave the proven file its name by hand, and the directory still holds it.
        File.Delete(scratch["target"]);
        await ProvenAndNamedAsync(source);
        await Scratch.ToolAsync("ln", scratch["target"], scratch["target.sealift-copy/disk"]);
        await RefusedAsync("SL4253", source, CopyStart.Resume);
    }

    [Fact]
    public async Task A_source_that_changes_after_its_copy_or_during_the_read_back_is_not_proven()
    {
        var source = scratch.Raw("small", 65536, 1, (0, 65536));
        using var meddler = PosixFile.Open(source, OpenMode.ReadWrite);
        // The one chunk is told of, then the end: after the copy itself has looked at its source for the last time.
        var reports = 0;
        var late = new Interrupting(int.MaxValue, 65536) { AtCopied = () => { if (++reports == 2) meddler.WriteAt([1], 0); } };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, CopyStart.New, late))).Code);
        Assert.Equal(2, reports);

        var later = new Interrupting(int.MaxValue, 65536) { AtReadBack = () => meddler.WriteAt([2], 0) };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, CopyStart.Restart, later))).Code);
        Assert.False(File.Exists(scratch["target"]));
    }

    [Fact]
    public async Task What_is_not_to_be_proven_is_not_read_back_and_says_so()
    {
        var source = Source();
        var observer = new Interrupting(int.MaxValue);
        var report = await RunAsync(source, CopyStart.New, observer, prove: false);
        Assert.Null(report.CacheBypass);
        Assert.Equal(["copy"], observer.Last.Keys);
        await ArrivedAsync(source);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_removed_is_told_and_undoes_nothing()
    {
        var source = Source();
        var observer = new Interrupting(int.MaxValue) { AtReadBack = () => File.WriteAllText(scratch["target.sealift-copy/notes"], "a stranger's") };
        var report = await RunAsync(source, CopyStart.New, observer);
        Assert.Contains(scratch["target.sealift-copy"], report.NotRemoved, StringComparison.Ordinal);
        Assert.NotNull(report.CacheBypass);
        await ArrivedAsync(source);
    }

    [Fact]
    public async Task The_map_is_kept_where_it_was_asked_for_and_no_other_is_replaced()
    {
        var (source, map) = (Source(), scratch["kept.map"]);
        await File.WriteAllTextAsync(map, "mine", Cancel);
        await RefusedAsync("SL4253", source, CopyStart.New, map);
        Assert.False(Directory.Exists(scratch["target.sealift-copy"]));
        File.Delete(map);

        // An earlier run was killed while it wrote the map.
        await File.WriteAllTextAsync(map + ".sealift-copy", "half", Cancel);
        var report = await RunAsync(source, CopyStart.New, new Interrupting(int.MaxValue), map: map);
        Assert.False(File.Exists(map + ".sealift-copy"));
        using (var kept = BlockMap.Open(map)) Assert.Equal(report.Root, Convert.ToHexStringLower(kept.Root()));
        await ArrivedAsync(source);

        // Killed right after it: the map has its name, and the disk has not.
        File.Delete(scratch["target"]);
        File.Move(map, scratch["good.map"]);
        var inTheWay = new Interrupting(int.MaxValue) { AtReadBack = () => File.WriteAllText(scratch["target"], "mine") };
        await Assert.ThrowsAsync<PosixException>(() => RunAsync(source, CopyStart.New, inTheWay, map: map));
        Assert.True(File.Exists(map));
        File.Delete(scratch["target"]);

        // A map of another disk, one that is not complete, and then the right one.
        using (var other = BlockMap.Create(scratch["other.map"], Length, BlkhashParameters.Default))
        {
            other.SetZeroes(0, other.BlockCount, BlockState.Zero);
            other.Close();
        }

        BlockMap.Create(scratch["incomplete.map"], Length, BlkhashParameters.Default).Close();
        foreach (var wrong in new[] { "other.map", "incomplete.map" })
        {
            File.Copy(scratch[wrong], map, overwrite: true);
            await RefusedAsync("SL4253", source, CopyStart.Resume, map);
        }

        File.Copy(scratch["good.map"], map, overwrite: true);
        Assert.Equal(report.Root, (await RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue), map: map)).Root);
        await ArrivedAsync(source);
    }

    [Fact]
    public async Task An_export_is_overwritten_whatever_it_held_and_a_copy_to_it_is_gone_on_with()
    {
        var (source, store) = (Source(), scratch.Raw("store", Length + 4096, 2, (0, (int)Length)));
        await using var server = await Nbdkit.StartAsync(scratch, "file", store);
        var uri = server.Uri.ToString();
        await Assert.ThrowsAsync<Interruption>(() => RunAsync(source, CopyStart.New, new Interrupting(6), uri));
        var observer = new Interrupting(int.MaxValue);
        var report = await RunAsync(source, CopyStart.Resume, observer, uri);
        Assert.Equal([true], observer.Begins);
        Assert.InRange(report.Copied!.ResumedBytes, 1 << 20, Length);
        Assert.Empty(observer.Mismatches); // right at once, and not by a repair
        Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), (await File.ReadAllBytesAsync(store, Cancel))[..(int)Length]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["state/copies"]));
        Assert.Empty((await RunAsync(source, CopyStart.New, observer, uri)).Repaired);
    }

    [Fact]
    public async Task What_a_copy_is_of_is_written_down_before_anything_is_made()
    {
        await using var server = await Nbdkit.StartAsync(scratch, "memory", "1M");
        var uri = server.Uri.ToString();
        var work = CopyTarget.Of(uri, ImageFormat.Raw, overwrite: true, new NbdOptions(), scratch["state"], scratch.Folder).WorkPath;
        Directory.CreateDirectory(work);
        var source = Source();
        Assert.Equal("SL4206", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, CopyStart.Resume, new Interrupting(int.MaxValue), uri))).Code);
        Assert.Equal(source, CopyRecord.Read(Path.Combine(work, "copy.json"))!.Source);
    }

    [Fact]
    public async Task A_target_that_is_a_part_of_something_is_refused_until_it_was_found_to_be_none()
    {
        var (source, store) = (Source(), scratch.Raw("store", Length + 4096, 2, (0, (int)Length)));
        var bytes = await File.ReadAllBytesAsync(store, Cancel);
        "LABELONE"u8.CopyTo(bytes.AsSpan(512));
        "LVM2 001"u8.CopyTo(bytes.AsSpan(512 + 24));
        await File.WriteAllBytesAsync(store, bytes, Cancel);
        await using var server = await Nbdkit.StartAsync(scratch, "file", store);
        var uri = server.Uri.ToString();
        foreach (var start in new[] { CopyStart.New, CopyStart.Restart }) await RefusedAsync(start);
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch["state/copies"]));

        // Killed just after its record was written, nobody has looked yet: whoever goes on does, each time.
        Directory.CreateDirectory(CopyTarget.Of(uri, ImageFormat.Raw, overwrite: true, new NbdOptions(), scratch["state"], scratch.Folder).WorkPath);
        foreach (var start in new[] { CopyStart.Resume, CopyStart.Resume }) await RefusedAsync(start);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(store, Cancel));

        async Task RefusedAsync(CopyStart start) => Assert.Equal("SL4259", (await Assert.ThrowsAsync<SealiftException>(() => RunAsync(source, start, new Interrupting(int.MaxValue), uri))).Code);
    }

    public void Dispose() => scratch.Dispose();

    private string Source()
    {
        var path = scratch.Raw("source.raw", Length, 1, (0, 3 << 20), (4 << 20, 2 << 20), (7 << 20, (3 << 20) + 512));
        using var file = PosixFile.Open(path, OpenMode.ReadWrite);
        file.WriteAt(new byte[65536], 5 << 20);
        return path;
    }

    private async Task ArrivedAsync(string source) => Assert.Equal(await File.ReadAllBytesAsync(source, Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));

    private async Task RefusedAsync(string code, string source, CopyStart start, string? map = null) =>
        Assert.Equal(code, (await Assert.ThrowsAnyAsync<SealiftException>(() => RunAsync(source, start, new Interrupting(int.MaxValue), map: map))).Code);

    /// <summary>What a kill right after the last rename leaves.</summary>
    private async Task ProvenAndNamedAsync(string source)
    {
        var inTheWay = new Interrupting(int.MaxValue) { AtReadBack = () => File.WriteAllText(scratch["target"], "mine") };
        Assert.Equal("SL1001", (await Assert.ThrowsAsync<PosixException>(() => RunAsync(source, CopyStart.New, inTheWay))).Code);
        File.Move(scratch["target.sealift-copy/disk"], scratch["target"], overwrite: true);
    }

    private async Task<CopyReport> RunAsync(string from, CopyStart start, ICopyObserver observer, string? to = null, ImageFormat format = ImageFormat.Raw, bool overwrite = false, string? map = null, bool prove = true)
    {
        var source = await CopySource.ExamineAsync(from, new ImageProbeOptions { Format = ImageFormat.Raw }, new NbdOptions(), scratch.Folder, Cancel);
        var target = CopyTarget.Of(to ?? scratch["target"], format, overwrite || to is not null, new NbdOptions(), scratch["state"], scratch.Folder);
        return await ProvenCopy.RunAsync(new CopyRequest(source, target, BlkhashParameters.Default) { Start = start, Options = Often, MapPath = map, Prove = prove }, observer, Cancel);
    }

    private sealed class Interruption : Exception;

    /// <summary>Ends a copy as a crash would after so many MiB of data that went through a stage.</summary>
    private sealed class Interrupting(int afterMebibytes, long length = Length) : ICopyObserver
    {
        private long leftBytes = (long)afterMebibytes << 20;

        public Action AtReadBack { get; init; } = () => { };

        /// <summary>Called each time that all of the disk is said to be copied.</summary>
        public Action AtCopied { get; init; } = () => { };

        public List<Mismatch> Mismatches { get; } = [];

        /// <summary>Whether it was resumed, each time that it was begun.</summary>
        public List<bool> Begins { get; } = [];

        /// <summary>What was heard last of each stage.</summary>
        public Dictionary<string, DiskProgress> Last { get; } = [];

        public void Begun(CopyTarget target, bool resumed, long lengthBytes)
        {
            Assert.Equal(length, lengthBytes);
            Begins.Add(resumed);
        }

        public IProgress<DiskProgress> Progress(string stage)
        {
            if (stage == "read-back") AtReadBack();
            Last[stage] = default;
            return new Stage(this, stage);
        }

        public void Differs(Mismatch mismatch) => Mismatches.Add(mismatch);

        private sealed class Stage(Interrupting owner, string stage) : IProgress<DiskProgress>
        {
            private long before;

            public void Report(DiskProgress value)
            {
                lock (owner)
                {
                    owner.leftBytes -= value.DataBytes - before;
                    before = value.DataBytes;
                    owner.Last[stage] = value;
                    if (stage == "copy" && value.DoneBytes == value.TotalBytes) owner.AtCopied();
                    if (owner.leftBytes < 0) throw new Interruption();
                }
            }
        }
    }
}
