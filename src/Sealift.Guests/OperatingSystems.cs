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
        // "/: /dev/sda1": the device is what follows the last ": /dev/" or ": btrfsvol:", for a mount point may hold a colon.
        foreach (var line in (await TryAsync("inspect mount points", $"inspect-get-mountpoints {root}")).Take(MountpointLimit))
        {
            var at = Math.Max(line.LastIndexOf(": /dev/", StringComparison.Ordinal), line.LastIndexOf(": btrfsvol:", StringComparison.Ordinal));
            if (at < 0) continue;
            if ((await TryAsync("inspect mount points", $"vfs-uuid {Appliance.Quote(line[(at + 2)..])}")) is [{ Length: > 0 } uuid]) mountpoints.TryAdd(uuid, GuestText.Name(line[..at]));
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
            remarks);

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
