using CsCheck;

namespace Sealift.Blkhash.Tests;

public sealed class BlockMapModelTests
{
    private static readonly BlkhashParameters Small = new(BlkhashAlgorithm.Sha512, 4);

    /// <summary>Any sequence of calls: the map holds what plain arrays hold, and a map that is opened again what the last checkpoint held.</summary>
    [Theory]
    [InlineData(0, 20)]
    [InlineData(7, 40)] // one short block after a full one
    [InlineData((4 * 3 * 4096) + 1, 25)]
    [InlineData(4 * 45 * 4096, 10)] // more pages than stay in memory
    public void A_map_holds_what_was_set(long lengthBytes, int samples) =>
        Gen.Int.Sample(
            seed =>
            {
                using var directory = new TemporaryDirectory();
                var random = new Random(seed);
                var path = directory.File("map");
                var now = new MapModel(lengthBytes, Small);
                var kept = now.Clone();
                var map = BlockMap.Create(path, lengthBytes, Small);
                try
                {
                    for (var step = 0; step < 60; step++)
                    {
                        switch (random.Next(20))
                        {
                            case 0:
                                map.Checkpoint();
                                kept = now.Clone();
                                break;
                            case 1:
                                map.Close();
                                kept = now.Clone();
                                map = BlockMap.OpenForUpdate(path);
                                break;
                            case 2: // abandoned: back to the last checkpoint
                                map.Dispose();
                                now = kept.Clone();
                                map = BlockMap.OpenForUpdate(path);
                                break;
                            case 3:
                                using (var reader = BlockMap.Open(path)) Assert.Null(kept.Mismatch(reader));
                                break;
                            case 4:
                                map.Verify(TestContext.Current.CancellationToken);
                                break;
                            case < 12:
                                RandomRun(random, now, out var first, out var count);
                                now.Set(map, first, count, (BlockState)random.Next(3));
                                break;
                            default:
                                if (now.BlockCount == 0) break;
                                var block = random.NextInt64(now.BlockCount);
                                var run = random.Next(4) == 0 ? random.Next(5000) : random.Next(1, 5);
                                for (var i = 0; i < run && block + i < now.BlockCount; i++) now.SetData(map, block + i, random.Next(50));
                                break;
                        }
                    }

                    Assert.Null(now.Mismatch(map));
                    var copyPath = directory.File("copy");
                    using (var copy = BlockMap.CreateCopy(copyPath, map))
                    {
                        Assert.Null(now.Mismatch(copy));
                        Assert.Equal(now.UnknownBlocks == 0, copy.IsComplete);
                    }

                    using (var copy = BlockMap.Open(copyPath)) Assert.Null(now.Mismatch(copy));
                    Complete(map, now);
                    map.Close();
                    using var again = BlockMap.Open(path);
                    again.Verify(TestContext.Current.CancellationToken);
                    Assert.Null(now.Mismatch(again));
                    Assert.Equal(now.Root(), again.Root());
                    Assert.True(again.IsComplete);
                }
                finally
                {
                    map.Dispose();
                }
            },
            iter: samples,
            threads: 1);

    [Fact]
    public void The_root_of_a_map_is_the_hash_of_its_disk() =>
        Gen.Select(BlkhashTests.Parameters, BlkhashTests.Disks, Gen.Bool).Sample(
            (p, disk, holes) =>
            {
                using var directory = new TemporaryDirectory();
                using var map = BlockMap.Create(directory.File("map"), disk.Length, p);
                var leaves = new LeafHasher(p);
                var leaf = new byte[p.DigestBytes];
                for (long block = 0; block < map.BlockCount; block++)
                {
                    var offset = (int)block * p.BlockBytes;
                    if (leaves.HashOrZero(disk.AsSpan(offset, Math.Min(p.BlockBytes, disk.Length - offset)), leaf) == BlockState.Data) map.SetData(block, leaf);
                    else map.SetZeroes(block, 1, holes ? BlockState.Hole : BlockState.Zero);
                }

                Assert.Equal(NaiveBlkhash.Root(p, disk), map.Root());
                map.Close();
                using var again = BlockMap.Open(map.Path);
                Assert.Equal(NaiveBlkhash.Root(p, disk), again.Root());
            },
            iter: 60);

    private static void RandomRun(Random random, MapModel model, out long first, out long count)
    {
        first = random.NextInt64(model.BlockCount + 1);
        count = random.Next(3) == 0 ? random.NextInt64(model.BlockCount - first + 1) : Math.Min(random.Next(1, 40), model.BlockCount - first);
        if (random.Next(4) == 0) first = first / 4096 * 4096;
        count = Math.Min(count, model.BlockCount - first);
    }

    private static void Complete(BlockMap map, MapModel model)
    {
        foreach (var run in map.Runs().ToList())
            if (run.State == BlockState.Unknown) model.Set(map, run.First, run.Count, BlockState.Hole);
    }
}
