using System.Buffers.Binary;
using System.Net.Sockets;

namespace Sealift.Nbd;

/// <summary>
/// Shows something that can be read, read-only, as an NBD export on a Unix socket, for programs that read disks by NBD. Only what such a
/// program needs: fixed newstyle handshake, simple replies, reads. Everything else is refused, as the protocol has it
/// (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).
/// </summary>
public sealed class NbdReadServer : IAsyncDisposable
{
    private const int MaxRequestBytes = 32 << 20;
    private const int MaxOptionBytes = 4096 + 64;
    // A client that goes on without an end is no client.
    private const int MaxOptions = 64;
    private const int ClientLimit = 32;
    private const uint OptAbort = 2, OptInfo = 6;
    private const ushort TransmissionFlags = 1 /* HAS_FLAGS */ | 2 /* READ_ONLY */ | (1 << 8) /* CAN_MULTI_CONN */;
    private const ushort CommandRead = 0, CommandDisconnect = 2, CommandFlush = 3;
    private const uint Ok = 0, Eperm = 1, Eio = 5, Einval = 22;

    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stopping = new();
    private readonly long lengthBytes;
    private readonly Func<long, Memory<byte>, CancellationToken, ValueTask> read;
    private readonly string socketPath;
    private readonly Task serving;
    private readonly SemaphoreSlim room = new(ClientLimit);
    private Exception? failure;
    private int disposed;

    private NbdReadServer(string socketPath, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask> read)
    {
        (this.socketPath, this.lengthBytes, this.read) = (socketPath, lengthBytes, read);
        try
        {
            listener.Bind(new UnixDomainSocketEndPoint(socketPath));
            listener.Listen(ClientLimit);
        }
        catch (SocketException e)
        {
            listener.Dispose();
            throw NbdErrors.NotServed(socketPath, e.Message, e);
        }

        serving = ServeAsync();
    }

    /// <summary>Where it is shown; the export's name is empty, and any name leads to it.</summary>
    public NbdUri Uri => NbdUri.Unix(socketPath, string.Empty);

    /// <summary>Why the first read that failed did; the client heard only EIO. Null where none did.</summary>
    public Exception? Failure => Volatile.Read(ref failure);

    /// <summary>Begins to show it.</summary>
    /// <param name="socketPath">Where; nothing may be there. Whoever may enter its directory can read.</param>
    /// <param name="lengthBytes">How long it is, in bytes.</param>
    /// <param name="read">Fills a buffer from an offset, or throws; several at once.</param>
    /// <exception cref="NbdException">SL3034: the socket could not be made.</exception>
    public static NbdReadServer Start(string socketPath, long lengthBytes, Func<long, Memory<byte>, CancellationToken, ValueTask> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        return new NbdReadServer(socketPath, lengthBytes, read);
    }

