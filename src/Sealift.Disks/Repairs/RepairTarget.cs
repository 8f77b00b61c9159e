using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A disk that is repaired in place: a raw or qcow2 file, a block device, or an NBD export.</summary>
public sealed class RepairTarget
{
    private readonly string? path;
    private readonly NbdUri? uri;
    private readonly NbdOptions connection;
    private readonly string workDirectory;
    private readonly bool isDevice;
    private readonly long fileBytes; // of the disk in a file; a device or an export may be longer than the disk on it

    private RepairTarget(string name, string? path, NbdUri? uri, ImageFormat format, bool isDevice, long fileBytes, NbdOptions connection, string workDirectory)
    {
        Name = name;
        Format = format;
        this.path = path;
        this.uri = uri;
        this.isDevice = isDevice;
        this.fileBytes = fileBytes;
        this.connection = connection;
        this.workDirectory = workDirectory;
    }

    /// <summary>What it is called: a full path, or a URI without secrets.</summary>
    public string Name { get; }

    /// <summary>Raw or qcow2.</summary>
    public ImageFormat Format { get; }

    /// <summary>Which file or device it is; null for an NBD export.</summary>
    internal FileIdentity? Identity => path is null ? null : FileIdentity.Of(path);

    /// <summary>Finds out what a target is. Nothing is changed.</summary>
    /// <param name="name">A path or an NBD URI.</param>
    /// <param name="format">Raw or qcow2; null to take it from the content. A device and an export are raw.</param>
    /// <param name="connection">Deadlines and credentials for an NBD export.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">It is of a format that is not written, or no disk (SL4264); a qcow2 file is not sound or not complete by itself (SL4002 to SL4014); a machine uses it (SL4261).</exception>
    public static async Task<RepairTarget> ExamineAsync(string name, ImageFormat? format, NbdOptions connection, string workDirectory, CancellationToken cancel)
    {
        if (name.Contains("://", StringComparison.Ordinal))
        {
            var uri = NbdUri.Parse(name);
            DemandRaw(uri.ToString(), format, "an NBD export");
            return new RepairTarget(uri.ToString(), null, uri, ImageFormat.Raw, false, 0, connection, workDirectory);
        }

        var path = Path.GetFullPath(name);
        var facts = FileFacts.OfPath(path);
        if (facts.Kind == FileKind.BlockDevice)
        {
            DemandRaw(path, format, "a block device");
            return new RepairTarget(path, path, null, ImageFormat.Raw, true, 0, connection, workDirectory);
        }

        if (facts.Kind != FileKind.Regular) throw RepairErrors.TargetRefused(path, $"it is a {facts.Kind}", "Name a file, a block device or an NBD URI");
        DemandUnused(path);
        var location = new ImageLocation(path);
        var found = format ?? ImageProbe.Detect(location) ?? ImageFormat.Raw;
        switch (found)
        {
            case ImageFormat.Raw:
                return new RepairTarget(path, path, null, ImageFormat.Raw, false, facts.LengthBytes, connection, workDirectory);
            case ImageFormat.Qcow2:
                // Sound, and complete by itself: what lies in a backing file could not be repaired here.
                var image = await ImageProbe.ExamineAsync(location, new ImageProbeOptions { Format = ImageFormat.Qcow2 }, cancel);
                return new RepairTarget(path, path, null, ImageFormat.Qcow2, false, image.VirtualLengthBytes, connection, workDirectory);
            default:
                throw RepairErrors.TargetRefused(path, $"its content is {QemuNode.Driver(found)}, and only raw and qcow2 are written", "If these bytes are themselves the disk, pass --format raw; otherwise copy the disk anew");
        }
    }

    /// <summary>Throws SL4262 where it cannot be a copy of a disk of so many bytes.</summary>
    internal void DemandLength(string map, long lengthBytes)
    {
        if (path is not null && !isDevice && fileBytes != lengthBytes) throw RepairErrors.OtherLength(Name, fileBytes, map, lengthBytes);
    }

    /// <summary>
    /// Keeps other repairs away as long as it is held, by a lock on the file or the device; null where somebody else does: qemu locks a
    /// qcow2 file that it writes, and an NBD server looks after its exports itself.
    /// </summary>
    internal HeldLock? Hold()
    {
        if (path is null || Format != ImageFormat.Raw) return null;
        // NFS locks only what may be written; a device that is closed after it was open for writing looks to the system as if it had changed.
        var file = PosixFile.Open(path, isDevice ? OpenMode.Read : OpenMode.ReadWrite);
        try
        {
            if (!file.TryLock()) throw RepairErrors.InUse(Name);
            return new HeldLock(file);
        }
        catch
        {
            file.Close();
            throw;
        }
    }

    /// <summary>Opens it for writing, for a disk of a length.</summary>
    internal async Task<IDiskWriter> OpenWriteAsync(long lengthBytes, CancellationToken cancel) => await OfLengthAsync(
        uri is not null ? await NbdDisk.ConnectAsync(uri, connection, string.Empty, forWriting: true, cancel) : await DiskImage.OpenWriteAsync(path!, Format, workDirectory, cancel),
        lengthBytes);

    /// <summary>Opens it for the read-back, past the page cache as far as that is in our hands.</summary>
    internal async Task<IUncachedReader> OpenUncachedAsync(long lengthBytes, CancellationToken cancel) => await OfLengthAsync(
        uri is not null
            ? await NbdDisk.ConnectAsync(uri, connection, "over new connections; what the server itself keeps in memory is beyond our reach", forWriting: false, cancel)
            : await DiskImage.OpenUncachedAsync(path!, Format, workDirectory, cancel),
        lengthBytes);

    /// <summary>A file is the disk and nothing else, also where it grew since it was examined; a device and an export may go on behind it.</summary>
    private async Task<T> OfLengthAsync<T>(T disk, long lengthBytes) where T : class, IDiskReader
    {
        if (path is null || isDevice || disk.LengthBytes == lengthBytes) return await LeadingPart.OfAsync(disk, lengthBytes);
        await disk.DisposeAsync();
        throw DiskErrors.Changed(Name, $"the disk was {fileBytes} bytes long when it was examined, and is {disk.LengthBytes} now");
    }

    /// <summary>A machine of QEMU holds record locks on its disks, whatever their format.</summary>
    private static void DemandUnused(string path)
    {
        using var file = PosixFile.Open(path, OpenMode.Read);
        if (file.HasForeignRecordLock()) throw RepairErrors.InUse(path);
    }

    private static void DemandRaw(string name, ImageFormat? format, string what)
    {
        if (format is not (null or ImageFormat.Raw)) throw RepairErrors.TargetRefused(name, $"{what} holds the bytes of the disk themselves", "Leave out --format");
    }
}
