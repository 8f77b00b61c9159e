using Sealift.Posix;

namespace Sealift.Blkhash.Tests;

/// <summary>Runs of zeros that are known: counted in a map, appended to a root; and what is taken for a map at all.</summary>
public sealed class KnownZeroesTests : IDisposable
{
    private const int PageBlocks = 4096;
    private static readonly BlkhashParameters Parameters = new(BlockBytes: 4);
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    /// <summary>In pages that are uniform, in memory, and in the file only.</summary>
    [Fact]
    public void Zeros_are_counted_up_to_the_first_block_that_is_not_known_to_be_one()
    {
        const int Blocks = (5 * PageBlocks) + 100;
        var random = new Random(77);
        var states = new BlockState[Blocks];
        using (var map = BlockMap.Create(directory.File("map"), (Blocks * 4) - 1, Parameters))
        {
            for (var at = 0; at < Blocks;)
            {
                var count = Math.Min(Blocks - at, at == PageBlocks ? 2 * PageBlocks : random.Next(1, 1500));
                var state = at == PageBlocks ? BlockState.Hole : (BlockState)random.Next(4);
                if (at < PageBlocks) count = Math.Min(count, PageBlocks - at);
                if (state == BlockState.Data) for (var i = 0; i < count; i++) map.SetData(at + i, new byte[32]);
                else if (state != BlockState.Unknown) map.SetZeroes(at, count, state);
                Array.Fill(states, state, at, count);
                at += count;
            }

            Compare(map);
            map.Close();
        }

        using var again = BlockMap.Open(directory.File("map"));
        Compare(again);
        Assert.Equal(0, again.CountZeroes(Blocks, 0));
        foreach (var (first, most) in new[] { (-1L, 1L), (0, -1), (Blocks, 1), (1, Blocks) }) Assert.Throws<ArgumentOutOfRangeException>(() => again.CountZeroes(first, most));
        again.Dispose();
        Assert.ThrowsAny<Exception>(() => again.CountZeroes(0, 1));

        void Compare(BlockMap map)
        {
            Assert.Equal(2 * PageBlocks, map.CountZeroes(PageBlocks, 2 * PageBlocks));
            for (var i = 0; i < 3000; i++)
            {
                var first = i < 50 ? Math.Min(Blocks - 1, i / 8 * PageBlocks + (i % 8) - 4 < 0 ? 0 : (i / 8 * PageBlocks) + (i % 8) - 4) : random.Next(Blocks);
                var most = random.Next(Blocks - first + 1);
                var expected = 0;
                while (expected < most && states[first + expected] is BlockState.Zero or BlockState.Hole) expected++;
                Assert.Equal(expected, map.CountZeroes(first, most));
            }
        }
    }

    [Fact]
    public void Zeros_go_on_over_the_end_of_a_page_that_begins_with_data()
    {
        using var map = BlockMap.Create(directory.File("map"), 3 * PageBlocks * 4, Parameters);
        map.SetZeroes(0, 3 * PageBlocks, BlockState.Zero);
        map.SetData(0, new byte[32]);
        Assert.Equal((3 * PageBlocks) - 1, map.CountZeroes(1, (3 * PageBlocks) - 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(4 * 5000)]
    [InlineData((4 * 5000) + 3)]
    public void A_run_of_zeros_has_the_root_of_its_bytes(int lengthBytes)
    {
        using var root = new RootHasher(Parameters);
        root.AppendZeroes(lengthBytes);
        var left = lengthBytes;
        var read = StreamHash.Compute(
            buffer =>
            {
                var n = Math.Min(left, buffer.Length);
                buffer[..n].Clear();
                left -= n;
                return n;
            },
            Parameters,
            cancel: TestContext.Current.CancellationToken);
        Assert.Equal(read.Root, root.Finish(lengthBytes));
    }

    [Fact]
    public void A_map_is_known_by_either_of_its_headers_and_nothing_else_is_one()
    {
        var path = directory.File("map");
        using (var map = BlockMap.Create(path, 100, Parameters)) map.Close();
        Assert.True(BlockMap.IsBlockMap(path));
        Spoil(0);
        Assert.True(BlockMap.IsBlockMap(path)); // the other one is there
        Spoil(4096);
        Assert.False(BlockMap.IsBlockMap(path));
        using (var map = BlockMap.Create(directory.File("second"), 100, Parameters)) map.Close();
        using (var file = PosixFile.Open(directory.File("second"), OpenMode.ReadWrite)) file.WriteAt("X"u8, 4096);
        Assert.True(BlockMap.IsBlockMap(directory.File("second")));
        Assert.False(BlockMap.IsBlockMap(directory.Path));
        Assert.False(BlockMap.IsBlockMap("/dev/null"));
        foreach (var content in new[] { "", "SEALMAP", "no map at all, however long it goes on" })
        {
            File.WriteAllText(directory.File("other"), content);
            Assert.False(BlockMap.IsBlockMap(directory.File("other")));
        }

        Assert.Throws<PosixException>(() => BlockMap.IsBlockMap(directory.File("nothing")));

        void Spoil(long at)
        {
            using var file = PosixFile.Open(path, OpenMode.ReadWrite);
            file.WriteAt("X"u8, at);
        }
    }
}
