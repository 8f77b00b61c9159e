using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Creates qcow2 files by qemu-img, which by itself would overwrite whatever has the name.</summary>
internal static class Qcow2File
{
    private const int SectorBytes = 512;
    // qemu's docs/interop/qcow2.txt.
    private const uint Magic = 0x514649FB, BackingFormatExtension = 0xE2792ACA;
    private const ulong ExternalData = 4;
    private const int BackingAt = 8, FeaturesAt = 72, HeaderLengthAt = 100;

    /// <summary>Throws unless the header of an overlay names what it was made over, in the format that it was given, and no file beside that.</summary>
    /// <exception cref="SealiftException">SL7144.</exception>
    public static void DemandBacking(string path, string name, string driver)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        // All of the header is in the first cluster.
        var head = new byte[Math.Min(Overlay.ClusterBytes, file.Facts().LengthBytes)];
        file.ReadExactlyAt(head, 0);
        if (NamedBy(head) is not { } found || found != (name, driver)) throw DiskErrors.OverlayRewritten(path, name, driver);
    }

    /// <summary>What a header of version 3 names, and the format of that; null where it is none, or names more.</summary>
    internal static (string Name, string Driver)? NamedBy(ReadOnlySpan<byte> head)
    {
        if (head.Length < HeaderLengthAt + 4 || BinaryPrimitives.ReadUInt32BigEndian(head) != Magic || BinaryPrimitives.ReadUInt32BigEndian(head[4..]) != 3) return null;
        if ((BinaryPrimitives.ReadUInt64BigEndian(head[FeaturesAt..]) & ExternalData) != 0) return null;
        var (offset, length) = (BinaryPrimitives.ReadUInt64BigEndian(head[BackingAt..]), BinaryPrimitives.ReadUInt32BigEndian(head[(BackingAt + 8)..]));
        if (offset == 0 || offset > (ulong)head.Length || length > (ulong)head.Length - offset) return null;
        var name = Encoding.UTF8.GetString(head.Slice((int)offset, (int)length));
        for (long at = BinaryPrimitives.ReadUInt32BigEndian(head[HeaderLengthAt..]); at + 8 <= (long)offset;)
        {
            var (type, bytes) = (BinaryPrimitives.ReadUInt32BigEndian(head[(int)at..]), BinaryPrimitives.ReadUInt32BigEndian(head[((int)at + 4)..]));
            if (type == 0 || bytes > (long)offset - at - 8) return null;
            if (type == BackingFormatExtension) return (name, Encoding.UTF8.GetString(head.Slice((int)at + 8, (int)bytes)));
            at += 8 + ((bytes + 7L) / 8 * 8);
        }

        return null;
    }

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
