namespace Sealift.Disks;

/// <summary>A disk that is read no faster than a limit allows.</summary>
internal sealed class LimitedDisk : IDiskReader
{
    private readonly IDiskReader inner;
    private readonly BandwidthLimit limit;

    private LimitedDisk(IDiskReader inner, BandwidthLimit limit)
    {
        this.inner = inner;
        this.limit = limit;
    }

    public string Name => inner.Name;

    public long LengthBytes => inner.LengthBytes;

    public string? MapDoubt => inner.MapDoubt;

    /// <summary>The disk itself where there is no limit.</summary>
    public static IDiskReader Of(IDiskReader disk, BandwidthLimit? limit) => limit is null ? disk : new LimitedDisk(disk, limit);

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        await limit.TakeAsync(buffer.Length, cancel);
        await inner.ReadAsync(offset, buffer, cancel);
    }

    public IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel) => inner.ExtentsAsync(offset, lengthBytes, cancel);

    public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => inner.VerifyUnchangedAsync(cancel);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
