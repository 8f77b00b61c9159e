using System.Security.Cryptography;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>How much of what a change tracker calls unchanged is read and compared with the map.</summary>
public enum AuditScope
{
    /// <summary>Nothing: the tracker is believed.</summary>
    None,

    /// <summary>Blocks picked at random.</summary>
    Sample,

    /// <summary>Everything.</summary>
    Full,
}

/// <summary>One disk's part of a pass.</summary>
/// <param name="Changed">What the tracker says changed since the last pass; null where no tracker is believed, and all that is known is compared by hash.</param>
/// <param name="Audit">How much of the rest is audited.</param>
public sealed record WarmPassPlan(BlockSet? Changed, AuditScope Audit)
{
    /// <summary>How many blocks a sample has at most.</summary>
    public int SampleBlocks { get; init; } = 1024;

    /// <summary>
    /// What the target was read back as. What the pass is about to write is forgotten in it, durably, before it is written. Null where
    /// nobody keeps that.
    /// </summary>
    public BlockMap? Proven { get; init; }

    /// <summary>The target again, to be read past the page cache while it is written; null where that cannot be, or is not wanted: then the pass reads nothing back.</summary>
    public IUncachedReader? Proving { get; init; }

    /// <summary>Called when nobody writes to the target any more, while the read-back goes on.</summary>
    public Action OnClosed { get; init; } = static () => { };
}

/// <summary>What a pass did with one disk.</summary>
/// <param name="Copied">What was copied.</param>
/// <param name="ClaimedBytes">Bytes that the tracker said had changed, in whole blocks; 0 where there was none.</param>
/// <param name="ComparedBytes">Bytes that were read to be compared.</param>
/// <param name="LieBytes">Bytes that had changed though the tracker called them unchanged, in whole blocks. They were copied.</param>
/// <param name="Lies">Where these are: the first <see cref="CopyOptions.MismatchLimit"/> ranges.</param>
public sealed record WarmPassResult(CopyResult Copied, long ClaimedBytes, long ComparedBytes, long LieBytes, IReadOnlyList<DiskRange> Lies)
{
    /// <summary>What was found when it was read back meanwhile; null where nothing was.</summary>
    public ReadBackResult? Found { get; init; }

    /// <summary>Bytes that were read from the source in all.</summary>
    public long ReadBytes => Copied.DataBytes + Copied.ZeroBytes + ComparedBytes;
}

/// <summary>
/// Brings a target that was copied at an earlier point in time to a later one. What changed is forgotten in the map before the target is
/// touched, durably: whenever a pass is killed, the map claims of the target only what is on it.
/// </summary>
public static class WarmPass
{
    /// <summary>Copies what changed, and whatever the map does not know.</summary>
    /// <param name="source">The source at the later point in time; it does not change meanwhile.</param>
    /// <param name="target">It is closed here.</param>
    /// <param name="map">Of the target.</param>
    /// <param name="plan">What changed, how much of the rest is looked at, and what is read back.</param>
    /// <param name="options">How it is copied.</param>
    /// <param name="progress">Told of a stage: <c>audit</c> or <c>copy</c>.</param>
    /// <param name="cancel">Stops it; the next pass copies what this one did not.</param>
    /// <exception cref="SealiftException">As <see cref="DiskCopy"/>.</exception>
    public static async Task<WarmPassResult> RunAsync(IDiskReader source, IDiskWriter target, BlockMap map, WarmPassPlan plan, CopyOptions options, Func<string, IProgress<DiskProgress>?> progress, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        if (source.LengthBytes != map.LengthBytes) throw DiskErrors.WrongMap(source.Name, $"the map is of a disk of {map.LengthBytes} bytes, this one has {source.LengthBytes}");
        if (plan.Changed is not null) Forget(plan.Changed, map);
        // What nobody knows need not be compared: the first pass has nothing to compare with.
        var scope = map.UnknownBlocks == map.BlockCount ? AuditScope.None : plan.Changed is null ? AuditScope.Full : plan.Audit;
        var (differing, comparedBytes) = scope switch
        {
            AuditScope.Full => await CompareAsync(source, map, options, progress("audit"), cancel),
            AuditScope.Sample => await SampleAsync(source, map, plan.SampleBlocks, cancel),
            _ => (new BlockSet(), 0L),
        };
        if (differing.Count > 0) Forget(differing, map);
        if (plan.Proven is not null) ForgetProofs(plan.Proven, map);
        var (copied, found) = await DiskCopy.RunBesideReadBackAsync(
            source, target, plan.Proving, map, plan.Proven, options with { Resume = true, OnlyUnknown = true, CompareKnown = false }, plan.OnClosed, progress("copy"), null, cancel);
        var lies = plan.Changed is null ? new BlockSet() : differing;
        var ranges = lies.Ranges(map.BlockBytes, map.LengthBytes);
        return new WarmPassResult(copied, BytesOf(plan.Changed), comparedBytes, BytesOf(lies), [.. ranges.Take(options.MismatchLimit)]) { Found = found };

        long BytesOf(BlockSet? set) => set?.Ranges(map.BlockBytes, map.LengthBytes).Sum(r => r.LengthBytes) ?? 0;
    }

