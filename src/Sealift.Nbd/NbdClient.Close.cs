using System.Net.Sockets;

namespace Sealift.Nbd;

// How a connection ends. There is one cause, the first; every later request hears of it.
public sealed partial class NbdClient
{
    // A server only has to close a socket.
    private static readonly TimeSpan GoodbyeDeadline = TimeSpan.FromSeconds(10);

    private NbdException? cause;
    private bool isDisconnecting;
    private volatile bool saidGoodbye;
    private volatile bool endedWell;

    /// <summary>Why the connection is closed; null while it is open. It never changes once it is set.</summary>
    public NbdException? CloseCause => Volatile.Read(ref cause);

    /// <summary>
    /// Waits for the requests in flight, says goodbye (NBD_CMD_DISC) and waits until the server has closed. New requests fail
    /// with SL3023 from now on. It does not flush.
    /// </summary>
    /// <exception cref="NbdException">SL3024: the server did not close in time; SL302x: the connection was already dead, with its cause.</exception>
    public async Task DisconnectAsync(CancellationToken cancel = default)
    {
        lock (gate)
        {
            ThrowIfClosed(new NbdRequest(NbdCommand.Disconnect, 0, 0));
            isDisconnecting = true;
        }
        var limit = options.ReplyDeadline < GoodbyeDeadline ? options.ReplyDeadline : GoodbyeDeadline;
        var held = 0;
        try
        {
            // Every slot at once means that nothing is in flight; each request in flight has a deadline.
            for (; held < table.Length; held++) await freeSlots.WaitAsync(cancel);
            await SayGoodbyeAsync();
            await receiving.WaitAsync(limit, cancel);
        }
        catch (TimeoutException)
        {
            Fail(NbdErrors.NotClosedByServer(Peer, limit));
            await receiving;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            Fail(NbdErrors.Closed(Peer, "disconnecting was cancelled"));
            throw;
        }
        finally
        {
            // Those who still wait for a slot hear that the connection is closed.
            if (held > 0) freeSlots.Release(held);
        }
        if (!endedWell) throw CloseCause!;
    }

    /// <summary>
    /// Closes at once; requests in flight fail with SL3023. An idle connection says goodbye first, without waiting for an answer:
    /// use <see cref="DisconnectAsync"/> to know that the server heard it.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        bool isIdle;
        lock (gate)
        {
            isIdle = cause is null && !isDisconnecting && busySlots == 0;
            isDisconnecting = true;
        }
        // Cannot block for long: with nothing in flight the socket's buffer is empty, and a goodbye is 28 bytes.
        if (isIdle) await SayGoodbyeAsync();
        Fail(NbdErrors.Closed(Peer, "it was disposed"));
        await watch.DisposeAsync();
        await receiving;
        await transport.DisposeAsync();
    }

    private async Task SayGoodbyeAsync()
    {
        await sendTurn.WaitAsync();
        try
        {
            saidGoodbye = true;
            Encode(new NbdRequest(NbdCommand.Disconnect, 0, 0), 0);
            await transport.Stream.WriteAsync(sendBuffer.AsMemory(0, NbdProtocol.RequestBytes));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            Fail(NbdErrors.Lost(Peer, "sending the goodbye failed: " + e.Message, e));
        }
        finally
        {
            sendTurn.Release();
        }
    }

    /// <summary>Closes the socket with this cause, unless it already has one.</summary>
    /// <returns>The cause that counts.</returns>
    private NbdException Fail(NbdException because)
    {
        var first = Interlocked.CompareExchange(ref cause, because, null);
        if (first is null) transport.Abort();
        return first ?? because;
    }

    private void ThrowIfClosed(in NbdRequest request)
    {
        if (cause is { } because) throw NbdErrors.Because(because, request);
        if (isDisconnecting) throw NbdErrors.Because(NbdErrors.Closed(Peer, "it is being disconnected"), request);
    }
}
