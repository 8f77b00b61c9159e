namespace Sealift.Nbd;

// The request table: who may touch a pending request, and when it is over.
public sealed partial class NbdClient
{
    // The slowest link that is still taken for alive, in bytes per millisecond: 1 MiB/s.
    private const long SlowestBytesPerMillisecond = (1 << 20) / 1000;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim freeSlots;
    private readonly PendingRequest[] table;
    private readonly Stack<PendingRequest> free;
    private long payloadInFlightBytes;
    private int busySlots;

    /// <summary>Requests that are queued or on the wire.</summary>
    internal int InFlight => Volatile.Read(ref busySlots);

    // The caller holds one count of freeSlots.
    private PendingRequest Rent(in NbdRequest request)
    {
        lock (gate)
        {
            ThrowIfClosed(request);
            var pending = free.Pop();
            pending.Begin(request);
            busySlots++;
            return pending;
        }
    }

    private void PutOnWire(PendingRequest pending)
    {
        lock (gate)
        {
            // After the receive loop has swept the table nobody would ever answer.
            ThrowIfClosed(pending.Request);
            pending.State = RequestState.OnWire;
            pending.Holders++;
            payloadInFlightBytes += pending.Request.PayloadBytes;
            var patience = IsSlow(pending.Request) ? flushDeadline : options.ReplyDeadline;
            pending.Deadline = Environment.TickCount64 + (long)patience.TotalMilliseconds + payloadInFlightBytes / SlowestBytesPerMillisecond;
        }
    }

    // These wait for caches and disks, not only for the server.
    private static bool IsSlow(in NbdRequest request) =>
        request.Command == NbdCommand.Flush || (request.Flags & NbdCommandFlags.ForceUnitAccess) != 0;

    private void LetGo(PendingRequest pending)
    {
        lock (gate)
        {
            if (--pending.Holders > 0) return;
            pending.End();
            busySlots--;
            free.Push(pending);
        }
        freeSlots.Release();
    }

    /// <summary>The request that a reply names, if it was sent and is not yet answered.</summary>
    private PendingRequest? Find(ulong cookie)
    {
        var index = (int)(cookie & 0xffff);
        if (index >= table.Length) return null;
        var pending = table[index];
        lock (gate)
            return pending.Cookie == cookie && (pending.State is RequestState.OnWire or RequestState.Abandoned) ? pending : null;
    }

    /// <summary>Whether the receive loop may write into the caller's buffer now; if so the caller is not told anything until <see cref="Unclaim"/>.</summary>
    private bool Claim(PendingRequest pending)
    {
        lock (gate)
        {
            if (pending.State != RequestState.OnWire) return false;
            pending.State = RequestState.Receiving;
            return true;
        }
    }

    private void Unclaim(PendingRequest pending)
    {
        lock (gate)
        {
            if (pending.State == RequestState.CancelRequested)
            {
                pending.State = RequestState.Abandoned;
                pending.Tell(new OperationCanceledException());
            }
            else pending.State = RequestState.OnWire;
        }
    }

    private void RequestCancel(PendingRequest pending)
    {
        lock (gate)
        {
            if (pending.State == RequestState.Receiving) pending.State = RequestState.CancelRequested;
            else if (pending.State == RequestState.OnWire)
            {
                pending.State = RequestState.Abandoned;
                pending.Tell(new OperationCanceledException());
            }
        }
    }

    /// <summary>The wire is done with a request: its reply is complete, or there will be none.</summary>
    private void Finish(PendingRequest pending, Exception? error)
    {
        lock (gate)
        {
            payloadInFlightBytes -= pending.Request.PayloadBytes;
            // Written so that a second outcome is impossible: an abandoned caller was told already.
            if (pending.State != RequestState.Abandoned) pending.Tell(error);
            pending.State = RequestState.Answered;
        }
        LetGo(pending);
    }

    /// <summary>Fails everything that is on the wire. Only the receive loop calls it, as its last act, when it no longer touches any buffer.</summary>
    private void FailAll(NbdException because)
    {
        foreach (var pending in table)
        {
            bool isOnWire;
            lock (gate) isOnWire = pending.State is not (RequestState.Free or RequestState.Queued or RequestState.Answered);
            if (isOnWire) Finish(pending, NbdErrors.Because(because, pending.Request));
        }
    }

    /// <summary>Closes the connection when a request is past its deadline.</summary>
    private void CheckDeadlines()
    {
        NbdException? late = null;
        var now = Environment.TickCount64;
        lock (gate)
        {
            foreach (var pending in table)
            {
                if (pending.State is RequestState.Free or RequestState.Queued or RequestState.Answered || pending.Deadline > now) continue;
                late = NbdErrors.Silent(Peer, pending.Request.ToString(), IsSlow(pending.Request) ? flushDeadline : options.ReplyDeadline);
                break;
            }
        }
        if (late is not null) Fail(late);
    }
}
