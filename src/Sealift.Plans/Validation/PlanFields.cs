using System.Globalization;

namespace Sealift.Plans.Validation;

/// <summary>The paths of fields of a plan.</summary>
internal static class PlanFields
{
    /// <summary>Of a machine, or of a field of it.</summary>
    public static string Machine(int index, string field = "") => string.Create(CultureInfo.InvariantCulture, $"spec.vms[{index}]{(field.Length == 0 ? string.Empty : "." + field)}");

    /// <summary>The machine that a path is of; null where it is of none.</summary>
    public static int? MachineOf(string path)
    {
        const string Prefix = "spec.vms[";
        if (!path.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var end = path.IndexOf(']', StringComparison.Ordinal);
        return end > 0 && int.TryParse(path.AsSpan(Prefix.Length, end - Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : null;
    }
}
