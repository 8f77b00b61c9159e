namespace Sealift.Guests.Lint;

/// <summary>
/// root=/dev/sda2 and resume=/dev/sda3 on a kernel's command line: GRUB 2 hands them on as they are. virt-v2v renames resume= in
/// /etc/default/grub, and not root=.
/// </summary>
internal sealed class BootDeviceRule : LintRule
{
    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (facts.Inside is not { IsLinux: true } inside) yield break;
        var found = inside.BootDevices.Where(d => DeviceNames.KindOf(d[(d.IndexOf('=') + 1)..], facts.DiskCount) is DeviceName.Ordered or DeviceName.Hardware or DeviceName.Unknown).ToList();
        if (found.Count > 0) yield return OfRoot(facts, PreflightClasses.BootDevice, FindingSeverity.Warning, Listed("The boot loader hands the kernel disks by what the new machine has otherwise:", found));
    }
}
