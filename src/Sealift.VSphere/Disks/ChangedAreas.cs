namespace Sealift.VSphere;

/// <summary>A range of a disk.</summary>
/// <param name="Start">Where it begins, in bytes.</param>
/// <param name="Length">How long it is, in bytes; more than none.</param>
public readonly record struct DiskArea(long Start, long Length)
{
    /// <summary>Where it ends: the first byte behind it.</summary>
    public long End => Start + Length;
}

/// <summary>What a server says about a part of a disk (<c>DiskChangeInfo</c>), unjudged.</summary>
/// <param name="Start">Where that part begins.</param>
/// <param name="Length">How long it is.</param>
/// <param name="Areas">What changed in it.</param>
internal sealed record ChangedAreaPage(long Start, long Length, IReadOnlyList<(long Start, long Length)> Areas);

/// <summary>
/// Asks page by page which areas of a disk changed, until its end. A page tells about the part [start, start + length); the next begins
/// where it ends, not behind its last area, and one without areas is a part without changes. Whatever is told is a claim: it is put in
/// order here, and an answer that leaves a gap, stands still or cannot be is refused.
/// </summary>
internal static class ChangedAreas
{
    // 64 TiB in pages of 16 MiB; ESXi tells 2,000 areas a page.
    private const int PageLimit = 4_194_304;
    // 64 MiB of memory. A disk that is changed in more places is better copied as a whole.
    private const int AreaLimit = 4_194_304;

    /// <summary>Asks for all of a disk.</summary>
    /// <param name="disk">What errors name.</param>
    /// <param name="capacityBytes">How long the disk is.</param>
    /// <param name="ask">Asks for the part from an offset on.</param>
    /// <returns>Within the disk, in order, none touching the next.</returns>
    /// <exception cref="VSphereException">SL3321.</exception>
    public static async Task<IReadOnlyList<DiskArea>> CollectAsync(string disk, long capacityBytes, Func<long, Task<ChangedAreaPage>> ask)
    {
        var areas = new List<DiskArea>();
        var compact = 1024;
        long offset = 0;
        for (var pages = 0; offset < capacityBytes; pages++)
        {
            if (pages >= PageLimit) throw VSphereErrors.BadChangedAreas(disk, $"after {PageLimit} answers it is at offset {offset}");
            var page = await ask(offset);
            if (page.Start < 0 || page.Length < 0 || page.Start > long.MaxValue - page.Length) throw VSphereErrors.BadChangedAreas(disk, $"asked from offset {offset} on, it tells about {page.Length} bytes from {page.Start} on");
            if (page.Start > offset) throw VSphereErrors.BadChangedAreas(disk, $"asked from offset {offset} on, it tells nothing about what lies before {page.Start}");
            var end = page.Start + page.Length;
            if (end <= offset) throw VSphereErrors.BadChangedAreas(disk, $"asked from offset {offset} on, it tells nothing about what follows ({page.Length} bytes from {page.Start} on)");
            foreach (var (start, length) in page.Areas)
            {
                if (start < 0 || length < 0 || start > long.MaxValue - length) throw VSphereErrors.BadChangedAreas(disk, $"an area of {length} bytes at {start} cannot be");
                var last = Math.Min(start + length, capacityBytes);
                if (last > start) areas.Add(new DiskArea(start, last - start));
            }

            if (areas.Count > compact)
            {
                areas = Merge(areas);
                if (areas.Count > AreaLimit) throw VSphereErrors.BadChangedAreas(disk, $"it changed in more than {AreaLimit} places");
                compact = Math.Max(1024, 2 * areas.Count);
            }

            offset = end;
        }

        return Merge(areas);
    }

    private static List<DiskArea> Merge(List<DiskArea> areas)
    {
        areas.Sort((a, b) => a.Start.CompareTo(b.Start));
        var merged = new List<DiskArea>(areas.Count);
        foreach (var area in areas)
        {
            if (merged.Count > 0 && merged[^1] is var before && area.Start <= before.End) merged[^1] = before with { Length = Math.Max(before.End, area.End) - before.Start };
            else merged.Add(area);
        }

        return merged;
    }
}
