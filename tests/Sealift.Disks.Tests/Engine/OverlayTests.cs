using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class OverlayTests : IDisposable
{
    private const long Length = (6 << 20) + (3 * 512);
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2)]
    public async Task D_is_what_was_written_into_the_overlay_and_nothing_else(ImageFormat format)
    {
        await MakeBaseAsync(format);
        await Overlay.CreateAsync(scratch["overlay"], scratch["base"], format, Length, Cancel);
        Assert.Empty(await ChangedAsync(format));
        await WriteAsync(scratch["overlay"], "write -P 7 65536 1000", "write -P 8 131072 65536", "write -z 1M 128k", "write -P 0 3M 512", $"write -P 9 {Length - 512} 512");
        await Scratch.ToolAsync("qemu-io", "-d", "unmap", "-f", "qcow2", "-c", "discard 5M 64k", scratch["overlay"]); // as fstrim does
        Assert.Equal([new(65536, 131072), new(1 << 20, 131072), new(3 << 20, 65536), new(5 << 20, 65536), new(6 << 20, 1536)], await ChangedAsync(format));
    }

    [Theory]
    [InlineData(ImageFormat.Raw, 16)]
    [InlineData(ImageFormat.Qcow2, 16)]
    [InlineData(ImageFormat.Raw, 12)]
    [InlineData(ImageFormat.Raw, 18)] // a leaf of four clusters: D covers it in part
    [InlineData(ImageFormat.Qcow2, 18)]
    public async Task The_committed_target_is_what_the_guest_saw_and_reads_back_as_F(ImageFormat format, int blockShift)
    {
        var (changed, expected, view) = await PrepareAsync(format, blockShift);
        using var final = BlockMap.OpenForUpdate(scratch["final"]);
        Assert.Equal(expected, final.Root());
        Assert.Equal(Scratch.NaiveRoot(view, 1 << blockShift), expected);
        await using (var overlay = await Overlay.OpenAloneAsync(scratch["overlay"], scratch.Folder, Cancel))
        await using (var target = await DiskImage.OpenWriteAsync(scratch["base"], format, scratch.Folder, Cancel))
        {
            Assert.Equal(expected, await OverlayCommit.RunAsync(overlay, changed, target, final, CopyOptions.Default, null, Cancel));
            await target.CloseAsync(Cancel);
        }

        await using var uncached = await DiskImage.OpenUncachedAsync(scratch["base"], format, scratch.Folder, Cancel);
        var back = await ReadBack.RunAsync(uncached, final, CopyOptions.Default, null, Cancel);
        Assert.Empty(back.Mismatches);
        Assert.Equal(expected, back.Root);
    }

    [Fact]
    public async Task A_commit_interrupted_at_any_write_and_run_again_ends_in_the_same_bytes()
    {
        var (changed, expected, view) = await PrepareAsync(ImageFormat.Raw, 16);
        File.Copy(scratch["base"], scratch["untouched"]);
        for (var k = 0; ; k++)
        {
            File.Copy(scratch["untouched"], scratch["base"], overwrite: true);
            File.Delete(scratch["final"]);
            using (var copied = BlockMap.Open(scratch["map"])) BlockMap.CreateCopy(scratch["final"], copied).Close();
            var interrupted = await CommitUntilAsync(k, changed);
            await CommitUntilAsync(int.MaxValue, changed);
            Assert.Equal(view, await File.ReadAllBytesAsync(scratch["base"], Cancel));
            using var final = BlockMap.Open(scratch["final"]);
            Assert.Equal(expected, final.Root());
            if (interrupted) continue;
            Assert.InRange(k, 5, 100);
            return;
        }
    }

    [Fact]
    public async Task Ranges_that_are_no_D_are_refused()
    {
        await MakeBaseAsync(ImageFormat.Raw);
        using var map = scratch.Map("final", Length);
        await using var disk = await DiskImage.OpenWriteAsync(scratch["base"], ImageFormat.Raw, scratch.Folder, Cancel);
        foreach (DiskRange[] ranges in new DiskRange[][] { [new(65536, 65536), new(0, 65536)], [new(0, 131072), new(65536, 65536)], [new(Length - 512, 1024)], [new(0, 0)] })
            Assert.Equal("SL4243", (await Assert.ThrowsAsync<SealiftException>(() => OverlayCommit.RunAsync(disk, ranges, disk, map, CopyOptions.Default, null, Cancel))).Code);
    }

    [Fact]
    public async Task A_commit_is_flushed_after_its_last_write_and_a_flush_that_fails_fails_it()
    {
        await MakeBaseAsync(ImageFormat.Raw);
        await using var disk = await DiskImage.OpenWriteAsync(scratch["base"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("final", Length);
        map.SetZeroes(0, map.BlockCount, BlockState.Zero);
        var calls = new List<string>();
        // Data at the start, zeros behind them.
        DiskRange[] changed = [new(0, 65536), new(2 << 20, 65536)];
        var target = new HookedDisk(disk)
        {
            OnWrite = (_, _) => Called("write"),
            OnZeroes = (_, _) => Called("zeroes"),
            OnFlush = () => _ = Called("flush"),
        };
        await OverlayCommit.RunAsync(disk, changed, target, map, CopyOptions.Default, null, Cancel);
        Assert.Equal(["write", "zeroes"], calls[..^1].Order(StringComparer.Ordinal));
        Assert.Equal("flush", calls[^1]);

        var failing = new HookedDisk(disk) { OnFlush = () => throw new SealiftException("SL1001", "fsync", "target", "EIO", "Look") };
        Assert.Equal("SL4213", (await Assert.ThrowsAsync<DiskAccessException>(() => OverlayCommit.RunAsync(disk, changed, failing, map, CopyOptions.Default, null, Cancel))).Code);

        bool Called(string call)
        {
            lock (calls) calls.Add(call);
            return true;
        }
    }

    [Fact]
    public async Task Each_range_of_D_is_written_once_and_nothing_of_the_target_is_read_that_D_covers()
    {
        const int Mebibyte = 1 << 20;
        await MakeBaseAsync(ImageFormat.Raw);
        var before = await File.ReadAllBytesAsync(scratch["base"], Cancel);
        await using var overlay = new HookedDisk(Scratch.OpenRaw(scratch.Raw("content", Length, 12, (0, (int)Length))));
        await using var disk = await DiskImage.OpenWriteAsync(scratch["base"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("final", Length);
        await DiskHash.RunAsync(disk, map.Parameters, map, CopyOptions.Default, null, Cancel);
        // Neighbours that meet where a chunk ends, two ranges in one block, and the end of the disk.
        DiskRange[] changed = [new(0, Mebibyte), new(Mebibyte, Mebibyte), new((3 * Mebibyte) + 512, 512), new((3 * Mebibyte) + 4096, 1024), new(Length - 512, 512)];
        var written = new List<DiskRange>();
        var read = new List<long>();
        var target = new HookedDisk(disk)
        {
            OnWrite = (at, bytes) => Wrote(new DiskRange(at, bytes.Length)),
            OnZeroes = (at, length) => Wrote(new DiskRange(at, length)),
            AfterRead = (at, _) =>
            {
                lock (read) read.Add(at);
                return default;
            },
        };
        var last = default(DiskProgress);
        var root = await OverlayCommit.RunAsync(overlay, changed, target, map, CopyOptions.Default, new LastProgress(p => last = p), Cancel);
        Assert.Equal(changed, written.OrderBy(r => r.Offset));
        Assert.Equal([3 * Mebibyte, 6 * Mebibyte], read.Order());
        var total = changed.Sum(r => r.LengthBytes);
        Assert.Equal(new DiskProgress(total, total, total), last);

        var content = await File.ReadAllBytesAsync(scratch["content"], Cancel);
        foreach (var range in changed) content.AsSpan((int)range.Offset, (int)range.LengthBytes).CopyTo(before.AsSpan((int)range.Offset));
        Assert.Equal(before, await File.ReadAllBytesAsync(scratch["base"], Cancel));
        Assert.Equal(Scratch.NaiveRoot(before), root);
        map.Dispose(); // abandoned as a crash would: it is durable already
        using var kept = BlockMap.Open(scratch["final"]);
        Assert.Equal(root, kept.Root());

        bool Wrote(DiskRange range)
        {
            lock (written) written.Add(range);
            return true;
        }
    }

    [Fact]
    public async Task What_is_expected_of_a_commit_is_durable_and_read_in_whole_chunks()
    {
        await MakeBaseAsync(ImageFormat.Raw);
        var reads = 0;
        await using var view = new HookedDisk(Scratch.OpenRaw(scratch["base"]))
        {
            AfterRead = (_, _) =>
            {
                Interlocked.Increment(ref reads);
                return default;
            },
        };
        using var map = scratch.Map("final", Length);
        map.SetZeroes(0, map.BlockCount, BlockState.Zero);
        map.Checkpoint();
        var before = map.Root();
        Assert.Equal(before, await OverlayCommit.ExpectedRootAsync(view, [], map, CopyOptions.Default, Cancel));
        var root = await OverlayCommit.ExpectedRootAsync(view, [.. Enumerable.Range(0, 16).Select(i => new DiskRange(i * 65536, 65536))], map, CopyOptions.Default, Cancel);
        Assert.Equal(1, reads);
        Assert.NotEqual(before, root);
        map.Dispose(); // as a crash would
        using var kept = BlockMap.Open(scratch["final"]);
        Assert.Equal(root, kept.Root());
    }

    [Fact]
    public async Task A_map_or_an_overlay_of_another_length_is_refused()
    {
        await MakeBaseAsync(ImageFormat.Raw);
        await using var disk = await DiskImage.OpenWriteAsync(scratch["base"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("final", Length);
        using var longer = scratch.Map("longer", Length + 512);
        await using var overlay = Scratch.OpenRaw(scratch.Raw("overlay", Length + 512, 1));
        Assert.Equal("SL4207", (await Assert.ThrowsAsync<SealiftException>(() => OverlayCommit.RunAsync(disk, [], disk, longer, CopyOptions.Default, null, Cancel))).Code);
        Assert.Equal("SL4206", (await Assert.ThrowsAsync<SealiftException>(() => OverlayCommit.RunAsync(overlay, [], disk, map, CopyOptions.Default, null, Cancel))).Code);
    }

    [Fact]
    public async Task An_overlay_never_replaces_a_file()
    {
        await MakeBaseAsync(ImageFormat.Raw);
        await File.WriteAllTextAsync(scratch["overlay"], "precious", Cancel);
        var error = await Assert.ThrowsAsync<PosixException>(() => Overlay.CreateAsync(scratch["overlay"], scratch["base"], ImageFormat.Raw, Length, Cancel));
        Assert.Equal(Errno.EEXIST, error.Errno);
        Assert.Equal("precious", await File.ReadAllTextAsync(scratch["overlay"], Cancel));
        Assert.Equal("SL4204", (await Assert.ThrowsAsync<SealiftException>(() => Overlay.CreateAsync(scratch["new"], scratch["base"], ImageFormat.Raw, 1000, Cancel))).Code);
        Assert.Equal("SL4223", (await Assert.ThrowsAsync<SealiftException>(() => Overlay.CreateAsync(scratch["new"], scratch["missing"], ImageFormat.Raw, 1024, Cancel))).Code);
        Assert.False(File.Exists(scratch["new"]));
    }

    public void Dispose() => scratch.Dispose();

    private async Task MakeBaseAsync(ImageFormat format)
    {
        var raw = scratch.Raw(format == ImageFormat.Raw ? "base" : "raw", Length, 11, (0, 2 << 20), (3 << 20, 1 << 20), (5 << 20, (1 << 20) + 1536));
        if (format == ImageFormat.Qcow2) await Scratch.ToolAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, scratch["base"]);
    }

    private Task<IReadOnlyList<DiskRange>> ChangedAsync(ImageFormat format) => Overlay.ChangedRangesAsync(scratch["overlay"], scratch["base"], format, scratch.Folder, Cancel);

    private static Task<ChildResult> WriteAsync(string path, params string[] commands) =>
        Scratch.ToolAsync("qemu-io", ["-f", "qcow2", .. commands.SelectMany(c => new[] { "-c", c }), path]);

    /// <summary>A base with its map, an overlay with writes in it, and the final map as expected.</summary>
    private async Task<(IReadOnlyList<DiskRange> Changed, byte[] Expected, byte[] View)> PrepareAsync(ImageFormat format, int blockShift)
    {
        await MakeBaseAsync(format);
        var parameters = new BlkhashParameters(BlkhashAlgorithm.Sha256, 1 << blockShift);
        await using (var disk = await DiskImage.OpenReadAsync(Scratch.Image(scratch["base"], format), scratch.Folder, Cancel))
        {
            using var map = scratch.Map("map", Length, parameters);
            await DiskHash.RunAsync(disk, parameters, map, CopyOptions.Default, null, Cancel);
            map.Close();
        }

        await Overlay.CreateAsync(scratch["overlay"], scratch["base"], format, Length, Cancel);
        await WriteAsync(scratch["overlay"], "write -P 7 65536 1000", "write -P 8 300k 100k", "write -z 1M 128k", "write -P 3 2500k 1100k", $"write -P 9 {Length - 512} 512");
        var changed = await ChangedAsync(format);
        using var source = BlockMap.Open(scratch["map"]);
        using var final = BlockMap.CreateCopy(scratch["final"], source);
        await using var view = await Overlay.OpenViewAsync(scratch["overlay"], scratch["base"], format, scratch.Folder, Cancel);
        var expected = await OverlayCommit.ExpectedRootAsync(view, changed, final, CopyOptions.Default, Cancel);
        final.Close();
        var bytes = new byte[Length];
        await view.ReadAsync(0, bytes, Cancel);
        return (changed, expected, bytes);
    }

    private async Task<bool> CommitUntilAsync(int failingWrite, IReadOnlyList<DiskRange> changed)
    {
        var writes = -1;
        bool Count() => Interlocked.Increment(ref writes) == failingWrite ? throw new SealiftException("SL1001", "pwrite", "base", "EIO", "Stop") : true;
        await using var overlay = await Overlay.OpenAloneAsync(scratch["overlay"], scratch.Folder, Cancel);
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["base"], ImageFormat.Raw, scratch.Folder, Cancel)) { OnWrite = (_, _) => Count(), OnZeroes = (_, _) => Count(), OnFlush = () => Count() };
        using var final = BlockMap.OpenForUpdate(scratch["final"]);
        try
        {
            await OverlayCommit.RunAsync(overlay, changed, target, final, new CopyOptions { Workers = 2 }, null, Cancel);
            final.Close();
            return false;
        }
        catch (DiskAccessException)
        {
            return true;
        }
    }
}
