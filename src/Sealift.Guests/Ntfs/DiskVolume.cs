using System.Buffers;
using Sealift.Disks;

namespace Sealift.Guests.Ntfs;

/// <summary>
/// A volume that lies on a disk. The disk stays its owner's, and is read in whole blocks of 4 KiB: an NBD server may serve nothing
/// smaller, and structures of NTFS start anywhere.
/// </summary>
/// <param name="disk">The disk.</param>
/// <param name="startBytes">Where the volume starts, in bytes.</param>
/// <param name="lengthBytes">Its length in bytes; it ends within the disk.</param>
public sealed class DiskVolume(IDiskReader disk, long startBytes, long lengthBytes) : IVolumeReader
{
    private const int BlockBytes = 4096;

    /// <inheritdoc/>
    public long LengthBytes { get; } = startBytes >= 0 && lengthBytes >= 0 && lengthBytes <= disk.LengthBytes - startBytes
        ? lengthBytes
        : throw new ArgumentOutOfRangeException(nameof(lengthBytes), lengthBytes, $"A volume at byte {startBytes} that does not end within a disk of {disk.LengthBytes} bytes");

    /// <inheritdoc/>
    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        long start = startBytes + offset, end = start + buffer.Length;
        // A disk that is no multiple of a block long ends in a shorter one.
        long first = start - (start % BlockBytes), last = Math.Min(disk.LengthBytes, (end + BlockBytes - 1) / BlockBytes * BlockBytes);
        if (first == start && last == end)
        {
            await disk.ReadAsync(start, buffer, cancel);
            return;
        }

        var blocks = ArrayPool<byte>.Shared.Rent((int)(last - first));
        try
        {
            await disk.ReadAsync(first, blocks.AsMemory(0, (int)(last - first)), cancel);
            blocks.AsSpan((int)(start - first), buffer.Length).CopyTo(buffer.Span);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(blocks);
        }
    }
}
