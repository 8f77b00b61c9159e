using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Sealift.Nbd;

/// <summary>
/// Reads headers through a small buffer and payloads straight into the caller's memory. Several small replies arrive in
/// one system call, and at most <see cref="BufferBytes"/> of a payload are copied.
/// </summary>
internal sealed class WireReader(Stream stream)
{
    // Holds the longest string of the protocol (4096 bytes) with the headers before it.
    private const int BufferBytes = 8192;

    private readonly byte[] buffer = new byte[BufferBytes];
    private int start;
    private int end;

    /// <summary>Bytes that were received but not yet asked for.</summary>
    public int BufferedBytes => end - start;

    /// <summary>Waits until that many bytes are in the buffer; false when the stream ended cleanly before the first of them.</summary>
    /// <exception cref="EndOfStreamException">The stream ended in the middle.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> FillAsync(int count, CancellationToken cancel = default)
    {
        if (BufferedBytes >= count) return true;
        if (start > 0)
        {
            buffer.AsSpan(start, BufferedBytes).CopyTo(buffer);
            (start, end) = (0, end - start);
        }
        while (end < count)
        {
            var got = await stream.ReadAsync(buffer.AsMemory(end), cancel);
            if (got == 0) return end == 0 ? false : throw new EndOfStreamException($"the server closed after {end} of {count} bytes");
            end += got;
        }
        return true;
    }

    /// <summary>Like <see cref="FillAsync"/>, where the stream may not end.</summary>
    public async ValueTask NeedAsync(int count, CancellationToken cancel = default)
    {
        if (BufferedBytes < count && !await FillAsync(count, cancel))
            throw new EndOfStreamException("the server closed in the middle of a message");
    }

    public ushort TakeUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public uint TakeUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong TakeUInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>Bytes that a fill made sure of; valid until the next call.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        if (count > BufferedBytes) throw new InvalidOperationException("More was taken than was filled.");
        start += count;
        return buffer.AsSpan(start - count, count);
    }

    /// <summary>Fills the destination.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReadAsync(Memory<byte> destination, CancellationToken cancel = default)
    {
        var ready = Math.Min(BufferedBytes, destination.Length);
        Take(ready).CopyTo(destination.Span);
        for (var done = ready; done < destination.Length;)
        {
            var got = await stream.ReadAsync(destination[done..], cancel);
            if (got == 0) throw new EndOfStreamException($"the server closed after {done} of {destination.Length} bytes of a payload");
            done += got;
        }
    }

    /// <summary>Drops bytes that nobody wants any more.</summary>
    public async ValueTask SkipAsync(long count, CancellationToken cancel = default)
    {
        while (count > 0)
        {
            if (BufferedBytes == 0) await NeedAsync(1, cancel);
            count -= Take((int)Math.Min(count, BufferedBytes)).Length;
        }
    }
}
