using System.Text.Json;

namespace Sealift.Migrations.Tests;

/// <summary>What an earlier Sealift wrote into the journal is read by this one: a migration that began before an upgrade goes on after it.</summary>
public sealed class EarlierReportTests
{
    private const string Earlier = """
        {"Inspection":{"OsType":"linux","Distro":"debian","ProductName":"Debian","Version":"12","Architecture":"x86_64","Hostname":"h","BootsByUefi":false,
         "Filesystems":[{"Identity":"u","Device":"disk1","Type":"ext4","Label":"","LengthBytes":1,"Mountpoint":"/","CheckedBy":"e2fsck 1.47.0","Clean":true}]},"Findings":[],"Tools":{}}
        """;

    [Fact]
    public void A_report_from_before_there_were_two_ways_of_checking_is_read()
    {
        var filesystem = Assert.Single(JsonSerializer.Deserialize(Earlier, JournalJson.Default.GuestReport)!.Inspection.Filesystems);
        Assert.Equal(("u", string.Empty, string.Empty), (filesystem.Identity, filesystem.CheckedVia, filesystem.Why));
        Assert.Equal(string.Empty, Sealift.Migrations.Seals.SealedFilesystem.Of(filesystem).Why);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"target\":{}")]
    public void A_plan_from_before_there_were_other_targets_goes_to_its_directory(string target)
    {
        var plan = JsonSerializer.Deserialize($"{{\"sources\":[\"/a.ova\"],\"targetDirectory\":\"/srv/vms\"{target}}}", MigrationJson.Default.MigrationRequest)!;
        Assert.Null(plan.Target.Libvirt);
        Assert.Empty(plan.Target.Disks);
    }

    [Fact]
    public void What_a_plan_says_of_its_target_is_read_as_it_was_written()
    {
        var plan = new MigrationRequest
        {
            Sources = ["/a.ova"],
            TargetDirectory = "/srv/vms",
            Target = new MachineTarget { Libvirt = new LibvirtTarget("qemu:///system", "default") { Start = true, Autostart = true, PoolUuid = "7" }, Disks = [new DiskTarget("disk1", "/dev/vg0/web01")] },
        };
        var read = JsonSerializer.Deserialize(JsonSerializer.Serialize(plan, MigrationJson.Default.MigrationRequest), MigrationJson.Default.MigrationRequest)!;
        Assert.Equal(plan.Target.Libvirt, read.Target.Libvirt);
        Assert.Equal(plan.Target.Disks, read.Target.Disks);
    }
}
