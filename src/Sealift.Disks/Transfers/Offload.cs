using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// Storage that copies one disk by itself, beside the copy engine: that one reads and hashes the source, and where it would write it waits
/// until the storage says that it has copied so far. What is declined is written by the engine.
/// </summary>
public sealed class Offload
{
    private readonly ITransferProvider? provider;
    private readonly TransferEnds ends;
    private readonly TransferReport chosen;
    private readonly bool mayFallBack;
    private readonly FlushedPart copied = new();
    private readonly BlockSet differing = new();
    private long offloadedBytes;
    private long repairedBytes;
    private long declinedAt = long.MaxValue;
    private string? declined;
    private int isOver;

    private Offload(ITransferProvider? provider, TransferEnds ends, TransferReport chosen, bool mayFallBack)
    {
        this.provider = provider;
        this.ends = ends;
        this.chosen = chosen;
        this.mayFallBack = mayFallBack;
    }

    /// <summary>A copy that was made before, whose target is still to be proven.</summary>
    /// <param name="report">What became of it.</param>
    /// <param name="ends">The two places.</param>
    /// <param name="mayFallBack">Whether what differs may be repaired.</param>
    public static Offload Finished(TransferReport report, TransferEnds ends, bool mayFallBack) => new(null, ends, report, mayFallBack) { isOver = 1 };

    /// <summary>Chooses who copies: of the plan's, or the fastest that can.</summary>
    /// <param name="plan">Who is wanted.</param>
    /// <param name="ends">The two places; both exist.</param>
    /// <param name="cancel">Cancels it.</param>
    /// <exception cref="SealiftException">The one that is wanted cannot (SL4281), or is unknown (SL4282).</exception>
    public static Task<Offload> ChooseAsync(TransferPlan plan, TransferEnds ends, CancellationToken cancel) => ChooseAsync(plan, TransferPlan.Providers, ends, cancel);

    /// <summary>The same of other providers, the fastest first.</summary>
    internal static async Task<Offload> ChooseAsync(TransferPlan plan, IReadOnlyList<ITransferProvider> providers, TransferEnds ends, CancellationToken cancel)
    {
        var passedOver = new List<TransferPassedOver>();
        if (plan.Name == TransferPlan.Stream) return new Offload(null, ends, new TransferReport(TransferPlan.Stream, [.. providers.Select(p => new TransferPassedOver(p.Name, "stream was asked for"))]), plan.MayFallBack);
        if (plan.Name != TransferPlan.Auto && providers.All(p => p.Name != plan.Name)) throw TransferErrors.Unknown(plan.Name);
        foreach (var provider in providers)
        {
            if (plan.Name != TransferPlan.Auto && provider.Name != plan.Name)
            {
                passedOver.Add(new TransferPassedOver(provider.Name, $"{plan.Name} was asked for"));
                continue;
            }

            var fitness = await provider.LookAsync(ends, cancel);
            if (plan.Name != TransferPlan.Auto && fitness.WhyNot is { } impossible) throw TransferErrors.Cannot(plan.Name, ends, impossible);
            var why = fitness.WhyNot ?? (plan.Name == TransferPlan.Auto ? fitness.WhyNotUnasked : null);
            if (why is null) return new Offload(provider, ends, new TransferReport(provider.Name, passedOver), plan.MayFallBack);
            passedOver.Add(new TransferPassedOver(provider.Name, why));
        }

        return new Offload(null, ends, new TransferReport(TransferPlan.Stream, passedOver), plan.MayFallBack);
    }

    /// <summary>Who copies, and so far what became of it.</summary>
    public TransferReport Report => chosen with
    {
        OffloadedBytes = chosen.OffloadedBytes + Interlocked.Read(ref offloadedBytes),
        DeclinedAt = declined is null ? chosen.DeclinedAt : declinedAt,
        Declined = declined ?? chosen.Declined,
        RepairedBytes = chosen.RepairedBytes + repairedBytes,
    };

    /// <summary>Whether the storage is asked to copy, or has copied.</summary>
    internal bool IsNeeded => chosen.IsOffload;

    /// <summary>
    /// Whether nothing is copied by the storage any more. Before, nothing is read back: a storage that writes to the wrong place would
    /// spoil what was proven.
    /// </summary>
    internal bool IsOver => !IsNeeded || Volatile.Read(ref isOver) != 0;

    /// <summary>The blocks that a read-back found different, however many.</summary>
    internal BlockSet Differing => differing;

