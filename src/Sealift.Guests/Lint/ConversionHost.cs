namespace Sealift.Guests.Lint;

/// <summary>What this host has for the conversion of a Windows, where virt-v2v looks for it (virt-v2v(1), "ENVIRONMENT VARIABLES").</summary>
/// <param name="DriversPath">Where it looks for drivers: <c>/usr/share/virtio-win</c>.</param>
/// <param name="DriverFiles">The drivers' files there, by paths that begin with a slash; null where there is an image, into which nobody looks.</param>
/// <param name="ToolsPath">Where it looks for what runs scripts at the first start: <c>/usr/share/virt-tools</c>.</param>
/// <param name="HasFirstBoot">Whether that is there.</param>
internal sealed record ConversionHost(string DriversPath, IReadOnlyList<string>? DriverFiles, string ToolsPath, bool HasFirstBoot)
{
    // A full virtio-win has some thousands of files.
    private const int FileLimit = 50_000;

    private static readonly string[] FirstBoot = ["rhsrvany.exe", "pvvxsvc.exe"];

    /// <summary>Nobody looked: nothing is said to be missing.</summary>
    public static ConversionHost Unknown { get; } = new(string.Empty, null, string.Empty, HasFirstBoot: true);

    /// <summary>Looks.</summary>
    public static ConversionHost Look()
    {
        var iso = "/usr/share/virtio-win/virtio-win.iso";
        var drivers = Named("VIRTIO_WIN") ?? Named("VIRTIO_WIN_DIR") ?? (File.Exists(iso) ? iso : "/usr/share/virtio-win");
        var tools = Named("VIRT_TOOLS_DATA_DIR") ?? "/usr/share/virt-tools";
        return new ConversionHost(drivers, FilesBelow(drivers), tools, FirstBoot.Any(f => File.Exists(Path.Combine(tools, f))));
    }

    /// <summary>Whether a file is a driver for a Windows, by the directories that it is in: virt-v2v, virtio_iso_path_matches_guest_os.</summary>
    /// <param name="path">Its path below <see cref="DriversPath"/>, with a slash before it.</param>
    /// <param name="systems">What inspection says of the Windows.</param>
    public static bool Fits(string path, OperatingSystems systems)
    {
        var parts = path.ToLowerInvariant().Split('/').SkipLast(1).ToHashSet();
        var architecture = parts.Contains("x86") || parts.Contains("i386") ? "i386" : parts.Contains("amd64") ? "x86_64" : null;
        if (architecture is null || architecture != systems.Architecture) return false;
        var isClient = systems.ProductVariant == "Client";
        foreach (var (names, version, client, osInfo) in Versions)
        {
            // The first that is in the path decides, as there.
            if (!names.Any(parts.Contains)) continue;
            return systems.Version == version && (client is null || client == isClient) && (osInfo is null || osInfo == systems.OsInfo);
        }

        return false;
    }

    private static readonly (string[] Names, string Version, bool? IsClient, string? OsInfo)[] Versions =
    [
        (["xp", "winxp"], "5.1", null, null),
        (["2k3", "win2003"], "5.2", null, null),
        (["vista"], "6.0", true, null),
        (["2k8", "win2008"], "6.0", false, null),
        (["w7", "win7"], "6.1", true, null),
        (["2k8r2", "win2008r2"], "6.1", false, null),
        (["w8", "win8"], "6.2", true, null),
        (["2k12", "win2012"], "6.2", false, null),
        (["w8.1", "win8.1"], "6.3", true, null),
        (["2k12r2", "win2012r2"], "6.3", false, null),
        (["w10", "win10"], "10.0", true, "win10"),
        (["w11", "win11"], "10.0", true, "win11"),
        (["2k16", "win2016"], "10.0", false, "win2k16"),
        (["2k19", "win2019"], "10.0", false, "win2k19"),
        (["2k22", "win2022"], "10.0", false, "win2k22"),
        (["2k25", "win2025"], "10.0", false, "win2k25"),
    ];

    /// <summary>Whether there is a guest agent for a Windows, which virt-v2v then has installed at its first start: virtio_iso_path_matches_qemu_ga.</summary>
    public bool HasAgentFor(OperatingSystems systems) => (DriverFiles ?? []).Any(f => (systems.Architecture, Path.GetFileName(f).ToLowerInvariant()) is
        ("i386", "qemu-ga-x86.msi" or "qemu-ga-i386.msi" or "rhev-qga.msi") or ("x86_64", "qemu-ga-x64.msi" or "qemu-ga-x86_64.msi" or "rhev-qga64.msi"));

    private static string? Named(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    /// <summary>The files below a directory, by paths that begin with a slash; null where it is a file, an image.</summary>
    internal static IReadOnlyList<string>? FilesBelow(string path)
    {
        if (!Directory.Exists(path)) return File.Exists(path) ? null : [];
        return [.. Directory.EnumerateFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, MaxRecursionDepth = 16, AttributesToSkip = 0 }).Take(FileLimit).Select(f => f[path.TrimEnd('/').Length..])];
    }
}
