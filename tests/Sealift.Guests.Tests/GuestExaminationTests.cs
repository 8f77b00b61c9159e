namespace Sealift.Guests.Tests;

public class GuestExaminationTests(Zoo zoo) : IClassFixture<Zoo>
{
    private const string Uuid = "5ea11f70-0000-4000-8000-0000000000";

    [Theory]
    [InlineData("healthy")]
    [InlineData("mbr")]
    [InlineData("lvm1")]
    [InlineData("lvm2")]
    [InlineData("lvm1+lvm2")]
    [InlineData("whole")]
    [InlineData("unknown")]
    [InlineData("dirty")]
    public void Sound_disks_have_no_damage(string disk)
    {
        Assert.Contains(zoo.Report.Inspection.Filesystems, f => f.Device.StartsWith(disk, StringComparison.Ordinal));
        Assert.DoesNotContain(zoo.Report.Findings, f => f.Severity == FindingSeverity.Damage && (f.Device.StartsWith(disk + ",", StringComparison.Ordinal) || f.Device.StartsWith(disk + " ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("healthy", 1, "vfat", "5EA1-1F11", "fsck.fat")]
    [InlineData("healthy", 2, "ext4", Uuid + "12", "e2fsck")]
    [InlineData("healthy", 3, "xfs", Uuid + "13", "xfs_repair")]
    [InlineData("healthy", 4, "btrfs", Uuid + "14", "btrfs")]
    [InlineData("healthy", 5, "swap", Uuid + "15", "")]
    [InlineData("healthy", 6, "ntfs", null, "ntfsresize")]
    [InlineData("healthy", 7, "ext3", Uuid + "17", "e2fsck")]
    [InlineData("healthy", 9, "exfat", null, "fsck.exfat")]
    [InlineData("healthy", 10, "ext2", Uuid + "1a", "e2fsck")]
    [InlineData("mbr", 1, "ext4", Uuid + "21", "e2fsck")]
    [InlineData("mbr", 5, "xfs", Uuid + "25", "xfs_repair")]
    public void Each_file_system_is_named_and_checked_by_its_checker(string disk, int partition, string type, string? identity, string checker)
    {
        var filesystem = Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Device.StartsWith($"{disk} partition {partition},", StringComparison.Ordinal));
        Assert.Equal(type, filesystem.Type);
        if (identity is not null) Assert.Equal(identity, filesystem.Identity);
        Assert.StartsWith(checker, filesystem.CheckedBy, StringComparison.Ordinal);
        Assert.Equal(checker.Length > 0, filesystem.Clean);
        if (checker.Length > 0) Assert.Matches(@"^\S+ \d+\.\d", filesystem.CheckedBy);
        Assert.Equal(checker.Length == 0, zoo.Report.Findings.Any(f => f.Class == "not-checked" && f.Filesystem == filesystem.Identity));
    }

    [Theory]
    [InlineData(1, "ext4.errors", Uuid + "81")]
    [InlineData(2, "ext4.errors", "damaged/2")]
    [InlineData(3, "xfs.errors", Uuid + "83")]
    [InlineData(4, "xfs.errors", "damaged/4")]
    [InlineData(5, "btrfs.errors", Uuid + "85")]
    [InlineData(6, "fat.errors", "5EA1-1F86")]
    [InlineData(7, "ntfs.errors", null)]
    [InlineData(8, "ext4.errors", Uuid + "88")]
    public void Each_damage_is_found_with_its_class_and_identity(int partition, string findingClass, string? identity)
    {
        var damage = zoo.FindingsOn("damaged", partition).Where(f => f.Severity == FindingSeverity.Damage).ToList();
        Assert.NotEmpty(damage);
        Assert.All(damage, f => Assert.Equal(findingClass, f.Class));
        Assert.All(damage, f => Assert.Equal(identity ?? f.Filesystem, f.Filesystem));
        Assert.False(Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Device.StartsWith($"damaged partition {partition},", StringComparison.Ordinal)).Clean);
    }

    [Fact]
    public void A_file_system_larger_than_its_device_is_found_by_its_size() =>
        Assert.Contains(zoo.FindingsOn("damaged", 8), f => f.Text.Contains("claims 33554432 bytes; the device has 25165824", StringComparison.Ordinal));

    [Theory]
    [InlineData(1, "ext4.dirty-journal", Uuid + "71")]
    [InlineData(2, "xfs.dirty-log", Uuid + "72")]
    public void A_dirty_journal_is_noted_and_what_is_behind_it_is_checked(int partition, string findingClass, string identity)
    {
        var finding = Assert.Single(zoo.FindingsOn("dirty", partition));
        Assert.Equal((findingClass, FindingSeverity.Note, identity), (finding.Class, finding.Severity, finding.Filesystem));
        Assert.True(Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Identity == identity).Clean);
    }

    [Fact]
    public void A_logical_volume_over_two_disks_is_found()
    {
        var volume = Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Device.StartsWith("lvm1+lvm2 volume vg-odd/root-lv", StringComparison.Ordinal));
        Assert.Equal((Uuid + "61", "ext4", "logical", true), (volume.Identity, volume.Type, volume.Label, volume.Clean));
        Assert.Equal(2, zoo.Report.Inspection.Filesystems.Count(f => f.Type == "LVM2_member" && f.Clean));
    }

