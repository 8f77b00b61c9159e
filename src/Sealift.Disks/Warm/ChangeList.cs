using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>One page of what a change tracker says: everything from where it was asked for up to an end was described, and of it only these ranges changed.</summary>
/// <param name="End">The first offset that it does not describe, in bytes.</param>
/// <param name="Changed">What changed; in any order, overlapping, or reaching beyond the page or the disk. It may be empty: that says that nothing changed, and not that the list has ended.</param>
public readonly record struct ChangePage(long End, IReadOnlyList<DiskRange> Changed);

/// <summary>Reads the whole of what a change tracker says of a disk, page by page.</summary>
public static class ChangeList
{
    // What no tracker's page is shorter than: a sector. Otherwise a list could go on for ever.
    private const int LeastPageBytes = 512;

    /// <summary>
    /// Asks from the start of the disk to its end, whatever is on the pages: a list that was cut off is noticed, because a page says how
    /// far it goes. Ranges are clamped to the disk and widened to whole blocks; what several pages say is put together.
    /// </summary>
    /// <param name="name">The disk, for errors.</param>
    /// <param name="lengthBytes">Its length in bytes.</param>
    /// <param name="blockBytes">The length of a leaf's block in bytes.</param>
    /// <param name="pageAt">Asks for the page that begins at an offset.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL4271: a page does not go on, or describes a range of negative length or place.</exception>
    public static async Task<BlockSet> ReadAsync(string name, long lengthBytes, int blockBytes, Func<long, CancellationToken, Task<ChangePage>> pageAt, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(pageAt);
        var changed = new BlockSet();
        for (long offset = 0; offset < lengthBytes;)
        {
            var page = await pageAt(offset, cancel);
            if (page.End < lengthBytes && page.End - offset < LeastPageBytes) throw DiskErrors.BadChangeList(name, offset, $"the page that begins there ends at {page.End}");
            foreach (var range in page.Changed)
            {
                if (range.Offset < 0 || range.LengthBytes < 0) throw DiskErrors.BadChangeList(name, offset, $"it names {range.LengthBytes} bytes at {range.Offset}");
                // Written without a sum: a range may reach to the end of all numbers.
                if (range.Offset < lengthBytes && range.LengthBytes > 0) changed.AddRange(new DiskRange(range.Offset, Math.Min(range.LengthBytes, lengthBytes - range.Offset)), blockBytes);
            }

            offset = page.End;
        }

        return changed;
    }
}
