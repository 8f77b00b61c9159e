using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>What a unit says of a run of its blocks: a descriptor of GET LBA STATUS; SBC-4, 5.6.</summary>
/// <param name="Block">The first block.</param>
/// <param name="Blocks">How many.</param>
/// <param name="IsDeallocated">Whether it says that they take no space. Anchored ones, and what is said in words that are not known here, count as if they did.</param>
public readonly record struct LbaStatus(ulong Block, uint Blocks, bool IsDeallocated)
{
    internal const int AllocationBytes = 8 + (DescriptorBytes * 1024);

    private const int DescriptorBytes = 16;
    private const byte Deallocated = 1;

    /// <summary>Reads the answer. The descriptors lie behind each other from the block that was asked for on, and end with the unit at the latest.</summary>
    /// <param name="data">What came.</param>
    /// <param name="asked">The block that was asked for.</param>
    /// <param name="unitBlocks">How many blocks the unit has.</param>
    /// <returns>Null where they do not, or there are none.</returns>
    public static IReadOnlyList<LbaStatus>? Parse(ReadOnlySpan<byte> data, ulong asked, ulong unitBlocks)
    {
        if (data.Length < 8) return null;
        // The length counts what follows its four bytes; more may be there than fits.
        var end = Math.Min(data.Length, 4L + BinaryPrimitives.ReadUInt32BigEndian(data));
        var runs = new List<LbaStatus>();
        var next = asked;
        for (var at = 8; at + DescriptorBytes <= end; at += DescriptorBytes)
        {
            var (block, blocks) = (BinaryPrimitives.ReadUInt64BigEndian(data[at..]), BinaryPrimitives.ReadUInt32BigEndian(data[(at + 8)..]));
            if (block != next || blocks == 0 || block >= unitBlocks || blocks > unitBlocks - block) return null;
            runs.Add(new LbaStatus(block, blocks, (data[at + 12] & 0x0F) == Deallocated));
            next = block + blocks;
        }

        return runs.Count == 0 ? null : runs;
    }
}
