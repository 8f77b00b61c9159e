using Sealift.Disks;

namespace Sealift.Guests.Ntfs;

/// <summary>A volume that lies on a disk. The disk stays its owner's.</summary>
/// <param name="disk">The disk.</param>
/// <param name="startBytes">Where the volume starts, in bytes.</param>
/// <param name="lengthBytes">Its length in bytes; it ends within the disk.</param>
public sealed class DiskVolume(IDiskReader disk, long startBytes, long lengthBytes) : IVolumeReader
{
    /// <inheritdoc/>
    public long LengthBytes { get; } = startBytes >= 0 && lengthBytes >= 0 && lengthBytes <= disk.LengthBytes - startBytes
        ? lengthBytes
        : throw new ArgumentOutOfRangeException(nameof(lengthBytes), lengthBytes, $"A volume at byte {startBytes} that does not end within a disk of {disk.LengthBytes} bytes");

    /// <inheritdoc/>
    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel) => disk.ReadAsync(startBytes + offset, buffer, cancel);
}
