using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>A range of a disk, read as a disk of its own: a partition. It does not own the disk below it.</summary>
internal sealed class PartitionReader : IDiskReader
{
    private readonly IDiskReader disk;
    private readonly long start;

    /// <param name="disk">The disk that it lies on.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="start">Its first byte.</param>
    /// <param name="lengthBytes">Its length; what reaches beyond the disk's end is cut off.</param>
    public PartitionReader(IDiskReader disk, string name, long start, long lengthBytes)
    {
        this.disk = disk;
        this.start = Math.Clamp(start, 0, disk.LengthBytes);
        Name = name;
        LengthBytes = Math.Clamp(lengthBytes, 0, disk.LengthBytes - this.start);
    }

    public string Name { get; }

    public long LengthBytes { get; }

    public string? MapDoubt => disk.MapDoubt;

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        if (offset < 0 || buffer.Length > LengthBytes - offset) throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{buffer.Length} bytes are to be read of the {LengthBytes} of {Name}");
        await disk.ReadAsync(start + offset, buffer, cancel);
    }

    public async IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var extent in disk.ExtentsAsync(start + offset, lengthBytes, cancel)) yield return extent with { Offset = extent.Offset - start };
    }

    public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => disk.VerifyUnchangedAsync(cancel);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>Reading where a hostile disk says that something is.</summary>
internal static class BoundedReading
{
    /// <summary>Bytes from an offset, or null where they do not lie within the disk.</summary>
    public static async ValueTask<byte[]?> TryReadAsync(this IDiskReader disk, long offset, int count, CancellationToken cancel)
    {
        if (offset < 0 || count < 0 || count > disk.LengthBytes || offset > disk.LengthBytes - count) return null;
        var bytes = new byte[count];
        await disk.ReadAsync(offset, bytes, cancel);
        return bytes;
    }
}
