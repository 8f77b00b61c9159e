using System.Buffers.Binary;
using CsCheck;
using Sealift.Guests.Direct;
using Sealift.Guests.Tests.Direct;

namespace Sealift.Guests.Tests;

[Collection(nameof(Zoo))]
public class GuestExaminationTests(Zoo zoo)
{
    private const string Uuid = "5ea11f70-0000-4000-8000-0000000000";

    [Theory]
    [InlineData("healthy")]
    [InlineData("mbr")]
    [InlineData("lvm1")]
    [InlineData("lvm2")]
    [InlineData("lvm1+lvm2")]
    [InlineData("whole")]
    [InlineData("md1")]
    [InlineData("md2")]
    [InlineData("wide1")]
    [InlineData("wide2")]
    [InlineData("luks")]
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
    [InlineData("healthy", 5, "swap", Uuid + "15", "sealift")]
    [InlineData("healthy", 6, "ntfs", null, "sealift")]
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
    [InlineData(7, "ntfs.", null)]
    [InlineData(8, "ext4.errors", Uuid + "88")]
    public void Each_damage_is_found_with_its_class_and_identity(int partition, string findingClass, string? identity)
    {
        var damage = zoo.FindingsOn("damaged", partition).Where(f => f.Severity == FindingSeverity.Damage).ToList();
        Assert.NotEmpty(damage);
        Assert.All(damage, f => Assert.StartsWith(findingClass, f.Class, StringComparison.Ordinal));
        Assert.All(damage, f => Assert.Equal(identity ?? f.Filesystem, f.Filesystem));
        Assert.False(Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Device.StartsWith($"damaged partition {partition},", StringComparison.Ordinal)).Clean);
    }

    /// <summary>A finding is new or was there before by its class and identity, whichever way was used before and after.</summary>
    [Fact]
    public void Both_ways_find_the_same_damage_on_the_same_file_systems()
    {
        static IEnumerable<string> Damage(GuestReport report) => report.Findings.Where(f => f.Severity == FindingSeverity.Damage).Select(f => $"{Class(f)} {f.Filesystem}").Distinct().Order(StringComparer.Ordinal);

        // Of NTFS our own check says what is wrong, and the appliance's programs only that something is.
        static string Class(Finding f) => f.Class.StartsWith("ntfs.", StringComparison.Ordinal) ? "ntfs" : f.Class;
        Assert.Equal(Damage(zoo.SecondOpinion), Damage(zoo.Report));
    }

    [Fact]
    public void Both_ways_name_the_same_file_systems()
    {
        // Where the main header of a GPT is damaged, Linux takes no notice of the backup; we do, and so look at what is in the partitions.
        static IEnumerable<string> Named(GuestReport report) => report.Inspection.Filesystems.Where(f => !f.Device.StartsWith("badgpt", StringComparison.Ordinal)).Select(f => $"{f.Identity} {f.Device} {f.Type} {f.LengthBytes}").Order(StringComparer.Ordinal);
        Assert.Equal(Named(zoo.SecondOpinion), Named(zoo.Report));
    }

    [Fact]
    public void What_the_backup_of_a_damaged_GPT_leads_to_is_checked() =>
        Assert.True(Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Device.StartsWith("badgpt partition 1", StringComparison.Ordinal)).Clean);

    [Fact]
    public void Both_ways_note_the_same_of_what_was_not_unmounted()
    {
        // The appliance's programs for NTFS have no eye for clusters that nothing claims.
        static IEnumerable<string> Notes(GuestReport report) => report.Findings.Where(f => f is { Severity: FindingSeverity.Note, Class: not ("not-checked" or "ntfs.leaked-clusters") }).Select(f => $"{f.Class} {f.Filesystem}").Order(StringComparer.Ordinal);
        Assert.Equal(Notes(zoo.SecondOpinion), Notes(zoo.Report));
    }

    [Fact]
    public void The_report_says_for_each_file_system_which_way_it_was_checked_and_why()
    {
        foreach (var f in zoo.Report.Inspection.Filesystems)
        {
            Assert.NotEqual(string.Empty, f.Why);
            Assert.Equal(f.CheckedBy.Length > 0, f.CheckedVia.Length > 0);
        }

        var inAppliance = zoo.Report.Inspection.Filesystems.Where(f => f.CheckedVia == "appliance").ToDictionary(f => f.Identity, f => f.Why);
        Assert.Equal([Uuid + "61", Uuid + "72", Uuid + "b1", "wide1", "wide2"], inAppliance.Keys.Order(StringComparer.Ordinal));
        Assert.Contains("log was not replayed", inAppliance[Uuid + "72"], StringComparison.Ordinal);
        Assert.All(zoo.SecondOpinion.Inspection.Filesystems, f => Assert.NotEqual("direct", f.CheckedVia));
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
        // It stands behind the first disk that it lies on, and not at the end.
        Assert.Equal(["lvm1 partition 1", "lvm1+lvm2 volume vg-odd/root-lv", "lvm2 partition 1"], zoo.Report.Inspection.Filesystems.Where(f => f.Device.StartsWith("lvm", StringComparison.Ordinal)).Select(f => f.Device.Split(", ")[0]));
    }

    [Fact]
    public void An_array_over_two_disks_is_found_and_so_is_what_is_in_it()
    {
        Assert.Equal(2, zoo.Report.Inspection.Filesystems.Count(f => f.Type == "linux_raid_member" && f is { Clean: true, CheckedVia: "direct" }));
        var inside = Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Identity == Uuid + "b1");
        Assert.Equal(("ext4", "mirrored", true, "appliance"), (inside.Type, inside.Label, inside.Clean, inside.CheckedVia));
        Assert.StartsWith("md1+md2 volume ", inside.Device, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_encrypted_is_not_checked_and_never_clean()
    {
        var luks = Assert.Single(zoo.Report.Inspection.Filesystems, f => f.Identity == Uuid + "d0");
        Assert.Equal(("crypto_LUKS", string.Empty, false), (luks.Type, luks.CheckedBy, luks.Clean));
        Assert.Contains("no key was given", Assert.Single(zoo.FindingsOn("luks")).Text, StringComparison.Ordinal);
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

    /// <summary>Every byte of a container's metadata that a checksum covers, in real ones: label, area header and text of LVM, superblock of MD, both headers of LUKS2.</summary>
    [Theory]
    [InlineData("lvm1", 512 + 20, 1024, "lvm.errors")]
    [InlineData("lvm1", 4096, 4096 + 64, "lvm.errors")]
    [InlineData("lvm1", -1, 512, "lvm.errors")]
    [InlineData("md1", 4096 + 72, 4096 + 240, "md.errors")]
    [InlineData("luks", 8, 480, "luks.errors")]
    [InlineData("luks", 4096, 4096 + 512, "luks.errors")]
    [InlineData("luks", 16384 + 8, 16384 + 480, "luks.errors")]
    public async Task Damage_to_what_describes_a_container_is_found(string disk, int from, int to, string findingClass)
    {
        var whole = zoo.Bytes(disk);
        Assert.DoesNotContain(await ClassesAsync(whole), c => c == findingClass);
        var start = (int)(await DirectSurvey.LookAtAsync(new MemoryDisk(whole), "disk1", TestContext.Current.CancellationToken))[^1].Offset;
        // The text is where the header of its area says.
        if (from < 0) (from, to) = (4096 + (int)BinaryPrimitives.ReadInt64LittleEndian(whole.AsSpan(start + 4096 + 40)), 4096 + (int)BinaryPrimitives.ReadInt64LittleEndian(whole.AsSpan(start + 4096 + 40)) + to);
        await Gen.Select(Gen.Int[from, to - 1], Gen.Byte[1, 255]).SampleAsync(async (at, flip) =>
        {
            var damaged = whole.ToArray();
            damaged[start + at] ^= flip;
            Assert.Contains(findingClass, await ClassesAsync(damaged));
        }, iter: 60);
    }

    [Fact]
    public void No_byte_of_any_disk_has_changed() => Assert.Equal(zoo.HashesBefore, zoo.HashesAfter);

    /// <summary>Of the one disk alone, without a program.</summary>
    private static async Task<List<string>> ClassesAsync(byte[] disk)
    {
        var volumes = await DirectSurvey.LookAtAsync(new MemoryDisk(disk), "disk1", TestContext.Current.CancellationToken);
        var containers = await Containers.ReadAsync(volumes, TestContext.Current.CancellationToken);
        var volume = volumes[^1];
        return volume.Device.Type switch
        {
            // The other disk of its group is not there, and is not what is asked about.
            "LVM2_member" => [.. containers.LvmProblems(volume).Where(p => !p.Contains("on no disk of this machine", StringComparison.Ordinal)).Select(_ => "lvm.errors")],
            "linux_raid_member" => [.. containers.MdObservations(volume).Where(o => !o.Text.Contains("on the disks of this machine", StringComparison.Ordinal)).Select(o => o.Class)],
            "crypto_LUKS" => [.. (await LuksHeader.ProblemsAsync(volume.Reader, TestContext.Current.CancellationToken)).Select(_ => "luks.errors")],
            _ => await LostStart.FindAsync(volume.Reader, TestContext.Current.CancellationToken) is { } lost ? [DirectExamination.LostClass(lost)] : [],
        };
    }

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
