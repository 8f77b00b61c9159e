namespace Sealift.Disks;

/// <summary>The beginning of a device or an export that is longer than the disk that goes there: logical volumes come in whole extents.</summary>
internal sealed class LeadingPart : IDiskWriter, IUncachedReader
{
    private readonly IDiskWriter whole;

    private LeadingPart(IDiskWriter whole, long lengthBytes)
    {
        this.whole = whole;
        LengthBytes = lengthBytes;
    }

    public string Name => whole.Name;

    public long LengthBytes { get; }

    public string? MapDoubt => whole.MapDoubt;

    public string CacheBypass => ((IUncachedReader)whole).CacheBypass;

    public bool CanProveHoles => ((IUncachedReader)whole).CanProveHoles;

    public ValueTask<string?> HoleDoubtAsync(CancellationToken cancel) => ((IUncachedReader)whole).HoleDoubtAsync(cancel);

    public ValueTask DropCacheAsync(long offset, long lengthBytes, CancellationToken cancel) => ((IUncachedReader)whole).DropCacheAsync(offset, lengthBytes, cancel);

    /// <summary>The disk itself where it has the length already; SL4206, and the disk closed, where it is too short.</summary>
    public static async Task<T> OfAsync<T>(T whole, long lengthBytes) where T : class, IDiskReader
    {
        if (whole.LengthBytes == lengthBytes) return whole;
        if (whole.LengthBytes > lengthBytes) return (T)(object)new LeadingPart((IDiskWriter)whole, lengthBytes);
        await whole.DisposeAsync();
        throw DiskErrors.TargetTooShort(whole.Name, whole.LengthBytes, lengthBytes);
    }

    public ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        CheckRange(offset, buffer.Length);
        return whole.ReadAsync(offset, buffer, cancel);
    }

    public IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        return whole.ExtentsAsync(offset, lengthBytes, cancel);
    }

    public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => whole.VerifyUnchangedAsync(cancel);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancel)
    {
        CheckRange(offset, buffer.Length);
        return whole.WriteAsync(offset, buffer, cancel);
    }

    public ValueTask WriteZeroesAsync(long offset, long lengthBytes, CancellationToken cancel)
    {
        CheckRange(offset, lengthBytes);
        return whole.WriteZeroesAsync(offset, lengthBytes, cancel);
    }

    public ValueTask FlushAsync(CancellationToken cancel) => whole.FlushAsync(cancel);

    public ValueTask CloseAsync(CancellationToken cancel) => whole.CloseAsync(cancel);

    public ValueTask DisposeAsync() => whole.DisposeAsync();

    private void CheckRange(long offset, long lengthBytes)
    {
        if (offset < 0 || lengthBytes < 0 || lengthBytes > LengthBytes - offset) throw DiskErrors.OutOfRange(Name, offset, lengthBytes, LengthBytes);
    }
}
