namespace Sealift.Disks;

/// <summary>A disk as it can be read: its length, its allocation map, its bytes. Safe for parallel reads.</summary>
/// <remarks>Implementations throw a <c>SealiftException</c> that names the disk and the offset; they never return short.</remarks>
public interface IDiskReader : IAsyncDisposable
{
    /// <summary>What errors, progress and the seal call it: a path or a URI without secrets.</summary>
    string Name { get; }

    /// <summary>Its length in bytes, as measured when it was opened.</summary>
    long LengthBytes { get; }

    /// <summary>Fills the whole buffer from an offset.</summary>
    /// <param name="offset">Bytes from the start; offset + length never exceeds <see cref="LengthBytes"/>.</param>
    /// <param name="buffer">Filled completely or the call throws.</param>
    /// <param name="cancel">Cancels the read; the buffer's content is undefined then.</param>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel);

    /// <summary>
    /// The allocation map of a range, in order, without gaps or overlaps, covering exactly the range. A hole is only what the
    /// source itself says reads as zeros; whatever is not known to be a hole is data.
    /// </summary>
    IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel);

    /// <summary>Why the allocation map that lies below it is not believed, so that everything is data; null where it is. Known once the extents were asked for.</summary>
    string? MapDoubt => null;

    /// <summary>Measures size and identity again and throws (SL4201) where they are not what they were when it was opened.</summary>
    ValueTask VerifyUnchangedAsync(CancellationToken cancel);
}

/// <summary>A disk that can be written. Writes may be issued in parallel to ranges that do not overlap.</summary>
public interface IDiskWriter : IDiskReader
{
    /// <summary>Writes the whole buffer at an offset.</summary>
    ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancel);

    /// <summary>Makes a range read as zeros, without taking space where the target can.</summary>
    ValueTask WriteZeroesAsync(long offset, long lengthBytes, CancellationToken cancel);

    /// <summary>Returns when everything written is on stable storage. A failure is final for this copy of the data.</summary>
    ValueTask FlushAsync(CancellationToken cancel);

    /// <summary>Flushes, closes and checks both. After it only <see cref="IAsyncDisposable.DisposeAsync"/> may be called, and does nothing.</summary>
    ValueTask CloseAsync(CancellationToken cancel);
}

/// <summary>A range of a disk.</summary>
/// <param name="Offset">Bytes from the start of the disk.</param>
/// <param name="LengthBytes">Length in bytes, never 0.</param>
/// <param name="IsHole">Whether the disk's own allocation map says that it reads as zeros.</param>
public readonly record struct DiskExtent(long Offset, long LengthBytes, bool IsHole)
{
    /// <summary>The first offset after it.</summary>
    public long End => Offset + LengthBytes;
}

/// <summary>A range of a disk, in bytes.</summary>
/// <param name="Offset">Bytes from the start of the disk.</param>
/// <param name="LengthBytes">Length in bytes.</param>
public readonly record struct DiskRange(long Offset, long LengthBytes)
{
    /// <summary>The first offset after it.</summary>
    public long End => Offset + LengthBytes;
}

/// <summary>How far a stage of work on one disk is.</summary>
/// <param name="DoneBytes">Bytes of the disk dealt with, holes included.</param>
/// <param name="TotalBytes">The disk's length (or the length of the work), in bytes.</param>
/// <param name="DataBytes">Bytes that really were read or written so far.</param>
public readonly record struct DiskProgress(long DoneBytes, long TotalBytes, long DataBytes)
{
    /// <summary>Where the time of the last seconds went; null where that is not measured.</summary>
    public StageReport? Performance { get; init; }
}
