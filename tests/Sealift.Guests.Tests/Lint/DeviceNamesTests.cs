using Sealift.Guests.Lint;

namespace Sealift.Guests.Tests.Lint;

/// <summary>Which names of a device go with it, which virt-v2v changes, and which are lost.</summary>
public sealed class DeviceNamesTests
{
    [Theory]
    [InlineData("UUID=1b2c", "Stable")]
    [InlineData("PARTLABEL=x", "Stable")]
    [InlineData("/dev/disk/by-uuid/1b2c", "Stable")]
    [InlineData("/dev/mapper/vg-root", "Stable")]
    [InlineData("/dev/vg/root", "Stable")]
    [InlineData("/dev/md0", "Other")]
    [InlineData("/dev/md/root", "Stable")]
    [InlineData("/dev/disk/by-id/dm-name-vg-root", "Stable")]
    [InlineData("/dev/disk/by-id/dm-uuid-LVM-x", "Stable")]
    [InlineData("/dev/disk/by-id/md-uuid-x", "Stable")]
    [InlineData("/dev/disk/by-id/scsi-36000c29-part1", "Hardware")]
    [InlineData("/dev/disk/by-id/wwn-0x6000c29-part1", "Hardware")]
    [InlineData("/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1", "Hardware")]
    [InlineData("/dev/sda", "Ordered")]
    [InlineData("/dev/sdb12", "Ordered")]
    [InlineData("/dev/xvda1", "Ordered")]
    [InlineData("/dev/sdc1", "Unknown")] // the machine has two disks
    [InlineData("/dev/hda1", "Unknown")]
    [InlineData("/dev/vda1", "Unknown")]
    [InlineData("/dev/nvme0n1p2", "Unknown")]
    [InlineData("/dev/cciss/c0d0p1", "Unknown")]
    [InlineData("/dev/loop0", "Unknown")]
    [InlineData("/dev/cdrom", "Other")]
    [InlineData("/dev/sr0", "Other")]
    [InlineData("/dev/fd0", "Other")]
    [InlineData("tmpfs", "Other")]
    [InlineData("server:/dev/sda1", "Other")]
    [InlineData("//server/share", "Other")]
    public void A_name_is_of_one_kind(string spec, string kind) => Assert.Equal(kind, DeviceNames.KindOf(spec, 2).ToString());

    [Theory]
    [InlineData("/dev/sda", "/dev/vda")]
    [InlineData("/dev/sdab12", "/dev/vdab12")]
    [InlineData("/dev/xvdb1", "/dev/vdb1")]
    public void Virt_v2v_renames_by_order(string spec, string renamed) => Assert.Equal(renamed, DeviceNames.Renamed(spec));

    [Theory]
    [InlineData("UUID=5EA1-1f11", false)]
    [InlineData("UUID=5EA1-1F12", true)]
    [InlineData("LABEL=a b", false)]
    [InlineData("/dev/disk/by-label/a\\x20b", false)]
    [InlineData("/dev/disk/by-uuid/5ea1-1f11", false)]
    [InlineData("/dev/disk/by-partuuid/other", true)]
    [InlineData("PARTUUID=0a-01", false)]
    [InlineData("PARTLABEL=EFI System", false)]
    [InlineData("/dev/mapper/vg--odd-root--lv", false)]
    [InlineData("/dev/vg-odd/root-lv", false)]
    [InlineData("/dev/mapper/vg--odd-gone", true)]
    [InlineData("/dev/gone/root-lv", true)]
    [InlineData("/dev/mapper/luks-1234", true)] // no volume is called so
    [InlineData("/dev/mapper/secret", false)]
    [InlineData("/dev/sda9", false)]
    [InlineData("tmpfs", false)]
    public void What_no_disk_has_is_missing(string spec, bool isMissing)
    {
        var names = DeviceNames.Of(
        [
            new("sda1", "part", "", 1, 1, ["disk1"], new Dictionary<string, string> { ["ID_FS_UUID_ENC"] = "5EA1-1F11", ["ID_FS_LABEL_ENC"] = "a\\x20b", ["ID_PART_ENTRY_UUID"] = "0a-01", ["ID_PART_ENTRY_NAME"] = "EFI\\x20System" }),
            new("dm-0", "lvm", "vg-odd/root-lv", 1, 0, ["disk1"], new Dictionary<string, string>()),
        ]);
        Assert.Equal(isMissing, names.IsMissing(spec));
    }

    [Fact]
    public void Where_something_is_encrypted_nobody_can_say_what_is_missing()
    {
        Assert.True(DeviceNames.Of([new("sda1", "part", "", 1, 1, ["disk1"], new Dictionary<string, string> { ["ID_FS_TYPE"] = "crypto_LUKS" })]).HidesSomething);
        Assert.False(DeviceNames.Of([new("sda1", "part", "", 1, 1, ["disk1"], new Dictionary<string, string> { ["ID_FS_TYPE"] = "ext4" })]).HidesSomething);
    }
}
