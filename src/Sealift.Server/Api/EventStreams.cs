namespace Sealift.Server.Api;

/// <summary>How many watch events, and how many may.</summary>
internal sealed class EventStreams(ServerOptions options)
{
    private int open;

    /// <summary>Streams that are open.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Takes a place; it is given back where the result is disposed.</summary>
    /// <exception cref="Posix.SealiftException">SL9033: there is none.</exception>
    public IDisposable Enter()
    {
        if (Interlocked.Increment(ref open) <= options.Watchers) return new Place(this);
        Interlocked.Decrement(ref open);
        throw ServerErrors.TooManyWatchers();
    }

    private sealed class Place(EventStreams streams) : IDisposable
    {
        private int isGiven;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref isGiven, 1) == 0) Interlocked.Decrement(ref streams.open);
        }
    }
}
