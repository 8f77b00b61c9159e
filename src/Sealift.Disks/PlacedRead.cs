using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Reads whose errors say which side failed, and where exactly.</summary>
internal static class PlacedRead
{
    /// <summary>Fills a buffer from the source; SL4211.</summary>
    public static async ValueTask ReadAsSourceAsync(this IDiskReader disk, long offset, Memory<byte> bytes, CancellationToken cancel)
    {
        try
        {
            await disk.ReadAsync(offset, bytes, cancel);
        }
        catch (SealiftException e)
        {
            var (range, error) = await FailingRange.NarrowAsync(disk, new DiskRange(offset, bytes.Length), e, cancel);
            throw DiskErrors.SourceFailed(disk.Name, range.Offset, range.LengthBytes, error);
        }
    }

    /// <summary>Fills a buffer from the target that is being proven; SL4214.</summary>
    public static async ValueTask ReadBackAsync(this IDiskReader disk, long offset, Memory<byte> bytes, CancellationToken cancel)
    {
        try
        {
            await disk.ReadAsync(offset, bytes, cancel);
        }
        catch (SealiftException e)
        {
            var (range, error) = await FailingRange.NarrowAsync(disk, new DiskRange(offset, bytes.Length), e, cancel);
            throw DiskErrors.ReadBackFailed(disk.Name, range.Offset, range.LengthBytes, error);
        }
    }
}
