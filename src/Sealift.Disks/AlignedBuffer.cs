using System.Buffers;
using System.Runtime.InteropServices;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A block of native memory aligned for O_DIRECT (<see cref="PosixFile.DirectAlignmentBytes"/>). Its content starts undefined.</summary>
internal sealed unsafe class AlignedBuffer : MemoryManager<byte>
{
    private readonly int lengthBytes;
    private byte* start;

    public AlignedBuffer(int lengthBytes)
    {
        this.lengthBytes = lengthBytes;
        start = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, PosixFile.DirectAlignmentBytes);
    }

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(start is null, this);
        return new Span<byte>(start, lengthBytes);
    }

    public override MemoryHandle Pin(int elementIndex = 0) => new(start + elementIndex);

    public override void Unpin()
    {
        // Native memory does not move.
    }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.AlignedFree(start);
        start = null;
    }
}
