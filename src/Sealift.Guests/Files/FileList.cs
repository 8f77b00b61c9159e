namespace Sealift.Guests.Files;

/// <summary>All names in one file system with what their inodes say, kept in a file of its own; or why there is no such list.</summary>
/// <param name="Filesystem">As in <see cref="GuestFilesystem.Identity"/>.</param>
/// <param name="Device">As in <see cref="GuestFilesystem.Device"/>.</param>
/// <param name="Mountpoint">Where the guest mounts it; empty where it does not.</param>
/// <param name="Type"><c>ext4</c>, <c>xfs</c> …</param>
/// <param name="FileName">The file that holds the list, in the directory that was asked for; empty where there is none.</param>
/// <param name="Count">How many names it has.</param>
/// <param name="Sha256">SHA-256 of that file, in hex; empty where there is none.</param>
/// <param name="NotTold">Why there is no list, one clause; empty where there is one.</param>
public sealed record FileList(string Filesystem, string Device, string Mountpoint, string Type, string FileName, int Count, string Sha256, string NotTold)
{
    /// <summary>
    /// The most names of one file system that are listed: a full server has some hundred thousand. Comparing a million takes about
    /// 100 MB of memory and, under KVM, some ten seconds.
    /// </summary>
    public const int CountLimit = 1_000_000;
}
