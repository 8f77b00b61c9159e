namespace Sealift.Disks;

/// <summary>Some of the blocks of a disk. Memory is one bit for each block near one that is in it: 2 MiB for a tebibyte of blocks of 64 KiB.</summary>
public sealed class BlockSet
{
    // A page of 512 bytes: small where few blocks are in it, and a tebibyte of blocks of 64 KiB is 4096 of them.
    private const int PageBlocks = 4096;
    private const int WordBlocks = 64;

    private readonly SortedDictionary<long, ulong[]> pages = [];

    /// <summary>How many blocks are in it.</summary>
    public long Count { get; private set; }

    /// <summary>Adds a block, from 0.</summary>
    public void Add(long block)
    {
        var (number, at) = Math.DivRem(block, PageBlocks);
        if (!pages.TryGetValue(number, out var page)) pages.Add(number, page = new ulong[PageBlocks / WordBlocks]);
        var bit = 1UL << (int)(at % WordBlocks);
        ref var word = ref page[at / WordBlocks];
        if ((word & bit) != 0) return;
        word |= bit;
        Count++;
    }

    /// <summary>Adds every block that a range touches.</summary>
    /// <param name="range">Of the disk, in bytes.</param>
    /// <param name="blockBytes">The length of a block.</param>
    public void AddRange(DiskRange range, int blockBytes)
    {
        for (var block = range.Offset / blockBytes; block * blockBytes < range.End; block++) Add(block);
    }

    /// <summary>The blocks in order as ranges of the disk; neighbours are merged.</summary>
    public IEnumerable<DiskRange> Ranges(int blockBytes, long lengthBytes)
    {
        long first = -1, end = -1;
        foreach (var block in Blocks())
        {
            if (block != end)
            {
                if (first >= 0) yield return Range();
                first = block;
            }

            end = block + 1;
        }

        if (first >= 0) yield return Range();

        DiskRange Range() => new(first * blockBytes, Math.Min(lengthBytes, end * blockBytes) - (first * blockBytes));
    }

    private IEnumerable<long> Blocks()
    {
        foreach (var (number, page) in pages)
            for (var i = 0; i < PageBlocks; i++)
                if ((page[i / WordBlocks] & (1UL << (i % WordBlocks))) != 0) yield return (number * PageBlocks) + i;
    }
}
