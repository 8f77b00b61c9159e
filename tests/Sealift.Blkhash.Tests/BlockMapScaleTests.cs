using System.Buffers.Binary;
using System.Diagnostics;

namespace Sealift.Blkhash.Tests;

/// <summary>Memory and time are measured, so nothing else runs beside these.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

[Collection(nameof(Alone))]
public sealed class BlockMapScaleTests : IDisposable
{
    private const long Tebibyte = 1L << 40;

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_sparse_disk_of_64_tebibytes_takes_little_memory_time_and_space()
    {
        var path = directory.File("map");
        var watch = Stopwatch.StartNew();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        WriteIslands(path, before);
        Assert.InRange(new FileInfo(path).Length, 0, 64 << 20);
        using var again = BlockMap.Open(path);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, 0, 20 << 20);
        var leaf = new byte[32];
        var data = again.Runs().Where(r => r.State == BlockState.Data).ToList();
        Assert.Equal(5000, data.Count);
        Assert.Equal(BlockState.Data, again.Read(4999 * 214_748L, leaf));
        Assert.Equal(4999, BinaryPrimitives.ReadInt32LittleEndian(leaf));
        Assert.Empty(BlockMap.Diff(again, again));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"took {watch.Elapsed}");
    }

    // A method of its own, so that nothing of it is still referenced when memory is measured again.
    private static void WriteIslands(string path, long memoryBefore)
    {
        var leaf = new byte[32];
        using var map = BlockMap.Create(path, 64 * Tebibyte, BlkhashParameters.Default);
        Assert.Equal(1L << 30, map.BlockCount);
        map.SetZeroes(0, map.BlockCount, BlockState.Hole);
        for (var i = 0; i < 5000; i++) // islands of data all over the disk: more pages than stay in memory
        {
            BinaryPrimitives.WriteInt32LittleEndian(leaf, i);
            map.SetData(i * 214_748L, leaf);
            if (i % 1000 == 0) map.Checkpoint();
        }

        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - memoryBefore, 0, 20 << 20);
        Assert.True(map.IsComplete);
        map.Close();
    }

    [Fact]
    public void An_empty_disk_of_64_tebibytes_has_a_map_of_a_few_kibibytes()
    {
        var path = directory.File("map");
        using var map = BlockMap.Create(path, 64 * Tebibyte, BlkhashParameters.Default);
        map.SetZeroes(0, map.BlockCount, BlockState.Hole);
        map.Close();
        Assert.InRange(new FileInfo(path).Length, 8192, 16384);
    }

    [Fact]
    public void The_root_of_a_sparse_tebibyte_takes_about_a_second()
    {
        using var map = BlockMap.Create(directory.File("map"), Tebibyte, BlkhashParameters.Default);
        map.SetZeroes(0, map.BlockCount, BlockState.Hole);
        var watch = Stopwatch.StartNew();
        map.Root();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"took {watch.Elapsed}"); // about 0.4 s idle; others share the machine
        TestContext.Current.TestOutputHelper?.WriteLine($"1 TiB of holes: {watch.Elapsed.TotalSeconds:F2} s");
    }

    /// <summary>16 GiB written mostly in order by eight writers, with checkpoints: the bound is 0.06 % of the data.</summary>
    [Fact]
    public async Task A_full_disk_has_a_map_of_less_than_six_hundredths_of_a_percent()
    {
        const long Length = 16L << 30;
        const int Writers = 8, ChunkBlocks = 32; // 2 MiB requests
        var path = directory.File("map");
        using (var map = BlockMap.Create(path, Length, BlkhashParameters.Default))
        {
            long next = 0;
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(() =>
            {
                var leaf = new byte[32];
                while (true)
                {
                    var first = Interlocked.Add(ref next, ChunkBlocks) - ChunkBlocks;
                    if (first >= map.BlockCount) return;
                    for (var block = first; block < first + ChunkBlocks; block++)
                    {
                        BinaryPrimitives.WriteInt64LittleEndian(leaf, block + 1);
                        map.SetData(block, leaf);
                    }

                    if (first % (64 * ChunkBlocks) == 0) map.Checkpoint(); // every 128 MiB: twice in each page
                }
            })));
            map.Close();
        }

        var size = new FileInfo(path).Length;
        TestContext.Current.TestOutputHelper?.WriteLine($"{size} bytes, {100.0 * size / Length:F4} %");
        Assert.InRange(size, 1, (long)(Length * 0.0006));
        using var again = BlockMap.Open(path);
        again.Verify(TestContext.Current.CancellationToken);
        Assert.Equal([new BlockRun(0, Length / 65536, BlockState.Data)], again.Runs());
    }

    /// <summary>Writers, readers and checkpoints at once; then every block is what its one writer set last.</summary>
    [Fact]
    public async Task Many_threads_may_use_a_map()
    {
        var parameters = new BlkhashParameters(BlkhashAlgorithm.Sha512, 4);
        const int Blocks = 4096 * 40; // more pages than stay in memory
        var path = directory.File("map");
        var last = new int[Blocks];
        using (var map = BlockMap.Create(path, Blocks * 4L, parameters))
        {
            using var done = new CancellationTokenSource();
            var checkpoints = Task.Run(() =>
            {
                while (!done.IsCancellationRequested) map.Checkpoint();
            }, TestContext.Current.CancellationToken);
            var readers = Task.Run(() =>
            {
                var leaf = new byte[64];
                var random = new Random(99);
                while (!done.IsCancellationRequested)
                {
                    var block = random.Next(Blocks);
                    if (map.Read(block, leaf) == BlockState.Data) Assert.Equal(block, BitConverter.ToInt32(leaf, 4)); // never another block's
                    if (random.Next(200) == 0) _ = map.Runs().Count();
                }
            }, TestContext.Current.CancellationToken);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() =>
            {
                var random = new Random(writer);
                var leaf = new byte[64];
                for (var i = 1; i < 8000; i++)
                {
                    var block = (random.Next(Blocks / 4) * 4) + writer; // neighbours belong to different writers
                    if (random.Next(5) == 0)
                    {
                        map.SetZeroes(block, 1, BlockState.Zero);
                        last[block] = -1;
                        continue;
                    }

                    BinaryPrimitives.WriteInt32LittleEndian(leaf, i);
                    BinaryPrimitives.WriteInt32LittleEndian(leaf.AsSpan(4), block);
                    map.SetData(block, leaf);
                    last[block] = i;
                }
            })));
            await done.CancelAsync();
            await Task.WhenAll(checkpoints, readers);
            Assert.Equal(last.Count(l => l == 0), map.UnknownBlocks);
            map.Close();
        }

        using var again = BlockMap.Open(path);
        again.Verify(TestContext.Current.CancellationToken);
        Assert.Equal(last.Count(l => l == 0), again.UnknownBlocks);
        var read = new byte[64];
        for (var block = 0; block < Blocks; block++)
        {
            var state = again.Read(block, read);
            Assert.Equal(last[block] switch { 0 => BlockState.Unknown, -1 => BlockState.Zero, _ => BlockState.Data }, state);
            if (state == BlockState.Data) Assert.Equal((last[block], block), (BitConverter.ToInt32(read), BitConverter.ToInt32(read, 4)));
        }
    }

    /// <summary>Whoever sets something while the map is being closed is refused, or finds it in the map, or the close says that it is not: nothing is lost in between.</summary>
    [Fact]
    public async Task Nothing_that_is_set_during_a_close_is_lost_silently()
    {
        const int Blocks = 100_000;
        var parameters = new BlkhashParameters(BlkhashAlgorithm.Md5, 4);
        for (var round = 0; round < 5; round++)
        {
            var path = directory.File($"map-{round}");
            using var map = BlockMap.Create(path, Blocks * 4, parameters);
            var set = 0;
            using var begun = new ManualResetEventSlim();
            var writer = Task.Run(
                () =>
                {
                    var leaf = new byte[16];
                    try
                    {
                        for (; set < Blocks; set++)
                        {
                            map.SetData(set, leaf);
                            if (set == 100) begun.Set();
                        }
                    }
                    catch (ObjectDisposedException)
                    {
                        // closed: this block and those after it were refused
                    }
                },
                TestContext.Current.CancellationToken);
            begun.Wait(TestContext.Current.CancellationToken);
            var isClosed = true;
            try
            {
                map.Close();
            }
            catch (InvalidOperationException)
            {
                isClosed = false; // it says so
                map.Dispose();
            }

            await writer;
            using var again = BlockMap.Open(path);
            again.Verify(TestContext.Current.CancellationToken);
            if (isClosed) Assert.Equal(Blocks - set, again.UnknownBlocks);
        }
    }

    /// <summary>The same small part set and checkpointed again and again: old space is used again.</summary>
    [Fact]
    public void A_map_does_not_grow_with_the_number_of_checkpoints()
    {
        var path = directory.File("map");
        var random = new Random(3);
        var leaf = new byte[32];
        using var map = BlockMap.Create(path, Tebibyte / 64, BlkhashParameters.Default); // 64 pages
        long afterTen = 0;
        for (var i = 0; i < 100; i++)
        {
            for (var n = 0; n < 300; n++) map.SetData(random.Next(20) + (random.Next(64) * 4096), leaf);
            map.Checkpoint();
            if (i == 10) afterTen = new FileInfo(path).Length;
        }

        Assert.InRange(new FileInfo(path).Length, 1, afterTen * 2);
        map.Close();
        Assert.InRange(new FileInfo(path).Length, 1, afterTen);
    }
}
