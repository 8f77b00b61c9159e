using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>What was read back before is not read again, for exactly as long as nobody of ours writes there.</summary>
public sealed class ProvenBlocksTests : IDisposable
{
    private const int Block = 65536;
    private const long Length = (4 << 20) + 512;
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Only_what_is_not_proven_is_read_and_only_what_is_right_is_noted()
    {
        using var map = await CopyAsync();
        using var proven = scratch.Map("proven", Length);
        Flip(17 * Block);
        var first = await ReadBackAsync(map, proven);
        Assert.Equal(new DiskRange(17 * Block, Block), Assert.Single(first.Mismatches).Range);
        Assert.Equal((0, 1), (first.ProvenBytes, proven.UnknownBlocks));

        Flip(17 * Block);
        Flip(30 * Block); // of what is proven nothing is seen: that is what such a proof does not say
        var second = await ReadBackAsync(map, proven);
        Assert.True(second.IsEqual);
        Assert.Equal((Length - Block, 0), (second.ProvenBytes, proven.UnknownBlocks));
        Assert.Equal(map.Root(), second.Root);
        Assert.Equal(map.Root(), proven.Root());
        Assert.Contains($"{Length - Block} bytes had been read back before", second.CacheBypass, StringComparison.Ordinal);

        proven.SetUnknown(30, 1);
        proven.SetUnknown(64, 1); // the short last one
        var third = await ReadBackAsync(map, proven);
        Assert.Equal((new DiskRange(30 * Block, Block), 1), (Assert.Single(third.Mismatches).Range, proven.UnknownBlocks));
    }

    [Fact]
    public async Task A_repair_voids_what_was_proven()
    {
        using var map = await CopyAsync();
        using (var proven = scratch.Map("proven", Length))
        {
            Assert.True((await ReadBackAsync(map, proven)).IsEqual);
            proven.SetUnknown(3, 1);
            proven.Close();
        }

        Flip(3 * Block);
        Flip(30 * Block);
        using var again = BlockMap.OpenForUpdate(scratch["proven"]);
        var error = await Assert.ThrowsAsync<SealiftException>(() => TargetProof.RunAsync(
            _ => Task.FromResult<IDiskReader>(Scratch.OpenRaw(scratch["source"])),
            c =>
            {
                // Durable before the first byte is written.
                using var seen = BlockMap.Open(scratch["proven"]);
                Assert.Equal(seen.BlockCount, seen.UnknownBlocks);
                return DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, c);
            },
            OpenUncachedAsync,
            map,
            null,
            again,
            CopyOptions.Default,
            _ => { },
            null,
            Cancel));
        Assert.Equal("SL4235", error.Code);
    }

    [Fact]
    public async Task A_pass_forgets_durably_what_it_is_about_to_write_and_proves_it_while_it_copies()
    {
        using (var begun = await CopyAsync()) begun.Close();
        using var map = BlockMap.OpenForUpdate(scratch["map"]);
        using (var first = BlockMap.CreateCopy(scratch["proven"], map)) first.Close();
        using var proven = BlockMap.OpenForUpdate(scratch["proven"]);
        using (var file = PosixFile.Open(scratch["source"], OpenMode.ReadWrite)) file.WriteAt([1, 2, 3], 5 * Block);
        var changed = new BlockSet();
        changed.Add(5);
        map.SetUnknown(9, 1); // what a pass that was killed had left
        proven.SetZeroes(12, 1, BlockState.Zero); // a proof of something else

        await using var source = Scratch.OpenRaw(scratch["source"]);
        var writes = 0;
        await using var target = new HookedDisk(await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
        {
            OnWrite = (_, _) =>
            {
                writes++;
                using var seen = BlockMap.Open(scratch["proven"]);
                Assert.Equal(3, seen.UnknownBlocks);
                Assert.All(new long[] { 5, 9, 12 }, b => Assert.Equal(1, seen.CountUnknown(b, 1)));
                return true;
            },
        };
        await using var proving = DiskImage.OpenUncachedWhileWritten(scratch["target"], ImageFormat.Raw);
        var closed = 0;
        var result = await WarmPass.RunAsync(source, target, map, new WarmPassPlan(changed, AuditScope.None) { Proven = proven, Proving = proving, OnClosed = () => closed++ }, CopyOptions.Default, _ => null, Cancel);
        Assert.Equal((2, 1), (writes, closed));
        Assert.True(result.Found!.IsEqual);
        Assert.Equal((Length - (3 * Block), 0), (result.Found.ProvenBytes, proven.UnknownBlocks));
        Assert.Equal(Scratch.NaiveRoot(await File.ReadAllBytesAsync(scratch["source"], Cancel)), proven.Root());
    }

    [Fact]
    public async Task Holes_that_were_believed_count_no_longer_when_the_allocation_map_is_in_doubt()
    {
        const long Long = 160 << 20;
        scratch.Raw("target", Long, 5, (0, 1 << 20));
        using var map = scratch.Map("map", Long);
        await using (var source = Scratch.OpenRaw(scratch["target"]))
        {
            await DiskImage.CreateAsync(scratch["copy"], ImageFormat.Raw, Long, Cancel);
            await using var writer = await DiskImage.OpenWriteAsync(scratch["copy"], ImageFormat.Raw, scratch.Folder, Cancel);
            await DiskCopy.RunAsync(source, writer, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
            await writer.CloseAsync(Cancel);
        }

        using var proven = scratch.Map("proven", Long);
        Assert.True((await ReadBackAsync(map, proven)).HoleBytes > 0);
        Assert.Contains(proven.Runs(), r => r.State == BlockState.Hole);
        // Space that was set aside and never written: hidden data would look like that.
        await ChildProcess.RunAsync(new ChildCommand("fallocate", "-l", $"{Long}", scratch["target"]), Cancel);
        proven.SetUnknown(0, 1100);
        var back = await ReadBackAsync(map, proven);
        Assert.Equal((true, 0), (back.IsEqual, back.HoleBytes));
        Assert.Equal(map.Root(), back.Root);
        Assert.DoesNotContain(proven.Runs(), r => r.State is BlockState.Hole or BlockState.Unknown);
    }

    private async Task<ReadBackResult> ReadBackAsync(BlockMap map, BlockMap proven)
    {
        await using var uncached = await OpenUncachedAsync(Cancel);
        return await ReadBack.RunAsync(uncached, map, proven, CopyOptions.Default, null, Cancel);
    }

    private async Task<BlockMap> CopyAsync()
    {
        scratch.Raw("source", Length, 5, (0, 3 << 20), ((int)Length - 1000, 1000));
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Length, Cancel);
        await using var source = Scratch.OpenRaw(scratch["source"]);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        var map = scratch.Map("map", Length);
        await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
        await target.CloseAsync(Cancel);
        return map;
    }

    private Task<IUncachedReader> OpenUncachedAsync(CancellationToken cancel) => DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, cancel);

    private void Flip(long at)
    {
        using var file = PosixFile.Open(scratch["target"], OpenMode.ReadWrite);
        var one = new byte[1];
        file.ReadExactlyAt(one, at);
        one[0] ^= 0x10;
        file.WriteAt(one, at);
        file.Sync();
    }
}
