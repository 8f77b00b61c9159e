using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>What tells that a path still leads to the same file with the same content; written down with an interrupted copy.</summary>
/// <param name="Path">The path.</param>
/// <param name="Kind">A regular file or a block device.</param>
/// <param name="LengthBytes">Its length in bytes; of a device, the device's own.</param>
/// <param name="Device">The file system that holds it.</param>
/// <param name="Inode">Its inode number.</param>
/// <param name="BornNanoseconds">When it was created, in nanoseconds since 1970; 0 where the file system keeps none.</param>
/// <param name="ModifiedNanoseconds">When its content was changed last, in nanoseconds since 1970.</param>
/// <param name="NodeDevice">The device that a device node stands for; otherwise 0.</param>
internal sealed record FileIdentity(string Path, FileKind Kind, long LengthBytes, ulong Device, ulong Inode, long BornNanoseconds, long ModifiedNanoseconds, ulong NodeDevice)
{
    /// <summary>Measures what a path leads to, through symbolic links.</summary>
    /// <exception cref="PosixException">It is not there, or may not be looked at.</exception>
    public static FileIdentity Of(string path)
    {
        var facts = FileFacts.OfPath(path);
        var length = facts.LengthBytes;
        if (facts.Kind == FileKind.BlockDevice)
        {
            using var device = PosixFile.Open(path, OpenMode.Read); // only the device itself knows its size
            length = device.Facts().LengthBytes;
        }

        return new FileIdentity(path, facts.Kind, length, facts.Device, facts.Inode, facts.BornNanoseconds, facts.ModifiedNanoseconds, facts.NodeDevice);
    }

    /// <summary>Whether two paths lead to the same file, or to the same block device.</summary>
    public bool IsSameFileAs(FileIdentity other) => Kind == FileKind.BlockDevice && other.Kind == FileKind.BlockDevice
        ? NodeDevice == other.NodeDevice
        // The number of a removed file's inode is soon given to a new file; the time of birth tells the two apart.
        : Kind == other.Kind && Device == other.Device && Inode == other.Inode && BornNanoseconds == other.BornNanoseconds;

    /// <summary>Whether two block devices have bytes in common: they are one, or one is a partition of the other (sysfs: <c>/sys/dev/block/MAJOR:MINOR/partition</c>).</summary>
    public bool Overlaps(FileIdentity other) => Overlaps(other, "/sys");

    /// <summary>The same, by what another tree says.</summary>
    internal bool Overlaps(FileIdentity other, string sysfs) =>
        IsSameFileAs(other) || (Kind == FileKind.BlockDevice && other.Kind == FileKind.BlockDevice && (IsPartitionOf(other, sysfs) || other.IsPartitionOf(this, sysfs)));

    private bool IsPartitionOf(FileIdentity disk, string sysfs) => DiskAndPartitions.DiskOf(NodeDevice, sysfs) == disk.NodeDevice;

    /// <summary>What happened since an earlier look, in words that follow the path; null where nothing did.</summary>
    public string? ChangeSince(FileIdentity before)
    {
        if (!IsSameFileAs(before)) return "was replaced by another file";
        if (LengthBytes != before.LengthBytes) return $"had {before.LengthBytes} bytes and has {LengthBytes} now";
        // The node of a block device tells nothing of writes to the device. Allocated space is no sign either: delayed allocation
        // settles it long after the write.
        return Kind == FileKind.Regular && ModifiedNanoseconds != before.ModifiedNanoseconds ? "was written to" : null;
    }
}
