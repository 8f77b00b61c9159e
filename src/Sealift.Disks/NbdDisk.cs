using System.Runtime.CompilerServices;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A disk behind NBD: an export of somebody else's, or an image behind a qemu-nbd of our own.</summary>
internal sealed class NbdDisk : IDiskWriter, IUncachedReader
{
    private static readonly TimeSpan LastWordsGrace = TimeSpan.FromSeconds(2);
    // NBD_CMD_BLOCK_STATUS carries a 32-bit length; this is below it, with room for any alignment.
    private const long StatusStepBytes = 1L << 30;
    // A server that has to write the zeros one by one must be done within the deadline: 128 MiB at 3 MB/s takes 43 s.
    private const long ZeroesStepBytes = 128L << 20;
    // A qemu-nbd of ours that dies is noticed at once. One that is slow waits for this host's disk, which may stall for minutes
    // while the page cache is written out.
    private static readonly NbdOptions OwnServer = new() { ReplyDeadline = TimeSpan.FromMinutes(5) };
    private static readonly ReadOnlyMemory<byte> Zeros = new byte[1 << 20];

    private readonly NbdPool pool;
    private readonly QemuNbdServer? server;
    private readonly SourceFiles? files;
    private int closed;

    private NbdDisk(NbdPool pool, string name, QemuNbdServer? server, SourceFiles? files, string cacheBypass)
    {
        this.pool = pool;
        this.server = server;
        this.files = files;
        Name = name;
        CacheBypass = cacheBypass;
    }

    public string Name { get; }

    public string CacheBypass { get; }

    public long LengthBytes => pool.LengthBytes;

    public string? MapDoubt { get; private init; }

    // Our own server passes on what the tables of an image say, as whoever runs the machine will read them; another's word is not taken.
    public bool CanProveHoles => server is not null;

    public ValueTask<string?> HoleDoubtAsync(CancellationToken cancel) => ValueTask.FromResult(server is null ? "it is the word of a server" : MapDoubt);

    /// <summary>Connects to somebody else's export.</summary>
    public static async Task<NbdDisk> ConnectAsync(NbdUri uri, NbdOptions options, string cacheBypass, bool forWriting, CancellationToken cancel)
    {
        var pool = await NbdPool.ConnectAsync(uri, options, cancel);
        return await CheckedAsync(new NbdDisk(pool, uri.ToString(), null, null, cacheBypass), forWriting);
    }

    /// <summary>The same for a read-back, of what was flushed over other connections.</summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="options">How it is reached.</param>
    /// <param name="cacheBypass">How its server keeps clear of caches; null where that is not known.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<IUncachedReader> ConnectUncachedAsync(NbdUri uri, NbdOptions options, string? cacheBypass, CancellationToken cancel) =>
        await ConnectAsync(uri, options, cacheBypass ?? "over new connections after a flush; what the server itself keeps in memory is beyond our reach", forWriting: false, cancel);

    /// <summary>Connects to a server of our own and takes it over: it ends with the disk, also when this fails.</summary>
    public static async Task<NbdDisk> OwnAsync(QemuNbdServer server, string name, SourceFiles? files, string cacheBypass, bool forWriting, CancellationToken cancel, string? mapDoubt = null)
    {
        NbdPool pool;
        try
        {
            pool = await NbdPool.ConnectAsync(NbdUri.Unix(server.SocketPath), OwnServer, cancel);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        return await CheckedAsync(new NbdDisk(pool, name, server, files, cacheBypass) { MapDoubt = mapDoubt }, forWriting);
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        CheckRange(offset, buffer.Length);
        try
        {
            await pool.ReadAsync(offset, buffer, cancel);
        }
        catch (NbdException e) when (server is not null && e is not NbdServerException)
        {
            await server.ThrowIfEndedAsync(LastWordsGrace, e);
            throw;
        }
    }

    public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        var end = offset + lengthBytes;
        if (lengthBytes > 0 && (MapDoubt is not null || !pool.MetaContexts.Contains(NbdAllocation.Context)))
        {
            // A server without an allocation map proves no hole, and neither does one that passes on what a lying file system says.
            yield return new DiskExtent(offset, lengthBytes, IsHole: false);
            yield break;
        }

        while (offset < end)
        {
            var asked = Math.Min(end - offset, StatusStepBytes);
            var extents = await pool.BlockStatusAsync(NbdAllocation.Context, offset, asked, cancel);
            if (extents.Count == 0) throw DiskErrors.BadExtents(Name, offset, "the server described nothing");
            foreach (var extent in extents)
            {
                if (extent.Offset != offset || extent.LengthBytes <= 0 || extent.End > end) throw DiskErrors.BadExtents(Name, offset, $"the server described {extent.LengthBytes} bytes at {extent.Offset}");
                // NBD_STATE_HOLE alone says that no space is taken, not what is read there.
                yield return new DiskExtent(extent.Offset, extent.LengthBytes, (extent.Flags & NbdAllocation.Zero) != 0);
                offset = extent.End;
            }
        }
    }

