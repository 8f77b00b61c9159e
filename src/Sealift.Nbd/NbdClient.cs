namespace Sealift.Nbd;

/// <summary>
/// One connection to an NBD export (fixed newstyle; doc/proto.md of the NBD project). Safe for parallel requests; up to
/// <see cref="NbdOptions.MaxInFlight"/> are in flight at a time, and they may complete in any order.
/// </summary>
/// <remarks>
/// <para>An error that the server reports is an <see cref="NbdServerException"/> for that request alone. A violation of the
/// protocol, a lost connection or a missed deadline ends the connection: every request then fails with the one
/// <see cref="CloseCause"/>, and the stream is never read out of step.</para>
/// <para>Cancelling a request keeps the connection usable. The caller gets its buffer back at once, or as soon as the chunk
/// that is being received into it (or the payload that is being sent from it) is complete; the late reply is still awaited,
/// checked and dropped. Whether a cancelled write reached the server is not known. Content of a buffer whose read did not
/// complete is undefined.</para>
/// </remarks>
public sealed partial class NbdClient : IAsyncDisposable
{
    // Keeps one request short enough for a deadline to mean something: 128 MiB of zeros at the 1 MiB/s and more of any disk.
    private const long MaxZeroBytes = 128 << 20;

    // The wire has 32 bits for it; a power of two keeps the next request aligned.
    private const long MaxStatusBytes = 1L << 31;

    private readonly NbdTransport transport;
    private readonly NbdExport export;
    private readonly WireReader reader;
    private readonly NbdOptions options;
    private readonly TimeSpan flushDeadline;
    private readonly Timer watch;
    private readonly Task receiving;

    private NbdClient(NbdTransport transport, NbdExport export, WireReader reader, NbdOptions options)
    {
        (this.transport, this.export, this.reader, this.options) = (transport, export, reader, options);
        flushDeadline = options.FlushDeadline > options.ReplyDeadline ? options.FlushDeadline : options.ReplyDeadline;
        MetaContexts = [.. export.Contexts.Select(context => context.Name)];
        freeSlots = new SemaphoreSlim(options.MaxInFlight);
        table = [.. Enumerable.Range(0, options.MaxInFlight).Select(index => new PendingRequest(index))];
        free = new Stack<PendingRequest>(table);
        receiving = Task.Run(ReceiveAsync);
        // A deadline is noticed late by at most a quarter, or a second.
        var period = (int)Math.Clamp(options.ReplyDeadline.TotalMilliseconds / 4, 10, 1000);
        watch = new Timer(static state => ((NbdClient)state!).CheckDeadlines(), this, period, period);
    }