    /// <summary>Demands that what differs may be repaired.</summary>
    /// <exception cref="SealiftException">SL4284.</exception>
    internal void DemandRepair(ReadBackResult found)
    {
        if (IsNeeded && !mayFallBack) throw TransferErrors.Lied(chosen.Used, ends.Target.Name ?? "the target", found.MismatchedBytes, found.Mismatches[0].Range);
    }

    /// <summary>Tells what was repaired.</summary>
    internal void Repaired(long bytes) => repairedBytes += bytes;

    /// <summary>Lets the storage copy, piece by piece, until all is copied, or one is declined.</summary>
    /// <param name="pieces">What is to be copied, in order.</param>
    /// <param name="target">What errors call the target.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="DiskAccessException">It failed (SL4215).</exception>
    /// <exception cref="SealiftException">It declined, and nobody may do it instead (SL4283).</exception>
    internal async Task RunAsync(IAsyncEnumerable<DiskRange> pieces, string target, CancellationToken cancel)
    {
        try
        {
            await using var transfer = await provider!.OpenAsync(ends, cancel);
            await CopyAsync(transfer, pieces, target, cancel);
        }
        catch (PosixException e) when (e.Call == SystemCalls.Close.Name)
        {
            throw DiskErrors.FlushFailed(target, ends.Target.LengthBytes, e); // of the target it may tell of lost writes
        }

        Volatile.Write(ref isOver, 1);
        copied.Advance(long.MaxValue);
    }

    /// <summary>Waits until the storage has copied a range, or will not.</summary>
    /// <returns>Whether it has.</returns>
    internal async ValueTask<bool> HasCopiedAsync(DiskExtent range, CancellationToken cancel)
    {
        if (!IsNeeded) return false;
        _ = await copied.WaitBeyondAsync(range.End - 1, cancel); // how far it goes by now is of no interest
        return range.End <= Interlocked.Read(ref declinedAt);
    }

    /// <summary>Waits until the storage copies nothing any more.</summary>
    internal async ValueTask WaitUntilOverAsync(CancellationToken cancel)
    {
        if (IsNeeded) _ = await copied.WaitBeyondAsync(long.MaxValue - 1, cancel); // it goes to the end
    }

    private async Task CopyAsync(ITransfer transfer, IAsyncEnumerable<DiskRange> pieces, string target, CancellationToken cancel)
    {
        DiskRange? waiting = null;
        await foreach (var piece in pieces.WithCancellation(cancel))
        {
            if (waiting is { } range && range.End == piece.Offset && range.LengthBytes + piece.LengthBytes <= transfer.RangeBytes)
            {
                waiting = range with { LengthBytes = range.LengthBytes + piece.LengthBytes };
                continue;
            }

            if (waiting is { } whole && !await CopyAsync(transfer, whole, target, cancel)) return;
            waiting = piece;
        }

        if (waiting is { } last) _ = await CopyAsync(transfer, last, target, cancel); // false: the engine does it, as it does the rest of any other
    }

    /// <returns>Whether the storage goes on.</returns>
    private async Task<bool> CopyAsync(ITransfer transfer, DiskRange range, string target, CancellationToken cancel)
    {
        string? said;
        var reached = new Reached(copied, range.Offset);
        try
        {
            // On another thread: a call may take minutes.
            said = await Task.Run(async () => await transfer.CopyAsync(range, reached, cancel), cancel);
        }
        catch (SealiftException e)
        {
            throw TransferErrors.Failed(chosen.Used, target, range, e);
        }

        if (said is null)
        {
            Interlocked.Add(ref offloadedBytes, range.LengthBytes);
            copied.Advance(range.End);
            return true;
        }

        if (!mayFallBack) throw TransferErrors.Declined(chosen.Used, target, range, said);
        Interlocked.Add(ref offloadedBytes, reached.End - range.Offset);
        Interlocked.Exchange(ref declinedAt, reached.End);
        declined = said;
        return false;
    }

    /// <summary>How far a range was copied for sure: who waits for that goes on, whatever becomes of the rest.</summary>
    private sealed class Reached(FlushedPart copied, long start) : IProgress<long>
    {
        private long bytes;

        public long End => start + Interlocked.Read(ref bytes);

        public void Report(long value)
        {
            Interlocked.Exchange(ref bytes, value);
            copied.Advance(End);
        }
    }
}
