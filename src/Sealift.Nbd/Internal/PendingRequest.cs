using System.Threading.Tasks.Sources;

namespace Sealift.Nbd;

/// <summary>Where a request is on its way.</summary>
internal enum RequestState
{
    /// <summary>Not in use.</summary>
    Free,

    /// <summary>Waits for its turn to be sent. The server cannot know of it, so a reply to it is a lie.</summary>
    Queued,

    /// <summary>Sent, at least in part; the reply may come at any time.</summary>
    OnWire,

    /// <summary>The receive loop writes into the caller's buffer at this moment.</summary>
    Receiving,

    /// <summary>Cancelled while the receive loop wrote into the caller's buffer; the caller is told when that write is over.</summary>
    CancelRequested,

    /// <summary>The caller was told that it is cancelled and has its buffer back; the reply is still awaited, checked and dropped.</summary>
    Abandoned,

    /// <summary>The caller was told the outcome.</summary>
    Answered,
}

/// <summary>
/// A slot of the request table. Two parties hold it: the caller, from renting until it saw the outcome, and the wire, from the
/// first byte sent until the last byte of the reply. It is free again when both have let go, whichever is last; so a cancelled
/// request keeps its slot (and its place in the limit of requests in flight) until the server has answered.
/// All members but the awaiting ones are used under the client's gate.
/// </summary>
internal sealed class PendingRequest(int index) : IValueTaskSource
{
    // An extent list of this many entries is kept for the next request; a longer one goes back to the garbage collector.
    private const int KeptExtents = 4096;

    // The continuation never runs on the receive loop: it may hash or write to a disk.
    private ManualResetValueTaskSourceCore<bool> outcome = new() { RunContinuationsAsynchronously = true };
    private ulong generation;

    public RequestState State { get; set; }

    public NbdRequest Request { get; private set; }

    /// <summary>What the protocol calls cookie or handle. No two requests of a connection share one, so a late or repeated reply is noticed.</summary>
    public ulong Cookie => (generation << 16) | (uint)index;

    /// <summary>In milliseconds of the system's uptime.</summary>
    public long Deadline { get; set; }

    /// <summary>How many parties hold it.</summary>
    public int Holders { get; set; }

    // The rest belongs to the receive loop while the request is on the wire.

    public ReadCoverage Coverage { get; } = new();

    public List<NbdExtent> Extents { get; private set; } = [];

    /// <summary>One bit for each context, in the order of the export's list, that has been answered.</summary>
    public uint ContextsSeen { get; set; }

    public int Chunks { get; set; }

    public NbdServerException? ServerError { get; set; }

    /// <summary>Completes with the outcome.</summary>
    public ValueTask Outcome => new(this, outcome.Version);

    public void Begin(in NbdRequest request)
    {
        outcome.Reset();
        generation++;
        Request = request;
        State = RequestState.Queued;
        Holders = 1;
        Chunks = 0;
        ContextsSeen = 0;
        ServerError = null;
        Coverage.Clear();
        if (Extents.Capacity > KeptExtents) Extents = [];
        else Extents.Clear();
    }

    /// <summary>Lets go of the caller's buffers.</summary>
    public void End()
    {
        State = RequestState.Free;
        Request = default;
        ServerError = null;
    }

    public void Tell(Exception? error)
    {
        if (error is null) outcome.SetResult(true);
        else outcome.SetException(error);
    }

    void IValueTaskSource.GetResult(short token) => outcome.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => outcome.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        outcome.OnCompleted(continuation, state, token, flags);
}
