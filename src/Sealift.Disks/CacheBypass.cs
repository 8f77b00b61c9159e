using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>How a file is read from storage rather than from memory.</summary>
/// <param name="IsDirect">Whether it can be opened with O_DIRECT.</param>
/// <param name="Description">In words, for the seal.</param>
internal sealed record CacheBypass(bool IsDirect, string Description)
{
    /// <summary>
    /// Syncs the file, drops it from the page cache, and finds out whether O_DIRECT works. The drop comes first in any case: some
    /// file systems take O_DIRECT and still answer from the page cache (Btrfs for compressed extents).
    /// </summary>
    public static CacheBypass Prepare(string path)
    {
        using (var file = PosixFile.Open(path, OpenMode.Read))
        {
            file.Sync();
            file.DropCache();
        }

        try
        {
            using var direct = PosixFile.Open(path, OpenMode.Read | OpenMode.Direct);
            return new CacheBypass(true, "O_DIRECT, after the page cache was dropped");
        }
        catch (PosixException e) when (e.Errno is Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            return new CacheBypass(false, $"page cache dropped (fsync, then posix_fadvise DONTNEED); the file system refuses O_DIRECT ({e.Errno})");
        }
    }
}
