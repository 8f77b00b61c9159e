namespace Sealift.Blkhash;

/// <summary>
/// The pages of a map that are in memory, a bounded number. Changed pages stay here until they are the longest unused, so
/// that writers who work on neighbouring blocks out of order cost one write per page. Not thread-safe: the map's lock guards it.
/// </summary>
internal sealed class PageCache(int digestBytes)
{
    /// <summary>8 MiB: 62 pages of SHA-256 leaves, 15.5 GiB of disk between the slowest and the fastest writer.</summary>
    private const int BudgetBytes = 8 << 20;

    private readonly int capacity = BudgetBytes / (BlockMapFormat.PageBlocks * (digestBytes + 1)); // 31 at least
    private readonly Dictionary<long, LinkedListNode<MapPage>> byNumber = [];
    private readonly LinkedList<MapPage> byUse = new();
    private readonly Stack<LinkedListNode<MapPage>> spare = new();

    public IEnumerable<MapPage> Pages => byUse;

    public MapPage? Find(long number)
    {
        if (!byNumber.TryGetValue(number, out var node)) return null;
        byUse.Remove(node);
        byUse.AddFirst(node);
        return node.Value;
    }

    /// <summary>The page that must be let go before another one can come in, or null while there is room.</summary>
    public MapPage? Surplus => byUse.Count < capacity ? null : byUse.Last!.Value;

    /// <summary>A page to be filled; it is not in the cache before <see cref="Add"/>.</summary>
    public MapPage Rent() => spare.Count > 0 ? spare.Peek().Value : NewSpare().Value;

    /// <summary>Puts the rented page in under its number.</summary>
    public void Add(MapPage page)
    {
        var node = spare.Pop();
        if (node.Value != page) throw new InvalidOperationException("this page was not rented");
        byUse.AddFirst(node);
        byNumber.Add(page.Number, node);
    }

    public void Drop(long number)
    {
        if (!byNumber.Remove(number, out var node)) return;
        byUse.Remove(node);
        spare.Push(node);
    }

    private LinkedListNode<MapPage> NewSpare()
    {
        var node = new LinkedListNode<MapPage>(new MapPage(digestBytes));
        spare.Push(node);
        return node;
    }
}
