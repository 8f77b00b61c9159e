using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests.Tests;

/// <summary>The boot loader is put where UEFI finds it without variables, and what is there already is left alone.</summary>
public sealed class FallbackLoaderTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task The_shim_and_what_stands_beside_it_are_copied_into_the_overlay_alone()
    {
        await MakeDiskAsync(("shimx64.efi", "the shim"), ("grubx64.efi", "GRUB"));
        var before = await Rigs.HashAsync(directory.File("disk.raw"));
        await Rigs.QemuImgAsync("create", "-q", "-f", "qcow2", "-b", directory.File("disk.raw"), "-F", "raw", directory.File("overlay.qcow2"));

        var options = Rigs.Options(directory);
        using (var log = new ToolLog(options.LogPath))
        using (var scratch = new ScratchDirectory(options.WorkDirectory))
            Assert.Null(await FallbackLoader.AddAsync([new GuestDrive("disk1", null, directory.File("overlay.qcow2"), ImageFormat.Qcow2)], options, log, scratch, CancellationToken.None));

        Assert.Equal(before, await Rigs.HashAsync(directory.File("disk.raw")));
        await Rigs.QemuImgAsync("convert", "-O", "raw", directory.File("overlay.qcow2"), directory.File("after.raw"));
        Assert.Equal("the shim", await ReadAsync("::EFI/BOOT/BOOTX64.EFI"));
        Assert.Equal("GRUB", await ReadAsync("::EFI/BOOT/grubx64.efi"));
        Assert.Equal("the shim", await ReadAsync("::EFI/debian/shimx64.efi"));
    }

    [Fact]
    public async Task A_disk_that_is_no_overlay_is_never_written_to()
    {
        var options = Rigs.Options(directory);
        using var log = new ToolLog(options.LogPath);
        using var scratch = new ScratchDirectory(options.WorkDirectory);
        var refused = await Assert.ThrowsAsync<SealiftException>(() => FallbackLoader.AddAsync([Rigs.Raw("disk1", directory.File("disk.raw"))], options, log, scratch, CancellationToken.None));
        Assert.Equal("SL5001", refused.Code);
    }

    private async Task MakeDiskAsync(params (string Name, string Content)[] loaders)
    {
        foreach (var (name, content) in loaders) await File.WriteAllTextAsync(directory.File(name), content);
        var script = $"""
            set -e; PATH=$PATH:/usr/sbin:/sbin; cd "$1"
            truncate -s 40M disk.raw; echo 'label: gpt
            start=1MiB, size=34MiB, type=U' | sfdisk -q disk.raw
            truncate -s 34M esp; mkfs.vfat -F 32 -s 1 esp >/dev/null; mmd -i esp ::EFI ::EFI/debian
            mcopy -i esp {string.Join(' ', loaders.Select(l => l.Name))} ::EFI/debian/
            dd if=esp of=disk.raw bs=1M seek=1 conv=notrunc status=none
            """;
        await ChildProcess.RunAsync(new ChildCommand("sh", "-c", script, "sh", directory.Path), CancellationToken.None);
    }

    private async Task<string> ReadAsync(string path) =>
        (await ChildProcess.RunAsync(new ChildCommand("mtype", "-i", directory.File("after.raw") + "@@1M", path), CancellationToken.None)).Output.TrimEnd('\n');
}
