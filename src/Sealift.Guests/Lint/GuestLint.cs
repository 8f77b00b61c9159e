namespace Sealift.Guests.Lint;

/// <summary>Looks a machine over before it is migrated: what its conversion would fail over, and what would keep it from starting on KVM. Pure: it sees facts and nothing else.</summary>
internal static class GuestLint
{
    private static readonly LintRule[] Rules = [new GuestSupportRule(), new FreeSpaceRule(), new MountRule(), new FstabRule(), new BootDeviceRule(), new LvmFilterRule(), new KernelRule(), new WindowsRule(), new VmwareToolsRule()];

    /// <summary>What is found, by class in the order of the page.</summary>
    public static IReadOnlyList<Finding> Look(GuestFacts facts)
    {
        if (facts.Scope == LintScope.None) return [];
        var order = PreflightClasses.All.Select((c, i) => (c.Name, i)).ToDictionary(c => c.Name, c => c.i);
        return [.. Rules.SelectMany(r => r.Look(facts)).OrderBy(f => order[f.Class])];
    }

    /// <summary>What a checker found and thought worth a note, where a conversion is bound to fail over it.</summary>
    /// <param name="finding">What was found.</param>
    /// <param name="facts">The same as above.</param>
    public static Finding Weigh(Finding finding, GuestFacts facts)
    {
        if (!facts.ForConversion || finding.Severity != FindingSeverity.Note || facts.Inside is not { } inside) return finding;
        var isObstacle = finding.Class switch
        {
            // ntfs-3g mounts it for reading only then, and virt-v2v refuses a system drive that it cannot write to.
            "ntfs.hibernated" or "ntfs.fast-startup" => inside.IsWindows && inside.RootUuid.Length > 0 && finding.Filesystem == inside.RootUuid,
            // virt-v2v asks which one, and nobody answers.
            "multi-boot" => true,
            _ => false,
        };
        return isObstacle ? finding with { Severity = FindingSeverity.Obstacle } : finding;
    }
}
