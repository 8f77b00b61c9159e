namespace Sealift.Guests.Lint;

/// <summary>Whether there is an operating system, and one that virt-v2v converts: inspect_source.ml, and convert.ml, do_convert.</summary>
internal sealed class GuestSupportRule : LintRule
{
    // Of every version of virt-v2v up to 2.13: what one of them converts may still fail with an older one, and that says so.
    private static readonly string[] Distributions =
    [
        "fedora", "rhel", "centos", "circle", "scientificlinux", "redhat-based", "oraclelinux", "rocky", "sles", "suse-based", "opensuse", "altlinux",
        "debian", "ubuntu", "linuxmint", "kalilinux", "kylin", "neokylin", "anolis",
    ];

    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (facts.Inside is not { } inside) yield break;
        var systems = inside.Systems;
        if (systems.Roots == 0)
        {
            var hidden = facts.Filesystems.Where(f => f.Type is "crypto_LUKS" or "BitLocker").Select(f => f.Device).ToList();
            yield return OfMachine(
                PreflightClasses.NoOperatingSystem,
                facts.ForConversion ? FindingSeverity.Obstacle : FindingSeverity.Note,
                Listed($"No operating system was found on the disks{(hidden.Count > 0 ? "; it may be in what is encrypted, and no key was given:" : facts.ForConversion ? ", so there is nothing to be converted" : ": they are copied and proven as they are")}", hidden),
                "the disks");
        }
        else if (facts.ForConversion && WhyNot(systems, facts) is { } why)
        {
            yield return OfMachine(PreflightClasses.UnsupportedGuest, FindingSeverity.Obstacle, why);
        }
    }

    /// <summary>Whether virt-v2v has a conversion for it.</summary>
    public static bool IsSupported(OperatingSystems systems, GuestFacts facts) => WhyNot(systems, facts) is null;

    private static string? WhyNot(OperatingSystems systems, GuestFacts facts)
    {
        var name = systems.ProductName.Length > 0 ? systems.ProductName : $"{systems.OsType} {systems.Distro}";
        if (systems.Format is not ("installed" or "unknown")) return $"{name} is not installed on these disks: they are the medium of an installer or of a live system ({systems.Format})";
        foreach (var (field, value) in new[] { ("type", systems.OsType), ("distribution", systems.Distro), ("architecture", systems.Architecture) })
            if (value == "unknown") return $"{name}: its {field} was not recognised, and virt-v2v refuses it then";
        if (systems.OsType == "windows") return null;
        if (systems.OsType != "linux" || !Distributions.Contains(systems.Distro)) return $"virt-v2v has no conversion for {name} ({systems.OsType}, {systems.Distro})";
        return systems.PackageFormat is "deb" or "rpm" ? null : $"virt-v2v knows the packages of deb and rpm; those of {name} were not recognised ({systems.PackageFormat})";
    }
}