    /// <summary>Connects, sets up TLS where it is asked for, and negotiates.</summary>
    /// <param name="uri">Where the export is.</param>
    /// <param name="options">Deadlines, contexts and credentials.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="NbdException">SL300x, SL301x: see docs/nbd.md.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public static async Task<NbdClient> ConnectAsync(NbdUri uri, NbdOptions options, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxInFlight, 1024);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MetaContexts.Count, 16);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.ConnectDeadline, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.ReplyDeadline, TimeSpan.Zero);
        var peer = uri.ToString();
        if ((options.Tls ?? uri.Tls) is { } tls) NbdTransport.Check(tls, peer);

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(options.ConnectDeadline);
        NbdTransport? transport = null;
        try
        {
            transport = await NbdTransport.ConnectAsync(uri, limit.Token);
            var (export, reader) = await new NbdHandshake(transport, uri, options).RunAsync(limit.Token);
            var client = new NbdClient(transport, export, reader, options);
            transport = null;
            return client;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw NbdErrors.ConnectTimeout(peer, options.ConnectDeadline, transport is null ? "connect" : "negotiate");
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            // EndOfStreamException is one of these.
            throw NbdErrors.NegotiationLost(peer, e.Message, e);
        }
        finally
        {
            if (transport is not null) await transport.DisposeAsync();
        }
    }

    /// <summary>The URI that it is connected to, without secrets.</summary>
    public string Peer => transport.Peer;

    /// <summary>Length of the export in bytes, as the server told when connecting.</summary>
    public long LengthBytes => export.LengthBytes;

    /// <summary>The server refuses whatever changes the export.</summary>
    public bool IsReadOnly => export.Has(NbdExportFlags.ReadOnly);

    /// <summary>Whether <see cref="FlushAsync"/> may be called.</summary>
    public bool CanFlush => export.Has(NbdExportFlags.SendFlush);

    /// <summary>Whether the server knows forced unit access.</summary>
    public bool CanFua => export.Has(NbdExportFlags.SendFua);

    /// <summary>Whether <see cref="TrimAsync"/> may be called.</summary>
    public bool CanTrim => export.Has(NbdExportFlags.SendTrim) && !IsReadOnly;

    /// <summary>Whether <see cref="WriteZeroesAsync"/> may be called.</summary>
    public bool CanWriteZeroes => export.Has(NbdExportFlags.SendWriteZeroes) && !IsReadOnly;

    /// <summary>Whether <see cref="NbdZeroes.FastZero"/> may be asked for.</summary>
    public bool CanFastZero => CanWriteZeroes && export.Has(NbdExportFlags.SendFastZero);

    /// <summary>Whether several connections see each other's writes and flushes.</summary>
    public bool CanMultiConnection => export.Has(NbdExportFlags.CanMultiConnection);

    /// <summary>Offsets and lengths are multiples of this many bytes (but a range may end where the export ends); a power of two, 1 to 65536.</summary>
    public int MinimumBlockBytes => export.MinimumBlockBytes;

    /// <summary>Offsets and lengths should be multiples of this many bytes.</summary>
    public int PreferredBlockBytes => export.PreferredBlockBytes;

    /// <summary>The most payload bytes that one request on the wire carries, at most 32 MiB; longer reads and writes are split.</summary>
    public int MaximumBlockBytes => export.MaximumBlockBytes;

    /// <summary>The contexts, of those asked for, that the server knows; <see cref="BlockStatusAsync"/> takes one of them.</summary>
    public IReadOnlyList<string> MetaContexts { get; }

    internal NbdExport Export => export;

    /// <summary>Fills the whole buffer from an offset.</summary>
    /// <param name="offset">Bytes from the start of the export.</param>
    /// <param name="buffer">Filled completely, or the call throws and its content is undefined.</param>
    /// <param name="cancel">See the remarks on the class.</param>
    /// <exception cref="NbdException">SL302x, SL3030, SL3033.</exception>
    public async Task ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel = default)
    {
        Check(NbdCommand.Read, offset, buffer.Length);
        for (var done = 0; done < buffer.Length;)
        {
            var piece = Math.Min(buffer.Length - done, MaximumBlockBytes);
            await ExchangeAsync(new NbdRequest(NbdCommand.Read, offset + done, piece) { Destination = buffer.Slice(done, piece) }, cancel);
            done += piece;
        }
    }

    /// <summary>Writes the whole buffer at an offset.</summary>
    /// <param name="offset">Bytes from the start of the export.</param>
    /// <param name="buffer">Must not change until the task has completed.</param>
    /// <param name="forceUnitAccess">On stable storage before it completes; a flush follows where the server does not know forced unit access.</param>
    /// <param name="cancel">See the remarks on the class.</param>
    /// <exception cref="NbdException">SL302x, SL3030, SL3031, SL3033.</exception>
    public async Task WriteAsync(long offset, ReadOnlyMemory<byte> buffer, bool forceUnitAccess = false, CancellationToken cancel = default)
    {
        var (flags, mustFlush) = CheckChange(NbdCommand.Write, offset, buffer.Length, true, forceUnitAccess);
        for (var done = 0; done < buffer.Length;)
        {
            var piece = Math.Min(buffer.Length - done, MaximumBlockBytes);
            await ExchangeAsync(new NbdRequest(NbdCommand.Write, offset + done, piece) { Payload = buffer.Slice(done, piece), Flags = flags }, cancel);
            done += piece;
        }
        if (mustFlush) await FlushAsync(cancel);
    }

    /// <summary>Makes a range read as zeros. It may do part of it before it throws.</summary>
    /// <param name="offset">Bytes from the start of the export.</param>
    /// <param name="lengthBytes">Length in bytes; any, it is split.</param>
    /// <param name="flags">How. ENOTSUP in answer to <see cref="NbdZeroes.FastZero"/> means: not fast here, ask without it or write zeros.</param>
    /// <param name="cancel">See the remarks on the class.</param>
    /// <exception cref="NbdException">SL302x, SL3030, SL3031, SL3033.</exception>
    public async Task WriteZeroesAsync(long offset, long lengthBytes, NbdZeroes flags = NbdZeroes.None, CancellationToken cancel = default)
    {
        var (wire, mustFlush) = CheckChange(NbdCommand.WriteZeroes, offset, lengthBytes, CanWriteZeroes, flags.HasFlag(NbdZeroes.ForceUnitAccess));
        if (flags.HasFlag(NbdZeroes.NoHole)) wire |= NbdCommandFlags.NoHole;
        if (flags.HasFlag(NbdZeroes.FastZero))
        {
            if (!CanFastZero) throw Unsupported(NbdCommand.WriteZeroes, offset, lengthBytes, "the server does not offer fast zeroing");
            wire |= NbdCommandFlags.FastZero;
        }
        await SplitAsync(NbdCommand.WriteZeroes, wire, offset, lengthBytes, cancel);
        if (mustFlush) await FlushAsync(cancel);
    }

    /// <summary>Says that a range is no longer needed. Its content is undefined afterwards, not zero.</summary>
    /// <param name="offset">Bytes from the start of the export.</param>
    /// <param name="lengthBytes">Length in bytes; any, it is split.</param>
    /// <param name="cancel">See the remarks on the class.</param>
    /// <exception cref="NbdException">SL302x, SL3030, SL3031, SL3033.</exception>
    public async Task TrimAsync(long offset, long lengthBytes, CancellationToken cancel = default)
    {
        CheckChange(NbdCommand.Trim, offset, lengthBytes, CanTrim, false);
        await SplitAsync(NbdCommand.Trim, NbdCommandFlags.None, offset, lengthBytes, cancel);
    }

    /// <summary>Returns when every write that completed before is on stable storage.</summary>
    /// <exception cref="NbdException">SL302x, SL3030; SL3031 where the server has no flush: it then promises nothing about stable storage.</exception>
    public async Task FlushAsync(CancellationToken cancel = default)
    {
        if (!CanFlush) throw Unsupported(NbdCommand.Flush, 0, 0, "the server does not offer it, so it promises nothing about stable storage");
        await ExchangeAsync(new NbdRequest(NbdCommand.Flush, 0, 0), cancel);
    }

    /// <summary>
    /// The status of a non-empty prefix of a range, clipped to the range; the caller asks again for the rest. Neighbours with
    /// the same flags are joined.
    /// </summary>
    /// <param name="context">One of <see cref="MetaContexts"/>.</param>
    /// <param name="offset">Bytes from the start of the export.</param>
    /// <param name="lengthBytes">Length in bytes, at least 1; no more than 2 GiB are asked for at a time.</param>
    /// <param name="cancel">See the remarks on the class.</param>
    /// <returns>Extents in order, without gaps, from <paramref name="offset"/> on.</returns>
    /// <exception cref="NbdException">SL302x, SL3030, SL3032, SL3033.</exception>
    public async Task<IReadOnlyList<NbdExtent>> BlockStatusAsync(string context, long offset, long lengthBytes, CancellationToken cancel = default)
    {
        Check(NbdCommand.BlockStatus, offset, lengthBytes);
        if (lengthBytes == 0) throw NbdErrors.OutOfRange(Peer, NbdRequest.Describe(NbdCommand.BlockStatus, offset, 0), "a range of no length has no status");
        foreach (var (name, id) in export.Contexts)
            if (name == context)
                return await ExchangeAsync(new NbdRequest(NbdCommand.BlockStatus, offset, Math.Min(lengthBytes, MaxStatusBytes)) { ContextId = id }, cancel);
        throw NbdErrors.NoSuchContext(Peer, context);
    }

    private async Task SplitAsync(NbdCommand command, NbdCommandFlags flags, long offset, long lengthBytes, CancellationToken cancel)
    {
        for (var done = 0L; done < lengthBytes;)
        {
            var piece = Math.Min(lengthBytes - done, MaxZeroBytes);
            await ExchangeAsync(new NbdRequest(command, offset + done, piece) { Flags = flags }, cancel);
            done += piece;
        }
    }

    private (NbdCommandFlags Flags, bool MustFlush) CheckChange(NbdCommand command, long offset, long lengthBytes, bool isOffered, bool forceUnitAccess)
    {
        Check(command, offset, lengthBytes);
        if (IsReadOnly) throw Unsupported(command, offset, lengthBytes, "the export is read-only");
        if (!isOffered) throw Unsupported(command, offset, lengthBytes, "the server does not offer it");
        if (!forceUnitAccess) return (NbdCommandFlags.None, false);
        if (CanFua) return (NbdCommandFlags.ForceUnitAccess, false);
        return CanFlush ? (NbdCommandFlags.None, true) : throw Unsupported(command, offset, lengthBytes, "the server offers neither forced unit access nor flush");
    }

    private void Check(NbdCommand command, long offset, long lengthBytes)
    {
        if (offset < 0 || lengthBytes < 0 || offset > LengthBytes || lengthBytes > LengthBytes - offset)
            throw NbdErrors.OutOfRange(Peer, NbdRequest.Describe(command, offset, lengthBytes), $"the export has {LengthBytes} bytes");
        var end = offset + lengthBytes;
        if (offset % MinimumBlockBytes != 0 || (end % MinimumBlockBytes != 0 && end != LengthBytes))
            throw NbdErrors.OutOfRange(Peer, NbdRequest.Describe(command, offset, lengthBytes), $"the server wants multiples of {MinimumBlockBytes} bytes");
    }

    private NbdException Unsupported(NbdCommand command, long offset, long lengthBytes, string said) =>
        NbdErrors.Unsupported(Peer, NbdRequest.Describe(command, offset, lengthBytes), said);
}
