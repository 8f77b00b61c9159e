using System.Collections.Concurrent;

namespace Sealift.Disks;

/// <summary>Aligned buffers of one size, made as they are needed and freed together. It holds as many as were ever out at once.</summary>
internal sealed class BufferPool(int lengthBytes) : IDisposable
{
    private readonly ConcurrentBag<AlignedBuffer> idle = [];

    public AlignedBuffer Rent() => idle.TryTake(out var buffer) ? buffer : new AlignedBuffer(lengthBytes);

    public void Return(AlignedBuffer buffer) => idle.Add(buffer);

    public void Dispose()
    {
        while (idle.TryTake(out var buffer)) ((IDisposable)buffer).Dispose();
    }
}
