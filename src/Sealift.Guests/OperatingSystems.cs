namespace Sealift.Guests;

/// <summary>What libguestfs's inspection says of the operating systems on the disks.</summary>
/// <param name="Roots">How many were found.</param>
/// <param name="OsType">Of the first: <c>linux</c>, <c>windows</c> … or <c>unknown</c>; so with what follows.</param>
/// <param name="Distro">Its distribution.</param>
/// <param name="ProductName">As it calls itself.</param>
/// <param name="Version">Major and minor.</param>
/// <param name="Architecture">Of its programs.</param>
/// <param name="Hostname">Its own name.</param>
/// <param name="MountpointOfUuid">Where it mounts the file system with a UUID.</param>
/// <param name="Remarks">What inspection complained of.</param>
internal sealed record OperatingSystems(
    int Roots, string OsType, string Distro, string ProductName, string Version, string Architecture, string Hostname, IReadOnlyDictionary<string, string> MountpointOfUuid, IReadOnlyList<string> Remarks)
{
    private const int MountpointLimit = 64;

    /// <summary>What it mounts, in the order of inspection.</summary>
    public IReadOnlyList<InspectedMount> Mounts { get; init; } = [];

    /// <summary>How many more it mounts.</summary>
    public int UnseenMounts { get; init; }

    /// <summary><c>deb</c>, <c>rpm</c> … or <c>unknown</c>.</summary>
    public string PackageFormat { get; init; } = "unknown";

    /// <summary>Of a Windows: <c>Client</c>, <c>Server</c> … or <c>unknown</c>.</summary>
    public string ProductVariant { get; init; } = "unknown";

    /// <summary>Its short name in libosinfo, such as <c>win2k19</c>; or <c>unknown</c>.</summary>
    public string OsInfo { get; init; } = "unknown";

    /// <summary><c>installed</c>, or <c>installer</c> for the medium of one.</summary>
    public string Format { get; init; } = "unknown";

    /// <summary>No operating system.</summary>
    public static OperatingSystems None(IReadOnlyList<string> remarks) => new(0, "unknown", "unknown", string.Empty, string.Empty, "unknown", string.Empty, new Dictionary<string, string>(), remarks);

    /// <summary>Inspects the disks; that there is no operating system is an answer, not an error.</summary>
    public static async Task<OperatingSystems> FindAsync(Appliance appliance, CancellationToken cancel)
    {
        var remarks = new List<string>();
        var roots = await TryAsync("inspect the operating system", "inspect-os");
        if (roots.Count == 0) return None(remarks);

        var root = Appliance.Quote(roots[0]);
        var major = await OneAsync("inspect-get-major-version");
        var minor = await OneAsync("inspect-get-minor-version");
        var mountpoints = new Dictionary<string, string>();
        var mounts = new List<InspectedMount>();
        // "/: /dev/sda1": the device is what follows the last ": /dev/" or ": btrfsvol:", for a mount point may hold a colon.
        var lines = await TryAsync("inspect mount points", $"inspect-get-mountpoints {root}");
        foreach (var line in lines.Take(MountpointLimit))
        {
            var at = Math.Max(line.LastIndexOf(": /dev/", StringComparison.Ordinal), line.LastIndexOf(": btrfsvol:", StringComparison.Ordinal));
            if (at < 0) continue;
            var uuid = await TryAsync("inspect mount points", $"vfs-uuid {Appliance.Quote(line[(at + 2)..])}") is [{ Length: > 0 } one] ? one : string.Empty;
            mounts.Add(new InspectedMount(line[..at], line[(at + 2)..], uuid));
            if (uuid.Length > 0) mountpoints.TryAdd(uuid, GuestText.Name(line[..at]));
        }

        return new OperatingSystems(
            roots.Count,
            await OneAsync("inspect-get-type", "unknown"),
            await OneAsync("inspect-get-distro", "unknown"),
            await OneAsync("inspect-get-product-name"),
            major.Length == 0 || major == "0" ? string.Empty : minor.Length == 0 ? major : $"{major}.{minor}",
            await OneAsync("inspect-get-arch", "unknown"),
            await OneAsync("inspect-get-hostname"),
            mountpoints,
            remarks)
        {
            Mounts = mounts,
            UnseenMounts = Math.Max(0, lines.Count - MountpointLimit),
            PackageFormat = await OneAsync("inspect-get-package-format", "unknown"),
            ProductVariant = await OneAsync("inspect-get-product-variant", "unknown"),
            OsInfo = await OneAsync("inspect-get-osinfo", "unknown"),
            Format = await OneAsync("inspect-get-format", "unknown"),
        };

        async Task<string> OneAsync(string command, string otherwise = "") =>
            GuestText.Name(string.Join(' ', await TryAsync(command, $"{command} {root}"))) is { Length: > 0 } value && value != "unknown" ? value : otherwise;

        // The leading dash lets an error pass: what cannot be inspected is unknown, and said to be.
        async Task<IReadOnlyList<string>> TryAsync(string name, string command)
        {
            var (lines, errors) = await appliance.CommandAsync(name, "-" + command, cancel);
            remarks.AddRange(errors);
            return [.. lines.Where(l => l.Length > 0)];
        }
    }
}

/// <summary>One file system that inspection says a guest mounts.</summary>
/// <param name="Path">Where, as the guest has it: any text.</param>
/// <param name="Mountable">What libguestfs mounts there: <c>/dev/sda1</c>, <c>btrfsvol:/dev/sda2/root</c>.</param>
/// <param name="Uuid">Its UUID; empty where it has none.</param>
internal sealed record InspectedMount(string Path, string Mountable, string Uuid);
