namespace Sealift.Disks;

/// <summary>A disk that is read from storage, past the page cache of this host.</summary>
public interface IUncachedReader : IDiskReader
{
    /// <summary>How the page cache is bypassed, in words for the seal: <c>O_DIRECT</c>, or what was done where the file system refuses it.</summary>
    string CacheBypass { get; }

    /// <summary>Whether it has an allocation map that <see cref="HoleDoubtAsync"/> can check.</summary>
    bool CanProveHoles => false;

    /// <summary>
    /// Why what its allocation map calls a hole is read all the same in a proof; null where the map was checked now and is believed.
    /// Nobody may write to it meanwhile. What is not known to be right is read: that is the default.
    /// </summary>
    ValueTask<string?> HoleDoubtAsync(CancellationToken cancel) => ValueTask.FromResult<string?>("nothing vouches for its allocation map");

    /// <summary>Drops a range from the page cache, after it was flushed by whoever still writes to other ranges.</summary>
    ValueTask DropCacheAsync(long offset, long lengthBytes, CancellationToken cancel) => ValueTask.CompletedTask;
}
