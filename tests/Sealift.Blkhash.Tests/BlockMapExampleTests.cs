namespace Sealift.Blkhash.Tests;

/// <summary>The worked example of docs/formats/block-map.md, byte for byte, and a reader written from that page.</summary>
public sealed class BlockMapExampleTests
{
    [Fact]
    public void The_worked_example_is_what_is_written()
    {
        using var directory = new TemporaryDirectory();
        var parameters = new BlkhashParameters(BlkhashAlgorithm.Md5, 4);
        using var map = BlockMap.Create(directory.File("map"), 14, parameters);
        var leaves = new LeafHasher(parameters);
        var leaf = new byte[16];
        leaves.Hash("hell"u8, leaf);
        map.SetData(0, leaf);
        map.SetZeroes(1, 1, BlockState.Zero);
        map.SetZeroes(2, 1, BlockState.Hole);
        leaves.Hash("oh"u8, leaf);
        map.SetData(3, leaf);
        Assert.Equal("12acc70efde5fdf1bf29582f257df4aa", Convert.ToHexStringLower(map.Root()));
        map.Close();

        var bytes = File.ReadAllBytes(directory.File("map"));
        void Holds(int offset, string hex)
        {
            var expected = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
            Assert.Equal(expected, bytes[offset..(offset + expected.Length)]);
        }

        Assert.Equal(16416, bytes.Length);
        Holds(0, "5345414c4d415000 01000000 01000000 04000000 00100000 0e00000000000000 0400000000000000 0040000000000000 2000000000000000 9f6425fc11376ecd 2040000000000000");
        Holds(0xff8, "3e8995eb992bc478");
        Holds(0x1ff8, "60395d89b3f68934");
        Holds(0x3000, "50414745 00000000 04000000 02000000 db 4229d691b07b13341da53f17ab9f2416 c7218260ef2b966ab0454e07c55cf4e9");
        Holds(0x4000, "00000000 01000000 03 000000 0000 0200 0030000000000000 d4c142055669cdf7");
    }

    [Fact]
    public void A_reader_made_from_the_specification_reads_the_same()
    {
        using var directory = new TemporaryDirectory();
        var parameters = new BlkhashParameters(BlkhashAlgorithm.Sha1, 64);
        var model = new MapModel((64 * 3 * 4096) - 1, parameters);
        using var map = BlockMap.Create(directory.File("map"), model.LengthBytes, parameters);
        var random = new Random(4);
        for (var i = 0; i < 400; i++) model.SetData(map, random.NextInt64(5000), i);
        model.Set(map, 4000, 300, BlockState.Hole);
        model.Set(map, 8190, 100, BlockState.Zero);
        map.Close();
        var bytes = File.ReadAllBytes(directory.File("map"));
        foreach (var slot in new[] { 0, 1 })
        {
            var reader = new SpecificationReader(bytes, slot);
            Assert.Equal((2u, 64UL, (ulong)model.LengthBytes), (reader.Digest, reader.BlockBytes, reader.LengthBytes));
            Assert.Equal(model.BlockCount, reader.Blocks.Count);
            var leaf = new byte[20];
            using var again = BlockMap.Open(directory.File("map"));
            for (var i = 0; i < reader.Blocks.Count; i++)
            {
                Assert.Equal(again.Read(i, leaf), reader.Blocks[i].State);
                if (reader.Blocks[i].State == BlockState.Data) Assert.Equal(leaf, reader.Blocks[i].Leaf);
            }
        }
    }
}
