namespace Sealift.Guests.Lint;

/// <summary>
/// /etc/fstab and /etc/crypttab: names that disks will not have on KVM, and names that no disk has. virt-v2v renames /dev/sdX and
/// /dev/xvdX in /etc/fstab, in the order of the machine's disks, and nothing else (convert_linux.ml, remap_block_devices).
/// </summary>
internal sealed class FstabRule : LintRule
{
    private static readonly string[] NoDevice = ["nfs", "nfs4", "cifs", "smb3", "tmpfs", "proc", "sysfs", "devpts", "devtmpfs", "debugfs", "securityfs", "cgroup", "cgroup2", "ceph", "glusterfs", "fuse.sshfs", "9p", "virtiofs", "overlay", "zfs"];

    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (facts.Inside is not { IsLinux: true } inside) yield break;
        var entries = FileSystemTable.Parse(inside.Fstab ?? string.Empty).Where(e => !NoDevice.Contains(e.Type) && !e.Options.Contains("bind") && !e.Options.Contains("rbind")).ToList();
        var kinds = entries.ToLookup(e => DeviceNames.KindOf(e.Spec, facts.DiskCount));

        var unknown = kinds[DeviceName.Unknown].Select(e => $"/etc/fstab {e.Description}").Concat(DeviceMapUnknown(facts, inside)).ToList();
        if (unknown.Count > 0 && facts.ForConversion)
            yield return OfRoot(facts, PreflightClasses.UnknownDevice, FindingSeverity.Obstacle, Listed("virt-v2v does not know which disk this is, and its conversion is not accepted with that:", unknown));

        var hardware = kinds[DeviceName.Hardware].Concat(facts.ForConversion ? [] : kinds[DeviceName.Ordered].Concat(kinds[DeviceName.Unknown])).OrderBy(e => e.Line).ToList();
        if (hardware.Count > 0)
            yield return OfRoot(facts, PreflightClasses.FstabDevice, FindingSeverity.Warning, Listed("/etc/fstab names disks by what the new machine has otherwise, and nobody changes that:", [.. hardware.Select(Described)]));

        var renamed = kinds[DeviceName.Ordered].ToList();
        if (renamed.Count > 0 && facts.ForConversion)
            yield return OfRoot(facts, PreflightClasses.RenamedDevice, FindingSeverity.Note, Listed("/etc/fstab names disks by their order; the conversion renames them, in the order in which the disks were given:", [.. renamed.Select(e => $"{e.Description}, then {DeviceNames.Renamed(e.Spec)}")]));

        var missing = entries.Where(e => !e.IsOptional && facts.Names.IsMissing(e.Spec)).ToList();
        if (missing.Count > 0)
            yield return OfRoot(facts, PreflightClasses.MissingDevice, FindingSeverity.Warning, Listed($"/etc/fstab names what none of the machine's disks has; {(facts.Names.HidesSomething ? "it may lie in what is encrypted or unknown" : "most guests wait for it, and then do not start")}:", [.. missing.Select(Described)]));

        var crypt = FileSystemTable.ParseCrypttab(inside.Crypttab ?? string.Empty).Where(e => DeviceNames.KindOf(e.Spec, facts.DiskCount) is DeviceName.Hardware or DeviceName.Ordered or DeviceName.Unknown).ToList();
        if (crypt.Count > 0)
            yield return OfRoot(facts, PreflightClasses.CrypttabDevice, FindingSeverity.Warning, Listed("/etc/crypttab names disks by what the new machine has otherwise, and nobody changes that:", [.. crypt.Select(Described)]));
    }

    private static string Described(TableEntry entry) => entry.IsOptional ? $"{entry.Description} (the guest starts without it)" : entry.Description;

    /// <summary>"(hd0) /dev/sda": GRUB's own table of devices, which virt-v2v renames as well.</summary>
    private static IEnumerable<string> DeviceMapUnknown(GuestFacts facts, GuestInside inside) =>
        inside.DeviceMap.Split('\n').Select(l => l.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Where(f => f is [['(', ..], ..] && f.Length == 2 && DeviceNames.KindOf(f[1], facts.DiskCount) == DeviceName.Unknown)
            .Select(f => GuestText.Name($"device.map of GRUB: {f[0]} {f[1]}"));
}
