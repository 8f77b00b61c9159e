using Sealift.Posix;

namespace Sealift.Scsi.Tests;

/// <summary>Only what sysfs calls a whole SCSI disk is asked as a unit, and what the kernel says of a command is not taken for what the unit says.</summary>
public sealed class HostDeviceTests : IDisposable
{
    private const ulong Node = 8UL << 32;
    private const string NaaA = "6001405000000000000000000000000a";
    private const string NaaB = "6001405000000000000000000000000b";

    private static readonly ScsiCommand Inquiry = ScsiCommand.Inquiry(96);
    private static readonly byte[] Sense = [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0];

    private readonly string sysfs = Directory.CreateTempSubdirectory("sysfs-").FullName;

    public void Dispose() => Directory.Delete(sysfs, recursive: true);

    [Fact]
    public void A_scsi_disk_is_one()
    {
        Disk("sda", "8:0", "2:0:1:7", NaaA);
        Assert.Equal((new HostDevice("/dev/sda", Node, "2:0:1:7"), string.Empty), HostDevice.Of("/dev/sda", Node, sysfs));
        Assert.Equal("2:0:1", HostDevice.Of("/dev/sda", Node, sysfs).Device!.Target);
    }

    [Theory]
    [InlineData("gone", "is a device that the kernel says nothing of")]
    [InlineData("partition", "is a partition: its blocks are not counted as those of its unit")]
    [InlineData("mapped", "is made of other devices by the kernel")]
    [InlineData("virtio", "is no SCSI disk (virtio)")]
    [InlineData("address", "is a SCSI disk whose address is not understood")]
    [InlineData("nameless", "is a SCSI disk that tells no name (VPD page 83h)")]
    public void What_is_none_is_said(string what, string why)
    {
        var disk = Disk("sda", what == "gone" ? "8:16" : "8:0", what == "address" ? "virtio3" : "2:0:0:0", what == "nameless" ? null : NaaA, what == "virtio" ? "virtio" : "scsi");
        if (what == "partition") File.WriteAllText(Path.Combine(disk, "partition"), "1\n");
        if (what == "mapped") File.Delete(Path.Combine(disk, "device"));
        Assert.Equal((null, why), HostDevice.Of("/dev/sda", Node, sysfs));
    }

    [Fact]
    public void A_file_is_no_device() => Assert.Equal((null, "is no block device"), HostDevice.Of(Path.GetTempPath()));

    [Fact]
    public void A_name_is_one_units()
    {
        Disk("sda", "8:0", "2:0:0:0", NaaA);
        Disk("sdb", "8:16", "2:0:0:1", NaaB);
        Disk("sdc", "8:32", "2:0:0:2", null); // no name: nobody's
        Directory.CreateDirectory(Path.Combine(sysfs, "bus/scsi/devices/host2"));
        Assert.Null(HostDevice.WhyNotUnique(Identity(NaaA), sysfs));
        Assert.Equal("this host knows no unit that says that it is naa.6001405000000000000000000000000c", HostDevice.WhyNotUnique(Identity("6001405000000000000000000000000c"), sysfs));
        Disk("sdd", "8:48", "3:0:0:0", NaaA);
        Assert.StartsWith($"2 units of this host say that they are naa.{NaaA} (2:0:0:0, 3:0:0:0)", HostDevice.WhyNotUnique(Identity(NaaA), sysfs), StringComparison.Ordinal);
        Assert.Null(HostDevice.WhyNotUnique(Identity(NaaB), sysfs));
        File.WriteAllBytes(Path.Combine(sysfs, "bus/scsi/devices/2:0:0:1/vpd_pg83"), [0, 0x83, 0, 9, 1]);
        Assert.StartsWith("what 2:0:0:1 says of its name makes no sense", HostDevice.WhyNotUnique(Identity(NaaA), sysfs), StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_without_scsi_has_no_units() =>
        Assert.StartsWith("the units of this host cannot be looked at", HostDevice.WhyNotUnique(Identity(NaaA), sysfs), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, 0, 0, 0, ScsiStatus.Good, 96)]
    [InlineData(0, 0, 0, 60, ScsiStatus.Good, 36)]
    [InlineData(ScsiStatus.CheckCondition, 0, 0, 96, ScsiStatus.CheckCondition, 0)]
    [InlineData(ScsiStatus.CheckCondition, 0, 8, 96, ScsiStatus.CheckCondition, 0)]
    [InlineData(0, 0, 8, 96, ScsiStatus.CheckCondition, 0)] // sense data, and no status that says so: not carried out, for all that is known
    [InlineData(ScsiStatus.ReservationConflict, 0, 0, 96, ScsiStatus.ReservationConflict, 0)]
    public void What_a_unit_says_is_its_answer(byte status, int host, int driver, int left, byte expected, int received)
    {
        var reply = Reply(new ScsiPassage(status, host, driver, left, Sense.Length));
        Assert.Equal((expected, received), (reply.Status, reply.ReceivedBytes));
        Assert.Equal(expected == ScsiStatus.Good ? 0 : Sense.Length, reply.Sense.Length);
    }

    [Theory]
    [InlineData(3, 0, 0, 0, "SL3211")]
    [InlineData(1, 0, 0, 0, "SL3212")]
    [InlineData(0x13, 8, 0, 0, "SL3212")]
    [InlineData(0, 6, 0, 0, "SL3212")]
    [InlineData(0, 0, 97, 0, "SL3223")]
    [InlineData(0, 0, -1, 0, "SL3223")]
    [InlineData(0, 0, 0, 253, "SL3223")]
    public void What_became_of_a_command_on_its_way_is_an_error(int host, int driver, int left, int sense, string code) =>
        Assert.Equal(code, Assert.Throws<ScsiException>(() => Reply(new ScsiPassage(ScsiStatus.Good, host, driver, left, sense))).Code);

    private static ScsiReply Reply(ScsiPassage passage)
    {
        var sense = new byte[252];
        Sense.CopyTo(sense, 0);
        return SgDevice.Reply("/dev/sda", Inquiry, passage, 96, sense, TimeSpan.FromSeconds(1));
    }

    private static byte[] Page(string naa) => [0, 0x83, 0, 20, 0x01, 0x03, 0, 16, .. Convert.FromHexString(naa)];

    private static UnitIdentity Identity(string naa) => UnitIdentity.Parse(Page(naa), default)!;

    /// <summary>A disk as the kernel shows it: links from its number and from its bus, and a page of its own.</summary>
    private string Disk(string name, string number, string address, string? naa, string bus = "scsi")
    {
        var device = Directory.CreateDirectory(Path.Combine(sysfs, "devices", address)).FullName;
        var disk = Directory.CreateDirectory(Path.Combine(device, "block", name)).FullName;
        Directory.CreateDirectory(Path.Combine(sysfs, "bus", bus, "devices"));
        Directory.CreateDirectory(Path.Combine(sysfs, "dev/block"));
        File.CreateSymbolicLink(Path.Combine(disk, "device"), device);
        File.CreateSymbolicLink(Path.Combine(device, "subsystem"), Path.Combine(sysfs, "bus", bus));
        File.CreateSymbolicLink(Path.Combine(sysfs, "bus", bus, "devices", address), device);
        File.CreateSymbolicLink(Path.Combine(sysfs, "dev/block", number), disk);
        if (naa is not null) File.WriteAllBytes(Path.Combine(device, "vpd_pg83"), Page(naa));
        return disk;
    }
}
