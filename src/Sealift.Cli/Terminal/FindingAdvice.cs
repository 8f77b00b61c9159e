using Sealift.Guests;
using Sealift.Guests.Lint;

namespace Sealift.Cli.Terminal;

/// <summary>What to do about a finding, by its class.</summary>
internal static class FindingAdvice
{
    /// <summary>One sentence.</summary>
    public static string Of(Finding finding) => finding switch
    {
        { Severity: FindingSeverity.Obstacle } => $"{PreflightAdvice.Of(finding.Class)}; 'sealift migrate --no-convert' leaves the guest as it is; to try it all the same: --waive '{finding.Class}:{finding.Filesystem}=REASON'",
        _ when finding.Class.StartsWith(PreflightClasses.Prefix, StringComparison.Ordinal) => PreflightAdvice.Of(finding.Class),
        { Severity: FindingSeverity.Damage } => $"{Repair(finding.Class)}; to migrate it as it is: --waive '{finding.Class}:{finding.Filesystem}=REASON'",
        { Class: "not-checked" } => "Nothing, if it need not be checked: it is copied byte by byte all the same, and stands in the seal as not checked",
        { Class: "partition-table.backup-not-at-end" } => "Nothing has to be done; 'sgdisk -e' in the guest moves the backup to the end of the disk",
        { Class: "md.degraded" } => "Add the missing member to the array before it is migrated, or go on without redundancy",
        { Class: "ntfs.hibernated" or "ntfs.fast-startup" } => PreflightAdvice.Of(finding.Class),
        _ when finding.Class.EndsWith(".dirty-journal", StringComparison.Ordinal) || finding.Class.EndsWith(".dirty-log", StringComparison.Ordinal) || finding.Class.EndsWith(".not-unmounted", StringComparison.Ordinal) || finding.Class.EndsWith(".dirty", StringComparison.Ordinal)
            => "Nothing, if the disk was taken from a running machine; shut the guest down first where the last writes count",
        _ => "Nothing has to be done",
    };

    private static string Repair(string findingClass) => findingClass switch
    {
        "ext2.errors" or "ext3.errors" or "ext4.errors" => "Run e2fsck on it in the source machine, unmounted, and check again",
        "xfs.errors" => "Run xfs_repair on it in the source machine, unmounted, and check again",
        "btrfs.errors" => "Run 'btrfs scrub' in the source machine, see what 'btrfs check' says, and check again",
        "fat.errors" => "Run fsck.fat (or chkdsk /f) on it in the source machine and check again",
        "exfat.errors" => "Run fsck.exfat (or chkdsk /f) on it in the source machine and check again",
        _ when findingClass.StartsWith("ntfs.", StringComparison.Ordinal) => "Run 'chkdsk /f' in the source machine, shut it down and check again",
        "partition-table.errors" => "Look at it with 'gdisk -l' or 'sfdisk --verify' in the source machine, have it mended from its backup, and check again",
        "lvm.errors" => "If a disk of the machine was left out, name it as well; otherwise see 'vgck' and 'pvck' in the source machine",
        "md.errors" => "If a disk of the machine was left out, name it as well; otherwise see 'mdadm --examine' in the source machine",
        "luks.errors" => "See 'cryptsetup luksDump' in the source machine, and restore the header from its backup",
        "swap.errors" => "Run mkswap on it in the source machine",
        _ => "Have it mended in the source machine and check again",
    };
}
