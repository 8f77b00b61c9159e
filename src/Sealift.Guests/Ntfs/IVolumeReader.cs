namespace Sealift.Guests.Ntfs;

/// <summary>The bytes of one volume, of whatever they are a window: a partition of an image, a whole disk, a logical volume.</summary>
public interface IVolumeReader
{
    /// <summary>Its length in bytes, as the partition table or the image says it.</summary>
    long LengthBytes { get; }

    /// <summary>Fills the whole buffer from an offset, or throws.</summary>
    /// <param name="offset">Bytes from the start of the volume; offset + length never exceeds <see cref="LengthBytes"/>.</param>
    /// <param name="buffer">Filled completely or the call throws.</param>
    /// <param name="cancel">Cancels the read.</param>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel);
}