    [Theory]
    [InlineData("badgpt")]
    [InlineData("short")]
    public void A_damaged_partition_table_is_found(string disk)
    {
        var finding = Assert.Single(zoo.FindingsOn(disk), f => f.Severity == FindingSeverity.Damage);
        Assert.Equal(("partition-table.errors", disk), (finding.Class, finding.Filesystem));
    }

    [Fact]
    public void A_disk_cut_short_is_damage_to_the_file_system_on_it_too() =>
        Assert.Contains(zoo.FindingsOn("short", 1), f => f is { Class: "ext4.errors", Filesystem: Uuid + "a1" });

    [Fact]
    public void Unknown_content_is_said_not_to_be_checked()
    {
        var finding = Assert.Single(zoo.FindingsOn("unknown"));
        Assert.Equal(("not-checked", FindingSeverity.Note, "unknown"), (finding.Class, finding.Severity, finding.Filesystem));
        Assert.Equal(("unknown", string.Empty, false), Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Identity == "unknown") is var f ? (f.Type, f.CheckedBy, f.Clean) : default);
    }

    [Fact]
    public void A_hostile_label_is_only_text()
    {
        var filesystem = Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Identity == Uuid + "18");
        Assert.StartsWith("a\" $(x)[2J;'", filesystem.Label, StringComparison.Ordinal);
        Assert.DoesNotContain(zoo.Report.Inspection.Filesystems, f => f.Device.Any(char.IsControl));
        Assert.True(filesystem.Clean);
    }

    [Fact]
    public void An_EFI_system_partition_means_UEFI_and_an_empty_one_has_no_boot_loader()
    {
        Assert.True(zoo.Report.Inspection.BootsByUefi);
        Assert.False(zoo.Report.Inspection.HasFallbackLoader);
    }

    [Fact]
    public void No_byte_of_any_disk_has_changed() => Assert.Equal(zoo.HashesBefore, zoo.HashesAfter);

    [Fact]
    public void Nothing_is_left_in_the_work_directory() => Assert.Empty(zoo.LeftBehind);

    [Theory]
    [InlineData("kernel")]
    [InlineData("libguestfs")]
    [InlineData("e2fsck")]
    [InlineData("xfs_repair")]
    [InlineData("btrfs")]
    [InlineData("fsck.fat")]
    [InlineData("fsck.exfat")]
    [InlineData("ntfsresize")]
    [InlineData("lvm")]
    [InlineData("sfdisk")]
    [InlineData("sgdisk")]
    public void Each_tool_has_a_version(string tool) => Assert.Matches(@"^\d+\.\d+", zoo.Report.Tools[tool]);

    [Fact]
    public void Progress_and_log_tell_what_was_done()
    {
        Assert.Contains(zoo.Progress, p => p.Contains("healthy partition 2, ext4", StringComparison.Ordinal));
        Assert.Contains("e2fsck", zoo.LogText, StringComparison.Ordinal);
    }
}
