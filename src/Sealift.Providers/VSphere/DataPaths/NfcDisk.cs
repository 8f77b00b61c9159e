using System.Globalization;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>
/// A disk that the server exports as a file (<c>HttpNfcLease</c>), which is fetched as a whole and then read as any image. It takes no
/// library, and room for the file.
/// </summary>
internal sealed class NfcDisk : IDiskReader
{
    // The file system is never filled up: others write to it, too.
    private const long FreeReserveBytes = 1L << 30;
    // Free space is asked for again after this much.
    private const long SpaceCheckBytes = 32L << 20;
    // A machine has one lease at a time, and two files at once come no faster.
    private static readonly SemaphoreSlim OneExport = new(1);

    private readonly IDiskReader image;
    private readonly string file;
    private readonly VSphereClient client;
    private readonly VSphereDiskPoint point;

    private NfcDisk(string name, IDiskReader image, string file, VSphereClient client, VSphereDiskPoint point) => (Name, this.image, this.file, this.client, this.point) = (name, image, file, client, point);

    public string Name { get; }

    public long LengthBytes => image.LengthBytes;

    public string? MapDoubt => image.MapDoubt;

    /// <summary>Why it cannot be read so, as far as can be known before it is tried; null where nothing is known against it.</summary>
    public static string? WhyNot(VSphereDiskPoint point) =>
        !point.IsOff && point.Snapshot is null ? "the machine runs, and there is no snapshot"
        : point.Disk.IsEncrypted ? "what vSphere encrypts is not exported"
        : point.Disk.Backing is DiskBacking.RawPhysical or DiskBacking.PersistentMemory ? $"it is of a kind that is not exported ({point.Disk.BackingKind})"
        : point.Disk.Unit is null || point.Disk.ControllerKey is null ? "the server does not say what it hangs on, so its file would not be known"
        : null;

    /// <summary>Fetches and opens it.</summary>
    /// <exception cref="SealiftException">SL6525, SL6532, SL6533; those of leases and of images.</exception>
    public static async Task<NfcDisk> OpenAsync(VSphereClient client, VSphereAccess access, VSphereDiskPoint point, string workDirectory, CancellationToken cancel)
    {
        var name = point.NameAt(access);
        if (WhyNot(point) is { } said) throw DataPathErrors.NotExported(name, said);
        var file = Path.Combine(workDirectory, $"nfc-{Guid.NewGuid():N}.vmdk");
        try
        {
            await OneExport.WaitAsync(cancel);
            try
            {
                await FetchAsync(name, client, point, file, cancel);
            }
            finally
            {
                OneExport.Release();
            }

            var examined = await ImageProbe.ExamineAsync(new ImageLocation(file), new ImageProbeOptions { Format = ImageFormat.Vmdk }, cancel);
            if (examined.VirtualLengthBytes != point.Disk.CapacityBytes) throw DataPathErrors.OtherLength(name, point.Disk.CapacityBytes, examined.VirtualLengthBytes, "its exported file");
            return new NfcDisk(name, await DiskImage.OpenReadAsync(examined, workDirectory, cancel), file, client, point);
        }
        catch
        {
            _ = PosixPath.RemoveFile(file); // false: it did not come to that
            throw;
        }
    }

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel) => image.ReadAsync(offset, buffer, cancel);

    public IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel) => image.ExtentsAsync(offset, lengthBytes, cancel);

    public async ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        await image.VerifyUnchangedAsync(cancel);
        await point.VerifyAsync(client, Name, cancel);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await image.DisposeAsync();
        }
        finally
        {
            _ = PosixPath.RemoveFile(file); // false: removed already, by a second disposal
        }
    }

    private static async Task FetchAsync(string name, VSphereClient client, VSphereDiskPoint point, string path, CancellationToken cancel)
    {
        var place = await PlaceAsync(name, client, point, cancel);
        var lease = await client.ExportAsync(point.Snapshot ?? point.Machine, cancel);
        try
        {
            var disks = lease.Files.Where(f => f.IsDisk).ToList();
            if (disks.Where(f => f.Key[(f.Key.LastIndexOf('/') + 1)..] == place).ToList() is not [var wanted])
                throw DataPathErrors.NotExported(name, $"among the files of the export none, or more than one, is called '{place}': {string.Join(", ", disks.Select(f => f.Key))}");
            var content = await WriteAsync(name, client, lease, wanted, point.Disk.CapacityBytes, path, cancel);
            await client.KeepLeaseAsync(lease, 100, cancel);
            if (await client.LeaseManifestAsync(lease, cancel) is { } manifest && manifest.Where(e => e.Key == wanted.Key).ToList() is [var entry]) entry.Demand(content, client.Peer);
        }
        catch
        {
            try
            {
                await client.AbortLeaseAsync(lease, CancellationToken.None);
            }
            catch (VSphereException)
            {
                // It ends by itself, and what went wrong before is what counts.
            }

            throw;
        }

        try
        {
            await client.CompleteLeaseAsync(lease, cancel);
        }
        catch (VSphereException)
        {
            // All was read, and the lease ends by itself.
        }
    }

    private static async Task<LeaseContent> WriteAsync(string name, VSphereClient client, ExportLease lease, LeaseFile wanted, long capacityBytes, string path, CancellationToken cancel)
    {
        var directory = Path.GetDirectoryName(path)!;
        // What the server says of the length is an estimate, where it says anything.
        Demand(wanted.FileBytes ?? 0, 0);
        using var target = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew, 0x180 /* 0600 */);
        long done = 0, checkedUpTo = 0;
        var content = await client.ReadLeaseFileAsync(lease, wanted, wanted.FileBytes is > 0 and var told ? told : capacityBytes, part =>
        {
            if (done + part.Length > checkedUpTo)
            {
                Demand(SpaceCheckBytes, done);
                checkedUpTo = done + SpaceCheckBytes;
            }

            target.WriteAt(part.Span, done);
            done += part.Length;
        }, cancel);
        target.Sync(); // a write that is lost later would read as zeros
        target.Close();
        return content;

        void Demand(long bytes, long doneBytes)
        {
            var free = PosixPath.FreeBytes(directory);
            if (free - FreeReserveBytes < bytes) throw DataPathErrors.NoRoom(name, directory, bytes, doneBytes, free, FreeReserveBytes);
        }
    }

    /// <summary>What a lease calls the disk, behind the machine: <c>ParaVirtualSCSIController0:1</c>.</summary>
    private static async Task<string> PlaceAsync(string name, VSphereClient client, VSphereDiskPoint point, CancellationToken cancel)
    {
        var controllers = (await client.MachineAsync(point.Machine, cancel)).Devices.Controllers;
        return controllers.FirstOrDefault(c => c.Key == point.Disk.ControllerKey) is { } controller
            ? string.Create(CultureInfo.InvariantCulture, $"{controller.Kind}{controller.BusNumber}:{point.Disk.Unit}")
            : throw DataPathErrors.NotExported(name, "the machine has no controller that it could hang on");
    }
}
