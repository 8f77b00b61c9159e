using Sealift.Scsi;

namespace Sealift.Disks;

/// <summary>
/// What a SCSI unit says of its holes (GET LBA STATUS), and whether that may be believed: blocks that it calls deallocated, where it says in
/// both places that such blocks read as zeros (LBPRZ), and where they do, as far as they are looked at. A hole that is none would become
/// zeros in the copy, and its hash would be right.
/// </summary>
internal sealed class UnitMap
{
    // As for files: so many bytes of holes are read whole, and of the rest the start, the end and a block in so many bytes. A read takes a
    // unit some tenths of a millisecond: of the longest ones as many blocks are looked at as take it a few seconds.
    private const long ReadWholeBytes = 64L << 20;
    private const long SampleStepBytes = 16L << 20;
    private const long MostSamples = 16384;
    private const int BufferBytes = 1 << 20;
    // A unit that describes itself in more pieces than that is asked no further: to ask costs as much as to read. Each answer has up to 1024 of them.
    private const int MostAnswers = 16384;
    private const int MostHoles = 1 << 16;

    private readonly List<DiskRange> holes;

    private UnitMap(List<DiskRange> holes, string? doubt) => (this.holes, Doubt) = (holes, doubt);

    /// <summary>Why no claimed hole is believed; null where they are, or where the unit has none to claim.</summary>
    public string? Doubt { get; }

    /// <summary>Asks for the status of all blocks, once, and reads from what it calls holes.</summary>
    /// <exception cref="ScsiException">It is not reached, is another unit, or fails.</exception>
    public static UnitMap Examine(ScsiUnit unit, CancellationToken cancel)
    {
        var (capacity, provisioning) = (unit.Facts.Capacity, unit.Facts.Provisioning);
        if (!capacity.IsThin) return Nothing(null); // every block has its space: there is nothing to ask for
        if (!capacity.ThinReadsZeroes || !provisioning.ReadsZeroes) return Nothing("the unit does not say that blocks without space read as zeros (LBPRZ)");
        var holes = new List<DiskRange>();
        var answers = 0;
        for (ulong block = 0; block < capacity.Blocks;)
        {
            cancel.ThrowIfCancellationRequested();
            if (++answers > MostAnswers || holes.Count > MostHoles) return Nothing($"the unit describes its blocks in too many pieces: {MostAnswers} answers reach to block {block}");
            var (runs, whyNot) = unit.AskStatus(block, cancel);
            if (runs is null) return Nothing(whyNot);
            foreach (var run in runs)
            {
                var range = new DiskRange((long)run.Block * capacity.BlockBytes, (long)run.Blocks * capacity.BlockBytes);
                if (!run.IsDeallocated) continue;
                if (holes.Count > 0 && holes[^1].End == range.Offset) holes[^1] = holes[^1] with { LengthBytes = holes[^1].LengthBytes + range.LengthBytes };
                else holes.Add(range);
            }

            block = runs[^1].Block + runs[^1].Blocks;
        }

        return FirstByteThatIsNotZero(unit, holes, cancel) is { } at ? Nothing($"the unit calls a range deallocated, and there are data at {at}") : new UnitMap(holes, null);
    }

    /// <summary>A range as holes and data, in order.</summary>
    public IEnumerable<DiskExtent> Extents(long offset, long end)
    {
        for (var index = FirstEndingBehind(offset); offset < end; index++)
        {
            var (start, stop) = index < holes.Count ? (Math.Min(holes[index].Offset, end), Math.Min(holes[index].End, end)) : (end, end);
            if (start > offset) yield return new DiskExtent(offset, start - offset, IsHole: false);
            offset = Math.Max(offset, start);
            if (stop > offset) yield return new DiskExtent(offset, stop - offset, IsHole: true);
            offset = Math.Max(offset, stop);
        }
    }

    private static UnitMap Nothing(string? doubt) => new([], doubt);

    private static long? FirstByteThatIsNotZero(ScsiUnit unit, List<DiskRange> holes, CancellationToken cancel)
    {
        var block = unit.Facts.Capacity.BlockBytes;
        var buffer = new byte[Math.Min(BufferBytes, unit.MostBytes)];
        var step = Math.Max(SampleStepBytes, holes.Sum(h => h.LengthBytes) / MostSamples / block * block);
        var whole = ReadWholeBytes;
        foreach (var hole in holes)
        {
            var lastBlock = hole.End - block;
            for (var at = hole.Offset; at < hole.End;)
            {
                cancel.ThrowIfCancellationRequested();
                var isWhole = whole > 0;
                var length = (int)Math.Min(isWhole ? buffer.Length : block, hole.End - at);
                unit.Read((ulong)(at / block), buffer.AsMemory(0, length), fua: false, cancel);
                if (buffer.AsSpan(0, length).IndexOfAnyExcept((byte)0) is >= 0 and var data) return at + data;
                whole -= length;
                // Of what is not read whole: on to the next sample, and to the last block.
                at = isWhole || at == lastBlock ? at + length : Math.Min(at + step, lastBlock);
            }
        }

        return null;
    }

    private int FirstEndingBehind(long offset)
    {
        var (low, high) = (0, holes.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (holes[middle].End > offset) high = middle;
            else low = middle + 1;
        }

        return low;
    }
}
