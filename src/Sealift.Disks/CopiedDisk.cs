using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A disk as a migration has brought it somewhere, and how it is opened there: a file of ours, a block device by its path, or an NBD export.</summary>
public sealed class CopiedDisk
{
    private readonly string path;
    private readonly ImageFormat format;
    private readonly string? cacheBypass;
    private readonly bool isFile;

    private CopiedDisk(string path, ImageFormat format, NbdUri? export, bool isFile, string? cacheBypass = null) => (this.path, this.format, Export, this.isFile, this.cacheBypass) = (path, format, export, isFile, cacheBypass);

    /// <summary>What errors call it: a path or a URI without secrets.</summary>
    public string Name => Export?.ToString() ?? path;

    /// <summary>Where the export is; null where it is a file or a device.</summary>
    public NbdUri? Export { get; }

    /// <summary>The same, as QEMU's tools are told of it.</summary>
    internal ImageReference Reference => Export is null
        ? DiskImage.Plain(path, format, 0)
        : new ImageReference(new ImageLocation(Name), ImageFormat.Raw, string.Empty, 0, 0, null, []) { Export = Export };

    /// <summary>What qcow2's header calls it where it lies below an overlay, and the name of its format.</summary>
    internal (string Name, string Driver) Below => Export is null ? (Path.GetFullPath(path), QemuNode.Driver(format)) : (Name, QemuNode.Driver(ImageFormat.Raw));

    /// <summary>A file, raw or qcow2, or a block device, which is raw.</summary>
    public static CopiedDisk InFile(string path, ImageFormat format) => new(path, format, null, isFile: true);

    /// <summary>An export, which is raw. It may be longer than the disk.</summary>
    public static CopiedDisk OnExport(NbdUri export) => new(string.Empty, ImageFormat.Raw, export, isFile: false);

    /// <summary>A file of another host, which a server of ours there shows as an export.</summary>
    /// <param name="export">Where it is.</param>
    /// <param name="cacheBypass">How its server keeps clear of the page cache of its host.</param>
    public static CopiedDisk InFarFile(NbdUri export, string cacheBypass) => new(string.Empty, ImageFormat.Raw, export, isFile: true, cacheBypass);

    /// <summary>Opens it for writing.</summary>
    /// <param name="lengthBytes">The length of the disk in bytes; what lies behind it on a device or an export is out of reach.</param>
    /// <param name="workDirectory">Where sockets may be made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">It is shorter (SL4206), a file that is longer (SL4201), in use (SL1001, SL4208), read-only or cannot flush (SL4224), or cannot be opened (SL1001, SL4205, SL4221, SL30xx).</exception>
    public async Task<IDiskWriter> OpenWriteAsync(long lengthBytes, string workDirectory, CancellationToken cancel) => await OfLengthAsync(
        Export is null ? await DiskImage.OpenWriteAsync(path, format, workDirectory, cancel) : await NbdDisk.ConnectAsync(Export, new NbdOptions(), string.Empty, forWriting: true, cancel),
        lengthBytes);

    /// <summary>Opens it for the read-back, past the page cache as far as that is in our hands. No writer may have it open.</summary>
    /// <param name="lengthBytes">As above.</param>
    /// <param name="workDirectory">As above.</param>
    /// <param name="cancel">As above.</param>
    /// <exception cref="SealiftException">It is shorter (SL4206), a file that is longer (SL4201), or cannot be opened.</exception>
    public async Task<IUncachedReader> OpenUncachedAsync(long lengthBytes, string workDirectory, CancellationToken cancel) => await OfLengthAsync(
        Export is null ? await DiskImage.OpenUncachedAsync(path, format, workDirectory, cancel) : await NbdDisk.ConnectUncachedAsync(Export, new NbdOptions(), cacheBypass, cancel),
        lengthBytes);

    /// <summary>The same while somebody of ours writes it; null where that cannot be: what a qcow2 image holds is known only to the one process that writes it.</summary>
    /// <param name="lengthBytes">As above.</param>
    /// <param name="cancel">As above.</param>
    public async Task<IUncachedReader?> OpenUncachedWhileWrittenAsync(long lengthBytes, CancellationToken cancel) =>
        (Export is null ? DiskImage.OpenUncachedWhileWritten(path, format) : await NbdDisk.ConnectUncachedAsync(Export, new NbdOptions(), cacheBypass, cancel)) is { } whole ? await OfLengthAsync(whole, lengthBytes) : null;

    /// <summary>Serves it read-only on a socket of this host, to programs that know nothing of exports.</summary>
    /// <param name="workDirectory">Where the socket is made.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">SL4221.</exception>
    public Task<QemuNbdServer> ServeReadOnlyAsync(string workDirectory, CancellationToken cancel) => QemuNbdServer.StartReadOnlyAsync(Reference, workDirectory, cancel);

    /// <summary>A file is the disk and nothing else: one that grew is not what was brought there. A device and an export may go on behind the disk.</summary>
    private async Task<T> OfLengthAsync<T>(T whole, long lengthBytes) where T : class, IDiskReader
    {
        if (!isFile || whole.LengthBytes <= lengthBytes || (Export is null && FileFacts.OfPath(path).Kind == FileKind.BlockDevice)) return await LeadingPart.OfAsync(whole, lengthBytes);
        await whole.DisposeAsync();
        throw DiskErrors.Changed(Name, $"it is {whole.LengthBytes} bytes long, and the disk that was brought there {lengthBytes}");
    }
}
