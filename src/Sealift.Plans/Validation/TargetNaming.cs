using Sealift.Plans.Documents;
using Sealift.Providers;

namespace Sealift.Plans.Validation;

/// <summary>What machines of a plan are called at the target.</summary>
public static class TargetNaming
{
    private const int LongestName = 64;

    private static readonly string[] Suffixes = [".ova", ".ovf", ".tar.gz", ".tar", ".vmdk", ".qcow2", ".vhdx", ".vhd", ".vdi", ".raw", ".img"];

    /// <summary>The name of a machine: its own, or by the plan's template.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="source">What kind of provider it comes from; null where that is not known.</param>
    public static string Of(PlanDocument plan, PlannedMachine machine, ProviderType? source) =>
        machine.TargetName ?? (plan.Spec.TargetNameTemplate ?? "{{.VmName}}")
            .Replace("{{.VmName}}", ShortName(machine.Name, source), StringComparison.Ordinal)
            .Replace("{{.PlanName}}", plan.Metadata.Name, StringComparison.Ordinal);

    /// <summary>What is wrong with a template; null where nothing is.</summary>
    internal static string? Fault(string template)
    {
        var rest = template.Replace("{{.VmName}}", string.Empty, StringComparison.Ordinal).Replace("{{.PlanName}}", string.Empty, StringComparison.Ordinal);
        var open = rest.IndexOf("{{", StringComparison.Ordinal);
        if (open < 0 && !rest.Contains("}}", StringComparison.Ordinal)) return null;
        var end = open < 0 ? -1 : rest.IndexOf("}}", open, StringComparison.Ordinal);
        return end < 0 ? "its braces do not match" : $"there is no {rest[open..(end + 2)]}";
    }

    /// <summary>What is wrong with a name; null where nothing is.</summary>
    internal static string? FaultOf(string name) =>
        name.Length == 0 ? "that is empty"
        : name.Length > LongestName ? $"that has more than {LongestName} characters"
        : name != SafeName.Of(name) ? $"its files would be called {SafeName.Of(name)}"
        : null;

    /// <summary>The last part of a path, and of a file without what says its format.</summary>
    private static string ShortName(string name, ProviderType? source)
    {
        if (source == ProviderType.Image) name = name.Split(',')[0];
        var last = name.TrimEnd('/');
        last = last[(last.LastIndexOf('/') + 1)..];
        if (source is not (ProviderType.Ova or ProviderType.Image)) return last;
        var suffix = Array.Find(Suffixes, s => last.Length > s.Length && last.EndsWith(s, StringComparison.OrdinalIgnoreCase));
        return suffix is null ? last : last[..^suffix.Length];
    }
}
