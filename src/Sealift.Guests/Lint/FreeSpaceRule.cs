using System.Globalization;

namespace Sealift.Guests.Lint;

/// <summary>
/// Free space and inodes in the guest, as virt-v2v asks for them before it converts: convert.ml, check_guest_free_space, and virt-v2v(1),
/// "Free space in the guest". The manual asks for more than the check, so there are two bounds.
/// </summary>
internal sealed class FreeSpaceRule : LintRule
{
    private const long Megabyte = 1 << 20, NeededInodes = 100;

    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (!facts.ForConversion || facts.Inside is not { } inside) yield break;
        var hasBoot = inside.Mounts.Any(m => m.Path == "/boot");
        foreach (var mount in inside.Mounts)
        {
            var (least, advised) = NeededMegabytes(mount.Path, hasBoot, inside.IsWindows);
            var (identity, device) = facts.PlaceOf(mount.Uuid, mount.Path);
            var where = inside.IsWindows && mount.Path == "/" ? "the system drive" : mount.Path;
            if (mount.FreeBytes < advised * Megabyte)
            {
                var isBelow = mount.FreeBytes < least * Megabyte;
                yield return new Finding(
                    isBelow ? PreflightClasses.NoSpace : PreflightClasses.LowSpace,
                    isBelow ? FindingSeverity.Obstacle : FindingSeverity.Warning,
                    identity,
                    device,
                    GuestText.Finding(string.Create(CultureInfo.InvariantCulture, $"{where} has {mount.FreeBytes / (double)Megabyte:0.0} MiB free; {(isBelow ? $"virt-v2v refuses to convert with less than {least}" : $"virt-v2v's manual asks for {advised}")}")));
            }

            if (mount.Inodes > 0 && mount.FreeInodes < NeededInodes)
                yield return new Finding(PreflightClasses.NoInodes, FindingSeverity.Obstacle, identity, device, GuestText.Finding(string.Create(CultureInfo.InvariantCulture, $"{where} has {mount.FreeInodes} free inodes of {mount.Inodes}; virt-v2v refuses to convert with less than {NeededInodes}")));
        }
    }

    /// <summary>What virt-v2v refuses below, and what its manual asks for, in MiB.</summary>
    internal static (long Least, long Advised) NeededMegabytes(string path, bool hasBoot, bool isWindows) => path switch
    {
        "/" when isWindows => (100, 100),
        "/" => (hasBoot ? 100 : 50, 100),
        "/boot" when !isWindows => (10, 50),
        _ => (10, 10),
    };
}
