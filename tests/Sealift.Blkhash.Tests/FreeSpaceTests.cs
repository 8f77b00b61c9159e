using CsCheck;

namespace Sealift.Blkhash.Tests;

/// <summary>Where a map puts what it writes: the bound on the size of its file depends on old space being found again, whole.</summary>
public sealed class FreeSpaceTests
{
    private const int Unit = 4096, Body = 8192;

    /// <summary>Against a plain array of units: nothing in use is given away, the smallest gap that fits is taken, and neighbouring gaps are one.</summary>
    [Fact]
    public void Any_sequence_of_calls_leaves_the_gaps_that_there_are() =>
        Gen.Int.Sample(
            seed =>
            {
                var random = new Random(seed);
                var space = new FreeSpace();
                var used = Occupied(random);
                Assert.Null(space.Occupy([.. used]));
                for (var step = 0; step < 120; step++)
                {
                    if (used.Count > 0 && random.Next(5) < 3)
                    {
                        var range = used[random.Next(used.Count)];
                        space.Release(range);
                        used.Remove(range);
                    }
                    else
                    {
                        var length = random.Next(1, 6 * Unit);
                        var expected = Place(used, length);
                        Assert.Equal(expected, space.Allocate(length));
                        used.Add(new FileRange(expected, length));
                    }

                    Assert.Equal(used.Select(EndOf).Append(Body).Max(), space.End);
                }
            },
            iter: 300,
            threads: 1);

    [Fact]
    public void Two_things_in_one_place_are_told()
    {
        FileRange first = new(Body, Unit + 1), second = new(Body + Unit, 10), third = new(Body + (2 * Unit), 10);
        Assert.Equal(second, new FreeSpace().Occupy([third, second, first]));
        Assert.Null(new FreeSpace().Occupy([third, first]));
    }

    /// <summary>The map of a full disk has as many pages as it is long, and nothing between them.</summary>
    [Fact]
    public void Neighbours_in_use_cost_no_memory()
    {
        var used = Enumerable.Range(0, 10_000).Select(i => new FileRange(Body + (i * Unit), Unit)).ToList();
        var space = new FreeSpace();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(space.Occupy(used));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }

    /// <summary>Ranges that do not overlap, some of them neighbours, in no order.</summary>
    private static List<FileRange> Occupied(Random random)
    {
        var used = new List<FileRange>();
        long at = Body;
        for (var i = random.Next(12); i > 0; i--)
        {
            at += random.Next(3) * Unit;
            used.Add(new FileRange(at, random.Next(1, 4 * Unit)));
            at = EndOf(used[^1]);
        }

        return [.. used.OrderBy(_ => random.Next())];
    }

    private static long EndOf(FileRange range) => range.Offset + ((range.LengthBytes + Unit - 1) / Unit * Unit);

    private static long Place(List<FileRange> used, int length)
    {
        long end = Body;
        var gaps = new List<(long Length, long Offset)>();
        foreach (var range in used.OrderBy(r => r.Offset))
        {
            if (range.Offset - end >= length) gaps.Add((range.Offset - end, end));
            end = EndOf(range);
        }

        return gaps.Count == 0 ? end : gaps.Min().Offset;
    }
}
