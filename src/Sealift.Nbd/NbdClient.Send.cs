using System.Buffers.Binary;
using System.Net.Sockets;

namespace Sealift.Nbd;

// One request out, one outcome back.
public sealed partial class NbdClient
{
    // Copying a payload up to here costs less than a second system call (and, over TCP, a second packet).
    private const int CopiedPayloadBytes = 16384;

    private readonly SemaphoreSlim sendTurn = new(1, 1);
    private readonly byte[] sendBuffer = new byte[NbdProtocol.RequestBytes + CopiedPayloadBytes];

    private async ValueTask<NbdExtent[]> ExchangeAsync(NbdRequest request, CancellationToken cancel)
    {
        await freeSlots.WaitAsync(cancel);
        PendingRequest pending;
        try
        {
            pending = Rent(request);
        }
        catch (NbdException)
        {
            freeSlots.Release();
            throw;
        }
        try
        {
            await SendAsync(pending, cancel);
            await using (cancel.UnsafeRegister(static state => ((Cancellation)state!).Run(), cancel.CanBeCanceled ? new Cancellation(this, pending) : null))
                await pending.Outcome;
            return pending.Extents.Count == 0 ? [] : [.. pending.Extents];
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException($"{request} was cancelled.", cancel);
        }
        finally
        {
            LetGo(pending);
        }
    }

    // Once the first byte is sent the rest must follow, cancelled or not: the server takes what comes next for it.
    private async ValueTask SendAsync(PendingRequest pending, CancellationToken cancel)
    {
        await sendTurn.WaitAsync(cancel);
        try
        {
            PutOnWire(pending);
            var payload = pending.Request.Payload;
            Encode(pending.Request, pending.Cookie);
            if (payload.Length <= CopiedPayloadBytes)
            {
                payload.Span.CopyTo(sendBuffer.AsSpan(NbdProtocol.RequestBytes));
                await transport.Stream.WriteAsync(sendBuffer.AsMemory(0, NbdProtocol.RequestBytes + payload.Length), CancellationToken.None);
            }
            else
            {
                await transport.Stream.WriteAsync(sendBuffer.AsMemory(0, NbdProtocol.RequestBytes), CancellationToken.None);
                await transport.Stream.WriteAsync(payload, CancellationToken.None);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // Not thrown here: the receive loop ends now and gives every request on the wire, this one included, the one cause.
            Fail(NbdErrors.Lost(Peer, "sending failed: " + e.Message, e));
        }
        finally
        {
            sendTurn.Release();
        }
    }

    private void Encode(in NbdRequest request, ulong cookie)
    {
        var header = sendBuffer.AsSpan(0, NbdProtocol.RequestBytes);
        BinaryPrimitives.WriteUInt32BigEndian(header, NbdProtocol.RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)request.Flags);
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], (ushort)request.Command);
        BinaryPrimitives.WriteUInt64BigEndian(header[8..], cookie);
        BinaryPrimitives.WriteUInt64BigEndian(header[16..], (ulong)request.Offset);
        BinaryPrimitives.WriteUInt32BigEndian(header[24..], checked((uint)request.LengthBytes));
    }

    private sealed record Cancellation(NbdClient Client, PendingRequest Pending)
    {
        public void Run() => Client.RequestCancel(Pending);
    }
}
