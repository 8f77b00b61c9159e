namespace Sealift.Guests.Ntfs;

/// <summary>The bytes of the volume as the checks read them: bounded and counted.</summary>
internal sealed class VolumeBytes(IVolumeReader reader, CancellationToken cancel)
{
    /// <summary>The length of what the volume lies on.</summary>
    public long LengthBytes { get; } = reader.LengthBytes;

    /// <summary>How much was read.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Cancels the check.</summary>
    public CancellationToken Cancel => cancel;

    /// <summary>Fills the buffer; false where it would reach beyond the device.</summary>
    public async ValueTask<bool> TryReadAsync(long offset, Memory<byte> buffer)
    {
        cancel.ThrowIfCancellationRequested();
        if (offset < 0 || buffer.Length > LengthBytes || offset > LengthBytes - buffer.Length) return false;
        await reader.ReadAsync(offset, buffer, cancel);
        BytesRead += buffer.Length;
        return true;
    }
}
