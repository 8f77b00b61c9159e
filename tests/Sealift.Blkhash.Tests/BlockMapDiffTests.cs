using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

public sealed class BlockMapDiffTests : IDisposable
{
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Sha1, 16);

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    private BlockMap Map(string name, long lengthBytes, BlkhashParameters? parameters = null) => BlockMap.Create(directory.File(name), lengthBytes, parameters ?? Small);

    private static byte[] Leaf(byte value) => Enumerable.Repeat(value, 20).ToArray();

    [Fact]
    public void Only_differing_ranges_are_told_merged_and_in_bytes()
    {
        using var a = Map("a", (16 * 10_000) + 3);
        a.SetZeroes(0, a.BlockCount, BlockState.Hole);
        using var b = BlockMap.CreateCopy(directory.File("b"), a);
        Assert.Empty(BlockMap.Diff(a, b));
        b.SetZeroes(0, 5000, BlockState.Zero); // zeros are zeros, however known
        b.SetData(17, new LeafHasher(Small).ZeroLeaf);
        b.SetData(10_000, new LeafHasher(Small).ZeroLeafOf(3)); // the short last block's are shorter
        Assert.Empty(BlockMap.Diff(a, b));
        foreach (var block in new long[] { 3, 4, 5, 4095, 4096, 9999, 10_000 }) b.SetData(block, Leaf(9));
        a.SetData(4, Leaf(9));
        var expected = new BlockDifference[]
        {
            new(3 * 16, 16, BlockDifferenceKind.Content),
            new(5 * 16, 16, BlockDifferenceKind.Content),
            new(4095 * 16, 32, BlockDifferenceKind.Content), // across two pages
            new(9999 * 16, 16 + 3, BlockDifferenceKind.Content), // the last block is 3 bytes
        };
        Assert.Equal(expected, BlockMap.Diff(a, b));
        Assert.Equal(expected, BlockMap.Diff(b, a));
        b.Close();
        using var again = BlockMap.Open(directory.File("b"));
        Assert.Equal(expected, BlockMap.Diff(a, again));
    }

    [Fact]
    public void What_is_not_known_is_not_equal()
    {
        using var a = Map("a", 16 * 9000);
        using var b = Map("b", 16 * 9000);
        Assert.Equal([new BlockDifference(0, 16 * 9000, BlockDifferenceKind.Unknown)], BlockMap.Diff(a, b));
        a.SetZeroes(0, 9000, BlockState.Zero);
        b.SetZeroes(0, 8999, BlockState.Zero);
        b.SetData(2, Leaf(1));
        Assert.Equal([new(32, 16, BlockDifferenceKind.Content), new BlockDifference(16 * 8999, 16, BlockDifferenceKind.Unknown)], BlockMap.Diff(a, b));
        Assert.Equal("SL2108", Assert.Throws<SealiftException>(() => b.Root()).Code);
        Assert.Contains("block 8999", Assert.Throws<SealiftException>(() => b.Root()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_pages_that_only_one_map_knows_differ()
    {
        using var a = Map("a", 16 * 4096 * 4);
        using var b = Map("b", 16 * 4096 * 4);
        a.SetZeroes(0, 2 * 4096, BlockState.Hole);
        b.SetZeroes(4096, 2 * 4096, BlockState.Zero);
        BlockDifference[] expected = [new(0, 16 * 4096, BlockDifferenceKind.Unknown), new(16 * 4096 * 2, 16 * 4096 * 2, BlockDifferenceKind.Unknown)];
        Assert.Equal(expected, BlockMap.Diff(a, b));
        Assert.Equal(expected, BlockMap.Diff(b, a));
    }

    [Fact]
    public void Neighbours_that_differ_in_another_way_are_told_apart()
    {
        using var a = Map("a", (16 * 4) + 5);
        using var b = Map("b", 16 * 4);
        a.SetZeroes(0, 5, BlockState.Zero);
        b.SetData(0, Leaf(1));
        b.SetData(1, Leaf(2));
        BlockDifference[] expected = [new(0, 32, BlockDifferenceKind.Content), new(32, 32, BlockDifferenceKind.Unknown), new(64, 5, BlockDifferenceKind.Length)];
        Assert.Equal(expected, BlockMap.Diff(a, b));
        Assert.Equal(expected, BlockMap.Diff(b, a));
    }

    [Theory]
    [InlineData(16 * 5000, 16 * 5000)]
    [InlineData((16 * 5000) + 1, 16 * 5000)] // the block that one disk cuts short belongs to the tail
    [InlineData(0, 0)]
    [InlineData(5, 0)]
    public void The_tail_of_the_longer_disk_differs(long shorter, long from)
    {
        const long Longer = 16 * 20_000;
        using var a = Map("a", shorter);
        using var b = Map("b", Longer);
        a.SetZeroes(0, a.BlockCount, BlockState.Hole);
        b.SetZeroes(0, b.BlockCount, BlockState.Hole);
        BlockDifference[] expected = [new(from, Longer - from, BlockDifferenceKind.Length)];
        Assert.Equal(expected, BlockMap.Diff(a, b));
        Assert.Equal(expected, BlockMap.Diff(b, a));
    }

    [Fact]
    public void Maps_of_different_parameters_are_not_compared()
    {
        using var a = Map("a", 100);
        using var b = Map("b", 100, new BlkhashParameters(BlkhashAlgorithm.Sha1, 32));
        using var c = Map("c", 100, new BlkhashParameters(BlkhashAlgorithm.Md5, 16));
        Assert.Equal("SL2109", Assert.Throws<SealiftException>(() => BlockMap.Diff(a, b)).Code);
        Assert.Equal("SL2109", Assert.Throws<SealiftException>(() => BlockMap.Diff(a, c)).Code);
    }

    [Fact]
    public void A_copy_with_changed_blocks_replaced_has_the_root_of_the_changed_disk()
    {
        var random = new Random(5);
        var disk = new byte[16 * 9001];
        random.NextBytes(disk.AsSpan(0, 100_000));
        var leaves = new LeafHasher(Small);
        var leaf = new byte[20];
        void Hash(BlockMap map, long block)
        {
            if (leaves.HashOrZero(disk.AsSpan((int)block * 16, 16), leaf) == BlockState.Data) map.SetData(block, leaf);
            else map.SetZeroes(block, 1, BlockState.Zero);
        }

        using var source = Map("s", disk.Length);
        for (long i = 0; i < source.BlockCount; i++) Hash(source, i);
        var before = source.Root();
        using var final = BlockMap.CreateCopy(directory.File("f"), source);
        foreach (var block in new long[] { 0, 77, 4096, 9000 })
        {
            random.NextBytes(disk.AsSpan((int)block * 16, 16));
            Hash(final, block);
        }

        final.Close();
        using var again = BlockMap.Open(directory.File("f"));
        Assert.Equal(NaiveBlkhash.Root(Small, disk), again.Root());
        Assert.Equal(before, source.Root());
        Assert.Equal([0L, 77 * 16, 4096 * 16, 9000 * 16], BlockMap.Diff(source, again).Select(d => d.Offset));
    }
}
