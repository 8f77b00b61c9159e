using Sealift.Posix;

namespace Sealift.Disks.Tests;

/// <summary>What a file system says of holes is believed where it fits the space that the file takes, and read for real where not.</summary>
public sealed class AllocationMapTests : IDisposable
{
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Holes_of_an_honest_file_are_believed_and_a_terabyte_of_them_is_not_read()
    {
        using var file = Open(scratch.Raw("sparse", 1L << 40, 1, (0, 65536), (300 << 20, 4 << 20), (700 << 20, 65536)));
        var map = AllocationMap.Examine(file, "sparse", weighSpace: true, Cancel);
        Assert.Null(map.Doubt);
        var extents = map.Extents(0, 1L << 40).ToList();
        Assert.Equal((4L << 20) + (2 * 65536), extents.Where(e => !e.IsHole).Sum(e => e.LengthBytes));
        Assert.Equal(1L << 40, extents.Sum(e => e.LengthBytes));
    }

    [Fact]
    public void A_file_in_many_pieces_is_believed()
    {
        using var file = Open(scratch.Raw("pieces", 256 << 20, 2, [.. Enumerable.Range(0, 2000).Select(i => (i * 131072L, 4096))]));
        file.Sync(); // so that the pieces have places, and metadata that say where
        var map = AllocationMap.Examine(file, "pieces", weighSpace: true, Cancel);
        Assert.Null(map.Doubt);
        Assert.Equal(2000, map.Extents(0, 256 << 20).Count(e => !e.IsHole));
    }

    [Fact]
    public async Task Space_that_is_called_a_hole_is_read()
    {
        // Space that was set aside and never written: the same picture as data that a file system does not own up to.
        var path = scratch.Raw("preallocated", 16 << 20, 3, (1 << 20, 1 << 20));
        await Scratch.ToolAsync("fallocate", "-l", "16M", path);
        using (var file = Open(path))
        {
            var map = AllocationMap.Examine(file, path, weighSpace: true, Cancel);
            Assert.NotNull(map.Doubt);
            Assert.Contains(path, map.Doubt, StringComparison.Ordinal);
            Assert.Equal([new DiskExtent(4096, 8 << 20, IsHole: false)], map.Extents(4096, (8 << 20) + 4096));
            Assert.Empty(map.Extents(5, 5));
        }

        Forget(path);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Raw, 16 << 20, Cancel);
        await using var source = Scratch.OpenRaw(path);
        await using var target = await DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Raw, scratch.Folder, Cancel);
        using var blocks = scratch.Map("map", 16 << 20);
        Assert.Null(source.MapDoubt);
        var copy = await DiskCopy.RunAsync(source, target, blocks, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
        Assert.Equal(0, copy.HoleBytes);
        Assert.Equal(15 << 20, copy.ZeroBytes);
        Assert.NotNull(copy.MapDoubt);
        Assert.Equal(await File.ReadAllBytesAsync(path, Cancel), await File.ReadAllBytesAsync(scratch["target"], Cancel));
    }

    [Fact]
    public async Task An_image_of_another_format_on_such_a_file_is_read_whole_too()
    {
        var raw = scratch.Raw("raw", 4 << 20, 4, (0, 65536));
        await Scratch.ToolAsync("qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=monolithicFlat", raw, scratch["flat.vmdk"]);
        var image = new ImageReference(new ImageLocation(scratch["flat.vmdk"]), ImageFormat.Vmdk, "monolithicFlat", 4 << 20, 4 << 20, null, [scratch["flat.vmdk"], scratch["flat-flat.vmdk"]]);
        await using (var honest = await DiskImage.OpenReadAsync(image, scratch.Folder, Cancel)) Assert.Null(honest.MapDoubt);
        await Scratch.ToolAsync("fallocate", "-l", "4M", scratch["flat-flat.vmdk"]);
        Forget(scratch["flat-flat.vmdk"]);
        await using var disk = await DiskImage.OpenReadAsync(image, scratch.Folder, Cancel);
        Assert.Contains("flat-flat.vmdk", disk.MapDoubt, StringComparison.Ordinal);
        await foreach (var extent in disk.ExtentsAsync(0, 4 << 20, Cancel)) Assert.False(extent.IsHole);
    }

    public void Dispose() => scratch.Dispose();

    /// <summary>Drops a file from memory: space that was set aside counts as data as long as its zeros are in the page cache.</summary>
    private static void Forget(string path)
    {
        using var file = Open(path);
        file.Sync();
        file.DropCache();
    }

    private static PosixFile Open(string path) => PosixFile.Open(path, OpenMode.Read);
}
