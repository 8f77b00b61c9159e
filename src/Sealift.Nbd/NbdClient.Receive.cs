using System.Net.Sockets;
using System.Runtime.CompilerServices;
using static Sealift.Nbd.NbdProtocol;

namespace Sealift.Nbd;

// The receive loop: the only reader of the stream, and the only one that completes requests.
// It never waits for anything but the stream. Whatever does not follow the protocol ends the connection, because after it
// nobody can say where the next reply begins.
public sealed partial class NbdClient
{
    // nbdkit sends up to 2^20 descriptors in a chunk, qemu-nbd 2^17.
    private const uint MaxExtentsPerChunk = 1 << 20;

    // Error number, length of the text, the text, and the offset of NBD_REPLY_TYPE_ERROR_OFFSET; with room for future fields.
    private const uint MaxErrorChunkBytes = 6 + MaxStringBytes + 64;

    private async Task ReceiveAsync()
    {
        NbdException because;
        try
        {
            while (await reader.FillAsync(SimpleReplyBytes))
            {
                switch (reader.TakeUInt32())
                {
                    case SimpleReplyMagic:
                        await ReceiveSimpleAsync();
                        break;
                    case StructuredReplyMagic:
                        await ReceiveChunkAsync();
                        break;
                    case var magic:
                        throw NbdErrors.Violation(Peer, $"a reply has the bad magic number 0x{magic:x8}");
                }
            }
            endedWell = saidGoodbye && CloseCause is null;
            because = saidGoodbye ? NbdErrors.Closed(Peer, "it was disconnected") : NbdErrors.Lost(Peer, "the server closed the connection");
        }
        catch (NbdException e)
        {
            because = e;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            because = NbdErrors.Lost(Peer, "receiving failed: " + e.Message, e);
        }
#pragma warning disable CA1031 // Whatever it was, the requests must hear of it: nobody else would ever complete them.
        catch (Exception e)
        {
            because = NbdErrors.Internal(Peer, e);
        }
#pragma warning restore CA1031
        FailAll(Fail(because));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveSimpleAsync()
    {
        var errno = reader.TakeUInt32();
        var pending = FindOrThrow(reader.TakeUInt64());
        var request = pending.Request;
        if (pending.Chunks > 0) throw NbdErrors.Violation(Peer, $"it answered in chunks, and then simply, to {request}");
        if (request.Command == NbdCommand.Read && export.HasStructuredReplies) throw NbdErrors.Violation(Peer, $"it sent a simple reply to {request}, where structured ones were agreed");
        if (errno != 0)
        {
            Finish(pending, NbdErrors.Server(Peer, request, errno, null, -1));
            return;
        }
        if (request.Command == NbdCommand.BlockStatus) throw NbdErrors.Violation(Peer, $"it sent a reply without extents to {request}");
        if (request.Command == NbdCommand.Read) await ReceivePayloadAsync(pending, request.Offset, (int)request.LengthBytes);
        Finish(pending, null);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveChunkAsync()
    {
        await reader.NeedAsync(StructuredReplyBytes - sizeof(uint));
        var flags = reader.TakeUInt16();
        var type = reader.TakeUInt16();
        var cookie = reader.TakeUInt64();
        var lengthBytes = reader.TakeUInt32();
        if (!export.HasStructuredReplies) throw NbdErrors.Violation(Peer, "it sent a structured reply, which was not agreed");
        var pending = FindOrThrow(cookie);
        var request = pending.Request;
        if (++pending.Chunks > request.MaxChunks) throw NbdErrors.Violation(Peer, $"it sent more than {request.MaxChunks} chunks in answer to {request}");
        switch (type)
        {
            case ReplyNone when lengthBytes == 0 && (flags & ReplyFlagDone) != 0:
                break;
            case ReplyOffsetData when request.Command == NbdCommand.Read && lengthBytes > 8:
                await ReceiveDataAsync(pending, lengthBytes - 8);
                break;
            case ReplyOffsetHole when request.Command == NbdCommand.Read && lengthBytes == 12:
                await ReceiveHoleAsync(pending);
                break;
            case ReplyBlockStatus when request.Command == NbdCommand.BlockStatus && lengthBytes >= 12 && (lengthBytes - 4) % 8 == 0:
                await ReceiveExtentsAsync(pending, (lengthBytes - 4) / 8);
                break;
            case >= ReplyErrorBit when lengthBytes is >= 6 and <= MaxErrorChunkBytes:
                await ReceiveErrorAsync(pending, type, (int)lengthBytes);
                break;
            default:
                throw NbdErrors.Violation(Peer, $"a chunk of type {type} with {lengthBytes} bytes does not belong in an answer to {request}");
        }
        if ((flags & ReplyFlagDone) != 0) Conclude(pending);
    }

    // The last chunk has come: is the answer whole?
    private void Conclude(PendingRequest pending)
    {
        var request = pending.Request;
        if (pending.ServerError is null)
        {
            if (request.Command == NbdCommand.Read && !pending.Coverage.IsComplete(request.Offset, request.Offset + request.LengthBytes))
                throw NbdErrors.Violation(Peer, $"its answer to {request} ended without the bytes from offset {pending.Coverage.FirstMissing(request.Offset)} on");
            if (request.Command == NbdCommand.BlockStatus && pending.Extents.Count == 0)
                throw NbdErrors.Violation(Peer, $"its answer to {request} ended without the context that was asked for");
        }
        Finish(pending, pending.ServerError);
    }

    private async ValueTask ReceiveDataAsync(PendingRequest pending, uint lengthBytes)
    {
        await reader.NeedAsync(8);
        var offset = Cover(pending, reader.TakeUInt64(), lengthBytes);
        await ReceivePayloadAsync(pending, offset, (int)lengthBytes);
    }

    private async ValueTask ReceiveHoleAsync(PendingRequest pending)
    {
        await reader.NeedAsync(12);
        var at = reader.TakeUInt64();
        var lengthBytes = reader.TakeUInt32();
        if (lengthBytes == 0) throw NbdErrors.Violation(Peer, $"it sent a hole of no length in answer to {pending.Request}");
        var offset = Cover(pending, at, lengthBytes);
        if (!Claim(pending)) return;
        pending.Request.Destination.Slice((int)(offset - pending.Request.Offset), (int)lengthBytes).Span.Clear();
        Unclaim(pending);
    }

    // Before a byte is stored: inside the request, and the first time.
    private long Cover(PendingRequest pending, ulong offset, uint lengthBytes)
    {
        var request = pending.Request;
        var end = request.Offset + request.LengthBytes;
        if (offset < (ulong)request.Offset || offset > (ulong)end || lengthBytes > (ulong)end - offset)
            throw NbdErrors.Violation(Peer, $"a chunk of {lengthBytes} bytes at offset {offset} is outside of what was asked: {request}");
        if (pending.Coverage.Add((long)offset, (long)offset + lengthBytes) is { } wrong) throw NbdErrors.Violation(Peer, $"in its answer to {request}, {wrong}");
        return (long)offset;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceivePayloadAsync(PendingRequest pending, long offset, int lengthBytes)
    {
        if (!Claim(pending))
        {
            await reader.SkipAsync(lengthBytes);
            return;
        }
        // When this throws the request stays claimed; the sweep at the end of the loop tells its caller.
        await reader.ReadAsync(pending.Request.Destination.Slice((int)(offset - pending.Request.Offset), lengthBytes));
        Unclaim(pending);
    }

    private async ValueTask ReceiveExtentsAsync(PendingRequest pending, uint count)
    {
        var request = pending.Request;
        if (count > MaxExtentsPerChunk) throw NbdErrors.Violation(Peer, $"it announced {count} extents in answer to {request}, more than {MaxExtentsPerChunk}");
        await reader.NeedAsync(4);
        var id = reader.TakeUInt32();
        var context = 0;
        while (context < export.Contexts.Count && export.Contexts[context].Id != id) context++;
        if (context == export.Contexts.Count) throw NbdErrors.Violation(Peer, $"it answered {request} for the context {id}, which was not agreed");
        if ((pending.ContextsSeen & (1u << context)) != 0) throw NbdErrors.Violation(Peer, $"it answered {request} twice for the context {id}");
        pending.ContextsSeen |= 1u << context;

        var position = request.Offset;
        var end = request.Offset + request.LengthBytes;
        for (var i = 0u; i < count; i++)
        {
            await reader.NeedAsync(8);
            var lengthBytes = reader.TakeUInt32();
            var flags = reader.TakeUInt32();
            if (lengthBytes == 0) throw NbdErrors.Violation(Peer, $"it sent an extent of no length in answer to {request}");
            if (position >= end) throw NbdErrors.Violation(Peer, $"it sent extents beyond the end in answer to {request}");
            // Only the last may reach beyond (proto.md, NBD_CMD_BLOCK_STATUS); what lies there was not asked for.
            var next = Math.Min(position + lengthBytes, end);
            if (id == request.ContextId) AddExtent(pending.Extents, new NbdExtent(position, next - position, flags));
            position = next;
        }
    }

    private static void AddExtent(List<NbdExtent> extents, NbdExtent extent)
    {
        if (extents.Count > 0 && extents[^1].Flags == extent.Flags) extents[^1] = extents[^1] with { LengthBytes = extents[^1].LengthBytes + extent.LengthBytes };
        else extents.Add(extent);
    }

    private async ValueTask ReceiveErrorAsync(PendingRequest pending, ushort type, int lengthBytes)
    {
        var request = pending.Request;
        await reader.NeedAsync(lengthBytes);
        var errno = reader.TakeUInt32();
        var textBytes = reader.TakeUInt16();
        var rest = lengthBytes - 6 - textBytes;
        if (errno == 0) throw NbdErrors.Violation(Peer, $"it sent an error chunk without an error in answer to {request}");
        if (rest < (type == ReplyErrorOffset ? 8 : 0)) throw NbdErrors.Violation(Peer, $"the text of an error chunk is longer than the chunk in answer to {request}");
        var text = Printable.Of(reader.Take(textBytes));
        var at = -1L;
        if (type == ReplyErrorOffset)
        {
            var offset = reader.TakeUInt64();
            rest -= 8;
            if (offset < (ulong)request.Offset || offset > (ulong)(request.Offset + request.LengthBytes))
                throw NbdErrors.Violation(Peer, $"it sent an error for offset {offset} in answer to {request}");
            at = (long)offset;
        }
        // Unknown kinds of errors are errors all the same; what they add is skipped (proto.md, "Error chunk types").
        _ = reader.Take(rest);
        pending.ServerError ??= NbdErrors.Server(Peer, request, errno, text, at);
    }

    private PendingRequest FindOrThrow(ulong cookie) =>
        Find(cookie) ?? throw NbdErrors.Violation(Peer, $"it answered a request that was not sent, or answered one twice (cookie 0x{cookie:x16})");
}
