namespace Sealift.Blkhash;

/// <summary>A range of the map's file.</summary>
internal readonly record struct FileRange(long Offset, long LengthBytes);

/// <summary>
/// The gaps of the map's file. It is not stored: whoever opens the map for update derives it from what the index refers to.
/// The smallest gap that fits is taken; all ranges are whole multiples of <see cref="BlockMapFormat.AlignmentBytes"/>.
/// </summary>
internal sealed class FreeSpace
{
    private readonly SortedSet<(long Offset, long Length)> byOffset = [];
    private readonly SortedSet<(long Length, long Offset)> bySize = [];

    /// <summary>The first byte after everything in use.</summary>
    public long End { get; private set; } = BlockMapFormat.BodyOffset;

    /// <summary>Takes what is in use, sorted here; answers the first range that overlaps another, or null.</summary>
    public FileRange? Occupy(List<FileRange> used)
    {
        used.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        foreach (var range in used)
        {
            if (range.Offset < End) return range;
            if (range.Offset > End) Add(End, range.Offset - End);
            End = range.Offset + BlockMapFormat.RoundUp(range.LengthBytes);
        }

        return null;
    }

    public long Allocate(long lengthBytes)
    {
        var length = BlockMapFormat.RoundUp(lengthBytes);
        long offset;
        if (bySize.Count > 0 && bySize.Max.Length >= length)
        {
            var gap = bySize.GetViewBetween((length, 0), (long.MaxValue, long.MaxValue)).Min;
            Remove(gap.Offset, gap.Length);
            if (gap.Length > length) Add(gap.Offset + length, gap.Length - length);
            offset = gap.Offset;
        }
        else
        {
            offset = End;
            End += length;
        }

        return offset;
    }

    public void Release(FileRange range)
    {
        var offset = range.Offset;
        var length = BlockMapFormat.RoundUp(range.LengthBytes);
        // Views are only asked for Min and Max (logarithmic); Count would walk them. An empty view answers the default:
        // no bytes at 0, which no range follows, which is in no set and adds nothing.
        var before = byOffset.GetViewBetween((0, 0), (offset, 0)).Max;
        if (before.Offset + before.Length == offset)
        {
            Remove(before.Offset, before.Length);
            offset = before.Offset;
            length += before.Length;
        }

        var after = byOffset.GetViewBetween((offset + length, 0), (offset + length, long.MaxValue)).Min;
        Remove(after.Offset, after.Length);
        length += after.Length;
        if (offset + length == End) End = offset;
        else Add(offset, length);
    }

    private void Add(long offset, long length)
    {
        byOffset.Add((offset, length));
        bySize.Add((length, offset));
    }

    private void Remove(long offset, long length)
    {
        byOffset.Remove((offset, length));
        bySize.Remove((length, offset));
    }
}
