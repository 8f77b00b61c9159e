using CsCheck;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class CopyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Any_disk_arrives_whole_and_its_root_is_blkhash()
    {
        var disks = Gen.Select(Gen.Long[0, 4 << 20], Gen.Select(Gen.Long[0, 4 << 20], Gen.Int[1, 200_000]).Array[0, 6], Gen.Int[12, 18], Gen.Bool, Gen.Int);
        await disks.SampleAsync(
            async (length, writes, blockShift, fresh, seed) =>
            {
                using var scratch = new Scratch();
                var fitting = writes.Where(w => w.Item1 < length).Select(w => (w.Item1, (int)Math.Min(w.Item2, length - w.Item1))).ToArray();
                var path = scratch.Raw("source", length, seed, fitting);
                if (fresh) await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, length, default);
                else scratch.Raw("target", length, seed + 1, (0, (int)length)); // stale bytes everywhere
                var parameters = new BlkhashParameters(BlkhashAlgorithm.Sha256, 1 << blockShift);
                using var map = scratch.Map("map", length, parameters);
                await using var source = Scratch.OpenRaw(path);
                await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, default);
                var result = await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = fresh, CheckpointBytes = 1 << 20 }, null, default);
                await target.CloseAsync(default);

                var wanted = await File.ReadAllBytesAsync(path);
                Assert.Equal(wanted, await File.ReadAllBytesAsync(scratch["target"]));
                Assert.Equal(Scratch.NaiveRoot(wanted, 1 << blockShift), result.Root);
                Assert.Equal(length, result.DataBytes + result.ZeroBytes + result.HoleBytes);
                Assert.Equal(result.Root, await DiskHash.RunAsync(source, parameters, null, CopyOptions.Default, null, default));

                await using var uncached = await DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, default);
                Assert.Contains("O_DIRECT", uncached.CacheBypass, StringComparison.Ordinal);
                var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, default);
                Assert.True(back.IsEqual);
                Assert.Equal(result.Root, back.Root);
            },
            iter: 60,
            threads: 1);
    }

    [Fact]
    public async Task Holes_are_not_read_and_take_no_space_on_the_target()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 256 << 20, 1, (10 << 20, 1 << 20), (200 << 20, 65536));
        long read = 0;
        await using var source = new HookedDisk(Scratch.OpenRaw(path)) { AfterRead = (_, b) => { Interlocked.Add(ref read, b.Length); return default; } };
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 256 << 20, Cancel);
        var zeroed = 0;
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnZeroes = (_, _) => Interlocked.Increment(ref zeroed) > 0 };
        using var map = scratch.Map("map", 256 << 20);
        var result = await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
        await target.CloseAsync(Cancel);
        Assert.Equal(0, zeroed); // what reads as zeros is not told to
        Assert.Equal((1 << 20) + 65536, result.DataBytes);
        Assert.Equal((1 << 20) + 65536, read);
        Assert.Equal((256L << 20) - (1 << 20) - 65536, result.HoleBytes);
        Assert.InRange(FileFacts.OfPath(scratch["target"]).AllocatedBytes, 1 << 20, (1 << 20) + (256 << 10));
    }

    [Fact]
    public async Task Written_zeros_are_hashed_but_take_no_space()
    {
        using var scratch = new Scratch();
        using (var file = PosixFile.Open(scratch["source"], OpenMode.ReadWrite | OpenMode.CreateNew)) file.WriteAt(new byte[8 << 20], 0);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 8 << 20, Cancel);
        var zeroed = 0;
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnZeroes = (_, _) => Interlocked.Increment(ref zeroed) > 0 };
        using var map = scratch.Map("map", 8 << 20);
        var result = await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
        Assert.Equal(8 << 20, result.ZeroBytes);
        Assert.Equal(0, zeroed);
        Assert.Equal(BlockState.Zero, map.Read(127, new byte[32])); // what is known to be zeros takes no space in the map either
        Assert.Equal(0, FileFacts.OfPath(scratch["target"]).AllocatedBytes);
    }

    [Fact]
    public async Task Written_zeros_replace_what_an_old_target_held()
    {
        using var scratch = new Scratch();
        using (var file = PosixFile.Open(scratch["source"], OpenMode.ReadWrite | OpenMode.CreateNew)) file.WriteAt(new byte[2 << 20], 0);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        scratch.Raw("target", 2 << 20, 1, (0, 2 << 20));
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", 2 << 20);
        await DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel);
        Assert.Equal(new byte[2 << 20], await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task A_source_that_changes_meanwhile_is_seen()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 8 << 20, 1, (0, 8 << 20));
        using var meddler = PosixFile.Open(path, OpenMode.ReadWrite);
        await using var source = new HookedDisk(Scratch.OpenRaw(path)) { AfterRead = (at, _) => { if (at == 4 << 20) meddler.WriteAt([1], 0); return default; } };
        Assert.Equal("SL4201", (await CopyFailureAsync(scratch, source, 8 << 20)).Code);
    }

    [Fact]
    public async Task A_source_that_shrinks_or_is_replaced_meanwhile_is_seen()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 8 << 20, 1, (0, 1 << 20));
        await using (var source = Scratch.OpenRaw(path))
        {
            using (var meddler = PosixFile.Open(path, OpenMode.ReadWrite)) meddler.SetLength(4 << 20);
            // Even without the look at its size: lseek contradicts itself, or the end of the file is met.
            Assert.Contains((await CopyFailureAsync(scratch, source, 8 << 20)).Code, new[] { "SL4201", "SL4203", "SL1001", "SL4211" });
        }

        var other = scratch.Raw("other", 4 << 20, 1, (0, 1 << 20));
        await using (var source = Scratch.OpenRaw(path))
        {
            File.Move(other, path, overwrite: true);
            Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(async () => await source.VerifyUnchangedAsync(Cancel))).Code);
        }
    }

    [Fact]
    public async Task The_first_failure_is_the_one_reported_with_its_place()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 16 << 20, 1, (0, 16 << 20));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 16 << 20, Cancel);
        await using var source = Scratch.OpenRaw(path);
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
        {
            OnWrite = (at, _) => at == 7 << 20 ? throw new SealiftException("SL1001", "pwrite", "target", "ENOSPC", "Free space") : true,
        };
        using var map = scratch.Map("map", 16 << 20);
        var error = await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel));
        Assert.Equal(("SL4212", DiskSide.Target, 7L << 20, 1L << 20), (error.Code, error.Side, error.Offset, error.LengthBytes));
        Assert.Contains("ENOSPC", error.Message, StringComparison.Ordinal);
        Assert.Contains("Free space", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_may_not_grow_fails_the_copy_with_the_kernels_word()
    {
        // A real refusal of the kernel: the root file system's limit of a file's size, reached by ftruncate.
        using var scratch = new Scratch();
        var error = await Assert.ThrowsAsync<PosixException>(() => DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, long.MaxValue, Cancel));
        Assert.Equal(Errno.EFBIG, error.Errno);
        Assert.False(File.Exists(scratch["target"]));
    }

    [Fact]
    public async Task A_resumed_copy_does_the_rest_and_only_the_rest()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 32 << 20, 1, (0, 32 << 20));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 32 << 20, Cancel);
        var options = new CopyOptions { TargetReadsZeroes = true, CheckpointBytes = 4 << 20, Workers = 2 };
        await using var source = Scratch.OpenRaw(path);
        var flushedAfter = 0;
        await using (var failing = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
        {
            OnWrite = (at, _) => at >= 20 << 20 ? throw new SealiftException("SL1001", "pwrite", "target", "EIO", "Stop") : true,
            OnFlush = () => flushedAfter++,
        })
        {
            using var map = scratch.Map("map", 32 << 20);
            await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, failing, map, options, null, Cancel));
        } // the map is abandoned as a crash would

        Assert.Equal(5, flushedAfter);
        using var reopened = BlockMap.OpenForUpdate(scratch["map"]);
        Assert.Equal((32 - 20) << 4, reopened.UnknownBlocks);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        var last = default(DiskProgress);
        var result = await DiskCopy.RunAsync(source, target, reopened, options with { Resume = true }, new LastProgress(p => last = p), Cancel);
        Assert.Equal(20 << 20, result.ResumedBytes);
        Assert.Equal(12 << 20, result.DataBytes);
        Assert.Equal(new DiskProgress(32 << 20, 32 << 20, 12 << 20), last);
        Assert.Equal(await File.ReadAllBytesAsync(path, Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));
        Assert.Equal(Scratch.NaiveRoot(await File.ReadAllBytesAsync(path, Cancel)), result.Root);
    }

    [Fact]
    public async Task The_map_is_made_durable_only_after_the_target()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 16 << 20, 1, (0, 16 << 20));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 16 << 20, Cancel);
        await using var source = Scratch.OpenRaw(path);
        using var map = scratch.Map("map", 16 << 20);
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnFlush = () => throw new SealiftException("SL1001", "fsync", "target", "EIO", "Stop") };
        var error = await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, target, map, new CopyOptions { CheckpointBytes = 4 << 20 }, null, Cancel));
        Assert.Equal("SL4213", error.Code);
        map.Dispose();
        using var reopened = BlockMap.Open(scratch["map"]);
        Assert.Equal(reopened.BlockCount, reopened.UnknownBlocks);
    }

    [Fact]
    public async Task Progress_ends_at_the_whole_disk()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", (3 << 20) + 512, 1, (0, 1 << 20));
        var last = default(DiskProgress);
        await using var source = Scratch.OpenRaw(path);
        await DiskHash.RunAsync(source, BlkhashParameters.Default, null, CopyOptions.Default, new LastProgress(p => last = p), Cancel);
        Assert.Equal(new DiskProgress((3 << 20) + 512, (3 << 20) + 512, 1 << 20), last);
    }

    [Fact]
    public async Task A_target_or_a_map_of_another_length_is_refused_before_anything_is_written()
    {
        using var scratch = new Scratch();
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 2 << 20, 1, (0, 2 << 20)));
        var before = await File.ReadAllBytesAsync(scratch.Raw("target", (2 << 20) + 512, 2, (0, 1 << 20)), Cancel);
        await using var longer = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", 2 << 20);
        Assert.Equal("SL4206", (await Assert.ThrowsAsync<SealiftException>(() => DiskCopy.RunAsync(source, longer, map, CopyOptions.Default, null, Cancel))).Code);
        Assert.Equal(before, await File.ReadAllBytesAsync(scratch["target"], Cancel));
        scratch.Raw("fitting", 2 << 20, 2);
        await using var target = await DiskImage.OpenWriteAsync(scratch["fitting"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var other = scratch.Map("other", (2 << 20) + 1);
        Assert.Equal("SL4207", (await Assert.ThrowsAsync<SealiftException>(() => DiskCopy.RunAsync(source, target, other, CopyOptions.Default, null, Cancel))).Code);
        Assert.Equal(new byte[2 << 20], await File.ReadAllBytesAsync(scratch["fitting"], Cancel));
    }

    [Fact]
    public async Task A_new_copy_believes_nothing_of_an_old_map_and_tells_its_progress_to_the_end()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 3 << 20, 1, (0, 1 << 20), (2 << 20, 1 << 20));
        await using var source = Scratch.OpenRaw(path);
        scratch.Raw("target", 3 << 20, 2, (0, 3 << 20));
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", 3 << 20);
        map.SetZeroes(0, map.BlockCount, BlockState.Hole);
        var last = default(DiskProgress);
        var result = await DiskCopy.RunAsync(source, target, map, CopyOptions.Default, new LastProgress(p => last = p), Cancel);
        Assert.Equal(await File.ReadAllBytesAsync(path, Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));
        Assert.Equal(Scratch.NaiveRoot(await File.ReadAllBytesAsync(path, Cancel)), result.Root);
        Assert.Equal(new DiskProgress(3 << 20, 3 << 20, 2 << 20), last);
        Assert.Equal(0, result.ResumedBytes);
        map.Dispose();
        using var reopened = BlockMap.Open(scratch["map"]);
        Assert.True(reopened.IsComplete);
    }

    [Fact]
    public async Task Cancelling_ends_the_copy_at_once()
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 16 << 20, 1, (0, 16 << 20));
        using var stop = new CancellationTokenSource();
        await using var source = new HookedDisk(Scratch.OpenRaw(path)) { AfterRead = (at, _) => { stop.Cancel(); return default; } };
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 16 << 20, Cancel);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", 16 << 20);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, stop.Token));
    }

    [Fact]
    public async Task What_a_map_knows_is_compared_with_a_source_that_shows_no_changes_and_counts_as_resumed()
    {
        using var scratch = new Scratch();
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 4 << 20, 1, (0, 4 << 20)));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 4 << 20, Cancel);
        var writes = 0;
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnWrite = (_, _) => Interlocked.Increment(ref writes) > 0 };
        using var map = scratch.Map("map", 4 << 20);
        await DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel);
        map.SetUnknown(16, 1); // one block of the second chunk: all of that chunk is copied
        writes = 0;
        var last = default(DiskProgress);
        var again = await DiskCopy.RunAsync(source, target, map, new CopyOptions { Resume = true, CompareKnown = true }, new LastProgress(p => last = p), Cancel);
        Assert.Equal((3 << 20, 1 << 20, 1), (again.ResumedBytes, again.DataBytes, writes));
        Assert.Equal(new DiskProgress(4 << 20, 4 << 20, 4 << 20), last); // all of it was read

        map.SetZeroes(48, 1, BlockState.Zero); // a leaf that the source never had
        var error = await Assert.ThrowsAsync<SealiftException>(() => DiskCopy.RunAsync(source, target, map, new CopyOptions { Resume = true, CompareKnown = true }, null, Cancel));
        Assert.Equal("SL4201", error.Code);
        Assert.Contains("block 48", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 1)] // only at the end
    [InlineData(1 << 20, 3)] // after each MiB of data, and at the end: holes are no work that could be lost
    [InlineData(3 << 20, 1)]
    public async Task Data_are_flushed_as_often_as_asked_for_and_holes_count_for_nothing(long checkpoint, int flushes)
    {
        using var scratch = new Scratch();
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 64 << 20, 1, (0, 1 << 20), (16 << 20, 1 << 19), (32 << 20, 1 << 19)));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 64 << 20, Cancel);
        var flushed = 0;
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnFlush = () => flushed++ };
        using var map = scratch.Map("map", 64 << 20);
        await DiskCopy.RunAsync(source, target, map, new CopyOptions { CheckpointBytes = checkpoint }, null, Cancel);
        Assert.Equal(flushes, flushed);
    }

    [Fact]
    public async Task A_map_that_forgot_a_block_meanwhile_is_no_map_of_the_copy()
    {
        using var scratch = new Scratch();
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 2 << 20, 1, (0, 2 << 20)));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 2 << 20, Cancel);
        using var map = scratch.Map("map", 2 << 20);
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnFlush = () => map.SetUnknown(3, 1) };
        Assert.Equal("SL4207", (await Assert.ThrowsAsync<SealiftException>(() => DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel))).Code);
    }

    [Fact]
    public async Task A_new_copy_that_is_cut_off_leaves_nothing_in_the_map_of_what_an_older_one_knew()
    {
        using var scratch = new Scratch();
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 4 << 20, 1, (0, 4 << 20)));
        scratch.Raw("target", 4 << 20, 2, (0, 4 << 20));
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
        {
            OnWrite = (at, _) => at < 2 << 20 ? true : throw new SealiftException("SL1001", "pwrite", "target", "EIO", "Stop"),
        };
        using (var map = scratch.Map("map", 4 << 20))
        {
            await DiskHash.RunAsync(source, map.Parameters, map, CopyOptions.Default, null, Cancel); // as copied before, to a target of its own
            map.Checkpoint();
            await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, target, map, new CopyOptions { CheckpointBytes = 1 << 20 }, null, Cancel));
        } // abandoned, as a crash would

        using var kept = BlockMap.Open(scratch["map"]);
        Assert.Equal(32, kept.UnknownBlocks);
    }

    [Fact]
    public async Task However_long_the_disk_there_are_no_more_buffers_than_workers()
    {
        using var scratch = new Scratch();
        const int Length = 64 << 20;
        await using var source = new HookedDisk(Scratch.OpenRaw(scratch.Raw("source", Length, 1, (0, Length))));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Length, Cancel);
        var options = new CopyOptions { Workers = 2, TargetReadsZeroes = true };
        using var map = scratch.Map("map", Length);
        await using (var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
        {
            await DiskCopy.RunAsync(source, target, map, options, null, Cancel);
            Assert.InRange(source.Buffers, 1, 2);
            // All of the disk once more, as what an overlay changed.
            await using var overlay = new HookedDisk(source);
            await OverlayCommit.RunAsync(overlay, [new(0, Length)], target, map, options, null, Cancel);
            Assert.InRange(overlay.Buffers, 1, 2);
            await target.CloseAsync(Cancel);
        }

        await using var back = new HookedDisk(await DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel));
        Assert.True((await ReadBack.RunAsync(back, map, options, null, Cancel)).IsEqual);
        Assert.InRange(back.Buffers, 1, 2);
    }

    private static async Task<SealiftException> CopyFailureAsync(Scratch scratch, IDiskReader source, long length)
    {
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, length, Cancel);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", length);
        return await Assert.ThrowsAnyAsync<SealiftException>(() => DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel));
    }
}
