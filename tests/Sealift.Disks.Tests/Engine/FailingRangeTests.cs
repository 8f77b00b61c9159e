using Sealift.Blkhash;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>A read error names the page that cannot be read, not the request that it was part of.</summary>
public sealed class FailingRangeTests : IDisposable
{
    private const long Length = (4 << 20) + 1536;
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData((2 << 20) + 70_000, (2 << 20) + 69_632, 4096)]
    [InlineData(0, 0, 4096)]
    [InlineData((1 << 20) - 1, (1 << 20) - 4096, 4096)]
    [InlineData(Length - 1, 4 << 20, 1536)] // the last, short page
    public async Task A_bad_page_is_named_on_either_side(long bad, long offset, long lengthBytes)
    {
        var path = scratch.Raw("disk", Length, 1, (0, (int)Length));
        await using var server = await BadServerAsync(path, bad, "true");
        await using var disk = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions(), Cancel);
        using var map = scratch.Map("map", Length);
        var source = await Assert.ThrowsAsync<DiskAccessException>(() => DiskHash.RunAsync(disk, BlkhashParameters.Default, null, CopyOptions.Default, null, Cancel));
        Assert.Equal(("SL4211", offset, lengthBytes), (source.Code, source.Offset, source.LengthBytes));
        Assert.Contains("EIO", source.Message, StringComparison.Ordinal);

        map.SetZeroes(0, map.BlockCount, BlockState.Zero);
        var target = await Assert.ThrowsAsync<DiskAccessException>(() => ReadBack.RunAsync(disk, map, CopyOptions.Default, null, Cancel));
        Assert.Equal(("SL4214", offset, lengthBytes), (target.Code, target.Offset, target.LengthBytes));
    }

    [Fact]
    public async Task An_error_that_does_not_come_back_or_has_no_place_keeps_the_whole_request()
    {
        var path = scratch.Raw("disk", Length, 1, (0, (int)Length));
        await File.WriteAllTextAsync(scratch["bad"], string.Empty, Cancel);
        await using var server = await BadServerAsync(path, 70_000, $"rm {scratch["bad"]}");
        await using var once = await DiskImage.OpenNbdAsync(server.Uri, new NbdOptions(), Cancel);
        var passing = await Assert.ThrowsAsync<DiskAccessException>(() => DiskHash.RunAsync(once, BlkhashParameters.Default, null, new CopyOptions { Workers = 1 }, null, Cancel));
        Assert.Equal((0, 1 << 20), (passing.Offset, passing.LengthBytes));

        var reads = 0;
        await using var shorter = new HookedDisk(Scratch.OpenRaw(path))
        {
            AfterRead = (_, _) =>
            {
                reads++;
                throw new SealiftException("SL1002", "read", path, "the file ends", "Check it");
            },
        };
        var ended = await Assert.ThrowsAsync<DiskAccessException>(() => DiskHash.RunAsync(shorter, BlkhashParameters.Default, null, new CopyOptions { Workers = 1 }, null, Cancel));
        Assert.Equal((0, 1 << 20, 1), (ended.Offset, ended.LengthBytes, reads));
    }

    public void Dispose() => scratch.Dispose();

    /// <summary>A server whose disk cannot be read at one byte as long as a command succeeds.</summary>
    private Task<Nbdkit> BadServerAsync(string path, long bad, string condition) => Nbdkit.StartAsync(
        scratch, "eval", $"get_size=echo {Length}",
        $"pread=if [ $4 -le {bad} ] && [ $(($4 + $3)) -gt {bad} ] && {condition} 2>/dev/null; then echo EIO >&2; exit 1; fi; dd if={path} skip=$4 count=$3 iflag=skip_bytes,count_bytes status=none");
}
