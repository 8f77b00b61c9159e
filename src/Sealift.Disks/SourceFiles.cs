using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The files that a disk consists of, measured when it was opened, so that a change under our hands is seen.</summary>
internal sealed class SourceFiles
{
    private readonly List<(string Path, FileFacts Facts)> measured;

    private SourceFiles(List<(string Path, FileFacts Facts)> measured) => this.measured = measured;

    public static SourceFiles Measure(IEnumerable<string> paths) => new([.. paths.Distinct().Select(path => (path, FactsOf(path)))]);

    /// <summary>Throws SL4201 where a file is gone, is another file, has another size, or was written to.</summary>
    public void VerifyUnchanged(string disk)
    {
        foreach (var (path, before) in measured)
        {
            FileFacts now;
            try
            {
                now = FactsOf(path);
            }
            catch (PosixException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
            {
                throw DiskErrors.Changed(disk, $"{path} was removed or renamed while it was read");
            }

            if (now.Kind != before.Kind || now.Device != before.Device || now.Inode != before.Inode)
                throw DiskErrors.Changed(disk, $"{path} was replaced by another file while it was read");
            if (now.LengthBytes != before.LengthBytes)
                throw DiskErrors.Changed(disk, $"{path} had {before.LengthBytes} bytes when it was opened and has {now.LengthBytes} now");
            // The node of a block device tells nothing of writes to the device. Allocated space is no sign either: delayed allocation
            // settles it long after the write.
            if (now.Kind == FileKind.Regular && now.ModifiedNanoseconds != before.ModifiedNanoseconds)
                throw DiskErrors.Changed(disk, $"{path} was written to while it was read");
        }
    }

    private static FileFacts FactsOf(string path)
    {
        var facts = FileFacts.OfPath(path);
        if (facts.Kind != FileKind.BlockDevice) return facts;
        using var device = PosixFile.Open(path, OpenMode.Read); // only the device itself knows its size
        return device.Facts();
    }
}
