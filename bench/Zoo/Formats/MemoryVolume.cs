using Sealift.Guests.Ntfs;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>A volume in memory. It answers at once, so that a whole check runs on the thread that started it.</summary>
internal sealed class MemoryVolume(ReadOnlyMemory<byte> bytes) : IVolumeReader
{
    public long LengthBytes => bytes.Length;

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        bytes.Slice((int)offset, buffer.Length).CopyTo(buffer);
        return ValueTask.CompletedTask;
    }
}
