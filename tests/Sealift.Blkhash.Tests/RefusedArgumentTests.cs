using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

/// <summary>What a caller must not ask for is refused at once: taken as if it were something else, it would end in a wrong hash or a wrong map.</summary>
public sealed class RefusedArgumentTests : IDisposable
{
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Md5, 4);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    private string Path => directory.File("map");

    private static void OutOfRange(Action use) => Assert.Throws<ArgumentOutOfRangeException>(use);

    [Fact]
    public void Blocks_that_the_disk_does_not_have()
    {
        using var map = BlockMap.Create(Path, (4 * 5000) - 1, Small);
        var leaf = new byte[16];
        foreach (var block in new long[] { -1, 5000, 5001, long.MinValue, long.MaxValue })
        {
            OutOfRange(() => map.SetData(block, leaf));
            OutOfRange(() => map.SetZeroes(block, 1, BlockState.Zero));
            OutOfRange(() => map.SetUnknown(block, 1));
            OutOfRange(() => map.Read(block, leaf));
        }

        foreach (var (first, count) in new[] { (0, 5001L), (4999, 2), (1, 5000), (0, -1), (10, -10), (5001, 0), (-1, 0), (2500, long.MaxValue) }) OutOfRange(() => map.SetZeroes(first, count, BlockState.Hole));
        Assert.Equal(5000, map.UnknownBlocks);

        map.SetZeroes(5000, 0, BlockState.Zero); // no block at the very end
        map.SetZeroes(0, 5000, BlockState.Zero);
        map.SetData(4999, leaf);
        Assert.Equal(BlockState.Data, map.Read(4999, leaf));
        Assert.True(map.IsComplete);
    }

    [Fact]
    public void A_leaf_of_another_length()
    {
        using var map = BlockMap.Create(Path, 4 * 10, Small);
        foreach (var length in new[] { 0, 15, 17, 32 })
        {
            OutOfRange(() => map.SetData(0, new byte[length]));
            OutOfRange(() => map.Read(0, new byte[length]));
            using var root = new RootHasher(Small);
            OutOfRange(() => root.Append(new byte[length]));
        }
    }

    [Fact]
    public void A_state_that_does_not_read_as_zeros()
    {
        using var map = BlockMap.Create(Path, 4 * 10, Small);
        foreach (var state in new[] { BlockState.Data, BlockState.Unknown, (BlockState)9 }) OutOfRange(() => map.SetZeroes(0, 1, state));
        Assert.Equal(10, map.UnknownBlocks);
    }

    [Fact]
    public void A_disk_that_cannot_be()
    {
        OutOfRange(() => BlockMap.Create(Path, -1, Small));
        OutOfRange(() => Small.BlockCount(-1));
        Assert.Equal("SL2111", Assert.Throws<SealiftException>(() => BlockMap.Create(Path, (4L << 32) + 1, Small)).Code);
        Assert.False(File.Exists(Path));
        using var largest = BlockMap.Create(Path, 4L << 32, Small);
        Assert.Equal(1L << 32, largest.BlockCount);
    }

    [Theory]
    [InlineData(4, "blkhash-md5-4")]
    [InlineData(512, "blkhash-md5-512")]
    [InlineData(1024, "blkhash-md5-1k")]
    [InlineData(1 << 24, "blkhash-md5-16384k")]
    public void The_smallest_and_the_largest_block_are_possible(int blockBytes, string name)
    {
        var parameters = new BlkhashParameters(BlkhashAlgorithm.Md5, blockBytes);
        Assert.Equal(name, parameters.Name);
        BlockMap.Create(Path, blockBytes + 1L, parameters).Close();
        using var map = BlockMap.Open(Path);
        Assert.Equal((parameters, 2L), (map.Parameters, map.BlockCount));
    }

    [Fact]
    public void A_block_that_is_empty_or_too_long()
    {
        var leaves = new LeafHasher(Small);
        var leaf = new byte[16];
        OutOfRange(() => leaves.ZeroLeafOf(0));
        OutOfRange(() => leaves.ZeroLeafOf(5));
        OutOfRange(() => leaves.Hash([], leaf));
        OutOfRange(() => leaves.Hash(new byte[5], leaf));
        OutOfRange(() => leaves.HashOrZero([], leaf));
        OutOfRange(() => leaves.HashOrZero(new byte[5], leaf));
        foreach (var bytes in new[] { 1, 2, 3, 4, 2 })
        {
            leaves.Hash(new byte[bytes], leaf);
            Assert.Equal(System.Security.Cryptography.MD5.HashData(new byte[bytes]), leaf);
            Assert.Equal(leaf, leaves.ZeroLeafOf(bytes));
        }
    }

    [Fact]
    public void A_root_that_is_finished_takes_nothing_more()
    {
        using var root = new RootHasher(Small);
        OutOfRange(() => root.AppendZeroBlocks(-1));
        root.Append(new byte[16]);
        root.Finish(3);
        Assert.Throws<InvalidOperationException>(() => root.Append(new byte[16]));
        Assert.Throws<InvalidOperationException>(() => root.AppendZeroBlocks(0));
        Assert.Throws<InvalidOperationException>(() => root.Finish(3));
    }

    [Fact]
    public void A_root_that_was_given_up()
    {
        var root = new RootHasher(Small);
        root.Append(new byte[16]);
        root.Dispose();
        Assert.Throws<ObjectDisposedException>(() => root.Finish(3));
    }

    [Fact]
    public void A_reader_that_answers_less_than_nothing() =>
        Assert.Throws<InvalidOperationException>(() => StreamHash.Compute(_ => -1, Small, cancel: TestContext.Current.CancellationToken));

    [Fact]
    public void A_map_that_is_closed()
    {
        foreach (var abandoned in new[] { false, true })
        {
            var map = BlockMap.Create(Path, 4 * 5000, Small);
            map.SetData(4500, new byte[16]); // the first page is in one state, the second is not
            if (abandoned) map.Dispose();
            else map.Close();
            void Closed(Action use) => Assert.Throws<ObjectDisposedException>(use);
            Closed(() => map.SetData(0, new byte[16]));
            Closed(() => map.SetZeroes(0, 1, BlockState.Zero));
            Closed(() => map.SetUnknown(0, 1));
            Closed(() => map.Read(0, new byte[16]));
            Closed(() => _ = map.Runs().Count());
            Closed(() => map.Root());
            Closed(map.Checkpoint);
            Closed(() => map.Verify(TestContext.Current.CancellationToken));
            Closed(() => _ = BlockMap.Diff(map, map).Count());
            map.Close();
            map.Dispose();
            File.Delete(Path);
        }
    }

    [Fact]
    public void Verifying_sees_what_happened_to_the_file_since_it_was_opened()
    {
        using (var map = BlockMap.Create(Path, 4 * 5000, Small))
        {
            map.SetData(1, new byte[16]);
            map.Close();
        }

        var whole = File.ReadAllBytes(Path);
        using var reader = BlockMap.Open(Path);
        reader.Verify(TestContext.Current.CancellationToken);

        // Its index is damaged.
        var index = (int)BitConverter.ToInt64(whole, (SpecificationReader.NewestSlot(whole) * 4096) + 40);
        Damage(index + 24);
        Assert.Equal("SL2105", Assert.Throws<SealiftException>(() => reader.Verify(TestContext.Current.CancellationToken)).Code);
        File.WriteAllBytes(Path, whole);
        reader.Verify(TestContext.Current.CancellationToken);

        // Somebody else went on with it.
        using (var other = BlockMap.OpenForUpdate(Path))
        {
            other.SetData(2, new byte[16]);
            other.Close();
        }

        Assert.Equal("SL2103", Assert.Throws<SealiftException>(() => reader.Verify(TestContext.Current.CancellationToken)).Code);

        using var stopped = new CancellationTokenSource();
        stopped.Cancel();
        using var again = BlockMap.Open(Path);
        Assert.Throws<OperationCanceledException>(() => again.Verify(stopped.Token));

        void Damage(int at)
        {
            var bytes = (byte[])whole.Clone();
            bytes[at] ^= 1;
            File.WriteAllBytes(Path, bytes);
        }
    }
}
