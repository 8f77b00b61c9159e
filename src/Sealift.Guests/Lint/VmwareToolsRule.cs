namespace Sealift.Guests.Lint;

/// <summary>VMware's tools in a Linux: useless elsewhere, and harmless.</summary>
internal sealed class VmwareToolsRule : LintRule
{
    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (facts.Inside is not { IsLinux: true } inside) yield break;
        var uninstaller = inside.Programs.Contains("/usr/bin/vmware-uninstall-tools.pl");
        if (!uninstaller && !inside.Programs.Contains("/usr/bin/vmtoolsd")) yield break;
        yield return OfRoot(facts, PreflightClasses.VmwareTools, FindingSeverity.Note, (facts.ForConversion, uninstaller) switch
        {
            (true, true) => "VMware Tools were installed from an archive: virt-v2v runs their own uninstaller",
            (true, false) => "VMware's tools (open-vm-tools) are installed: virt-v2v removes their package where nothing needs it",
            _ => "VMware's tools are installed: they do nothing on KVM, and can be removed there",
        });
    }
}
