using System.Runtime.CompilerServices;
using Sealift.Disks;

namespace Sealift.Guests.Tests.Direct;

/// <summary>A disk whose sectors a function makes, so that it can be as long, and as hostile, as anybody could write it.</summary>
internal sealed class MemoryDisk(long lengthBytes, Func<long, byte[]?> sector) : IDiskReader
{
    public MemoryDisk(byte[] bytes)
        : this(bytes.Length, at => bytes.AsSpan((int)at, Math.Min(512, bytes.Length - (int)at)).ToArray())
    {
    }

    /// <summary>How many sectors were read.</summary>
    public int Reads { get; private set; }

    public string Name => "memory";

    public long LengthBytes => lengthBytes;

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        if (offset < 0 || buffer.Length > lengthBytes - offset) throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{buffer.Length} bytes of {lengthBytes}");
        for (var done = 0; done < buffer.Length;)
        {
            var at = offset + done;
            var within = (int)(at % 512);
            var count = Math.Min(512 - within, buffer.Length - done);
            var bytes = sector(at - within);
            if (bytes is null) buffer.Span.Slice(done, count).Clear();
            else bytes.AsSpan(within, count).CopyTo(buffer.Span[done..]);
            Reads++;
            done += count;
        }

        return ValueTask.CompletedTask;
    }

    public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        await Task.CompletedTask;
        yield return new DiskExtent(offset, lengthBytes, IsHole: false);
    }

    public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
