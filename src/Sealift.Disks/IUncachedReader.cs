namespace Sealift.Disks;

/// <summary>A disk that is read from storage, past the page cache of this host.</summary>
public interface IUncachedReader : IDiskReader
{
    /// <summary>How the page cache is bypassed, in words for the seal: <c>O_DIRECT</c>, or what was done where the file system refuses it.</summary>
    string CacheBypass { get; }
}
