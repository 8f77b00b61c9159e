namespace Sealift.Providers.Ova;

/// <summary>The name of a file within a package: relative, with plain components only. It never reaches outside.</summary>
internal static class PackageName
{
    public const int MaxLength = 1024;

    /// <summary>The name in its one normal form, such as <c>disks/a.vmdk</c>; a leading <c>./</c> is dropped.</summary>
    /// <exception cref="Posix.SealiftException">SL6103: absolute, climbing, empty or with control characters.</exception>
    public static string Normalize(string name, string container)
    {
        var rest = name;
        while (rest.StartsWith("./", StringComparison.Ordinal)) rest = rest[2..];
        var why = rest.Length == 0 ? "it is empty"
            : rest.Length > MaxLength ? $"it is longer than {MaxLength} characters"
            : rest.StartsWith('/') ? "it is absolute"
            : rest.Any(char.IsControl) ? "it holds control characters"
            : rest.Split('/').Any(part => part is "..") ? "it climbs out of the package"
            : rest.Split('/').Any(part => part is "" or ".") ? "it has empty components"
            : null;
        return why is null ? rest : throw ProviderErrors.BadName(container, name, why);
    }
}
