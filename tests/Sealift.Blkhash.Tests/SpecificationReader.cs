using System.Buffers.Binary;
using System.IO.Hashing;

namespace Sealift.Blkhash.Tests;

/// <summary>
/// A reader written from docs/formats/block-map.md alone, for sound files. It also tells which bytes of the file a header
/// depends on, so that tests know what a crash may destroy and what not.
/// </summary>
public sealed class SpecificationReader
{
    private readonly byte[] file;

    public SpecificationReader(byte[] file, int slot)
    {
        this.file = file;
        var at = slot * 4096;
        Assert.Equal("SEALMAP\0"u8.ToArray(), file[at..(at + 8)]);
        Assert.Equal(XxHash64.HashToUInt64(file.AsSpan(at, 4088)), U64(at + 4088));
        Assert.Equal(1u, U32(at + 8));
        Assert.Equal(4096u, U32(at + 20));
        Digest = U32(at + 12);
        DigestBytes = Digest switch { 1 => 16, 2 => 20, 3 => 32, 4 => 64, _ => throw new InvalidDataException() };
        BlockBytes = U32(at + 16);
        LengthBytes = U64(at + 24);
        Generation = U64(at + 32);
        Assert.Equal((ulong)slot, Generation % 2);
        Live.Add((at, 4096));
        var blockCount = (LengthBytes + BlockBytes - 1) / BlockBytes;
        var index = file.AsSpan((int)U64(at + 40), (int)U64(at + 48));
        Live.Add(((int)U64(at + 40), index.Length));
        Assert.Equal(XxHash64.HashToUInt64(index), U64(at + 56));
        Assert.True((ulong)file.Length >= U64(at + 64));
        for (; index.Length > 0; index = index[32..])
        {
            var first = BinaryPrimitives.ReadUInt32LittleEndian(index);
            var count = BinaryPrimitives.ReadUInt32LittleEndian(index[4..]);
            var from = first * 4096UL;
            Assert.Equal((ulong)Blocks.Count, from);
            var blocks = (int)Math.Min(count * 4096UL, blockCount - from);
            if (index[8] != 3) Blocks.AddRange(Enumerable.Repeat(((BlockState)index[8], Array.Empty<byte>()), blocks));
            else ReadPage((int)BinaryPrimitives.ReadUInt64LittleEndian(index[16..]), blocks, BinaryPrimitives.ReadUInt16LittleEndian(index[14..]), BinaryPrimitives.ReadUInt64LittleEndian(index[24..]));
        }

        Assert.Equal(blockCount, (ulong)Blocks.Count);
    }

    public uint Digest { get; }

    public int DigestBytes { get; }

    public ulong BlockBytes { get; }

    public ulong LengthBytes { get; }

    public ulong Generation { get; }

    public List<(BlockState State, byte[] Leaf)> Blocks { get; } = [];

    public List<(int Offset, int LengthBytes)> Live { get; } = [];

    public static int NewestSlot(byte[] file) => BitConverter.ToUInt64(file, 32) > BitConverter.ToUInt64(file, 4096 + 32) ? 0 : 1;

    private void ReadPage(int offset, int blocks, int dataBlocks, ulong checksum)
    {
        var page = file.AsSpan(offset, 16 + ((blocks + 3) / 4) + (dataBlocks * DigestBytes));
        Live.Add((offset, page.Length));
        Assert.Equal(checksum, XxHash64.HashToUInt64(page));
        Assert.Equal("PAGE"u8.ToArray(), page[..4].ToArray());
        var leaves = page[(16 + ((blocks + 3) / 4))..];
        for (var i = 0; i < blocks; i++)
        {
            var state = (BlockState)((page[16 + (i / 4)] >> (i % 4 * 2)) & 3);
            Blocks.Add((state, state == BlockState.Data ? leaves[..DigestBytes].ToArray() : []));
            if (state == BlockState.Data) leaves = leaves[DigestBytes..];
        }
    }

    private uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at));

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));
}
