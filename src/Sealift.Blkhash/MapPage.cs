using System.Buffers.Binary;

namespace Sealift.Blkhash;

/// <summary>One page in memory: the states and leaves of up to 4096 neighbouring blocks. Its buffers are used again for other pages.</summary>
internal sealed class MapPage(int digestBytes)
{
    private const int PrefixBytes = 16;

    private static ReadOnlySpan<byte> Magic => "PAGE"u8;

    public long Number { get; private set; }

    public int Blocks { get; private set; }

    public bool IsDirty { get; set; }

    public byte[] States { get; } = new byte[BlockMapFormat.PageBlocks];

    private byte[] Leaves { get; } = new byte[BlockMapFormat.PageBlocks * digestBytes];

    public Span<byte> Leaf(int block) => Leaves.AsSpan(block * digestBytes, digestBytes);

    public BlockState State(int block) => (BlockState)States[block];

    public static int BlocksIn(MapHeader header, long page) =>
        (int)Math.Min(BlockMapFormat.PageBlocks, header.Parameters.BlockCount(header.LengthBytes) - (page * BlockMapFormat.PageBlocks));

    public static int StoredBytes(BlkhashParameters parameters, int blocks, int dataBlocks) => PrefixBytes + ((blocks + 3) / 4) + (dataBlocks * parameters.DigestBytes);

    public void Reset(long number, int blocks, BlockState state)
    {
        Number = number;
        Blocks = blocks;
        IsDirty = false;
        States.AsSpan(0, blocks).Fill((byte)state);
    }

    public void CopyFrom(MapPage other)
    {
        Reset(other.Number, other.Blocks, BlockState.Unknown);
        other.States.AsSpan(0, other.Blocks).CopyTo(States);
        other.Leaves.AsSpan(0, other.Blocks * digestBytes).CopyTo(Leaves);
    }

    public int Count(BlockState state) => States.AsSpan(0, Blocks).Count((byte)state);

    /// <summary>Whether all blocks are in one state that needs no leaves.</summary>
    public bool IsUniform => State(0) != BlockState.Data && !States.AsSpan(0, Blocks).ContainsAnyExcept(States[0]);

    /// <summary>Writes the stored form and answers its length.</summary>
    public int Encode(Span<byte> raw)
    {
        var bitmapBytes = (Blocks + 3) / 4;
        raw[..(PrefixBytes + bitmapBytes)].Clear();
        Magic.CopyTo(raw);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[4..], (uint)Number);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[8..], (uint)Blocks);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[12..], (uint)Count(BlockState.Data));
        var bitmap = raw[PrefixBytes..];
        var at = PrefixBytes + bitmapBytes;
        for (var i = 0; i < Blocks; i++)
        {
            bitmap[i / 4] |= (byte)(States[i] << (i % 4 * 2));
            if (State(i) != BlockState.Data) continue;
            Leaf(i).CopyTo(raw[at..]);
            at += digestBytes;
        }

        return at;
    }

    /// <summary>Takes the stored form, which has the length that the entry calls for and matches its checksum.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public string? Decode(ReadOnlySpan<byte> raw, long number, int blocks, in PageEntry entry)
    {
        Reset(number, blocks, BlockState.Unknown);
        if (!raw.StartsWith(Magic)) return "there is no page";
        if (BinaryPrimitives.ReadUInt32LittleEndian(raw[4..]) != number) return $"it is page {BinaryPrimitives.ReadUInt32LittleEndian(raw[4..])}";
        if (BinaryPrimitives.ReadUInt32LittleEndian(raw[8..]) != blocks) return "it has another number of blocks";
        if (BinaryPrimitives.ReadUInt32LittleEndian(raw[12..]) != entry.DataBlocks) return "it has another number of leaves than the index says";
        var bitmap = raw[PrefixBytes..];
        for (var i = 0; i < blocks; i++) States[i] = (byte)((bitmap[i / 4] >> (i % 4 * 2)) & 3);
        if (blocks % 4 != 0 && bitmap[blocks / 4] >> (blocks % 4 * 2) != 0) return "there are states after its last block";
        if (Count(BlockState.Data) != entry.DataBlocks || Count(BlockState.Unknown) != entry.UnknownBlocks) return "its states are not those that the index counts";
        var at = PrefixBytes + ((blocks + 3) / 4);
        for (var i = 0; i < blocks; i++)
        {
            if (State(i) != BlockState.Data) continue;
            raw.Slice(at, digestBytes).CopyTo(Leaf(i));
            at += digestBytes;
        }

        return null;
    }
}
