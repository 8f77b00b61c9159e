using CsCheck;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class BlockRunsTests
{
    private static readonly Gen<(int Length, bool IsHole)[]> Extents = Gen.Select(Gen.Int[1, 300_000], Gen.Bool).Array[1, 40];

    [Fact]
    public void A_block_is_a_hole_only_when_all_of_it_is() => Gen.Select(Extents, Gen.Int[12, 17]).Sample(
        (parts, blockShift) =>
        {
            var blockBytes = 1 << blockShift;
            var extents = new List<DiskExtent>();
            foreach (var (length, isHole) in parts) extents.Add(new DiskExtent(extents.Count == 0 ? 0 : extents[^1].End, length, isHole));
            var total = extents[^1].End;
            var chunks = Chunks(extents, total, blockBytes);

            long at = 0;
            foreach (var chunk in chunks)
            {
                if (chunk.Offset != at || chunk.LengthBytes <= 0) return false;
                at = chunk.End;
                if (chunk.Offset % blockBytes != 0 || (chunk.End % blockBytes != 0 && chunk.End != total)) return false;
                if (!chunk.IsHole && chunk.Offset / BlockRuns.ChunkBytes(blockBytes, CopyOptions.Default) != (chunk.End - 1) / BlockRuns.ChunkBytes(blockBytes, CopyOptions.Default)) return false;
            }

            // Block by block against the plain definition.
            for (long block = 0; block * blockBytes < total; block++)
            {
                var (start, end) = (block * blockBytes, Math.Min(total, (block + 1) * blockBytes));
                var isHole = extents.Where(e => e.Offset < end && e.End > start).All(e => e.IsHole);
                if (chunks.Single(c => c.Offset <= start && c.End > start).IsHole != isHole) return false;
            }

            return at == total;
        },
        iter: 300);

    [Theory]
    [InlineData(0, 100, 200, 100)] // a gap
    [InlineData(0, 100, 50, 150)] // an overlap
    [InlineData(0, 100, 100, 101)] // past the end
    [InlineData(0, 100, 100, 50)] // ends too early
    [InlineData(0, 100, 100, 0)]
    public void A_map_that_contradicts_itself_is_refused(long first, long firstLength, long second, long secondLength)
    {
        var error = Assert.Throws<SealiftException>(() => Chunks([new DiskExtent(first, firstLength, true), new DiskExtent(second, secondLength, true)], 200, 4));
        Assert.Equal("SL4203", error.Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-4)]
    public void An_extent_of_nothing_or_less_is_refused_though_the_rest_covers_the_disk(long length)
    {
        var error = Assert.Throws<SealiftException>(() => Chunks([new(0, 100, true), new(100, length, true), new(100 + length, 100 - length, true)], 200, 4));
        Assert.Equal("SL4203", error.Code);
        Assert.Contains($"{length} bytes at 100", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 200 << 20)] // past the end of the disk
    [InlineData(4096, 100 << 20)] // not where it should begin
    public async Task Nothing_is_passed_on_of_an_extent_that_is_refused(long offset, long length)
    {
        using var scratch = new Scratch();
        var chunks = BlockRuns.ChunksAsync(Disk(scratch, 128 << 20, [new(offset, length, false)]), 65536, 1 << 20, TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.Equal("SL4203", (await Assert.ThrowsAsync<SealiftException>(async () => await chunks.MoveNextAsync())).Code);
    }

    [Fact]
    public void Holes_and_data_that_begin_or_end_within_a_block_or_with_the_disk()
    {
        Assert.Equal([new(0, 200, true)], Chunks([new(0, 200, true)], 200, 4));
        Assert.Equal([new(0, 200, true)], Chunks([new(0, 2, true), new(2, 198, true)], 200, 4));
        Assert.Equal([new(0, 8, false)], Chunks([new(0, 6, false), new(6, 2, true)], 8, 4)); // the hole is no whole block
        Assert.Equal([new(0, 8, false), new(8, 1, true)], Chunks([new(0, 6, false), new(6, 3, true)], 9, 8));
        Assert.Equal([new(0, 4, true), new(4, 196, false)], Chunks([new(0, 4, true), new(4, 100, false), new(104, 96, false)], 200, 4));
        Assert.Equal([new(0, 200, false)], Chunks([new(0, 100, false), new(100, 100, false)], 200, 4));
        Assert.Empty(Chunks([], 0, 4));
    }

    [Fact]
    public async Task Small_neighbours_are_one_chunk_and_a_map_without_end_is_not_gathered_whole()
    {
        const int Mebibyte = 1 << 20;
        Assert.Equal([new(0, Mebibyte, false)], Chunks([.. Enumerable.Range(0, 16).Select(i => new DiskExtent(i * 65536, 65536, false))], Mebibyte, 65536));

        using var scratch = new Scratch();
        var asked = 0;
        await using var chunks = BlockRuns.ChunksAsync(Disk(scratch, 1L << 40, Map()), 65536, 1 << 20, TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await chunks.MoveNextAsync());
        Assert.Equal(new DiskExtent(0, Mebibyte, false), chunks.Current);
        Assert.Equal(63, asked); // and the 64th is being looked at: 64 MiB

        IEnumerable<DiskExtent> Map()
        {
            for (; asked < 1 << 20; asked++) yield return new DiskExtent((long)asked * Mebibyte, Mebibyte, false);
        }
    }

    private static HookedDisk Disk(Scratch scratch, long total, IEnumerable<DiskExtent> extents) =>
        new(Scratch.OpenRaw(scratch.Raw("d", total, 0))) { Extents = (_, _) => extents.ToAsyncEnumerable() };

    private static List<DiskExtent> Chunks(List<DiskExtent> extents, long total, int blockBytes)
    {
        using var scratch = new Scratch();
        return BlockRuns.ChunksAsync(Disk(scratch, total, extents), blockBytes, BlockRuns.ChunkBytes(blockBytes, CopyOptions.Default), default).ToBlockingEnumerable().ToList();
    }
}
