using System.Globalization;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Creates qcow2 files by qemu-img, which by itself would overwrite whatever has the name.</summary>
internal static class Qcow2File
{
    private const int SectorBytes = 512;

    public static async Task CreateAsync(string path, long lengthBytes, IReadOnlyList<string> backing, CancellationToken cancel)
    {
        // qemu-img rounds up silently: the disk would be longer than its source.
        if (lengthBytes < 0 || lengthBytes % SectorBytes != 0) throw DiskErrors.BadLength(path, lengthBytes, $"a qcow2 disk has whole sectors of {SectorBytes} bytes");
        var full = Path.GetFullPath(path);
        PosixFile.Open(full, OpenMode.ReadWrite | OpenMode.CreateNew).Close(); // ours from here on, or EEXIST
        try
        {
            // Lazy refcounts would leave an image that needs repair after a crash.
            IReadOnlyList<string> arguments =
            [
                "create", "-q", "-f", "qcow2", "-o", $"compat=1.1,lazy_refcounts=off,cluster_size={Overlay.ClusterBytes}",
                .. backing, "--", full, lengthBytes.ToString(CultureInfo.InvariantCulture),
            ];
            // Anything but exit code 0 is thrown, and -q leaves it nothing else to say.
            _ = await ChildProcess.RunAsync(new ChildCommand("qemu-img", arguments) { Deadline = TimeSpan.FromMinutes(1) }, cancel);
            using var file = PosixFile.Open(full, OpenMode.Read);
            file.Sync();
        }
        catch (Exception e)
        {
            _ = PosixPath.RemoveFile(full); // false: somebody removed it already, which is what is wanted
            if (e is ChildException child) throw DiskErrors.ToolFailed($"create a qcow2 disk of {lengthBytes} bytes", path, child.Said, child);
            throw;
        }

        PosixPath.SyncDirectory(Path.GetDirectoryName(full) ?? "/");
    }
}
