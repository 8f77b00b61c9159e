using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>Looks at an entry of an index.</summary>
internal delegate void IndexVisit(IndexEntry entry);

/// <summary>
/// Walks an index, which is a tree of nodes, in the order of its keys: the root node in the record, the others in blocks of
/// $INDEX_ALLOCATION, of which a bitmap says which ones are used. Every node is visited once, and every bound is checked.
/// </summary>
internal sealed class IndexWalk(NtfsVolume volume, UpCaseTable upCase)
{
    /// <summary>A tree with more levels has no end: four levels hold a billion names.</summary>
    private const int MaximumDepth = 24;

    private const int RootHeaderBytes = 16, NodeHeaderBytes = 16, BlockHeaderBytes = 0x28, NodeOffset = 0x18, WindowBytes = 64 << 10;

    private readonly List<Level> levels = [];
    private readonly byte[] lastKey = new byte[64 << 10];
    private int lastKeyLength;

    /// <summary>Walks one index of a file.</summary>
    /// <param name="number">The file's record.</param>
    /// <param name="file">Its records.</param>
    /// <param name="name">The index's name in UTF-16.</param>
    /// <param name="visit">Is given each entry with a key, in order.</param>
    /// <returns>Whether all of it could be walked.</returns>
    public async Task<bool> RunAsync(long number, FileRecordSet file, ReadOnlyMemory<byte> name, IndexVisit visit)
    {
        var ofNames = name.Span.SequenceEqual(IndexName.Directory);
        var what = $"{NtfsVolume.NameOf(number)}, index {GuestText.Name(Encoding.Unicode.GetString(name.Span))}";
        var root = file.Content(AttributeType.IndexRoot, name.Span, out var wrong);
        if (root is null || wrong is not null || await root.TryReadAllAsync(64 << 10) is not { } rootBytes || rootBytes.Length < RootHeaderBytes + NodeHeaderBytes)
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{what}: its root {wrong ?? "cannot be read"}");
            return false;
        }