    /// <summary>Whether the server shows a metadata context.</summary>
    internal bool Shows(string context) => pool.MetaContexts.Contains(context);

    /// <summary>What the server says in a metadata context of the beginning of a range.</summary>
    internal Task<IReadOnlyList<NbdExtent>> StatusAsync(string context, long offset, long lengthBytes, CancellationToken cancel) => pool.BlockStatusAsync(context, offset, lengthBytes, cancel);

    /// <summary>
    /// Measures the files behind a server of our own. Somebody else's export has one size for the life of a connection; that its last
    /// byte can still be read is all that can be asked there.
    /// </summary>
    public async ValueTask VerifyUnchangedAsync(CancellationToken cancel)
    {
        files?.VerifyUnchanged(Name);
        if (server is not null || LengthBytes == 0) return;
        var tail = new byte[Math.Min(LengthBytes, Math.Max(512, pool.MinimumBlockBytes))];
        await pool.ReadAsync(LengthBytes - tail.Length, tail, cancel);
    }

    public async ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancel)
    {
        CheckRange(offset, buffer.Length);
        try
        {
            await pool.WriteAsync(offset, buffer, cancel: cancel);
        }
        catch (NbdException e) when (server is not null && e is not NbdServerException)
        {
            await server.ThrowIfEndedAsync(LastWordsGrace, e);
            throw;
        }
    }

    public async ValueTask WriteZeroesAsync(long offset, long lengthBytes, CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        var end = offset + lengthBytes;
        while (offset < end)
        {
            var step = Math.Min(end - offset, pool.CanWriteZeroes ? ZeroesStepBytes : Zeros.Length);
            if (pool.CanWriteZeroes) await pool.WriteZeroesAsync(offset, step, cancel: cancel);
            else await pool.WriteAsync(offset, Zeros[..(int)step], cancel: cancel);
            offset += step;
        }
    }

    public async ValueTask FlushAsync(CancellationToken cancel) => await pool.FlushAsync(cancel);

    public async ValueTask CloseAsync(CancellationToken cancel)
    {
        await FlushAsync(cancel);
        await pool.DisconnectAsync(cancel);
        // From here on nothing can fail before the server's end is judged; until here a failure leaves all of it to the disposal.
        if (Interlocked.Exchange(ref closed, 1) == 1) return;
        await pool.DisposeAsync();
        if (server is not null) await server.StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref closed, 1) == 1) return;
        await pool.DisposeAsync();
        if (server is not null) await server.DisposeAsync();
    }

    private static async Task<NbdDisk> CheckedAsync(NbdDisk disk, bool forWriting)
    {
        var fault = !forWriting ? null : disk.pool.IsReadOnly ? "the server offers it read-only" : !disk.pool.CanFlush ? "the server cannot flush, so nothing written to it is ever known to be stored" : null;
        if (fault is null) return disk;
        await disk.DisposeAsync();
        throw DiskErrors.NotWritable(disk.Name, fault);
    }

    private void CheckRange(long offset, long lengthBytes)
    {
        if (offset < 0 || lengthBytes < 0 || lengthBytes > LengthBytes - offset) throw DiskErrors.OutOfRange(Name, offset, lengthBytes, LengthBytes);
    }
}
