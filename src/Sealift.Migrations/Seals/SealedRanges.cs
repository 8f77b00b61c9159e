using Sealift.Disks;

namespace Sealift.Migrations.Seals;

/// <summary>Ranges of a disk in order, listed up to a limit and always counted in full.</summary>
/// <param name="TotalCount">How many ranges there are.</param>
/// <param name="TotalBytes">Their length in all, in bytes.</param>
/// <param name="Ranges">The first of them, at most <see cref="ListLimit"/>; the block maps hold the rest.</param>
public sealed record SealedRanges(long TotalCount, long TotalBytes, IReadOnlyList<SealedRange> Ranges)
{
    /// <summary>The most ranges that a seal lists for a disk: 4096 × about 40 characters keeps a disk below 200 KB of seal.</summary>
    public const int ListLimit = 4096;

    /// <summary>Counts all and lists the first.</summary>
    public static SealedRanges Of(IEnumerable<DiskRange> ranges)
    {
        long count = 0, bytes = 0;
        var listed = new List<SealedRange>();
        foreach (var range in ranges)
        {
            count++;
            bytes += range.LengthBytes;
            if (listed.Count < ListLimit) listed.Add(new SealedRange(range.Offset, range.LengthBytes));
        }

        return new SealedRanges(count, bytes, listed);
    }
}

/// <summary>A range of a disk.</summary>
/// <param name="Offset">Bytes from the start of the disk.</param>
/// <param name="LengthBytes">Length in bytes.</param>
public sealed record SealedRange(long Offset, long LengthBytes);
