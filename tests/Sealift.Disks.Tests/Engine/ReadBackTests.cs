using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class ReadBackTests : IDisposable
{
    private const long Length = (8 << 20) + 512;
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, 0)]
    [InlineData((3 << 20) + 70_000, 3 << 20 | 65536)] // in data
    [InlineData(6 << 20, 6 << 20)] // in a hole
    [InlineData(Length - 1, 8 << 20)] // in the short last block
    public async Task One_flipped_bit_anywhere_is_located(long at, long block)
    {
        using var map = await CopyAsync();
        FlipOnStorage(at);
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        var mismatch = Assert.Single(back.Mismatches);
        Assert.Equal(new DiskRange(block, Math.Min(65536, Length - block)), mismatch.Range);
        Assert.NotEqual(mismatch.ExpectedLeaf, mismatch.ActualLeaf);
        var bytes = await File.ReadAllBytesAsync(scratch["target"], Cancel);
        Assert.Equal(Convert.ToHexStringLower(bytes.AsSpan((int)block, 16)), mismatch.FirstBytes);
        Assert.Equal(Scratch.NaiveRoot(bytes), back.Root);
        Assert.NotEqual(map.Root(), back.Root);
    }

    [Fact]
    public async Task Neighbouring_mismatches_are_one_range_and_too_many_are_counted()
    {
        using var map = await CopyAsync();
        for (var at = 1 << 20; at < 2 << 20; at += 65536) FlipOnStorage(at);
        foreach (var at in new[] { 0, 3 << 20, (3 << 20) + 65536, 5 << 20 }) FlipOnStorage(at);
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        Assert.Equal([new(0, 65536), new(1 << 20, 1 << 20), new(3 << 20, 131072), new(5 << 20, 65536)], back.Mismatches.Select(m => m.Range));
        Assert.False(back.MismatchesOmitted);

        var capped = await ReadBack.RunAsync(uncached, map, new CopyOptions { MismatchLimit = 2 }, null, Cancel);
        Assert.Equal([new(0, 65536), new(1 << 20, 1 << 20)], capped.Mismatches.Select(m => m.Range));
        Assert.True(capped.MismatchesOmitted);
        Assert.Equal((1 << 20) + (4 * 65536), capped.MismatchedBytes);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        var error = await Assert.ThrowsAsync<SealiftException>(() => DiskRepair.RunAsync(source, OpenWriteAsync, OpenUncachedAsync, map, capped, new CopyOptions { MismatchLimit = 2 }, Cancel));
        Assert.Equal("SL4232", error.Code);
    }

    [Fact]
    public async Task A_target_that_drops_a_write_once_is_found_out_and_repaired()
    {
        var dropped = 0;
        using var map = await CopyAsync(inner => new HookedDisk(inner) { OnWrite = (at, _) => at != 2 << 20 || dropped++ > 0 });
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        Assert.Equal(new DiskRange(2 << 20, 1 << 20), Assert.Single(back.Mismatches).Range);
        Assert.Equal(new string('0', 32), back.Mismatches[0].FirstBytes);

        await using var source = Scratch.OpenRaw(scratch["source"]);
        var repair = await DiskRepair.RunAsync(source, OpenWriteAsync, OpenUncachedAsync, map, back, CopyOptions.Default, Cancel);
        Assert.Equal(1 << 20, repair.RewrittenBytes);
        Assert.Equal(back.Mismatches, repair.Repaired);
        Assert.Equal(await File.ReadAllBytesAsync(scratch["source"], Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task A_target_that_lies_again_fails_with_the_place_and_the_bytes()
    {
        using var map = await CopyAsync();
        FlipOnStorage((2 << 20) + 100);
        FlipOnStorage((3 << 20) + 200); // another one, so that what was read last of the source is not what belongs to the first
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        var error = await Assert.ThrowsAsync<SecondMismatchException>(() => DiskRepair.RunAsync(
            source,
            async cancel => new HookedDisk(await OpenWriteAsync(cancel)) { OnWrite = (_, _) => false },
            OpenUncachedAsync,
            map,
            back,
            CopyOptions.Default,
            Cancel));
        var (wanted, actual) = (await File.ReadAllBytesAsync(scratch["source"], Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));
        Assert.Equal("SL4234", error.Code);
        Assert.Equal(new DiskRange(2 << 20, 65536), error.Range);
        Assert.Equal((2 << 20) + 100, error.FirstDifferingOffset);
        Assert.Equal(Convert.ToHexStringLower(wanted.AsSpan((2 << 20) + 100, 16)), error.ExpectedBytes);
        Assert.Equal(Convert.ToHexStringLower(actual.AsSpan((2 << 20) + 100, 16)), error.ActualBytes);
    }

    [Fact]
    public async Task A_source_that_reads_differently_the_second_time_is_not_copied_over_the_target()
    {
        using var map = await CopyAsync();
        FlipOnStorage(0);
        var before = await File.ReadAllBytesAsync(scratch["target"], Cancel);
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        await using var source = new HookedDisk(Scratch.OpenRaw(scratch["source"])) { AfterRead = (_, b) => { b.Span[5] ^= 1; return default; } };
        var error = await Assert.ThrowsAsync<SealiftException>(() => DiskRepair.RunAsync(source, OpenWriteAsync, OpenUncachedAsync, map, back, CopyOptions.Default, Cancel));
        Assert.Equal("SL4233", error.Code);
        Assert.Equal(before, await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task A_target_that_somebody_writes_to_meanwhile_is_not_proven()
    {
        using var map = await CopyAsync();
        await using var uncached = await OpenUncachedAsync(Cancel);
        var reads = 0;
        await using var meddled = new HookedDisk(uncached) { AfterRead = (_, _) => { if (Interlocked.Increment(ref reads) == 1) FlipOnStorage(0); return default; } };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => ReadBack.RunAsync(meddled, map, CopyOptions.Default, null, Cancel))).Code);
    }

    [Fact]
    public async Task An_incomplete_map_or_one_of_another_disk_proves_nothing()
    {
        using var map = await CopyAsync();
        map.SetUnknown(3, 1);
        await using var uncached = await OpenUncachedAsync(Cancel);
        Assert.Equal("SL4207", (await Assert.ThrowsAsync<SealiftException>(() => ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel))).Code);
        using var other = scratch.Map("other", Length + 512);
        other.SetZeroes(0, other.BlockCount, BlockState.Zero);
        Assert.Equal("SL4207", (await Assert.ThrowsAsync<SealiftException>(() => ReadBack.RunAsync(uncached, other, CopyOptions.Default, null, Cancel))).Code);
    }

    [Fact]
    public async Task What_read_back_right_is_neither_opened_for_writing_nor_is_its_source_opened()
    {
        using var map = await CopyAsync();
        var last = default(DiskProgress);
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, new LastProgress(p => last = p), Cancel);
        Assert.Equal(new DiskProgress(Length, Length, Length - back.HoleBytes), last);
        Assert.InRange(back.HoleBytes, 1 << 20, 6 << 20); // zeros in holes of the target
        Assert.Equal($"{uncached.CacheBypass}; {back.HoleBytes} bytes of zeros lie in holes by its allocation map, which was checked, and were not read", back.CacheBypass);
        Assert.Contains("O_DIRECT", back.CacheBypass, StringComparison.Ordinal);
        await using var cached = Scratch.OpenRaw(scratch["target"]);
        Assert.Equal("the page cache was not bypassed", (await ReadBack.RunAsync(cached, map, CopyOptions.Default, null, Cancel)).CacheBypass);

        var repair = await DiskRepair.RunAsync(cached, _ => throw new InvalidOperationException("opened"), OpenUncachedAsync, map, back, CopyOptions.Default, Cancel);
        Assert.Empty(repair.Repaired);
        var proof = await TargetProof.RunAsync(_ => throw new InvalidOperationException("opened"), _ => throw new InvalidOperationException("opened"), OpenUncachedAsync, map, CopyOptions.Default, _ => Assert.Fail("equal"), null, Cancel);
        Assert.True(proof.Found.IsEqual);
        Assert.Equal(map.Root(), proof.Found.Root);
    }

    [Fact]
    public async Task A_repair_says_which_call_failed_and_closes_the_target_before_it_is_read()
    {
        using var map = await CopyAsync();
        FlipOnStorage(0);
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        var broken = new SealiftException("SL1001", "call", "target", "EIO", "Look");
        Assert.Equal("SL4212", await FailureAsync(inner => new HookedDisk(inner) { OnWrite = (_, _) => throw broken }));
        Assert.Equal("SL4213", await FailureAsync(inner => new HookedDisk(inner) { OnFlush = () => throw broken }));
        Assert.Equal("SL4213", await FailureAsync(inner => new HookedDisk(inner) { OnClose = () => throw broken }));

        var calls = new List<string>();
        await DiskRepair.RunAsync(
            source,
            async cancel => new HookedDisk(await OpenWriteAsync(cancel)) { OnFlush = () => calls.Add("flush"), OnClose = () => calls.Add("close") },
            cancel =>
            {
                calls.Add("read");
                return OpenUncachedAsync(cancel);
            },
            map,
            back,
            CopyOptions.Default,
            Cancel);
        Assert.Equal(["flush", "close", "read"], calls);

        async Task<string> FailureAsync(Func<IDiskWriter, IDiskWriter> wrap) =>
            (await Assert.ThrowsAsync<DiskAccessException>(() => DiskRepair.RunAsync(source, async cancel => wrap(await OpenWriteAsync(cancel)), OpenUncachedAsync, map, back, CopyOptions.Default, Cancel))).Code;
    }

    [Fact]
    public async Task A_source_that_is_written_to_during_a_repair_proves_nothing()
    {
        using var map = await CopyAsync();
        FlipOnStorage(0);
        await using var uncached = await OpenUncachedAsync(Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        using var meddler = PosixFile.Open(scratch["source"], OpenMode.ReadWrite);
        // Elsewhere, so that what is copied again reads as before.
        await using var source = new HookedDisk(Scratch.OpenRaw(scratch["source"]))
        {
            AfterRead = (_, _) =>
            {
                meddler.WriteAt([1], 5 << 20);
                return default;
            },
        };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => DiskRepair.RunAsync(source, OpenWriteAsync, OpenUncachedAsync, map, back, CopyOptions.Default, Cancel))).Code);
    }

    [Fact]
    public async Task A_proof_repairs_once_and_then_all_of_the_target_has_to_read_back()
    {
        using var map = await CopyAsync();
        // Two blocks, and the short one at the end.
        foreach (var at in new[] { 1 << 20, (1 << 20) + 65536 + 7, Length - 3 }) FlipOnStorage(at);
        var told = new List<Mismatch>();
        var proof = await ProveAsync(OpenUncachedAsync, told.Add);
        var (source, first) = (await File.ReadAllBytesAsync(scratch["source"], Cancel), told[0].First!);
        Assert.Equal([new(1 << 20, 131072), new(8 << 20, 512)], told.Select(m => m.Range));
        Assert.Equal((1L << 20, Convert.ToHexStringLower(source.AsSpan(1 << 20, 16))), (first.Offset, first.ExpectedBytes));
        Assert.Equal(new FirstDifference(Length - 3, Convert.ToHexStringLower(source.AsSpan((int)Length - 3, 3)), Flipped(source.AsSpan((int)Length - 3, 3))), told[1].First);
        Assert.Equal(told, proof.Repaired);
        Assert.Equal(131072 + 512, proof.RewrittenBytes);
        Assert.Equal(source, await File.ReadAllBytesAsync(scratch["target"], Cancel));

        // A storage that loses something else while it is repaired.
        FlipOnStorage(0);
        var opened = 0;
        var error = await Assert.ThrowsAsync<SealiftException>(() => ProveAsync(
            async cancel =>
            {
                if (++opened == 4) FlipOnStorage(3 << 20); // read back, looked at, repaired, and now: read back once more
                return await OpenUncachedAsync(cancel);
            },
            _ => { }));
        Assert.Equal("SL4235", error.Code);
        Assert.Contains($"{3 << 20}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_source_that_reads_differently_says_is_no_expectation()
    {
        using var map = await CopyAsync();
        FlipOnStorage(70_000);
        var told = new List<Mismatch>();
        var error = await Assert.ThrowsAsync<SealiftException>(() => ProveAsync(OpenUncachedAsync, told.Add, (_, b) => { b.Span[5] ^= 1; return default; }));
        Assert.Equal("SL4233", error.Code);
        Assert.Null(Assert.Single(told).First);
        Assert.Contains("block begins with", told[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_pieces_have_no_first_difference_and_the_bytes_shown_end_with_the_piece()
    {
        Assert.Null(FirstDifference.Between(0, [1, 2, 3], [1, 2, 3]));
        Assert.Null(FirstDifference.Between(0, [], []));
        Assert.Equal(new FirstDifference(12, "03", "04"), FirstDifference.Between(10, [1, 2, 3], [1, 2, 4]));
        var (wanted, actual) = (new byte[40], new byte[40]);
        actual[5] = 1;
        Assert.Equal(new FirstDifference(5, new string('0', 32), "01" + new string('0', 30)), FirstDifference.Between(0, wanted, actual));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(1_050_000)]
    [InlineData(3 << 20)]
    public async Task Direct_reads_of_any_length_and_place_return_the_file(int length)
    {
        var path = scratch.Raw("odd", length, 7, length == 0 ? [] : [(0, length)]);
        var wanted = await File.ReadAllBytesAsync(path, Cancel);
        await using var disk = await DiskImage.OpenUncachedAsync(path, ImageFormat.Raw, scratch.Folder, Cancel);
        var random = new Random(3);
        for (var i = 0; i < 50; i++)
        {
            var from = random.Next(length + 1);
            var buffer = new byte[random.Next(length - from + 1)];
            await disk.ReadAsync(from, buffer, Cancel);
            Assert.True(buffer.AsSpan().SequenceEqual(wanted.AsSpan(from, buffer.Length)));
        }

        Assert.Equal("SL4202", (await Assert.ThrowsAsync<SealiftException>(async () => await disk.ReadAsync(length, new byte[1], Cancel))).Code);
    }

    public void Dispose() => scratch.Dispose();

    private async Task<BlockMap> CopyAsync(Func<IDiskWriter, IDiskWriter>? wrap = null)
    {
        scratch.Raw("source", Length, 5, (0, 4 << 20), ((8 << 20) - 1000, 1512));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Length, Cancel);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        var raw = await OpenWriteAsync(Cancel);
        await using var target = wrap?.Invoke(raw) ?? raw;
        var map = scratch.Map("map", Length);
        await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
        await target.CloseAsync(Cancel);
        return map;
    }

    private async Task<TargetProofResult> ProveAsync(Func<CancellationToken, Task<IUncachedReader>> openUncached, Action<Mismatch> onDifference, Func<long, Memory<byte>, ValueTask>? afterSourceRead = null)
    {
        using var map = BlockMap.Open(scratch["map"]);
        return await TargetProof.RunAsync(
            _ => Task.FromResult<IDiskReader>(new HookedDisk(Scratch.OpenRaw(scratch["source"])) { AfterRead = afterSourceRead }),
            OpenWriteAsync,
            openUncached,
            map,
            CopyOptions.Default,
            onDifference,
            null,
            Cancel);
    }

    private static string Flipped(ReadOnlySpan<byte> bytes)
    {
        var flipped = bytes.ToArray();
        flipped[0] ^= 0x10;
        return Convert.ToHexStringLower(flipped);
    }

    private Task<IDiskWriter> OpenWriteAsync(CancellationToken cancel) => DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, cancel);

    private Task<IUncachedReader> OpenUncachedAsync(CancellationToken cancel) => DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, cancel);

    private void FlipOnStorage(long at)
    {
        using var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite);
        var one = new byte[1];
        file.ReadExactlyAt(one, at);
        one[0] ^= 0x10;
        file.WriteAt(one, at);
        file.Sync();
    }
}
