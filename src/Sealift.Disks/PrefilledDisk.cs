using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// A raw file of ours into which storage has copied something that is probably right: it is read past the page cache, beside its writer,
/// and each block that is as the source has it need not be written. Nothing of it is believed: what was not compared was not prefilled.
/// </summary>
public sealed class PrefilledDisk : IAsyncDisposable
{
    private readonly UncachedRawDisk disk;
    private readonly BufferPool buffers;
    private long sameBytes;
    private long differingBytes;

    private PrefilledDisk(UncachedRawDisk disk, int chunkBytes) => (this.disk, buffers) = (disk, new BufferPool(chunkBytes));

    /// <summary>Bytes that were as the source has them.</summary>
    public long SameBytes => Interlocked.Read(ref sameBytes);

    /// <summary>Bytes of the blocks that were not, and were written.</summary>
    public long DifferingBytes => Interlocked.Read(ref differingBytes);

    /// <summary>Opens it.</summary>
    /// <param name="path">The raw file.</param>
    /// <param name="blockBytes">The length of a block.</param>
    /// <param name="options">How it is copied to.</param>
    /// <exception cref="SealiftException">It cannot be opened.</exception>
    public static PrefilledDisk Open(string path, int blockBytes, CopyOptions options) =>
        new(UncachedRawDisk.Open(path, whileWritten: true), BlockRuns.ChunkBytes(blockBytes, options));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await disk.DisposeAsync();
        buffers.Dispose();
    }

    internal AlignedBuffer Rent() => buffers.Rent();

    internal void Return(AlignedBuffer buffer) => buffers.Return(buffer);

    internal ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel) => disk.ReadBackAsync(offset, buffer, cancel);

    internal void Compared(long bytes, bool isSame) => Interlocked.Add(ref isSame ? ref sameBytes : ref differingBytes, bytes);
}
