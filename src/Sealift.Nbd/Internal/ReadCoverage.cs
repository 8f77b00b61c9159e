namespace Sealift.Nbd;

/// <summary>
/// Which bytes of a structured read have arrived: chunks may come in any order, never overlap, and leave nothing out
/// (proto.md, "NBD_REPLY_TYPE_OFFSET_DATA"). A byte that no chunk covered would be whatever was in the caller's buffer.
/// </summary>
internal sealed class ReadCoverage
{
    // Chunks that arrive in order merge into one range. An honest server does not leave a thousand gaps open at a time;
    // the limit bounds memory and the cost of an insertion.
    private const int MaxOpenRanges = 1024;

    private readonly List<(long Start, long End)> ranges = [];

    public void Clear() => ranges.Clear();

    public bool IsComplete(long start, long end) => start == end || (ranges.Count == 1 && ranges[0] == (start, end));

    /// <summary>The first byte from start on that has not arrived.</summary>
    public long FirstMissing(long start) => ranges.Count > 0 && ranges[0].Start == start ? ranges[0].End : start;

    /// <summary>Adds a range; null when it is fine, else what is wrong with it.</summary>
    public string? Add(long start, long end)
    {
        var at = FirstEndingAfter(start);
        if (at < ranges.Count && ranges[at].Start < end) return $"bytes {Math.Max(start, ranges[at].Start)} to {Math.Min(end, ranges[at].End)} arrived twice";
        var joinsLeft = at > 0 && ranges[at - 1].End == start;
        var joinsRight = at < ranges.Count && ranges[at].Start == end;
        if (joinsLeft && joinsRight)
        {
            ranges[at - 1] = (ranges[at - 1].Start, ranges[at].End);
            ranges.RemoveAt(at);
        }
        else if (joinsLeft) ranges[at - 1] = (ranges[at - 1].Start, end);
        else if (joinsRight) ranges[at] = (start, ranges[at].End);
        else if (ranges.Count == MaxOpenRanges) return $"a read came in more than {MaxOpenRanges} separate pieces";
        else ranges.Insert(at, (start, end));
        return null;
    }

    private int FirstEndingAfter(long start)
    {
        var (low, high) = (0, ranges.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (ranges[middle].End > start) high = middle;
            else low = middle + 1;
        }
        return low;
    }
}
