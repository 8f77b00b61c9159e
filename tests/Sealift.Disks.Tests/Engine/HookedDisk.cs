using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Sealift.Disks.Tests;

/// <summary>A disk that does what the test says before, after or instead of a call.</summary>
internal sealed class HookedDisk(IDiskReader inner) : IDiskWriter, IUncachedReader
{
    private readonly ConcurrentDictionary<AlignedBuffer, bool> buffers = [];

    public Func<long, Memory<byte>, ValueTask>? AfterRead { get; init; }

    /// <summary>Returns whether the write is passed on.</summary>
    public Func<long, ReadOnlyMemory<byte>, bool>? OnWrite { get; init; }

    public Func<long, long, bool>? OnZeroes { get; init; }

    public Action? OnFlush { get; init; }

    public Action? OnClose { get; init; }

    public Func<long, long, IAsyncEnumerable<DiskExtent>>? Extents { get; init; }

    /// <summary>How many different buffers were read into.</summary>
    public int Buffers => buffers.Count;

    public string Name => inner.Name;

    public long LengthBytes => inner.LengthBytes;

    public string CacheBypass => "hooked";

    public bool CanProveHoles => inner is IUncachedReader { CanProveHoles: true };

    public ValueTask<string?> HoleDoubtAsync(CancellationToken cancel) => (inner as IUncachedReader)?.HoleDoubtAsync(cancel) ?? ValueTask.FromResult<string?>("hooked");

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        if (MemoryMarshal.TryGetMemoryManager<byte, AlignedBuffer>(buffer, out var manager)) buffers[manager] = true;
        await inner.ReadAsync(offset, buffer, cancel);
        if (AfterRead is not null) await AfterRead(offset, buffer);
    }

    public IAsyncEnumerable<DiskExtent> ExtentsAsync(long offset, long lengthBytes, CancellationToken cancel) =>
        Extents?.Invoke(offset, lengthBytes) ?? inner.ExtentsAsync(offset, lengthBytes, cancel);

    public ValueTask VerifyUnchangedAsync(CancellationToken cancel) => inner.VerifyUnchangedAsync(cancel);

    public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancel) =>
        OnWrite?.Invoke(offset, buffer) == false ? ValueTask.CompletedTask : ((IDiskWriter)inner).WriteAsync(offset, buffer, cancel);

    public ValueTask WriteZeroesAsync(long offset, long lengthBytes, CancellationToken cancel) =>
        OnZeroes?.Invoke(offset, lengthBytes) == false ? ValueTask.CompletedTask : ((IDiskWriter)inner).WriteZeroesAsync(offset, lengthBytes, cancel);

    public ValueTask FlushAsync(CancellationToken cancel)
    {
        OnFlush?.Invoke();
        return ((IDiskWriter)inner).FlushAsync(cancel);
    }

    public ValueTask CloseAsync(CancellationToken cancel)
    {
        OnClose?.Invoke();
        return ((IDiskWriter)inner).CloseAsync(cancel);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
