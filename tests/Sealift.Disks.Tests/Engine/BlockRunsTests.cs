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

    private static List<DiskExtent> Chunks(List<DiskExtent> extents, long total, int blockBytes)
    {
        using var scratch = new Scratch();
        var disk = new HookedDisk(Scratch.OpenRaw(scratch.Raw("d", total, 0))) { Extents = (_, _) => extents.ToAsyncEnumerable() };
        return BlockRuns.ChunksAsync(disk, blockBytes, BlockRuns.ChunkBytes(blockBytes, CopyOptions.Default), default).ToBlockingEnumerable().ToList();
    }
}
