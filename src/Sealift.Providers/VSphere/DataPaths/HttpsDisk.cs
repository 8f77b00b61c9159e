using System.Runtime.CompilerServices;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>
/// A disk of a machine that is off, read from its flat file on a datastore over HTTPS. It takes no library; it is slow, and says nothing
/// of holes.
/// </summary>
internal sealed class HttpsDisk : IDiskReader
{
    // Those of VMFS have some five hundred bytes.
    private const int DescriptorLimitBytes = 64 << 10;
    // What is lost is asked for again, so a piece is no longer than what a slow line brings within a deadline.
    private const int PieceBytes = 4 << 20;

    private readonly DatastoreFile file;
    private readonly VSphereClient client;
    private readonly VSphereDiskPoint point;

    private HttpsDisk(string name, DatastoreFile file, VSphereClient client, VSphereDiskPoint point) => (Name, this.file, this.client, this.point) = (name, file, client, point);

    public string Name { get; }

    public long LengthBytes => file.LengthBytes;

    public string MapDoubt => "a file that is read over HTTPS shows no holes";

    /// <summary>Why it cannot be read so, as far as can be known before it is tried; null where nothing is known against it.</summary>
    public static async Task<string?> WhyNotAsync(VSphereClient client, VSphereDiskPoint point, CancellationToken cancel)
    {
        var disk = point.Disk;
        if (!point.IsOff) return "the machine is not off";
        if (point.Snapshot is not null || disk.ParentFiles.Count > 0) return "there are snapshots, which spread the disk over several files";
        if (disk.Backing != DiskBacking.Flat) return $"it is no flat file ({(disk.BackingKind.Length > 0 ? disk.BackingKind : "the server does not say what it is")})";
        if (disk.IsEncrypted) return "its file is encrypted";
        if (disk.Datastore is not { } datastore || DatastorePath.Parse(disk.File) is not { } path || !path.Name.EndsWith(".vmdk", StringComparison.Ordinal)) return $"the server names no file of it ('{disk.File}')";
        return await client.DatastoreKindAsync(datastore, cancel) is { } kind && (kind.Equals("vsan", StringComparison.OrdinalIgnoreCase) || kind.Equals("VVOL", StringComparison.OrdinalIgnoreCase) || kind.Equals("vsanD", StringComparison.OrdinalIgnoreCase))
            ? $"its datastore ({kind}) keeps disks as objects and not as files" : null;
    }

    /// <summary>Opens it.</summary>
    /// <exception cref="SealiftException">SL6525, SL6531, and those of <see cref="DatastoreFile"/>.</exception>
    public static async Task<HttpsDisk> OpenAsync(VSphereClient client, VSphereAccess access, VSphereDiskPoint point, string workDirectory, CancellationToken cancel)
    {
        var name = point.NameAt(access);
        if (await WhyNotAsync(client, point, cancel) is { } said) throw DataPathErrors.NoFlatFile(name, said);
        var (datastore, path) = (point.Disk.Datastore!.Value, DatastorePath.Parse(point.Disk.File)!);
        var extent = FlatExtent(name, point.Disk, await DescriptorAsync(name, client, datastore, path, workDirectory, cancel));
        var file = await client.OpenFileAsync(datastore, path.Beside(extent), cancel);
        if (file.LengthBytes == point.Disk.CapacityBytes) return new HttpsDisk(name, file, client, point);
        var length = file.LengthBytes;
        file.Dispose();
        throw DataPathErrors.OtherLength(name, point.Disk.CapacityBytes, length, $"its file {extent}");
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        while (buffer.Length > 0)
        {
            var piece = buffer[..Math.Min(buffer.Length, PieceBytes)];
            await file.ReadAsync(offset, piece, cancel);
            offset += piece.Length;
            buffer = buffer[piece.Length..];
        }
    }

    public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        await Task.CompletedTask;
        cancel.ThrowIfCancellationRequested();
        if (lengthBytes > 0) yield return new DiskExtent(offset, lengthBytes, IsHole: false);
    }

    public async ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        await file.VerifyUnchangedAsync(cancel);
        await point.VerifyAsync(client, Name, cancel);
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task<VmdkLayout> DescriptorAsync(string name, VSphereClient client, ManagedReference datastore, DatastorePath path, string workDirectory, CancellationToken cancel)
    {
        using var file = await client.OpenFileAsync(datastore, path, cancel);
        if (file.LengthBytes is 0 or > DescriptorLimitBytes) throw DataPathErrors.NoFlatFile(name, $"its descriptor {path.Name} has {file.LengthBytes} bytes");
        var text = new byte[file.LengthBytes];
        await file.ReadAsync(0, text, cancel);
        // The parser reads files, as those of any image.
        var copy = Path.Combine(workDirectory, $"descriptor-{Guid.NewGuid():N}.vmdk");
        PosixPath.WriteFileDurably(copy, text, replace: false, permissions: 0x180 /* 0600 */);
        try
        {
            return VmdkLayout.Read(copy);
        }
        finally
        {
            _ = PosixPath.RemoveFile(copy); // false: somebody cleared the work directory, which is what is wanted
        }
    }

    /// <summary>The name of the one file that the disk is in.</summary>
    private static string FlatExtent(string name, VirtualDisk disk, VmdkLayout layout)
    {
        string? fault = null;
        if (layout.HasParent) fault = "it holds only what differs from another disk";
        else if (layout.IsEncrypted) fault = "it is encrypted";
        else if (layout.Extents is not [{ } only]) fault = $"it consists of {layout.Extents.Count} files";
        else if (only.Kind is not ("VMFS" or "FLAT")) fault = $"it is of kind {only.Kind}";
        else if (only.OffsetBytes != 0) fault = $"it begins at offset {only.OffsetBytes} of its file";
        else if (only.FileName.Length == 0 || only.FileName.Contains('/', StringComparison.Ordinal) || only.FileName.Contains('\\', StringComparison.Ordinal) || only.FileName is "." or "..") fault = $"its file '{only.FileName}' is not beside its descriptor";
        else if (only.LengthBytes != disk.CapacityBytes) throw DataPathErrors.OtherLength(name, disk.CapacityBytes, only.LengthBytes, "its descriptor");
        else return only.FileName;
        throw DataPathErrors.NoFlatFile(name, fault);
    }
}
