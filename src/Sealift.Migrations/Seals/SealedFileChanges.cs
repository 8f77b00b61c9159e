using System.Text.Json.Serialization;
using Sealift.Guests.Files;

namespace Sealift.Migrations.Seals;

/// <summary>
/// What the conversion did to the guest's files, as its own file systems tell. It explains the changed ranges of the disks, and
/// proves nothing that those do not.
/// </summary>
public sealed record SealedFileChanges
{
    /// <summary>The role of the whole list among the files that are handed over.</summary>
    public const string ListRole = "list of changed files";

    /// <summary>The most files that a seal names; the list has the others.</summary>
    public const int FirstLimit = FileChanges.FirstLimit;

    /// <summary>The longest path.</summary>
    public const int PathLimitCharacters = 1024;

    /// <summary>How many files of each file system changed, are gone or are new.</summary>
    public required IReadOnlyList<SealedFilesystemChanges> Filesystems { get; init; }

    /// <summary>The first of them: what changed before what is gone before what is new.</summary>
    public required IReadOnlyList<SealedFileChange> First { get; init; }

    /// <summary>How many files the whole list names; fewer than changed where there are more than it may have.</summary>
    public required long Listed { get; init; }

    /// <summary>The file name of the whole list beside the seal; empty where nothing was handed over.</summary>
    [JsonRequired]
    public string List { get; init; } = string.Empty;

    /// <summary>What a seal says of changed files.</summary>
    /// <param name="changes">What was found.</param>
    /// <param name="list">The file name of the whole list; empty where it was not handed over.</param>
    public static SealedFileChanges Of(FileChanges changes, string list) => new()
    {
        Filesystems = [.. changes.Filesystems.Select(f => new SealedFilesystemChanges(f.Filesystem, f.Device, f.Mountpoint, f.Files, f.Changed, f.Removed, f.Added, f.NotTold))],
        First = [.. changes.First.Select(c => new SealedFileChange(c.Filesystem, c.Kind, c.Type, c.Path, c.BytesBefore, c.BytesAfter, c.Differences))],
        Listed = changes.Listed,
        List = list,
    };
}

/// <summary>How many files of a file system are not as they were.</summary>
/// <param name="Filesystem">Its identity, as among the file systems.</param>
/// <param name="Device">Where it was seen, for people.</param>
/// <param name="Mountpoint">Where the guest mounts it; empty where it does not.</param>
/// <param name="Files">How many names it has after the conversion; 0 where that is not known.</param>
/// <param name="Changed">How many files changed.</param>
/// <param name="Removed">How many are gone.</param>
/// <param name="Added">How many are new.</param>
/// <param name="NotTold">Why that cannot be told, one clause; empty where it can.</param>
public sealed record SealedFilesystemChanges(string Filesystem, string Device, string Mountpoint, long Files, long Changed, long Removed, long Added, string NotTold);

/// <summary>A file that is not as it was.</summary>
/// <param name="Filesystem">Identity of its file system.</param>
/// <param name="Change">What became of it.</param>
/// <param name="Type"><c>file</c>, <c>directory</c>, <c>symlink</c> …</param>
/// <param name="Path">From the root of its file system; what cannot be shown as <c>\xHH</c>.</param>
/// <param name="BytesBefore">How long it was; null where it was not there.</param>
/// <param name="BytesAfter">How long it is; null where it is gone.</param>
/// <param name="Differences">In what it differs, where it changed: <c>type</c>, <c>inode</c>, <c>size</c>, <c>modified</c>, <c>mode</c>, <c>owner</c>, <c>target</c>, <c>status</c>.</param>
public sealed record SealedFileChange(
    string Filesystem, [property: JsonConverter(typeof(LowerCaseName<FileChangeKind>))] FileChangeKind Change, string Type, string Path, long? BytesBefore, long? BytesAfter, IReadOnlyList<string> Differences);
