namespace Sealift.Disks;

/// <summary>A disk that is another one but for what is overridden.</summary>
/// <param name="inner">The other one; closed with this.</param>
public abstract class ForwardedDisk(IDiskReader inner) : IDiskReader
{
    /// <inheritdoc/>
    public string Name => inner.Name;

    /// <inheritdoc/>
    public long LengthBytes => inner.LengthBytes;

    /// <inheritdoc/>
    public string? MapDoubt => inner.MapDoubt;

    /// <inheritdoc/>
    public virtual ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel) => inner.ReadAsync(offset, buffer, cancel);

    /// <inheritdoc/>
    public virtual IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel) => inner.ExtentsAsync(offset, lengthBytes, cancel);

    /// <inheritdoc/>
    public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => inner.VerifyUnchangedAsync(cancel);

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return inner.DisposeAsync();
    }
}