    private static void Forget(BlockSet blocks, BlockMap map)
    {
        foreach (var range in blocks.Ranges(map.BlockBytes, map.LengthBytes)) map.SetUnknown(range.Offset / map.BlockBytes, map.Parameters.BlockCount(range.LengthBytes));
        map.Checkpoint();
    }

    /// <summary>Forgets, durably, the proofs of all that the map does not know, which is what will be written, and of all that it knows otherwise.</summary>
    public static void ForgetProofs(BlockMap proven, BlockMap map)
    {
        ArgumentNullException.ThrowIfNull(proven);
        foreach (var range in BlockMap.Diff(map, proven)) proven.SetUnknown(range.Offset / map.BlockBytes, map.Parameters.BlockCount(range.LengthBytes));
        proven.Checkpoint();
    }

    private static async Task<(BlockSet Differing, long ReadBytes)> CompareAsync(IDiskReader source, BlockMap map, CopyOptions options, IProgress<DiskProgress>? progress, CancellationToken cancel)
    {
        var differing = new BlockSet();
        var counted = new CountingReader(source);
        _ = await LeafCompare.DiskWithMapAsync( // what it found was told piece by piece
            counted,
            map,
            mapIsFirst: true,
            options with { MismatchLimit = int.MaxValue },
            difference =>
            {
                // What the map does not know is copied anyway, and is nobody's lie.
                if (difference.Kind == BlockDifferenceKind.Content) differing.AddRange(new DiskRange(difference.Offset, difference.LengthBytes), map.BlockBytes);
            },
            progress,
            cancel);
        return (differing, counted.ReadBytes);
    }

    private static async Task<(BlockSet Differing, long ReadBytes)> SampleAsync(IDiskReader source, BlockMap map, int most, CancellationToken cancel)
    {
        var differing = new BlockSet();
        var hasher = new LeafHasher(map.Parameters);
        var buffer = new byte[map.BlockBytes];
        var leaf = new byte[map.Parameters.DigestBytes];
        long readBytes = 0;
        for (var i = 0; i < most; i++)
        {
            // Picked when the source can no longer arrange itself to it.
            var block = (long)(BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) % (ulong)map.BlockCount);
            if (map.Read(block, leaf) == BlockState.Unknown) continue;
            var bytes = buffer.AsMemory(0, (int)Math.Min(map.BlockBytes, map.LengthBytes - (block * map.BlockBytes)));
            await source.ReadAsSourceAsync(block * map.BlockBytes, bytes, cancel);
            readBytes += bytes.Length;
            if (!HashedChunk.Of(bytes.Span, hasher).Leaf(0).SequenceEqual(leaf)) differing.Add(block);
        }

        return (differing, readBytes);
    }

    /// <summary>Counts what is read.</summary>
    private sealed class CountingReader(IDiskReader inner) : ForwardedDisk(inner)
    {
        private long readBytes;

        public long ReadBytes => Interlocked.Read(ref readBytes);

        public override ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
        {
            Interlocked.Add(ref readBytes, buffer.Length);
            return base.ReadAsync(offset, buffer, cancel);
        }
    }
}
