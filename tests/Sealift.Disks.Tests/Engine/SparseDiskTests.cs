using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>Alone, because memory is counted for the whole process.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class Alone;

[Collection("Alone")]
public sealed class SparseDiskTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sparse_terabyte_takes_seconds_and_little_memory()
    {
        const long Length = 1L << 40;
        using var scratch = new Scratch();
        var path = scratch.Raw("source", Length, 1, (0, 1 << 20), (Length / 2, 1 << 20), (Length - 512, 512));
        await using var source = Scratch.OpenRaw(path);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, Length, Cancel);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var map = scratch.Map("map", Length);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var result = await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
        var hashed = await DiskHash.RunAsync(source, BlkhashParameters.Default, null, CopyOptions.Default, null, Cancel);
        Assert.Equal(result.Root, hashed);
        Assert.True(result.Elapsed < TimeSpan.FromSeconds(30), $"{result.Elapsed}");
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 64 << 20);
        Assert.InRange(FileFacts.OfPath(scratch["target"]).AllocatedBytes, 2 << 20, 4 << 20);
    }
}
