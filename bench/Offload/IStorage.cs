namespace Sealift.Bench.Offloads;

/// <summary>Where source and target lie, and what crosses the border between it and this host.</summary>
internal interface IStorage : IAsyncDisposable
{
    /// <summary>Puts it into the same state before each run.</summary>
    Task PrepareAsync(CancellationToken cancel);

    /// <summary>How many bytes the host has read from it and written to it so far.</summary>
    Task<(long ReadBytes, long WrittenBytes)> MovedAsync(CancellationToken cancel);
}
