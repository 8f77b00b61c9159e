using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class NbdFaultTests : IDisposable
{
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_read_error_in_the_middle_of_the_source_is_located()
    {
        await using var server = await Nbdkit.StartAsync(
            scratch,
            "eval",
            "get_size=echo 16777216",
            "pread=if [ $4 -le 9000000 ] && [ $(($4+$3)) -gt 9000000 ]; then echo EIO bad sector >&2; exit 1; else dd if=/dev/zero count=$3 iflag=count_bytes | tr '\\0' 'x'; fi");
        await using var source = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions(), Cancel);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 16 << 20, Cancel);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", 16 << 20);
        var error = await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel));
        Assert.Equal(("SL4211", DiskSide.Source, 9_000_000 / 4096 * 4096L, 4096L), (error.Code, error.Side, error.Offset, error.LengthBytes));
        Assert.Contains("EIO", error.Message, StringComparison.Ordinal);
        Assert.Contains("8998912", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_target_says_ENOSPC_and_where()
    {
        await using var server = await Nbdkit.StartAsync(scratch, "eval", "get_size=echo 4194304", "pread=exit 1", "pwrite=cat >/dev/null; echo ENOSPC full >&2; exit 1", "can_flush=exit 0", "flush=exit 0", "can_write=exit 0");
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 4 << 20, 1, (2 << 20, 1 << 20)));
        await using var target = await DiskImage.OpenNbdWriteAsync(server.Uri, new NbdOptions(), Cancel);
        using var map = scratch.Map("map", 4 << 20);
        var error = await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel));
        Assert.Equal(("SL4212", DiskSide.Target, 2L << 20), (error.Code, error.Side, error.Offset));
        Assert.Contains("ENOSPC", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_whose_flush_fails_fails_the_copy()
    {
        await using var server = await Nbdkit.StartAsync(scratch, "eval", "get_size=echo 1048576", "pread=exit 1", "pwrite=cat >/dev/null", "flush=echo EIO lost >&2; exit 1", "can_flush=exit 0", "can_write=exit 0");
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 1 << 20, 1, (0, 1 << 20)));
        await using var target = await DiskImage.OpenNbdWriteAsync(server.Uri, new NbdOptions(), Cancel);
        using var map = scratch.Map("map", 1 << 20);
        var error = await Assert.ThrowsAsync<DiskAccessException>(() => DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel));
        Assert.Equal("SL4213", error.Code);
    }

    [Theory]
    [InlineData("can_flush=exit 3", "can_write=exit 0")]
    [InlineData("can_flush=exit 0", "can_write=exit 3")]
    public async Task A_target_that_cannot_store_is_refused_before_anything_is_written(string flush, string write)
    {
        await using var server = await Nbdkit.StartAsync(scratch, "eval", "get_size=echo 1048576", "pread=exit 1", "pwrite=cat >/dev/null", flush, write);
        Assert.Equal("SL4224", (await Assert.ThrowsAsync<SealiftException>(() => DiskImage.OpenNbdWriteAsync(server.Uri, new NbdOptions(), Cancel))).Code);
    }

    [Fact]
    public async Task A_server_that_returns_other_bytes_than_were_written_is_found_out()
    {
        // The plug-in keeps what it is given and answers reads of one sector with a bit turned over.
        await File.WriteAllTextAsync(
            scratch["liar.py"],
            """
            import nbdkit
            API_VERSION = 2
            disk = bytearray(4 << 20)
            def open(readonly): return 1
            def get_size(h): return len(disk)
            def pread(h, buf, offset, flags):
                buf[:] = disk[offset:offset + len(buf)]
                at = 3000000 - offset
                if 0 <= at < len(buf): buf[at] ^= 1
            def pwrite(h, buf, offset, flags): disk[offset:offset + len(buf)] = buf
            def flush(h, flags): pass
            """,
            Cancel);
        await using var server = await Nbdkit.StartAsync(scratch, "python", scratch["liar.py"]);
        await using var source = Scratch.OpenRaw(scratch.Raw("source", 4 << 20, 1, (0, 4 << 20)));
        using var map = scratch.Map("map", 4 << 20);
        await using var target = await DiskImage.OpenNbdWriteAsync(server.Uri, new NbdOptions(), Cancel);
        await DiskCopy.RunAsync(source, target, map, CopyOptions.Default, null, Cancel);
        var back = await ReadBack.RunAsync(target, map, CopyOptions.Default, null, Cancel);
        Assert.Equal(new DiskRange(3000000 / 65536 * 65536, 65536), Assert.Single(back.Mismatches).Range);
        Assert.Equal("the page cache was not bypassed", back.CacheBypass);
        var error = await Assert.ThrowsAsync<SecondMismatchException>(() => DiskRepair.RunAsync(
            source,
            cancel => DiskImage.OpenNbdWriteAsync(server.Uri, new NbdOptions(), cancel),
            async cancel => new HookedDisk(await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions(), cancel)),
            map,
            back,
            CopyOptions.Default,
            Cancel));
        Assert.Equal(3000000, error.FirstDifferingOffset);
    }

    [Fact]
    public async Task A_sparse_disk_behind_NBD_is_hashed_in_seconds()
    {
        await using var server = await Nbdkit.StartAsync(scratch, "memory", "128G");
        await using var disk = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions(), Cancel);
        var progress = default(DiskProgress);
        var root = await DiskHash.RunAsync(disk, BlkhashParameters.Default, null, CopyOptions.Default, new Last(p => progress = p), Cancel);
        Assert.Equal(new DiskProgress(128L << 30, 128L << 30, 0), progress);
        await using var file = Scratch.OpenRaw(scratch.Raw("sparse", 128L << 30, 0));
        Assert.Equal(await DiskHash.RunAsync(file, BlkhashParameters.Default, null, CopyOptions.Default, null, Cancel), root);
    }

    [Fact]
    public async Task A_range_that_takes_no_space_but_is_not_said_to_be_zero_is_read()
    {
        await using var server = await Nbdkit.StartAsync(
            scratch,
            "eval",
            "get_size=echo 1048576",
            "can_extents=exit 0",
            "extents=echo 0 524288 hole; echo 524288 524288 hole,zero",
            "pread=dd if=/dev/zero count=$3 iflag=count_bytes | tr '\\0' 'x'");
        await using var disk = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions(), Cancel);
        var wanted = new byte[1 << 20];
        wanted.AsSpan(0, 1 << 19).Fill((byte)'x');
        Assert.Equal(Scratch.NaiveRoot(wanted), await DiskHash.RunAsync(disk, BlkhashParameters.Default, null, CopyOptions.Default, null, Cancel));
    }

    [Fact]
    public async Task Without_an_allocation_map_everything_is_read()
    {
        await using var server = await Nbdkit.StartAsync(scratch, "--filter=noextents", "memory", "4M");
        await using var disk = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions { MetaContexts = [] }, Cancel);
        var progress = default(DiskProgress);
        var root = await DiskHash.RunAsync(disk, BlkhashParameters.Default, null, CopyOptions.Default, new Last(p => progress = p), Cancel);
        Assert.Equal(4 << 20, progress.DataBytes);
        Assert.Equal(Scratch.NaiveRoot(new byte[4 << 20]), root);
    }

    public void Dispose() => scratch.Dispose();

    private sealed class Last(Action<DiskProgress> report) : IProgress<DiskProgress>
    {
        public void Report(DiskProgress value) => report(value);
    }
}
