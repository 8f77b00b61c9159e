namespace Sealift.Providers;

/// <summary>Names in an inventory: the server writes <c>/</c>, <c>\</c> and <c>%</c> in them as %2f, %5c and %25, so that paths are plain.</summary>
internal static class ObjectName
{
    /// <summary>The name as its user wrote it.</summary>
    public static string Plain(string name) => name.Contains('%', StringComparison.Ordinal)
        ? name.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Replace("%5c", "\\", StringComparison.OrdinalIgnoreCase).Replace("%25", "%", StringComparison.Ordinal)
        : name;

    /// <summary>Whether a name of the server's is the one that somebody gives, in either form.</summary>
    public static bool AreSame(string name, string given, bool ignoreCase)
    {
        var comparison = ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return name.Equals(given, comparison) || Plain(name).Equals(given, comparison);
    }
}
