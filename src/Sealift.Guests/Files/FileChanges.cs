namespace Sealift.Guests.Files;

/// <summary>What became of a file between two looks at its file system.</summary>
public enum FileChangeKind
{
    /// <summary>It is there in both, and is not the same.</summary>
    Changed,

    /// <summary>It was there before.</summary>
    Removed,

    /// <summary>It is there since.</summary>
    Added,
}

/// <summary>A file that is not as it was.</summary>
/// <param name="Filesystem">As in <see cref="GuestFilesystem.Identity"/>.</param>
/// <param name="Kind">What became of it.</param>
/// <param name="Type"><c>file</c>, <c>directory</c>, <c>symlink</c>, <c>device</c>, <c>fifo</c>, <c>socket</c>; where it changed, what it is now.</param>
/// <param name="Path">From the root of its file system, of Btrfs from that of the top level; bytes that cannot be shown as <c>\xHH</c>, a backslash as <c>\\</c>.</param>
/// <param name="BytesBefore">How long it was; null where it was not there.</param>
/// <param name="BytesAfter">How long it is; null where it is gone.</param>
/// <param name="Differences">Of a file that changed: <c>type</c>, <c>inode</c> (another file took its name), <c>size</c>, <c>modified</c>, <c>mode</c>, <c>owner</c>, <c>target</c>, or <c>status</c> where nothing but the time shows at which the kernel last changed anything about it.</param>
public sealed record FileChange(string Filesystem, FileChangeKind Kind, string Type, string Path, long? BytesBefore, long? BytesAfter, IReadOnlyList<string> Differences);

/// <summary>How many files of one file system are not as they were.</summary>
/// <param name="Filesystem">As in <see cref="GuestFilesystem.Identity"/>.</param>
/// <param name="Device">As in <see cref="GuestFilesystem.Device"/>.</param>
/// <param name="Mountpoint">Where the guest mounts it; empty where it does not.</param>
/// <param name="Files">How many names it has now; 0 where that is not known.</param>
/// <param name="Changed">How many files changed.</param>
/// <param name="Removed">How many are gone.</param>
/// <param name="Added">How many are new.</param>
/// <param name="NotTold">Why that cannot be told, one clause; empty where it can.</param>
public sealed record FilesystemChanges(string Filesystem, string Device, string Mountpoint, long Files, long Changed, long Removed, long Added, string NotTold);

/// <summary>What became of the files of a machine between two looks at it.</summary>
/// <param name="Filesystems">File system by file system.</param>
/// <param name="First">The first of them: what changed before what is gone before what is new.</param>
/// <param name="Listed">How many the whole list has; fewer than changed where there are more than it may have.</param>
public sealed record FileChanges(IReadOnlyList<FilesystemChanges> Filesystems, IReadOnlyList<FileChange> First, long Listed)
{
    /// <summary>The most files that <see cref="First"/> has.</summary>
    public const int FirstLimit = 200;

    /// <summary>The most files that the whole list has: some 20 MB of it.</summary>
    public const int ListLimit = 100_000;
}
