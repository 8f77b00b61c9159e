using System.Runtime.CompilerServices;
using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>A disk that VMware's library reads, in an nbdkit of our own that ends with it.</summary>
internal sealed class VddkDisk : IDiskReader
{
    // The library reads whole sectors only.
    private const int SectorBytes = 512;
    // One call of the library, at most. Servers refuse some 2 MiB and more ("Failed to allocate the requested 2097176 bytes").
    private const int CallBytes = 1 << 20;
    // A server gives one stream of reads 10 MiB by default (maxStreamMemory): eight calls fit.
    private const int CallsInFlight = 8;
    private static readonly TimeSpan LastWordsGrace = TimeSpan.FromSeconds(2);
    // The library logs in, finds the machine and its host, and connects there: half a minute is usual on a large vCenter.
    private static readonly TimeSpan OpenDeadline = TimeSpan.FromMinutes(3);

    private readonly IDiskReader inner;
    private readonly VddkServer server;
    private readonly VSphereClient client;
    private readonly VSphereDiskPoint point;

    private VddkDisk(string name, IDiskReader inner, VddkServer server, VSphereClient client, VSphereDiskPoint point) => (Name, this.inner, this.server, this.client, this.point) = (name, inner, server, client, point);

    public string Name { get; }

    public long LengthBytes => inner.LengthBytes;

    public string? MapDoubt => inner.MapDoubt;

    /// <summary>Of nbdkit.</summary>
    internal int ProcessId => server.ProcessId;

    /// <summary>Opens it.</summary>
    /// <exception cref="SealiftException">SL6521 to SL6525, SL6527.</exception>
    public static async Task<VddkDisk> OpenAsync(VSphereClient client, VSphereAccess access, VSphereDiskPoint point, CancellationToken cancel, TimeSpan? deadline = null)
    {
        var name = point.NameAt(access);
        var options = access.Vddk ?? throw DataPathErrors.CannotUseLibrary(name, "none was named");
        if (await VddkServer.WhyNotAsync(options, cancel) is { } said) throw DataPathErrors.CannotUseLibrary(name, said);
        var server = await VddkServer.StartAsync(name, access, options, client.Certificate, point, cancel);
        IDiskReader inner;
        try
        {
            inner = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions { ConnectDeadline = deadline ?? OpenDeadline, ReplyDeadline = TimeSpan.FromMinutes(5), MaxInFlight = CallsInFlight }, cancel);
        }
        catch (NbdException e)
        {
            await server.DisposeAsync();
            throw DataPathErrors.LibraryRefused(name, e.Said, server.LastWords, e);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        var disk = new VddkDisk(name, inner, server, client, point);
        if (disk.LengthBytes == point.Disk.CapacityBytes) return disk;
        await disk.DisposeAsync();
        throw DataPathErrors.OtherLength(name, point.Disk.CapacityBytes, disk.LengthBytes, "VMware's library");
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        while (buffer.Length > 0)
        {
            var ahead = (int)(offset % SectorBytes);
            var piece = buffer[..Math.Min(buffer.Length, CallBytes - ahead)];
            if (ahead == 0 && piece.Length % SectorBytes == 0)
            {
                await CallAsync(offset, piece, cancel);
            }
            else
            {
                var sectors = new byte[(ahead + piece.Length + SectorBytes - 1) / SectorBytes * SectorBytes];
                await CallAsync(offset - ahead, sectors, cancel);
                sectors.AsMemory(ahead, piece.Length).CopyTo(piece);
            }

            offset += piece.Length;
            buffer = buffer[piece.Length..];
        }
    }

    public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (lengthBytes == 0) yield break;
        var end = offset + lengthBytes;
        var (first, last) = (offset / SectorBytes * SectorBytes, (end + SectorBytes - 1) / SectorBytes * SectorBytes);
        await foreach (var extent in inner.ExtentsAsync(first, last - first, cancel))
        {
            var (from, to) = (Math.Max(extent.Offset, offset), Math.Min(extent.End, end));
            if (to > from) yield return new DiskExtent(from, to - from, extent.IsHole);
        }
    }

    public async ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        await inner.VerifyUnchangedAsync(cancel);
        await point.VerifyAsync(client, Name, cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await server.DisposeAsync();
    }

    private async Task CallAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        try
        {
            await inner.ReadAsync(offset, buffer, cancel);
        }
        catch (NbdException e)
        {
            var end = e is NbdServerException ? null : await server.EndWithinAsync(LastWordsGrace);
            throw DataPathErrors.LibraryFailed(Name, offset, buffer.Length, end is null ? e.Said : $"nbdkit went away: {end}", server.LastWords, e);
        }
    }
}
