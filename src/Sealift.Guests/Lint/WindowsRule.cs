namespace Sealift.Guests.Lint;

/// <summary>What is particular to Windows: encrypted volumes, dynamic disks, and what this host has to have for its conversion.</summary>
internal sealed class WindowsRule : LintRule
{
    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        foreach (var volume in facts.Filesystems.Where(f => f.Type == "BitLocker"))
            yield return new Finding(PreflightClasses.BitLocker, FindingSeverity.Warning, volume.Identity, volume.Device, "It is encrypted by BitLocker: the new machine has another TPM and another firmware, so Windows asks for the recovery key at its start");
        foreach (var (identity, device) in facts.DynamicDisks)
            yield return new Finding(PreflightClasses.DynamicDisk, FindingSeverity.Warning, identity, device, "It belongs to a dynamic disk of Windows (LDM): its volumes are described at the end of the disk, and a conversion reaches only those that libguestfs puts together");

        if (!facts.ForConversion || facts.Inside is not { IsWindows: true } inside) yield break;
        var host = facts.Host;
        if (host.DriverFiles is { } files && !files.Any(f => ConversionHost.Fits(f, inside.Systems)))
            yield return OfMachine(PreflightClasses.NoWindowsDrivers, FindingSeverity.Obstacle, $"This host has no virtio drivers for {Named(inside.Systems)}: {(files.Count == 0 ? $"there are none in {host.DriversPath}" : $"there are some in {host.DriversPath}, and none of them are for it")}");
        if (host.HasFirstBoot) yield break;
        var why = inside.Programs.Contains(GuestFactsReader.VmwareToolsOfWindows) ? "VMware Tools are installed, which virt-v2v removes at the first start of the new machine"
            : host.HasAgentFor(inside.Systems) ? $"virt-v2v has the guest agent of {host.DriversPath} installed at the first start of the new machine" : null;
        if (why is not null) yield return OfMachine(PreflightClasses.NoFirstBoot, FindingSeverity.Obstacle, $"{why}, and what it needs for that is not on this host: rhsrvany.exe or pvvxsvc.exe in {host.ToolsPath}");
    }

    private static string Named(OperatingSystems systems) => $"{(systems.ProductName.Length > 0 ? systems.ProductName : "this Windows")} (version {systems.Version}, {systems.ProductVariant}, {systems.Architecture})";
}
