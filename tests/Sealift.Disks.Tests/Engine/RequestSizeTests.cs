using System.Collections.Concurrent;
using Sealift.Blkhash;
using Sealift.Nbd;

namespace Sealift.Disks.Tests;

/// <summary>How large requests are, and how many are out at once.</summary>
public sealed class RequestSizeTests
{
    private const long Length = (9 << 20) + 512;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(64 << 10, 65536, 64 << 10)]
    [InlineData(4 << 20, 65536, 4 << 20)]
    [InlineData(64 << 10, 1 << 20, 1 << 20)] // a block is never read in parts
    public async Task Copy_hash_and_read_back_ask_for_as_much_as_they_are_told_to(int requestBytes, int blockBytes, int expected)
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", Length, 1, (0, (int)Length));
        var asked = new ConcurrentBag<int>();
        ValueTask Count(long offset, Memory<byte> bytes)
        {
            asked.Add(bytes.Length);
            return default;
        }

        await using var source = new HookedDisk(Scratch.OpenRaw(path)) { AfterRead = Count };
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Length, Cancel);
        var options = new CopyOptions { RequestBytes = requestBytes, TargetReadsZeroes = true };
        using var map = scratch.Map("map", Length, new BlkhashParameters(BlockBytes: blockBytes));
        var naive = Scratch.NaiveRoot(await File.ReadAllBytesAsync(path, Cancel), blockBytes);
        await using (var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel))
            Assert.Equal(naive, (await DiskCopy.RunAsync(source, target, map, options, null, Cancel)).Root);
        AskedInPieces();

        Assert.Equal(naive, await DiskHash.RunAsync(source, map.Parameters, null, options, null, Cancel));
        AskedInPieces();

        await using var uncached = new HookedDisk(await DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel)) { AfterRead = Count };
        Assert.Equal(naive, (await ReadBack.RunAsync(uncached, map, options, null, Cancel)).Root);
        AskedInPieces();

        void AskedInPieces()
        {
            Assert.Equal(Length, asked.Sum(bytes => (long)bytes));
            Assert.Equal((Length + expected - 1) / expected, asked.Count);
            Assert.Equal(expected, asked.Max());
            asked.Clear();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public async Task As_many_chunks_are_worked_on_at_once_as_there_are_workers(int workers)
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("source", 16 << 20, 1, (0, 16 << 20));
        var (running, most) = (0, 0);
        using var all = new SemaphoreSlim(0);
        await using var source = new HookedDisk(Scratch.OpenRaw(path))
        {
            AfterRead = async (_, _) =>
            {
                // The first ones wait for each other: fewer than there should be would wait for ever.
                var now = Interlocked.Increment(ref running);
                InterlockedMax(ref most, now);
                if (now == workers) all.Release(1000);
                await all.WaitAsync(Cancel);
                Interlocked.Decrement(ref running);
            },
        };
        await DiskHash.RunAsync(source, BlkhashParameters.Default, null, new CopyOptions { Workers = workers }, null, Cancel);
        Assert.Equal(workers, most);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task As_many_connections_are_made_as_are_asked_for(int connections)
    {
        using var scratch = new Scratch();
        var path = scratch.Raw("store", 1 << 20, 1, (0, 1 << 20));
        await using var server = await Nbdkit.StartAsync(scratch, "file", path);
        await using var pool = await NbdPool.ConnectAsync(server.Uri, new NbdOptions { Connections = connections }, Cancel);
        Assert.Equal(connections, pool.Connections);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); value > seen; seen = Volatile.Read(ref most))
            if (Interlocked.CompareExchange(ref most, value, seen) == seen) return;
    }
}
