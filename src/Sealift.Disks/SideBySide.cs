using System.Runtime.CompilerServices;

namespace Sealift.Disks;

/// <summary>The allocation maps of two disks, one beside the other.</summary>
internal static class SideBySide
{
    /// <summary>Holes begin and end at its multiples, so that whatever alignment a server asks for is kept: the default block of a blkhash.</summary>
    public const int BlockBytes = 64 << 10;

    /// <summary>
    /// From the start to the end of the longer disk: a hole where both disks prove one, else chunks that do not cross chunk boundaries.
    /// What lies behind the end of the shorter disk counts as a hole of it.
    /// </summary>
    public static async IAsyncEnumerable<DiskExtent> ChunksAsync(IDiskReader a, IDiskReader b, int chunkBytes, [EnumeratorCancellation] CancellationToken cancel)
    {
        var end = Math.Max(a.LengthBytes, b.LengthBytes);
        await using var runsA = BlockRuns.OfAsync(a, BlockBytes, cancel).GetAsyncEnumerator(cancel);
        await using var runsB = BlockRuns.OfAsync(b, BlockBytes, cancel).GetAsyncEnumerator(cancel);
        DiskExtent runA = default, runB = default;
        for (long at = 0, next; at < end; at = next)
        {
            runA = await CoveringAsync(runsA, runA, at, end);
            runB = await CoveringAsync(runsB, runB, at, end);
            next = Math.Min(runA.End, runB.End);
            if (runA.IsHole && runB.IsHole) yield return new DiskExtent(at, next - at, IsHole: true);
            else foreach (var chunk in BlockRuns.Cut(at, next, chunkBytes)) yield return new DiskExtent(chunk.Offset, chunk.LengthBytes, IsHole: false);
        }
    }

    private static async ValueTask<DiskExtent> CoveringAsync(IAsyncEnumerator<DiskExtent> runs, DiskExtent current, long at, long end)
    {
        while (current.End <= at)
        {
            if (!await runs.MoveNextAsync()) return new DiskExtent(at, end - at, IsHole: true);
            current = runs.Current;
            // Only the last run of a disk ends within a block; the other disk goes on there.
            if (current.End % BlockBytes is var rest and > 0) current = current with { LengthBytes = Math.Min(end, current.End + BlockBytes - rest) - current.Offset };
        }

        return current;
    }
}
