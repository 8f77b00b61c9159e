namespace Sealift.Cli;

/// <summary>
/// The threads that disks are read and written on. A call to a file holds its thread until the storage has answered, and the runtime
/// adds threads only slowly: most disks would be copied before there were enough.
/// </summary>
internal static class WorkerThreads
{
    /// <summary>Sees that there are enough from the start: for a copy, for its read-back, and a few for what waits beside them.</summary>
    /// <param name="workers">Chunks that are worked on at once.</param>
    public static void Provide(int workers)
    {
        ThreadPool.GetMinThreads(out var threads, out var completions);
        _ = ThreadPool.SetMinThreads(Math.Max(threads, (2 * workers) + 4), completions); // false: whoever runs this allows fewer threads, and fewer chunks are worked on at once
    }
}
