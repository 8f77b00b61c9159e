namespace Sealift.Disks;

/// <summary>
/// Brings results that parallel workers finish in any order back into order, holding at most a fixed number of them: whoever hands
/// out work waits in <see cref="ReserveAsync"/> until the oldest piece is done.
/// </summary>
/// <typeparam name="T">What a worker finishes.</typeparam>
internal sealed class OrderedWindow<T>(int capacity, Action<T> consume) : IDisposable
{
    private readonly SemaphoreSlim free = new(capacity);
    private readonly Dictionary<long, T> waiting = [];
    private long next;
    private long reserved;

    /// <summary>The next number; called by one producer, in the order in which results are consumed.</summary>
    public async ValueTask<long> ReserveAsync(CancellationToken cancel)
    {
        await free.WaitAsync(cancel);
        return reserved++;
    }

    /// <summary>Takes the result of a number. Consumes it, and what waited for it, in order; never two at once.</summary>
    public void Complete(long number, T result)
    {
        var consumed = 0;
        lock (waiting)
        {
            waiting.Add(number, result);
            while (waiting.Remove(next, out var ready))
            {
                consume(ready);
                next++;
                consumed++;
            }
        }

        if (consumed > 0) free.Release(consumed);
    }

    public void Dispose() => free.Dispose();
}
