using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>The files that a disk consists of, measured when it was opened, so that a change under our hands is seen.</summary>
internal sealed class SourceFiles
{
    private readonly List<FileIdentity> measured;

    private SourceFiles(List<FileIdentity> measured) => this.measured = measured;

    public IReadOnlyList<FileIdentity> Identities => measured;

    /// <summary>Whether each is a regular file: the node of a block device tells nothing of writes to the device.</summary>
    public bool AreAllRegular => measured.TrueForAll(file => file.Kind == FileKind.Regular);

    public static SourceFiles Measure(IEnumerable<string> paths) => new([.. paths.Distinct().Select(FileIdentity.Of)]);

    /// <summary>Throws SL4201 where a file is gone, is another file, has another size, or was written to.</summary>
    public void VerifyUnchanged(string disk)
    {
        foreach (var before in measured)
        {
            FileIdentity now;
            try
            {
                now = FileIdentity.Of(before.Path);
            }
            catch (PosixException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
            {
                throw DiskErrors.Changed(disk, $"{before.Path} was removed or renamed while it was read");
            }

            if (now.ChangeSince(before) is { } change) throw DiskErrors.Changed(disk, $"{before.Path} {change}, since it was looked at first");
        }
    }

    /// <summary>Why what the file system says of the holes in one of the files is not believed; null where it is. <see cref="AllocationMap.Examine"/>.</summary>
    public string? MapDoubt(bool weighSpace, CancellationToken cancel)
    {
        foreach (var path in measured.Where(file => file.Kind == FileKind.Regular).Select(file => file.Path))
        {
            using var file = PosixFile.Open(path, OpenMode.Read);
            if (AllocationMap.Examine(file, path, weighSpace, cancel).Doubt is { } doubt) return doubt;
        }

        return null;
    }
}
