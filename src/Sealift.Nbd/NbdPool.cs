namespace Sealift.Nbd;

/// <summary>
/// Several connections to one export, as many as were asked for where the server says that they see each other's writes
/// (NBD_FLAG_CAN_MULTI_CONN), else one. Safe for parallel requests; each goes to the connection with the fewest in flight.
/// </summary>
/// <remarks>
/// When one connection dies the pool is dead: later requests fail with that connection's cause. A pool that went on with fewer
/// would hide that writes which nobody flushed may be gone with the lost one.
/// </remarks>
public sealed class NbdPool : IAsyncDisposable
{
    private readonly NbdClient[] clients;
    private uint next;

    private NbdPool(NbdClient[] clients) => this.clients = clients;

    /// <summary>Connects once, and again up to the number asked for where the server allows it.</summary>
    /// <param name="uri">Where the export is.</param>
    /// <param name="options">Deadlines, contexts and credentials, for each connection.</param>
    /// <param name="connections">The most connections, 1 to 64.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="NbdException">As <see cref="NbdClient.ConnectAsync"/>; SL3019: a later connection saw another size or other abilities than the first.</exception>
    public static async Task<NbdPool> ConnectAsync(NbdUri uri, NbdOptions options, int connections, CancellationToken cancel = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(connections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(connections, 64);
        var clients = new List<NbdClient> { await NbdClient.ConnectAsync(uri, options, cancel) };
        try
        {
            var first = clients[0];
            while (first.CanMultiConnection && clients.Count < connections)
            {
                var another = await NbdClient.ConnectAsync(uri, options, cancel);
                clients.Add(another);
                if (another.LengthBytes != first.LengthBytes) throw NbdErrors.Unlike(another.Peer, $"it has {another.LengthBytes} bytes now, {first.LengthBytes} before");
                if (another.Export with { Contexts = [] } != first.Export with { Contexts = [] } || !another.MetaContexts.SequenceEqual(first.MetaContexts))
                    throw NbdErrors.Unlike(another.Peer, "it offers other flags, block sizes or contexts than before");
            }
            return new NbdPool([.. clients]);
        }
        catch
        {
            foreach (var client in clients) await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Connects as often as <see cref="NbdOptions.Connections"/> says, where the server allows it.</summary>
    /// <inheritdoc cref="ConnectAsync(NbdUri, NbdOptions, int, CancellationToken)"/>
    public static Task<NbdPool> ConnectAsync(NbdUri uri, NbdOptions options, CancellationToken cancel = default) => ConnectAsync(uri, options, options.Connections, cancel);

    /// <summary>How many connections there are.</summary>
    public int Connections => clients.Length;

    /// <inheritdoc cref="NbdClient.Peer"/>
    public string Peer => clients[0].Peer;

    /// <inheritdoc cref="NbdClient.LengthBytes"/>
    public long LengthBytes => clients[0].LengthBytes;

    /// <inheritdoc cref="NbdClient.IsReadOnly"/>
    public bool IsReadOnly => clients[0].IsReadOnly;

    /// <inheritdoc cref="NbdClient.CanFlush"/>
    public bool CanFlush => clients[0].CanFlush;

    /// <inheritdoc cref="NbdClient.CanFua"/>
    public bool CanFua => clients[0].CanFua;

    /// <inheritdoc cref="NbdClient.CanTrim"/>
    public bool CanTrim => clients[0].CanTrim;

    /// <inheritdoc cref="NbdClient.CanWriteZeroes"/>
    public bool CanWriteZeroes => clients[0].CanWriteZeroes;

    /// <inheritdoc cref="NbdClient.CanFastZero"/>
    public bool CanFastZero => clients[0].CanFastZero;

    /// <inheritdoc cref="NbdClient.CanMultiConnection"/>
    public bool CanMultiConnection => clients[0].CanMultiConnection;

    /// <inheritdoc cref="NbdClient.MinimumBlockBytes"/>
    public int MinimumBlockBytes => clients[0].MinimumBlockBytes;

    /// <inheritdoc cref="NbdClient.PreferredBlockBytes"/>
    public int PreferredBlockBytes => clients[0].PreferredBlockBytes;

    /// <inheritdoc cref="NbdClient.MaximumBlockBytes"/>
    public int MaximumBlockBytes => clients[0].MaximumBlockBytes;

    /// <inheritdoc cref="NbdClient.MetaContexts"/>
    public IReadOnlyList<string> MetaContexts => clients[0].MetaContexts;

    /// <inheritdoc cref="NbdClient.ReadAsync"/>
    public Task ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel = default) => Pick().ReadAsync(offset, buffer, cancel);

    /// <inheritdoc cref="NbdClient.WriteAsync"/>
    public Task WriteAsync(long offset, ReadOnlyMemory<byte> buffer, bool forceUnitAccess = false, CancellationToken cancel = default) =>
        Pick().WriteAsync(offset, buffer, forceUnitAccess, cancel);

    /// <inheritdoc cref="NbdClient.WriteZeroesAsync"/>
    public Task WriteZeroesAsync(long offset, long lengthBytes, NbdZeroes flags = NbdZeroes.None, CancellationToken cancel = default) =>
        Pick().WriteZeroesAsync(offset, lengthBytes, flags, cancel);

    /// <inheritdoc cref="NbdClient.TrimAsync"/>
    public Task TrimAsync(long offset, long lengthBytes, CancellationToken cancel = default) => Pick().TrimAsync(offset, lengthBytes, cancel);

    /// <inheritdoc cref="NbdClient.BlockStatusAsync"/>
    public Task<IReadOnlyList<NbdExtent>> BlockStatusAsync(string context, long offset, long lengthBytes, CancellationToken cancel = default) =>
        Pick().BlockStatusAsync(context, offset, lengthBytes, cancel);

    /// <summary>Returns when every write that completed before, on any of the connections, is on stable storage.</summary>
    /// <remarks>
    /// The protocol lets one flush stand for all connections. It is sent on each all the same: it costs a round trip, and does
    /// not depend on the server having meant what it said.
    /// </remarks>
    /// <exception cref="NbdException">As <see cref="NbdClient.FlushAsync"/>: the first that failed, after all have ended.</exception>
    public Task FlushAsync(CancellationToken cancel = default) => Task.WhenAll(clients.Select(client => client.FlushAsync(cancel)));

    /// <summary>Disconnects every connection, each checked as <see cref="NbdClient.DisconnectAsync"/> does.</summary>
    /// <exception cref="NbdException">The first that failed, after all have ended.</exception>
    public Task DisconnectAsync(CancellationToken cancel = default) => Task.WhenAll(clients.Select(client => client.DisconnectAsync(cancel)));

    /// <summary>Closes every connection at once.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients) await client.DisposeAsync();
    }

    // A dead connection has nothing in flight, so it is picked, and tells its cause.
    private NbdClient Pick()
    {
        var start = Interlocked.Increment(ref next);
        var best = clients[start % (uint)clients.Length];
        foreach (var client in clients)
        {
            if (client.CloseCause is not null) return client;
            if (client.InFlight < best.InFlight) best = client;
        }
        return best;
    }
}