    /// <summary>Ends every connection, and shows it no more.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 1) return;
        await stopping.CancelAsync();
        listener.Dispose(); // which removes nothing
        await serving;
        _ = Posix.PosixPath.RemoveFile(socketPath); // false: its directory was emptied already, which is what is wanted
        stopping.Dispose();
        room.Dispose();
    }

    private async Task ServeAsync()
    {
        var clients = new List<Task>();
        while (!stopping.IsCancellationRequested)
        {
            Socket client;
            try
            {
                await room.WaitAsync(stopping.Token);
                client = await listener.AcceptAsync(stopping.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                if (!stopping.IsCancellationRequested) Failed(e);
                break;
            }

            clients.RemoveAll(c => c.IsCompleted);
            clients.Add(TalkAsync(client));
        }

        await Task.WhenAll(clients);
    }

    private async Task TalkAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            if (await ShakeHandsAsync(stream)) await AnswerAsync(stream);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidDataException)
        {
            // The client went away, or is none: others are served on.
        }
        finally
        {
            room.Release();
        }
    }

    private void Failed(Exception e) => Interlocked.CompareExchange(ref failure, e, null);

    private async Task<bool> ShakeHandsAsync(NetworkStream stream)
    {
        var cancel = stopping.Token;
        var hello = new byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(hello, NbdProtocol.InitMagic);
        BinaryPrimitives.WriteUInt64BigEndian(hello.AsSpan(8), NbdProtocol.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(hello.AsSpan(16), NbdProtocol.FlagFixedNewstyle | NbdProtocol.FlagNoZeroes);
        await stream.WriteAsync(hello, cancel);
        var flags = new byte[4];
        await stream.ReadExactlyAsync(flags, cancel);
        var noZeroes = (BinaryPrimitives.ReadUInt32BigEndian(flags) & NbdProtocol.FlagNoZeroes) != 0;
        var head = new byte[16];
        for (var i = 0; i < MaxOptions; i++)
        {
            await stream.ReadExactlyAsync(head, cancel);
            if (BinaryPrimitives.ReadUInt64BigEndian(head) != NbdProtocol.OptionMagic) throw new InvalidDataException("no option");
            var option = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8));
            var length = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12));
            if (length > MaxOptionBytes) throw new InvalidDataException("an option is too long");
            await stream.ReadExactlyAsync(new byte[length], cancel); // whatever name is asked for, there is one export
            switch (option)
            {
                case NbdProtocol.OptExportName:
                    var export = new byte[noZeroes ? 10 : 134];
                    BinaryPrimitives.WriteInt64BigEndian(export, lengthBytes);
                    BinaryPrimitives.WriteUInt16BigEndian(export.AsSpan(8), TransmissionFlags);
                    await stream.WriteAsync(export, cancel);
                    return true;
                case OptInfo or NbdProtocol.OptGo:
                    var info = new byte[12];
                    BinaryPrimitives.WriteUInt16BigEndian(info, NbdProtocol.InfoExport);
                    BinaryPrimitives.WriteInt64BigEndian(info.AsSpan(2), lengthBytes);
                    BinaryPrimitives.WriteUInt16BigEndian(info.AsSpan(10), TransmissionFlags);
                    await ReplyAsync(option, NbdProtocol.RepInfo, info);
                    var sizes = new byte[14];
                    BinaryPrimitives.WriteUInt16BigEndian(sizes, NbdProtocol.InfoBlockSize);
                    BinaryPrimitives.WriteUInt32BigEndian(sizes.AsSpan(2), 1);
                    BinaryPrimitives.WriteUInt32BigEndian(sizes.AsSpan(6), 64 << 10);
                    BinaryPrimitives.WriteUInt32BigEndian(sizes.AsSpan(10), MaxRequestBytes);
                    await ReplyAsync(option, NbdProtocol.RepInfo, sizes);
                    await ReplyAsync(option, NbdProtocol.RepAck, []);
                    if (option == NbdProtocol.OptGo) return true;
                    break;
                case OptAbort:
                    await ReplyAsync(option, NbdProtocol.RepAck, []);
                    return false;
                default:
                    await ReplyAsync(option, NbdProtocol.RepErrUnsup, []);
                    break;
            }
        }

        return false;

        async Task ReplyAsync(uint option, uint kind, byte[] data)
        {
            var reply = new byte[20 + data.Length];
            BinaryPrimitives.WriteUInt64BigEndian(reply, NbdProtocol.OptionReplyMagic);
            BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), option);
            BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), kind);
            BinaryPrimitives.WriteInt32BigEndian(reply.AsSpan(16), data.Length);
            data.CopyTo(reply, 20);
            await stream.WriteAsync(reply, cancel);
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        var cancel = stopping.Token;
        var request = new byte[NbdProtocol.RequestBytes];
        var reply = new byte[NbdProtocol.SimpleReplyBytes];
        var buffer = Array.Empty<byte>();
        while (true)
        {
            if (await stream.ReadAtLeastAsync(request, request.Length, throwOnEndOfStream: false, cancel) < request.Length) return;
            if (BinaryPrimitives.ReadUInt32BigEndian(request) != NbdProtocol.RequestMagic) throw new InvalidDataException("no request");
            var command = BinaryPrimitives.ReadUInt16BigEndian(request.AsSpan(6));
            var offset = BinaryPrimitives.ReadUInt64BigEndian(request.AsSpan(16));
            var length = BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(24));
            var (error, data) = (Ok, Memory<byte>.Empty);
            switch (command)
            {
                case CommandDisconnect:
                    return;
                case CommandFlush:
                    break; // there is nothing to flush
                case CommandRead when length > MaxRequestBytes || offset > (ulong)lengthBytes || length > (ulong)lengthBytes - offset:
                    error = Einval;
                    break;
                case CommandRead:
                    if (buffer.Length < length) buffer = new byte[length];
                    data = buffer.AsMemory(0, (int)length);
                    try
                    {
                        await read((long)offset, data, cancel);
                    }
                    catch (Exception e) when (e is Posix.SealiftException or IOException)
                    {
                        Failed(e);
                        (error, data) = (Eio, Memory<byte>.Empty);
                    }

                    break;
                case 1: // a write brings its data along, and nothing behind it could be told apart
                    return;
                default:
                    error = Eperm;
                    break;
            }

            BinaryPrimitives.WriteUInt32BigEndian(reply, NbdProtocol.SimpleReplyMagic);
            BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(4), error);
            request.AsSpan(8, 8).CopyTo(reply.AsSpan(8));
            await stream.WriteAsync(reply, cancel);
            if (data.Length > 0) await stream.WriteAsync(data, cancel);
        }
    }
}