        var blockBytes = RootHeader(what, rootBytes, ofNames, out var rule);
        if (blockBytes == 0) return false;
        var blocks = file.Content(AttributeType.IndexAllocation, name.Span, out wrong);
        if (wrong is not null) volume.Findings.Damage(NtfsClasses.Index, $"{what}: its blocks: the attribute {wrong}");
        // What an honest index has lies within the volume, so that the bits for its blocks are few. Holes and clusters that are listed
        // again and again would not be bounded by it.
        if (blocks is not null && (blocks.HasHoles || blocks.MappedClusters > volume.Boot.Clusters || blocks.LengthBytes > blocks.MappedClusters * volume.Boot.ClusterBytes))
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{what}: {blocks.LengthBytes} bytes of blocks {(blocks.HasHoles ? "with holes " : string.Empty)}in {blocks.MappedClusters} clusters");
            return false;
        }

        var used = await UsedBlocksAsync(what, file, name, blocks, blockBytes);
        var walk = new Walk(what, ofNames, rule, blockBytes, blocks, used, visit);
        var whole = wrong is null && await WalkAsync(walk, rootBytes);
        if (whole) Unvisited(walk);
        return whole;
    }

    private int RootHeader(string what, ReadOnlySpan<byte> root, bool ofNames, out uint rule)
    {
        rule = root.U32(4);
        uint type = root.U32(0), blockBytes = root.U32(8);
        if (type != (ofNames ? AttributeType.FileName : 0)) volume.Findings.Damage(NtfsClasses.Index, $"{what}: indexes attributes of the type 0x{type:x}");
        if (!Collation.IsKnown(rule) || ofNames != (rule == Collation.FileName))
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{what}: has the order {rule}");
            return 0;
        }

        if (blockBytes != volume.Boot.IndexBlockBytes)
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{what}: has blocks of {blockBytes} bytes, and the volume's are of {volume.Boot.IndexBlockBytes}");
            return 0;
        }

        var inClusters = blockBytes >= volume.Boot.ClusterBytes ? blockBytes / volume.Boot.ClusterBytes : blockBytes / Fixups.StrideBytes;
        if (root[12] != inClusters && root[12] != blockBytes / volume.Boot.SectorBytes) volume.Findings.Damage(NtfsClasses.Index, $"{what}: says that a block has {root[12]} clusters or sectors instead of {inClusters}");
        return (int)blockBytes;
    }

    private async Task<BitTable?> UsedBlocksAsync(string what, FileRecordSet file, ReadOnlyMemory<byte> name, AttributeContent? blocks, int blockBytes)
    {
        if (blocks is null) return null;
        var bitmap = file.Content(AttributeType.Bitmap, name.Span, out var wrong);
        var bits = blocks.LengthBytes / blockBytes;
        // One bit a block: a longer one is no more than rounded up, or room for growth.
        var limit = (int)Math.Min(int.MaxValue, (bits / 8) + (1 << 20));
        if (bitmap is null || wrong is not null || await bitmap.TryReadAllAsync(limit) is not { } bytes)
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{what}: its bitmap {wrong ?? "is missing or cannot be read"}");
            return null;
        }

        return new BitTable(bytes);
    }

    private async Task<bool> WalkAsync(Walk walk, byte[] root)
    {
        lastKeyLength = -1;
        var whole = true;
        if (!Enter(walk, 0, root, RootHeaderBytes, root.Length - RootHeaderBytes, null)) return false;
        for (var depth = 0; depth >= 0;)
        {
            volume.Cancel.ThrowIfCancellationRequested();
            switch (Step(walk, depth, out var child))
            {
                case Next.Down when depth + 1 == MaximumDepth:
                    volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}: has more than {MaximumDepth} levels");
                    whole = false;
                    break;
                case Next.Down:
                    if (await DescendAsync(walk, depth + 1, child)) depth++;
                    else whole = false;
                    break;
                case Next.Broken:
                    whole = false;
                    depth--;
                    break;
                default:
                    depth--;
                    break;
            }
        }

        return whole;
    }

    // Looks at the entries of a node up to the next one with a child, or the end.
    private Next Step(Walk walk, int depth, out long child)
    {
        var level = levels[depth];
        ReadOnlySpan<byte> node = level.Bytes.AsSpan(0, level.End);
        child = 0;
        while (true)
        {
            if (IndexEntry.Read(node, level.At, walk.OfNames, out var entry) is { } wrong)
            {
                volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}, {level.Name}, offset {level.At}: {wrong}");
                return Next.Broken;
            }

            if (entry.HasChild != level.HasChildren)
            {
                volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}, {level.Name}, offset {level.At}: an entry {(entry.HasChild ? "with" : "without")} a child in a node {(level.HasChildren ? "with" : "without")} children");
                if (!entry.HasChild) level.ChildDone = true;
            }

            if (entry.HasChild && !level.ChildDone)
            {
                level.ChildDone = true;
                child = entry.ChildVcn;
                return Next.Down;
            }

            level.ChildDone = false;
            if (entry.IsEnd)
            {
                if (level.At + entry.LengthBytes != level.End) volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}, {level.Name}: {level.End - level.At - entry.LengthBytes} bytes behind its end entry");
                return Next.Up;
            }

            if (walk.OfNames && FileName.Read(entry.Key, out _) is { } bad)
            {
                volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}, {level.Name}, offset {level.At}: an entry's key {bad}");
            }
            else
            {
                if (lastKeyLength >= 0 && !Collation.IsAscending(walk.Rule, lastKey.AsSpan(0, lastKeyLength), entry.Key, upCase))
                    volume.Findings.Disagreement(NtfsClasses.Index, $"{walk.What}, {level.Name}, offset {level.At}: an entry{Named(walk, entry)} that does not come behind the one before it");
                entry.Key.CopyTo(lastKey);
                lastKeyLength = entry.Key.Length;
                walk.Visit(entry);
            }

            level.At += entry.LengthBytes;
        }
    }

    private async Task<bool> DescendAsync(Walk walk, int depth, long vcn)
    {
        // Blocks are counted in clusters, or in sectors where a cluster holds several.
        long unit = volume.Boot.ClusterBytes <= walk.BlockBytes ? volume.Boot.ClusterBytes : Fixups.StrideBytes;
        if (walk.Blocks is null || vcn < 0 || vcn > walk.Blocks.LengthBytes / unit || vcn * unit % walk.BlockBytes != 0 || (vcn * unit) + walk.BlockBytes > walk.Blocks.LengthBytes)
        {
            volume.Findings.Disagreement(NtfsClasses.Index, $"{walk.What}: an entry leads to the block at {vcn}, and the blocks have {walk.Blocks?.LengthBytes ?? 0} bytes");
            return false;
        }

        var block = vcn * unit / walk.BlockBytes;
        if (walk.Visited!.Set(block))
        {
            volume.Findings.Disagreement(NtfsClasses.Index, $"{walk.What}: two entries lead to the block at {vcn}");
            return false;
        }

        if (walk.Used is not null && !walk.Used[block]) volume.Findings.Disagreement(NtfsClasses.Index, $"{walk.What}: the block at {vcn} is used and marked free");
        var bytes = LevelAt(depth, walk.BlockBytes).Bytes;
        if (!await walk.Window!.TryReadAsync(vcn * unit, bytes.AsMemory(0, walk.BlockBytes)))
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}: the block at {vcn} cannot be read");
            return false;
        }

        return EnterBlock(walk, depth, bytes, vcn);
    }

    private bool EnterBlock(Walk walk, int depth, byte[] bytes, long vcn)
    {
        var name = $"block at {vcn}";
        ReadOnlySpan<byte> block = bytes.AsSpan(0, walk.BlockBytes);
        var wrong = block[..4].SequenceEqual("INDX"u8) ? Fixups.Apply(bytes.AsSpan(0, walk.BlockBytes), BlockHeaderBytes) : $"it starts with 0x{block.U32(0):x8} instead of INDX";
        if (wrong is null && block.I64(16) != vcn) wrong = $"it says that it is the block at {block.I64(16)}";
        if (wrong is null && block.U32(NodeOffset + 8) != walk.BlockBytes - NodeOffset) wrong = $"it says that it has {block.U32(NodeOffset + 8)} bytes";
        var arrayEnd = block.U16(4) + (block.U16(6) * 2);
        if (wrong is null && block.U32(NodeOffset) + NodeOffset < arrayEnd) wrong = $"its entries start at {block.U32(NodeOffset)}";
        if (wrong is null) return Enter(walk, depth, bytes, NodeOffset, walk.BlockBytes - NodeOffset, name);
        // A block that was never written, or that was another index's before, is one that the log has yet to write.
        volume.Findings.Disagreement(NtfsClasses.Index, $"{walk.What}, {name}: {wrong}");
        return false;
    }

    // The node header: offsets count from its own start.
    private bool Enter(Walk walk, int depth, byte[] bytes, int header, int available, string? name)
    {
        ReadOnlySpan<byte> node = bytes.AsSpan(header, available);
        uint first = node.U32(0), length = node.U32(4), allocated = node.U32(8);
        name ??= "root";
        if (first < NodeHeaderBytes || first % 8 != 0 || first > length || length % 8 != 0 || length > allocated || allocated > available)
        {
            volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}, {name}: entries from {first} to {length} of {allocated} bytes, where {available} are");
            return false;
        }

        if (node[12] > 1) volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}, {name}: flags 0x{node[12]:x2}");
        var level = LevelAt(depth, bytes.Length);
        if (level.Bytes != bytes) bytes.CopyTo(level.Bytes, 0);
        level.Name = name;
        level.HasChildren = (node[12] & 1) != 0;
        level.At = header + (int)first;
        level.End = header + (int)length;
        level.ChildDone = false;
        return true;
    }

    private Level LevelAt(int depth, int bytes)
    {
        while (levels.Count <= depth) levels.Add(new Level());
        if (levels[depth].Bytes.Length < bytes) levels[depth].Bytes = new byte[bytes];
        return levels[depth];
    }

    // A block that is marked used and that no entry leads to.
    private void Unvisited(Walk walk)
    {
        if (walk.Used is null || walk.Blocks is null) return;
        var blocks = walk.Blocks.LengthBytes / walk.BlockBytes;
        for (long i = 0; i < blocks; i++)
        {
            if (walk.Used[i] && !walk.Visited![i]) volume.Findings.Disagreement(NtfsClasses.Index, $"{walk.What}: its block number {i} is marked used, and no entry leads to it");
        }

        for (var i = blocks; i < walk.Used.Count; i++)
        {
            if (walk.Used[i]) volume.Findings.Damage(NtfsClasses.Index, $"{walk.What}: its block number {i} is marked used, and it has {blocks}");
        }
    }

    private static string Named(Walk walk, IndexEntry entry) => walk.OfNames && FileName.Read(entry.Key, out var name) is null ? $" \"{name.Text}\"" : string.Empty;

    private enum Next
    {
        Up,
        Down,
        Broken,
    }

    private sealed class Level
    {
        public byte[] Bytes { get; set; } = [];

        public string Name { get; set; } = string.Empty;

        public bool HasChildren { get; set; }

        public int At { get; set; }

        public int End { get; set; }

        /// <summary>Whether the child of the entry at <see cref="At"/> was walked.</summary>
        public bool ChildDone { get; set; }
    }

    private sealed class Walk(string what, bool ofNames, uint rule, int blockBytes, AttributeContent? blocks, BitTable? used, IndexVisit visit)
    {
        public string What => what;

        public bool OfNames => ofNames;

        public uint Rule => rule;

        public int BlockBytes => blockBytes;

        public AttributeContent? Blocks => blocks;

        public BitTable? Used => used;

        public BitTable? Visited { get; } = blocks is null ? null : new BitTable(new byte[(blocks.LengthBytes / blockBytes / 8) + 1]);

        public ContentWindow? Window { get; } = blocks is null ? null : new ContentWindow(blocks, Math.Max(WindowBytes, blockBytes));

        public void Visit(IndexEntry entry) => visit(entry);
    }
}
