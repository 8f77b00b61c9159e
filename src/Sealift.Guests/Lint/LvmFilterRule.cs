using System.Text.RegularExpressions;

namespace Sealift.Guests.Lint;

/// <summary>A filter in lvm.conf (lvm.conf(5), devices/filter) that lets only named disks pass: under other names LVM finds nothing.</summary>
internal sealed partial class LvmFilterRule : LintRule
{
    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (facts.Inside is not { IsLinux: true } inside || !facts.Filesystems.Any(f => f.Type == "LVM2_member")) yield break;
        var filters = Filter().Matches(inside.LvmConfiguration).Select(m => m.Value).Where(f => Accepted().IsMatch(f) && f.Contains('r', StringComparison.Ordinal)).ToList();
        if (filters.Count > 0) yield return OfRoot(facts, PreflightClasses.LvmFilter, FindingSeverity.Warning, Listed("LVM takes volumes only from disks with names that the new machine does not have:", [.. filters.Select(GuestText.Name)]));
    }

    [GeneratedRegex(@"^\s*(?:global_)?filter\s*=\s*(?:\[[^\]]{0,2000}\]|""[^""\n]{0,500}"")", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Filter();

    // "a|^/dev/sda2$|", "a/sd.*/", "a|/dev/disk/by-path/…|"
    [GeneratedRegex(@"[""']a(?<d>[^\w\s]).*?(?:\bsd|\bhd|\bxvd|by-path|by-id).*?\k<d>[""']", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Accepted();
}
