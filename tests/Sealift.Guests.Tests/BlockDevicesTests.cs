using Sealift.Disks;

namespace Sealift.Guests.Tests;

/// <summary>What is made of the appliance's answer about its block devices.</summary>
public sealed class BlockDevicesTests
{
    private static readonly GuestDrive[] Drives = [new("disk1", null, "a.raw", ImageFormat.Raw), new("disk2", null, "b.raw", ImageFormat.Raw)];

    /// <summary>A UEFI machine with its root on a volume of both disks, and boot code on none; the order is that of the disks.</summary>
    [Fact]
    public void Disks_partitions_and_volumes_are_told_apart()
    {
        var devices = BlockDevices.Parse(
            """
            lvm:   1 logical volume(s) in volume group "tiny-vg" now active
            disk sealiftaa sda
            disk sealiftab sdb
            tree sda  disk 1000 sda
            tree sda1 sda part 100 sda1
            tree sda2 sda part 800 sda2
            tree dm-0 sda2 lvm 1500 tiny--vg-root
            tree sdb  disk 1000 sdb
            tree dm-0 sdb lvm 1500 tiny--vg-root
            node dm-0
            code 0
            blkid ID_FS_TYPE=ext4
            node sda
            code 0
            blkid ID_PART_TABLE_TYPE=gpt
            node sda1
            partition 1
            code 120
            blkid ID_FS_TYPE=vfat
            blkid ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b
            node sda2
            partition 2
            code 0
            blkid ID_FS_TYPE=LVM2_member
            node sdb
            code 0
            blkid ID_FS_TYPE=LVM2_member
            """,
            Drives,
            "log");
        Assert.Equal(
            ["disk1, gpt partition table", "disk1 partition 1, vfat", "disk1 partition 2, LVM2_member", "disk1+disk2 volume tiny-vg/root, ext4", "disk2, LVM2_member"],
            devices.Select(d => d.Description));
        Assert.Equal("sda1", Assert.Single(devices, d => d.IsEfiSystemPartition).KernelName);
        Assert.DoesNotContain(devices, d => d is { Kind: "disk", HasBootCode: true });
    }

    [Theory]
    [InlineData("0", false)]
    [InlineData("1", true)]
    [InlineData("440", true)]
    public void Boot_code_is_anything_where_a_BIOS_looks_for_it(string bytes, bool expected) =>
        Assert.Equal(expected, Assert.Single(BlockDevices.Parse($"disk sealiftaa sda\ntree sda  disk 1000 sda\nnode sda\ncode {bytes}", Drives, "log")).HasBootCode);
}
