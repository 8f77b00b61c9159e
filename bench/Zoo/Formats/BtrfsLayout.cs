using System.Buffers.Binary;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>Where a Btrfs keeps its trees: its chunks map logical addresses to places on devices. The kernel's include/uapi/linux/btrfs_tree.h. For the small file systems of mkfs.btrfs, whose root and chunk trees are one leaf each.</summary>
internal sealed class BtrfsLayout
{
    /// <summary>Where the superblock is on each device.</summary>
    public const int SuperblockAt = 65536;

    private const int HeaderBytes = 101, ItemBytes = 25, KeyBytes = 17, ChunkBytes = 48, StripeBytes = 32;
    private const ulong LogOwner = unchecked((ulong)-6L);
    private const byte RootItem = 132, ChunkItem = 228;

    private readonly IReadOnlyList<string> disks;
    private readonly byte[] super;
    private readonly List<(ulong Logical, ulong Length, List<(int Disk, long Offset)> Stripes, ulong Type)> chunks = [];

    private BtrfsLayout(IReadOnlyList<string> disks)
    {
        this.disks = disks;
        super = Damage.Read(disks[0], SuperblockAt, 4096);
    }

    /// <summary>How long a block of a tree is.</summary>
    public int NodeBytes => BinaryPrimitives.ReadInt32LittleEndian(super.AsSpan(0x94));

    private ulong Generation => U64(super, 0x48);

    /// <summary>Reads it.</summary>
    public static BtrfsLayout Read(IReadOnlyList<string> disks)
    {
        var layout = new BtrfsLayout(disks);
        var system = layout.super.AsSpan(0x32B, BinaryPrimitives.ReadInt32LittleEndian(layout.super.AsSpan(0xA0)));
        for (var at = 0; at < system.Length; at += KeyBytes + ChunkBytes + (StripeBytes * layout.chunks[^1].Stripes.Count)) layout.Add(U64(system, at + 9), system[(at + KeyBytes)..]);
        var tree = layout.Leaf(U64(layout.super, 0x58));
        foreach (var (type, offset, data) in Items(tree))
            if (type == ChunkItem && layout.chunks.TrueForAll(c => c.Logical != offset)) layout.Add(offset, tree.AsSpan(data));
        return layout;
    }

    /// <summary>The first block of each tree, by its name.</summary>
    public IEnumerable<(string Tree, ulong Logical)> Trees()
    {
        yield return ("chunk tree", U64(super, 0x58));
        yield return ("root tree", U64(super, 0x50));
        var names = new Dictionary<ulong, string> { [2] = "extent tree", [4] = "device tree", [5] = "file tree", [7] = "checksum tree", [10] = "free space tree" };
        var root = Leaf(U64(super, 0x50));
        for (var i = 0; i < BinaryPrimitives.ReadInt32LittleEndian(root.AsSpan(96)); i++)
        {
            var item = HeaderBytes + (i * ItemBytes);
            if (root[item + 8] == RootItem && names.TryGetValue(U64(root, item), out var name)) yield return (name, U64(root, HeaderBytes + BinaryPrimitives.ReadInt32LittleEndian(root.AsSpan(item + KeyBytes)) + 176));
        }
    }

    /// <summary>Every copy of what is at an address.</summary>
    public IReadOnlyList<(int Disk, long Offset)> CopiesOf(ulong logical)
    {
        var chunk = chunks.First(c => logical >= c.Logical && logical < c.Logical + c.Length);
        return [.. chunk.Stripes.Select(s => (s.Disk, s.Offset + (long)(logical - chunk.Logical)))];
    }

    /// <summary>Gives it a log that no kernel has replayed yet: with nothing in it, which is as much of a log as any.</summary>
    public void MakeDirty()
    {
        const ulong Metadata = 4;
        var chunk = chunks.First(c => (c.Type & Metadata) != 0);
        // The end of the chunk, which mkfs.btrfs fills from its start.
        var logical = chunk.Logical + chunk.Length - (ulong)NodeBytes;
        var leaf = new byte[NodeBytes];
        Leaf(U64(super, 0x50)).AsSpan(0, HeaderBytes).CopyTo(leaf);
        BinaryPrimitives.WriteUInt64LittleEndian(leaf.AsSpan(48), logical);
        BinaryPrimitives.WriteUInt64LittleEndian(leaf.AsSpan(80), Generation + 1);
        BinaryPrimitives.WriteUInt64LittleEndian(leaf.AsSpan(88), LogOwner);
        BinaryPrimitives.WriteInt32LittleEndian(leaf.AsSpan(96), 0);
        Seal(leaf);
        foreach (var (disk, offset) in CopiesOf(logical)) Write(disk, offset, leaf);
        BinaryPrimitives.WriteUInt64LittleEndian(super.AsSpan(0x60), logical);
        Seal(super);
        Write(0, SuperblockAt, super);
    }

    private static void Seal(byte[] block)
    {
        block.AsSpan(0, 32).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(block, Crc32C.Of(block.AsSpan(32)));
    }

    private static IEnumerable<(byte Type, ulong Offset, int Data)> Items(byte[] leaf)
    {
        for (var i = 0; i < BinaryPrimitives.ReadInt32LittleEndian(leaf.AsSpan(96)); i++)
        {
            var item = HeaderBytes + (i * ItemBytes);
            yield return (leaf[item + 8], U64(leaf, item + 9), HeaderBytes + BinaryPrimitives.ReadInt32LittleEndian(leaf.AsSpan(item + KeyBytes)));
        }
    }

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private void Add(ulong logical, ReadOnlySpan<byte> chunk)
    {
        var stripes = new List<(int Disk, long Offset)>();
        for (var i = 0; i < BinaryPrimitives.ReadUInt16LittleEndian(chunk[44..]); i++)
            stripes.Add(((int)U64(chunk, ChunkBytes + (i * StripeBytes)) - 1, (long)U64(chunk, ChunkBytes + (i * StripeBytes) + 8)));
        chunks.Add((logical, U64(chunk, 0), stripes, U64(chunk, 24)));
    }

    private byte[] Leaf(ulong logical)
    {
        var (disk, offset) = CopiesOf(logical)[0];
        var leaf = Damage.Read(disks[disk], offset, NodeBytes);
        if (leaf[100] != 0) throw new InvalidOperationException("The root or chunk tree of this Btrfs is more than one leaf");
        return leaf;
    }

    private void Write(int disk, long offset, byte[] bytes)
    {
        using var file = PosixFile.Open(disks[disk], OpenMode.ReadWrite);
        file.WriteAt(bytes, offset);
    }
}
