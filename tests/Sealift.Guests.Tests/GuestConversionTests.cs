using Sealift.Posix;

namespace Sealift.Guests.Tests;

public class GuestConversionTests(ConvertedGuest guest) : IClassFixture<ConvertedGuest>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Conversion_writes_to_the_overlay_and_to_nothing_else()
    {
        Assert.Equal(guest.BaseHashBefore, await Rigs.HashAsync(guest.Base));
        Assert.NotEqual(guest.OverlayHashBefore, await Rigs.HashAsync(guest.Overlay));
        Assert.Empty(guest.LeftBehind);
    }

    [Fact]
    public void It_says_which_devices_the_guest_expects_now()
    {
        Assert.Equal("virtio-blk", guest.Result.BlockBus);
        Assert.Equal("virtio", guest.Result.NetModel);
        Assert.StartsWith("virt-v2v-in-place 2.", guest.Result.Tool, StringComparison.Ordinal);
        Assert.True(guest.Result.Elapsed > TimeSpan.FromSeconds(1));
        Assert.Contains("gcaps_block_bus = virtio-blk", guest.LogText, StringComparison.Ordinal);
    }

    [Fact]
    public void A_warning_that_one_kernel_makes_harmless_is_a_note()
    {
        var finding = Assert.Single(guest.Result.Findings);
        Assert.Equal(("convert.warning", FindingSeverity.Note), (finding.Class, finding.Severity));
        Assert.Contains("Grub2", finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_converted_guest_is_inspected_and_sound()
    {
        var inspection = guest.ReportAfter.Inspection;
        Assert.Equal(("linux", "debian", "12.5", "x86_64", "tiny-guest"), (inspection.OsType, inspection.Distro, inspection.Version, inspection.Architecture, inspection.Hostname));
        Assert.False(inspection.BootsByUefi);
        Assert.True(inspection.HasBiosBootCode);
        var root = Assert.Single(inspection.Filesystems);
        Assert.Equal(("5ea11f70-0000-4000-8000-000000000001", "ext4", "root", "/", true), (root.Identity, root.Type, root.Label, root.Mountpoint, root.Clean));
        Assert.Equal("disk1 partition 1, ext4 \"root\"", root.Device);
        Assert.DoesNotContain(guest.ReportAfter.Findings, f => f.Severity == FindingSeverity.Damage);
    }

    [Theory]
    [InlineData(false, "ide", "root=/dev/sda1")]
    [InlineData(false, "virtio", "ALERT! root UUID")]
    [InlineData(true, "virtio", "root=/dev/vda1")]
    public async Task It_boots_from_virtio_only_after_conversion(bool converted, string bus, string expected)
    {
        var image = (converted ? guest.Overlay : guest.Base).Replace(",", ",,", StringComparison.Ordinal);
        await using var qemu = ChildProcess.Start(new ChildCommand(
            "qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-drive", $"file={image},format={(converted ? "qcow2" : "raw")},if={bus},snapshot=on")
        {
            Deadline = TimeSpan.FromMinutes(3),
        });
        var console = new List<string>();
        while (await qemu.ReadLineAsync(Cancel) is { } line)
        {
            console.Add(line);
            if (line.Contains("TINY-UP", StringComparison.Ordinal) || line.Contains("ALERT!", StringComparison.Ordinal)) break;
        }

        Assert.Contains(expected, console.Count == 0 ? string.Empty : console[^1], StringComparison.Ordinal);
        qemu.Kill("seen enough");
    }

    [Fact]
    public async Task A_disk_without_an_operating_system_is_refused_in_the_converters_own_words()
    {
        using var directory = new TemporaryDirectory();
        await Rigs.QemuImgAsync("create", "-q", "-f", "qcow2", directory.File("blank.qcow2"), "16M");
        var drive = new GuestDrive("disk1", null, directory.File("blank.qcow2"), Disks.ImageFormat.Qcow2);
        var error = await Assert.ThrowsAsync<SealiftException>(() => GuestConversion.RunAsync(new ConversionRequest("blank", [drive], false, 1, 512L << 20, Rigs.Options(directory)), null, Cancel));
        Assert.Equal("SL5101", error.Code);
        Assert.Contains("No root device found", error.Message, StringComparison.Ordinal);
        Assert.Contains("--no-convert", error.Message, StringComparison.Ordinal);
        Assert.Contains(directory.File("guest.log"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_that_is_no_overlay_file_is_not_touched()
    {
        using var directory = new TemporaryDirectory();
        var drive = new GuestDrive("disk1", "/some.sock", null, Disks.ImageFormat.Raw);
        var error = await Assert.ThrowsAsync<SealiftException>(() => GuestConversion.RunAsync(new ConversionRequest("x", [drive], false, 1, 512L << 20, Rigs.Options(directory)), null, Cancel));
        Assert.Equal("SL5001", error.Code);
        Assert.Equal(["guest.log"], Directory.GetFileSystemEntries(directory.Path).Select(p => Path.GetFileName(p)));
    }

    [Fact]
    public void Disks_keep_their_order_by_name()
    {
        Assert.Equal(["sda", "sdz", "sdaa", "sdaz", "sdba", "sdzz", "sdaaa"], ((int[])[0, 25, 26, 51, 52, 701, 702]).Select(ConversionDomain.DeviceName));
    }
}
