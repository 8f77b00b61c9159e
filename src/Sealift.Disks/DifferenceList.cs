namespace Sealift.Disks;

/// <summary>Takes differences in order, merges neighbours of one kind, tells the first ones and counts the others.</summary>
/// <param name="gapBytes">Two that have fewer equal bytes than this between them are one.</param>
/// <param name="limit">How many are told.</param>
/// <param name="tell">Told of each, in order, when its end is known.</param>
internal sealed class DifferenceList(int gapBytes, int limit, Action<DiskDifference> tell)
{
    private DiskDifference? pending;

    public long Ranges { get; private set; }

    public long Bytes { get; private set; }

    public long Listed { get; private set; }

    public void Add(DiskDifference next)
    {
        if (pending is { } before && before.Kind == next.Kind && next.Offset - before.End < gapBytes)
        {
            pending = before with { LengthBytes = next.End - before.Offset };
            return;
        }

        Finish();
        pending = next;
    }

    /// <summary>Nothing more comes.</summary>
    public void Finish()
    {
        if (pending is not { } done) return;
        pending = null;
        Ranges++;
        Bytes += done.LengthBytes;
        if (Listed == limit) return;
        Listed++;
        tell(done);
    }
}
