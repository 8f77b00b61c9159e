using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Opens and creates disks.</summary>
public static class DiskImage
{
    /// <summary>Opens a source: never written to. Raw images are read by ourselves, the others through a read-only qemu-nbd.</summary>
    /// <param name="image">What <see cref="ImageProbe"/> found.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">It cannot be opened (SL1001), was changed since it was examined (SL4201), or qemu-nbd refuses it (SL4221).</exception>
    public static async Task<IDiskReader> OpenReadAsync(ImageReference image, string workDirectory, CancellationToken cancel)
    {
        if (image.Format == ImageFormat.Raw) return await OfExaminedLengthAsync(RawDisk.OpenRead(image));
        // Measured before it is opened: a change between the two is seen as one later.
        var files = SourceFiles.Measure([image.Location.Path, .. image.Files]);
        // Where an image leaves the holes to its file system (flat VMDK, fixed VHD), qemu passes on what that says.
        var doubt = await Task.Run(() => files.MapDoubt(image.LeavesHolesToFileSystem, cancel), cancel);
        var server = await QemuNbdServer.StartReadOnlyAsync(image, workDirectory, cancel);
        return await OfExaminedLengthAsync(await NbdDisk.OwnAsync(server, image.Location.ToString(), files, string.Empty, forWriting: false, cancel, doubt));

        // Whoever examined the image planned with its length then; an image of ours that nobody examined says 0.
        async Task<IDiskReader> OfExaminedLengthAsync(IDiskReader disk)
        {
            if (image.VirtualLengthBytes is 0 || image.VirtualLengthBytes == disk.LengthBytes) return disk;
            await disk.DisposeAsync();
            throw DiskErrors.Changed(disk.Name, $"the disk was {image.VirtualLengthBytes} bytes long when it was examined, and is {disk.LengthBytes} now");
        }
    }

    /// <summary>Opens an NBD export as a source.</summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="options">Deadlines and credentials. <c>base:allocation</c> must be among the contexts for holes to be proven.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="NbdException">It cannot be reached.</exception>
    public static async Task<IDiskReader> OpenNbdAsync(NbdUri uri, NbdOptions options, CancellationToken cancel) =>
        await NbdDisk.ConnectAsync(uri, options, string.Empty, forWriting: false, cancel);

    /// <summary>Opens an NBD export as a target.</summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="options">Deadlines and credentials.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="NbdException">It cannot be reached.</exception>
    /// <exception cref="SealiftException">It is read-only, or cannot flush (SL4224).</exception>
    public static async Task<IDiskWriter> OpenNbdWriteAsync(NbdUri uri, NbdOptions options, CancellationToken cancel) =>
        await NbdDisk.ConnectAsync(uri, options, string.Empty, forWriting: true, cancel);

    /// <summary>Creates a disk that reads as zeros, durably. Nothing is ever overwritten.</summary>
    /// <param name="path">Must not exist.</param>
    /// <param name="format">Raw or qcow2.</param>
    /// <param name="lengthBytes">From 0; for qcow2 a multiple of 512.</param>
    /// <param name="cancel">Cancels it; what was begun is removed.</param>
    /// <exception cref="PosixException">The name is taken (<see cref="Errno.EEXIST"/>), or there is no space.</exception>
    /// <exception cref="SealiftException">The length or the format is impossible (SL4204); qemu-img failed (SL4223).</exception>
    public static async Task CreateAsync(string path, ImageFormat format, long lengthBytes, CancellationToken cancel)
    {
        if (format == ImageFormat.Qcow2)
        {
            await Qcow2File.CreateAsync(path, lengthBytes, [], cancel);
            return;
        }

        if (format != ImageFormat.Raw) throw DiskErrors.BadLength(path, lengthBytes, $"a target is raw or qcow2, not {QemuNode.Driver(format)}");
        if (lengthBytes < 0) throw DiskErrors.BadLength(path, lengthBytes, "a length is not negative");
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew))
        {
            try
            {
                file.SetLength(lengthBytes);
                file.Sync();
            }
            catch
            {
                _ = PosixPath.RemoveFile(path); // false: somebody removed it already, which is what is wanted
                throw;
            }
        }

        PosixPath.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/");
    }

    /// <summary>Opens a disk of ours, or a block device, for writing.</summary>
    /// <param name="path">It must exist.</param>
    /// <param name="format">Raw or qcow2.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">It cannot be opened (SL1001, SL4205), or qemu-nbd refuses it (SL4221).</exception>
    public static async Task<IDiskWriter> OpenWriteAsync(string path, ImageFormat format, string workDirectory, CancellationToken cancel)
    {
        if (format == ImageFormat.Raw) return RawDisk.OpenWrite(path);
        var server = await QemuNbdServer.StartWritableAsync(path, format, workDirectory, QemuCache.Writeback, cancel);
        return await NbdDisk.OwnAsync(server, path, null, string.Empty, forWriting: true, cancel);
    }

    /// <summary>Opens a disk of ours for the read-back, past the page cache. No writer may have it open.</summary>
    /// <param name="path">It must exist.</param>
    /// <param name="format">Raw or qcow2.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">It cannot be synced or opened (SL1001, SL4205), or qemu-nbd refuses it (SL4221).</exception>
    public static async Task<IUncachedReader> OpenUncachedAsync(string path, ImageFormat format, string workDirectory, CancellationToken cancel)
    {
        if (format == ImageFormat.Raw) return UncachedRawDisk.Open(path);
        var bypass = CacheBypass.Prepare(path);
        var server = await QemuNbdServer.StartReadOnlyAsync(Plain(path, format, 0), workDirectory, bypass.IsDirect ? QemuCache.None : QemuCache.Writeback, cancel);
        var how = bypass.IsDirect ? $"{bypass.Description}, by a new qemu-nbd --cache=none" : bypass.Description;
        return await NbdDisk.OwnAsync(server, path, SourceFiles.Measure([path]), how, forWriting: false, cancel);
    }

    /// <summary>The same while somebody of ours writes it; null where that cannot be: what a qcow2 image holds is known only to the one process that writes it.</summary>
    /// <param name="path">It must exist.</param>
    /// <param name="format">Raw or qcow2.</param>
    /// <exception cref="SealiftException">It cannot be opened (SL1001, SL4205).</exception>
    public static IUncachedReader? OpenUncachedWhileWritten(string path, ImageFormat format) =>
        format == ImageFormat.Raw ? UncachedRawDisk.Open(path, whileWritten: true) : null;

    /// <summary>The beginning of a device that is longer than the disk on it; a disk of just that length itself.</summary>
    /// <param name="disk">As it was opened; closed where it is too short.</param>
    /// <param name="lengthBytes">The length of the disk in bytes.</param>
    /// <exception cref="SealiftException">SL4206: it is too short.</exception>
    public static Task<T> OfLengthAsync<T>(T disk, long lengthBytes) where T : class, IDiskReader => LeadingPart.OfAsync(disk, lengthBytes);

    /// <summary>A file or device of ours, which needs no examination.</summary>
    internal static ImageReference Plain(string path, ImageFormat format, long lengthBytes) =>
        new(new ImageLocation(path), format, string.Empty, lengthBytes, lengthBytes, null, [path]) { IsBlockDevice = FileFacts.OfPath(path).Kind == FileKind.BlockDevice };
}
