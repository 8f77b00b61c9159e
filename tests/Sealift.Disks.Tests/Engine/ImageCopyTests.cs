using System.Globalization;
using Sealift.Blkhash;
using Sealift.Posix;

namespace Sealift.Disks.Tests;

public sealed class ImageCopyTests : IDisposable
{
    private readonly Scratch scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ImageFormat.Raw, "", ImageFormat.Qcow2)]
    [InlineData(ImageFormat.Qcow2, "", ImageFormat.Raw)]
    [InlineData(ImageFormat.Qcow2, "", ImageFormat.Qcow2)]
    [InlineData(ImageFormat.Vmdk, "", ImageFormat.Raw)]
    [InlineData(ImageFormat.Vmdk, "subformat=streamOptimized", ImageFormat.Qcow2)]
    [InlineData(ImageFormat.Vhd, "subformat=dynamic,force_size=on", ImageFormat.Raw)]
    [InlineData(ImageFormat.Vhdx, "", ImageFormat.Qcow2)]
    [InlineData(ImageFormat.Vdi, "", ImageFormat.Raw)]
    public async Task Every_format_arrives_whole_in_either_target(ImageFormat from, string options, ImageFormat to)
    {
        // A multiple of 512 and of nothing larger; VHDX alone knows whole MiB only.
        var length = (7 << 20) + (from == ImageFormat.Vhdx ? 0 : 5 * 512);
        var raw = scratch.Raw("raw", length, 3, (0, 1 << 20), (3 << 20, 300_000), (length - 700, 700));
        var image = raw;
        if (from != ImageFormat.Raw)
        {
            image = scratch["image"];
            await Scratch.ToolAsync("qemu-img", ["convert", "-f", "raw", "-O", QemuNode.Driver(from), .. options.Length == 0 ? (string[])[] : ["-o", options], raw, image]);
        }

        await using var source = await DiskImage.OpenReadAsync(Scratch.Image(image, from), scratch.Folder, Cancel);
        Assert.Equal(length, source.LengthBytes);
        await DiskImage.CreateAsync(scratch["target"], to, length, Cancel);
        using var map = scratch.Map("map", length);
        CopyResult result;
        await using (var target = await DiskImage.OpenWriteAsync(scratch["target"], to, scratch.Folder, Cancel))
        {
            result = await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true }, null, Cancel);
            await target.CloseAsync(Cancel);
        }

        Assert.Equal(Scratch.NaiveRoot(await File.ReadAllBytesAsync(raw, Cancel)), result.Root);
        // VHDX allocates by 8 MiB and more, VHD by 2 MiB; the others by 64 KiB.
        Assert.InRange(result.HoleBytes, from == ImageFormat.Vhdx ? 0 : from == ImageFormat.Vhd ? 2 << 20 : 5 << 20, 6 << 20);
        await using var uncached = await DiskImage.OpenUncachedAsync(scratch["target"], to, scratch.Folder, Cancel);
        var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
        Assert.Empty(back.Mismatches);
        Assert.Equal(result.Root, back.Root);
        Assert.Contains("O_DIRECT", back.CacheBypass, StringComparison.Ordinal);
        await uncached.DisposeAsync();
        await source.DisposeAsync();
        // The peer's opinion.
        await Scratch.ToolAsync("qemu-img", "compare", "-f", "raw", "-F", QemuNode.Driver(to), raw, scratch["target"]);
        if (to == ImageFormat.Qcow2) await Scratch.ToolAsync("qemu-img", "check", "-f", "qcow2", scratch["target"]);
        Assert.InRange(FileFacts.OfPath(scratch["target"]).AllocatedBytes, 1 << 20, 3 << 20);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(scratch.Folder), Directory.Exists); // no socket folder is left
    }

    [Fact]
    public async Task A_member_of_a_container_is_read_at_its_place()
    {
        var path = scratch.Raw("container", 4 << 20, 9, (0, 4 << 20));
        var image = Scratch.Image(path, ImageFormat.Raw) with { Location = new ImageLocation(path, 1536, (1 << 20) + 512) };
        var wanted = File.ReadAllBytes(path).AsSpan(1536, (1 << 20) + 512).ToArray();
        await using var disk = await DiskImage.OpenReadAsync(image, scratch.Folder, Cancel);
        Assert.Equal(Scratch.NaiveRoot(wanted), await DiskHash.RunAsync(disk, BlkhashParameters.Default, null, CopyOptions.Default, null, Cancel));
        var beyond = image with { Location = new ImageLocation(path, 3 << 20, 2 << 20) };
        Assert.Equal("SL4201", (await Assert.ThrowsAsync<SealiftException>(() => DiskImage.OpenReadAsync(beyond, scratch.Folder, Cancel))).Code);
    }

    [Fact]
    public async Task A_flipped_bit_in_a_qcow2_target_is_located_and_repaired()
    {
        var raw = scratch.Raw("raw", 4 << 20, 3, (0, 4 << 20));
        await using var source = Scratch.OpenRaw(raw);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Qcow2, 4 << 20, Cancel);
        using var map = scratch.Map("map", 4 << 20);
        await using (var target = await OpenWriteAsync(Cancel))
        {
            await DiskCopy.RunAsync(source, target, map, new CopyOptions { TargetReadsZeroes = true, Workers = 1 }, null, Cancel);
            await target.CloseAsync(Cancel);
        }

        await Scratch.ToolAsync("qemu-io", "-f", "qcow2", "-c", "write -P 1 1000k 1", scratch["target"]);
        await using (var uncached = await OpenUncachedAsync(Cancel))
        {
            var back = await ReadBack.RunAsync(uncached, map, CopyOptions.Default, null, Cancel);
            Assert.Equal(new DiskRange(15 << 16, 65536), Assert.Single(back.Mismatches).Range);
            await uncached.DisposeAsync();
            await DiskRepair.RunAsync(source, OpenWriteAsync, OpenUncachedAsync, map, back, CopyOptions.Default, Cancel);
        }

        await Scratch.ToolAsync("qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw, scratch["target"]);
        Task<IDiskWriter> OpenWriteAsync(CancellationToken cancel) => DiskImage.OpenWriteAsync(scratch["target"], ImageFormat.Qcow2, scratch.Folder, cancel);
        Task<IUncachedReader> OpenUncachedAsync(CancellationToken cancel) => DiskImage.OpenUncachedAsync(scratch["target"], ImageFormat.Qcow2, scratch.Folder, cancel);
    }

    [Fact]
    public async Task The_uncached_server_really_opens_the_image_with_O_DIRECT()
    {
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Qcow2, 1 << 20, Cancel);
        await using var server = await QemuNbdServer.StartReadOnlyAsync(Scratch.Image(scratch["target"], ImageFormat.Qcow2), scratch.Folder, QemuCache.None, Cancel);
        var descriptors = Directory.EnumerateFiles($"/proc/{server.ProcessId}/fd").Where(fd => File.ResolveLinkTarget(fd, false)?.FullName == scratch["target"]).ToList();
        Assert.NotEmpty(descriptors);
        const int Direct = 0x4000, WriteOnlyOrBoth = 3;
        foreach (var fd in descriptors)
        {
            var flags = File.ReadLines(fd.Replace("/fd/", "/fdinfo/", StringComparison.Ordinal)).First(l => l.StartsWith("flags:", StringComparison.Ordinal));
            var value = Convert.ToInt32(flags[6..].Trim(), 8);
            Assert.Equal(Direct, value & Direct);
            Assert.Equal(0, value & WriteOnlyOrBoth); // and read-only
        }
    }

    [Fact]
    public async Task Creation_never_replaces_a_file()
    {
        foreach (var format in new[] { ImageFormat.Raw, ImageFormat.Qcow2 })
        {
            await File.WriteAllTextAsync(scratch["target"], "precious", Cancel);
            Assert.Equal(Errno.EEXIST, (await Assert.ThrowsAsync<PosixException>(() => DiskImage.CreateAsync(scratch["target"], format, 1 << 20, Cancel))).Errno);
            Assert.Equal("precious", await File.ReadAllTextAsync(scratch["target"], Cancel));
        }

        Assert.Equal("SL4204", (await Assert.ThrowsAsync<SealiftException>(() => DiskImage.CreateAsync(scratch["new"], ImageFormat.Qcow2, 1000, Cancel))).Code);
        Assert.Equal("SL4204", (await Assert.ThrowsAsync<SealiftException>(() => DiskImage.CreateAsync(scratch["new"], ImageFormat.Vmdk, 1024, Cancel))).Code);
        Assert.False(File.Exists(scratch["new"]));
    }

    [Fact]
    public async Task A_server_that_cannot_start_says_why_and_leaves_nothing()
    {
        var raw = scratch.Raw("not-a-qcow2", 1 << 20, 1);
        var error = await Assert.ThrowsAsync<SealiftException>(() => DiskImage.OpenReadAsync(Scratch.Image(raw, ImageFormat.Qcow2), scratch.Folder, Cancel));
        Assert.Equal("SL4221", error.Code);
        Assert.Contains("not in qcow2 format", error.Message, StringComparison.Ordinal);
        Assert.Equal([raw], Directory.EnumerateFileSystemEntries(scratch.Folder));
    }

    [Fact]
    public async Task A_server_that_dies_meanwhile_is_named_with_its_end()
    {
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Qcow2, 1 << 20, Cancel);
        var server = await QemuNbdServer.StartWritableAsync(scratch["target"], ImageFormat.Qcow2, scratch.Folder, QemuCache.Writeback, Cancel);
        await using var disk = await NbdDisk.OwnAsync(server, "target", null, string.Empty, forWriting: true, Cancel);
        await disk.WriteAsync(0, new byte[512], Cancel);
        await Scratch.ToolAsync("kill", "-9", server.ProcessId.ToString(CultureInfo.InvariantCulture));
        var error = await Assert.ThrowsAsync<SealiftException>(async () =>
        {
            for (var i = 0; i < 100; i++) await disk.WriteAsync(0, new byte[512], Cancel);
        });
        Assert.Equal("SL4222", error.Code);
        Assert.Contains("signal 9 killed it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_writable_server_that_does_not_end_well_is_an_error_and_an_abandoned_one_is_not()
    {
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Qcow2, 1 << 20, Cancel);
        foreach (var judged in new[] { true, false })
        {
            var server = await QemuNbdServer.StartWritableAsync(scratch["target"], ImageFormat.Qcow2, scratch.Folder, QemuCache.Writeback, Cancel);
            await Scratch.ToolAsync("kill", "-9", server.ProcessId.ToString(CultureInfo.InvariantCulture));
            if (judged) Assert.Equal("SL4222", (await Assert.ThrowsAsync<SealiftException>(async () => await server.StopAsync())).Code);
            else await server.DisposeAsync();
            Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(scratch.Folder), Directory.Exists);
        }
    }

    [Fact]
    public async Task A_work_folder_too_deep_for_a_socket_is_no_obstacle()
    {
        var deep = Path.Combine(scratch.Folder, new string('d', 90));
        Directory.CreateDirectory(deep);
        await DiskImage.CreateAsync(scratch["target"], ImageFormat.Qcow2, 1 << 20, Cancel);
        await using var disk = await DiskImage.OpenReadAsync(Scratch.Image(scratch["target"], ImageFormat.Qcow2), deep, Cancel);
        await disk.ReadAsync(0, new byte[512], Cancel);
        Assert.Empty(Directory.EnumerateFileSystemEntries(deep));
    }

    public void Dispose() => scratch.Dispose();
}
