namespace Sealift.Disks;

/// <summary>How far a disk has been written and flushed, from its start on: what lies before can be read back while the rest is copied.</summary>
internal sealed class FlushedPart
{
    private readonly Lock mutex = new();
    private TaskCompletionSource advanced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long end;

    /// <summary>Tells that everything before an offset was written, and flushed after that.</summary>
    public void Advance(long to)
    {
        TaskCompletionSource reached;
        lock (mutex)
        {
            if (to <= end) return;
            end = to;
            reached = advanced;
            advanced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        reached.SetResult();
    }

    /// <summary>Waits until more than everything before an offset is there.</summary>
    /// <returns>How far it goes by then, in bytes.</returns>
    public async ValueTask<long> WaitBeyondAsync(long offset, CancellationToken cancel)
    {
        while (true)
        {
            Task more;
            lock (mutex)
            {
                if (end > offset) return end;
                more = advanced.Task;
            }

            await more.WaitAsync(cancel);
        }
    }
}
