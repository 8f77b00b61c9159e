using Sealift.Posix.Tests;

namespace Sealift.Blkhash.Tests;

/// <summary>Small maps, looked at block by block: counts, runs, leaves and roots, before and after they are opened again.</summary>
public sealed class BlockMapBookkeepingTests : IDisposable
{
    private const int Page = 4096;
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Md5, 4);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    private string Path => directory.File("map");

    private static byte[] Leaf(byte value) => Enumerable.Repeat(value, 16).ToArray();

    [Fact]
    public void Unknown_blocks_are_counted_exactly_and_counted_again_when_the_map_is_opened()
    {
        using (var map = BlockMap.Create(Path, (4 * ((4 * Page) + 10)) - 1, Small))
        {
            Assert.Equal((4 * Page) + 10, map.UnknownBlocks);
            map.SetData(5, Leaf(1));
            map.SetData(5, Leaf(2));
            Assert.Equal((4 * Page) + 9, map.UnknownBlocks);
            map.SetZeroes(Page, Page, BlockState.Hole); // a page as a whole
            map.SetZeroes(Page, Page, BlockState.Zero);
            Assert.Equal((3 * Page) + 9, map.UnknownBlocks);
            map.SetZeroes(2 * Page, 100, BlockState.Zero); // a part of one
            map.SetZeroes(2 * Page, 100, BlockState.Hole);
            Assert.Equal((3 * Page) - 91, map.UnknownBlocks);
            map.SetUnknown((2 * Page) + 10, 5);
            map.SetUnknown((2 * Page) + 10, 5);
            Assert.Equal((3 * Page) - 86, map.UnknownBlocks);
            map.SetUnknown(Page, Page);
            Assert.Equal((4 * Page) - 86, map.UnknownBlocks);
            map.SetZeroes(Page, Page, BlockState.Zero);
            map.SetZeroes(4 * Page, 10, BlockState.Hole); // the short page at the end
            Assert.Equal((3 * Page) - 96, map.UnknownBlocks);
            Assert.False(map.IsComplete);
            map.Close();
        }

        using (var again = BlockMap.Open(Path)) Assert.Equal((3 * Page) - 96, again.UnknownBlocks);
        using (var again = BlockMap.OpenForUpdate(Path))
        {
            Assert.Equal((3 * Page) - 96, again.UnknownBlocks);
            again.SetZeroes(0, again.BlockCount, BlockState.Hole);
            Assert.True(again.IsComplete);
            again.SetUnknown(0, Page);
            Assert.Equal(Page, again.UnknownBlocks);
        }
    }

    [Fact]
    public void What_is_in_memory_only_is_counted_and_forgotten_when_its_page_is_set_as_a_whole()
    {
        using var map = BlockMap.Create(Path, 4 * 3 * Page, Small);
        map.SetData(7, Leaf(1));
        map.SetZeroes(10, 90, BlockState.Zero);
        map.SetZeroes(0, Page, BlockState.Hole);
        Assert.Equal(2 * Page, map.UnknownBlocks);
        map.Checkpoint();
        map.SetData(Page, Leaf(1));
        map.Checkpoint();
        map.SetData(Page + 1, Leaf(1));
        map.SetUnknown(Page, Page);
        Assert.Equal(2 * Page, map.UnknownBlocks);
        BlockRun[] expected = [new(0, Page, BlockState.Hole), new(Page, 2 * Page, BlockState.Unknown)];
        Assert.Equal(expected, map.Runs());
        map.Close();
        using var again = BlockMap.Open(Path);
        Assert.Equal(expected, again.Runs());
    }

    /// <summary>Changed pages stay in memory until others need the room: those that are only looked at, and hold nothing, do not.</summary>
    [Fact]
    public void Looking_at_blocks_that_are_not_stored_writes_nothing()
    {
        using var map = BlockMap.Create(Path, 4L * 300 * Page, Small); // more pages than stay in memory
        for (var page = 0; page < 50; page++) map.SetData(page * (long)Page, Leaf(1));
        var leaf = new byte[16];
        using (FaultyLibc.Arm("pwrite64"))
        {
            for (var page = 50; page < 300; page++) Assert.Equal(BlockState.Unknown, map.Read(page * (long)Page, leaf));
            Assert.Equal(300L * Page, map.Runs().Sum(run => run.Count));
            Assert.NotEmpty(BlockMap.Diff(map, map));
            Assert.Equal(0, FaultyLibc.Count);
        }
    }

    [Fact]
    public void A_walk_over_pages_in_one_state_needs_no_page_in_memory()
    {
        using var map = BlockMap.Create(Path, 4L * 300 * Page, Small);
        map.SetZeroes(0, 100 * Page, BlockState.Hole);
        map.SetZeroes(100 * Page, 100 * Page, BlockState.Zero);
        map.SetZeroes(200 * Page, 10, BlockState.Hole); // a page that is in memory
        map.SetZeroes((200 * Page) + 10, Page - 10, BlockState.Hole);
        using var other = BlockMap.CreateCopy(directory.File("other"), map);
        var before = GC.GetAllocatedBytesForCurrentThread();
        using (BlockMap.CreateCopy(directory.File("third"), map)) Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20); // the map's own buffers
        before = GC.GetAllocatedBytesForCurrentThread();
        var runs = map.Runs().Count();
        var differences = BlockMap.Diff(map, other).Count();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Page); // a page takes seventeen times that
        Assert.Equal((4, 1), (runs, differences));
    }

    [Fact]
    public void A_copy_keeps_no_more_pages_in_memory_than_any_map()
    {
        using var map = BlockMap.Create(Path, 4L * 300 * Page, Small);
        for (var page = 0; page < 300; page++) map.SetData(page * (long)Page, Leaf(1));
        map.Checkpoint();
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var copy = BlockMap.CreateCopy(directory.File("copy"), map);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10 << 20); // all of its pages would take 20 MiB
        Assert.Equal(map.Runs(), copy.Runs());
        Assert.Equal(map.UnknownBlocks, copy.UnknownBlocks);
        using var again = BlockMap.Open(copy.Path);
        Assert.Equal(map.Runs(), again.Runs());
        Assert.DoesNotContain(BlockMap.Diff(map, again), difference => difference.Kind == BlockDifferenceKind.Content);
    }

    /// <summary>An index of several pieces of 64 KiB, each kind of end.</summary>
    [Theory]
    [InlineData(2047)]
    [InlineData(2048)]
    [InlineData(2049)]
    [InlineData(4096)]
    [InlineData(5000)]
    public void Thousands_of_runs_are_kept(int pages)
    {
        using (var map = BlockMap.Create(Path, 4L * pages * Page, Small))
        {
            for (var page = 0; page < pages; page++) map.SetZeroes(page * (long)Page, Page, page % 2 == 0 ? BlockState.Hole : BlockState.Zero);
            using (FaultyLibc.Arm("pwrite64"))
            {
                map.Checkpoint();
                Assert.Equal(((pages + 2047) / 2048) + 1, FaultyLibc.Count); // 2048 runs in one write, and the header
            }

            map.Close();
        }

        Assert.InRange(new FileInfo(Path).Length, pages * 32, (pages * 32) + 8192 + (2 * 4096));
        using var again = BlockMap.Open(Path);
        again.Verify(TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(0, pages).Select(page => new BlockRun(page * (long)Page, Page, page % 2 == 0 ? BlockState.Hole : BlockState.Zero)), again.Runs());
    }

    [Fact]
    public void Runs_begin_and_end_where_states_do()
    {
        using (var empty = BlockMap.Create(directory.File("empty"), 0, Small)) Assert.Empty(empty.Runs());
        using (var map = BlockMap.Create(Path, 4L * 5 * Page, Small))
        {
            Assert.Equal([new BlockRun(0, 5 * Page, BlockState.Unknown)], map.Runs());
            map.SetZeroes(0, 2 * Page, BlockState.Hole);
            map.SetZeroes(3 * Page, Page, BlockState.Zero);
            BlockRun[] whole = [new(0, 2 * Page, BlockState.Hole), new(2 * Page, Page, BlockState.Unknown), new(3 * Page, Page, BlockState.Zero), new(4 * Page, Page, BlockState.Unknown)];
            Assert.Equal(whole, map.Runs());
            map.SetData(0, Leaf(1));
            map.SetData(Page, Leaf(1));
            map.SetData(Page + 1, Leaf(1));
            map.SetZeroes((2 * Page) - 1, 2, BlockState.Zero);
            BlockRun[] expected =
            [
                new(0, 1, BlockState.Data), new(1, Page - 1, BlockState.Hole), new(Page, 2, BlockState.Data), new(Page + 2, Page - 3, BlockState.Hole),
                new((2 * Page) - 1, 2, BlockState.Zero), new((2 * Page) + 1, Page - 1, BlockState.Unknown), new(3 * Page, Page, BlockState.Zero), new(4 * Page, Page, BlockState.Unknown),
            ];
            Assert.Equal(expected, map.Runs());
            map.Close();
            using var again = BlockMap.Open(Path);
            Assert.Equal(expected, again.Runs());
        }
    }

    [Fact]
    public void A_run_of_one_block_is_one_wherever_it_is()
    {
        using (var one = BlockMap.Create(directory.File("one"), 1, Small)) Assert.Equal([new BlockRun(0, 1, BlockState.Unknown)], one.Runs());
        using var map = BlockMap.Create(Path, 4 * ((2 * Page) + 1), Small);
        map.SetZeroes(0, map.BlockCount, BlockState.Hole);
        map.SetZeroes(Page - 1, 1, BlockState.Zero); // before a page in one state
        map.SetZeroes(2 * Page, 1, BlockState.Zero); // a page of its own, the last
        BlockRun[] expected = [new(0, Page - 1, BlockState.Hole), new(Page - 1, 1, BlockState.Zero), new(Page, Page, BlockState.Hole), new(2 * Page, 1, BlockState.Zero)];
        Assert.Equal(expected, map.Runs());
    }

    [Fact]
    public void Each_state_is_read_with_its_leaf()
    {
        var leaves = new LeafHasher(Small);
        using (var map = BlockMap.Create(Path, (4 * 3 * Page) - 2, Small))
        {
            map.SetData(1, Leaf(7));
            map.SetZeroes(2, 1, BlockState.Zero);
            map.SetZeroes(3, 1, BlockState.Hole);
            map.SetZeroes(Page, Page, BlockState.Hole);
            map.SetZeroes((3 * Page) - 1, 1, BlockState.Zero); // two bytes
            Look(map);
            map.Close();
        }

        using (var again = BlockMap.Open(Path)) Look(again);
        using (var copy = BlockMap.CreateCopy(directory.File("copy"), BlockMap.Open(Path))) Look(copy);

        void Look(BlockMap map)
        {
            var leaf = Leaf(99);
            Assert.Equal(BlockState.Unknown, map.Read(0, leaf));
            Assert.Equal(new byte[16], leaf);
            Assert.Equal(BlockState.Data, map.Read(1, leaf));
            Assert.Equal(Leaf(7), leaf);
            foreach (var (block, state, bytes) in new[] { (2L, BlockState.Zero, 4), (3, BlockState.Hole, 4), (Page, BlockState.Hole, 4), ((2 * Page) - 1, BlockState.Hole, 4), ((3 * Page) - 1, BlockState.Zero, 2) })
            {
                leaf = Leaf(99);
                Assert.Equal(state, map.Read(block, leaf));
                Assert.Equal(leaves.ZeroLeafOf(bytes), leaf);
            }

            Assert.Equal((3 * Page) - 4 - Page, map.UnknownBlocks);
        }
    }

    [Theory]
    [InlineData(4 * Page)]
    [InlineData((4 * Page) - 1)]
    [InlineData((4 * Page) + 1)]
    [InlineData((8 * Page) + 8)]
    [InlineData(3)]
    [InlineData(0)]
    public void The_root_of_zeros_is_the_same_however_they_are_known(int lengthBytes)
    {
        var expected = NaiveBlkhash.Root(Small, new byte[lengthBytes]);
        using var map = BlockMap.Create(Path, lengthBytes, Small);
        map.SetZeroes(0, map.BlockCount, BlockState.Hole);
        Assert.Equal(expected, map.Root());
        if (map.BlockCount == 0) return;
        map.SetZeroes(map.BlockCount - 1, 1, BlockState.Zero);
        map.SetZeroes(0, 1, BlockState.Zero);
        Assert.Equal(expected, map.Root());
        map.SetUnknown(map.BlockCount - 1, 1);
        Assert.Contains($"block {map.BlockCount - 1}", Assert.Throws<Posix.SealiftException>(map.Root).Message, StringComparison.Ordinal);
        map.SetData(map.BlockCount - 1, new LeafHasher(Small).ZeroLeafOf(lengthBytes % 4 == 0 ? 4 : lengthBytes % 4));
        Assert.Equal(expected, map.Root());
    }

    [Theory]
    [InlineData(0, Page)]
    [InlineData(Page, Page)]
    [InlineData(Page, 1)]
    [InlineData((3 * Page) - 1, 1)]
    public void A_map_with_anything_unknown_in_it_has_no_root(int first, int count)
    {
        using var map = BlockMap.Create(Path, 4 * 3 * Page, Small);
        map.SetZeroes(0, 3 * Page, BlockState.Hole);
        map.SetUnknown(first, count);
        var error = Assert.Throws<Posix.SealiftException>(map.Root);
        Assert.Equal("SL2108", error.Code);
        Assert.Contains($"{count} blocks were never hashed, the first is block {first}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_that_came_to_be_in_one_state_piece_by_piece_takes_no_space()
    {
        using (var map = BlockMap.Create(Path, 4 * Page, Small))
        {
            map.SetData(5, Leaf(1));
            map.SetZeroes(0, 2000, BlockState.Hole);
            map.SetZeroes(2000, Page - 2000, BlockState.Hole);
            map.Close();
        }

        var file = File.ReadAllBytes(Path);
        Assert.Equal(-1, file.AsSpan().IndexOf("PAGE"u8));
        Assert.InRange(file.Length, 8192 + 32, 8192 + 4096 + 32); // an index of one entry, beside that of the checkpoint before
    }

    /// <summary>After some of these checkpoints the index lies before the page, after others behind it.</summary>
    [Fact]
    public void The_file_of_a_closed_map_has_no_unused_end_and_lacks_nothing()
    {
        for (var checkpoints = 0; checkpoints < 8; checkpoints++)
        {
            using (var map = BlockMap.Create(Path, 4 * 2 * Page, Small))
            {
                map.SetData(0, Leaf(1));
                for (var i = 0; i < checkpoints; i++)
                {
                    map.SetZeroes(Page, Page, i % 2 == 0 ? BlockState.Hole : BlockState.Zero);
                    map.Checkpoint();
                }

                map.Close();
            }

            var file = File.ReadAllBytes(Path);
            Assert.Equal(file.Length, new SpecificationReader(file, 0).Live.Max(range => range.Offset + range.LengthBytes));
            Assert.Equal(file.Length, new SpecificationReader(file, 1).Live.Max(range => range.Offset + range.LengthBytes));
            using (var again = BlockMap.Open(Path)) Assert.Equal(BlockState.Data, again.Read(0, Leaf(0)));
            File.Delete(Path);
        }
    }

    [Fact]
    public void The_index_of_a_checkpoint_gives_its_space_back_after_two_more()
    {
        using var map = BlockMap.Create(Path, 4 * 2 * Page, Small);
        for (var i = 0; i < 100; i++)
        {
            map.SetZeroes(0, Page, i % 2 == 0 ? BlockState.Hole : BlockState.Zero);
            map.Checkpoint();
        }

        Assert.InRange(new FileInfo(Path).Length, 8192, 8192 + (3 * 4096)); // the last two, and the one that is being written
    }

    [Fact]
    public void The_file_of_a_closed_map_ends_with_what_is_in_it()
    {
        using (var map = BlockMap.Create(Path, 4L * 4 * Page, Small))
        {
            for (var page = 0; page < 4; page++) map.SetData(page * Page, Leaf(1));
            map.Checkpoint();
            map.SetZeroes(0, 4 * Page, BlockState.Hole);
            map.Close();
        }

        Assert.InRange(new FileInfo(Path).Length, 8192, 8192 + (7 * 4096)); // four pages that the checkpoint before needed, and an index of each
        using (var map = BlockMap.OpenForUpdate(Path))
        {
            map.SetData(0, Leaf(2));
            map.Close();
        }

        var length = new FileInfo(Path).Length;
        for (var i = 0; i < 20; i++)
        {
            using var map = BlockMap.OpenForUpdate(Path);
            map.SetData(0, Leaf((byte)i));
            map.Checkpoint();
            map.SetData(0, Leaf((byte)(i + 100)));
            map.Close();
            map.Dispose();
            using var again = BlockMap.Open(Path);
            again.Verify(TestContext.Current.CancellationToken);
            Assert.InRange(new FileInfo(Path).Length, length, length + (8 * 4096)); // space is used again
        }
    }
}
