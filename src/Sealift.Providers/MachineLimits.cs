namespace Sealift.Providers;

/// <summary>What is believed of a machine, and the overrides that win over its source.</summary>
internal static class MachineLimits
{
    /// <summary>More than any host runs in one machine (QEMU's q35 takes 4096 at most).</summary>
    public const int MaxCpus = 4096;

    public const long MinMemoryBytes = 1L << 20;

    public const long MaxMemoryBytes = 64L << 40;

    private const int MaxNetworkInterfaces = 32;
    private const int MaxNameLength = 255;

    /// <summary>The machine with what the caller knows better.</summary>
    /// <exception cref="Posix.SealiftException">SL6005: an override is out of range, or contradicts another.</exception>
    public static VirtualMachine With(this VirtualMachine machine, MachineOverrides overrides)
    {
        var result = machine with
        {
            Name = overrides.Name ?? machine.Name,
            Cpus = overrides.Cpus ?? machine.Cpus,
            CoresPerSocket = overrides.Cpus is null ? machine.CoresPerSocket : 0,
            MemoryBytes = overrides.MemoryBytes ?? machine.MemoryBytes,
            Firmware = overrides.Firmware ?? machine.Firmware,
            // Whoever says BIOS says no to secure boot as well, unless they ask for both: then it is refused below.
            SecureBoot = overrides.SecureBoot ?? (machine.SecureBoot && overrides.Firmware is not Firmware.Bios),
            Disks = overrides.DiskBus is { } bus ? [.. machine.Disks.Select(d => d with { Bus = bus })] : machine.Disks,
            NetworkInterfaces = overrides.NetworkInterfaces is { } given ? [.. given.Select(Normal)] : machine.NetworkInterfaces,
        };
        if (result.Name.Length is 0 or > MaxNameLength || result.Name.Any(char.IsControl)) throw ProviderErrors.Override("name", result.Name, $"1 to {MaxNameLength} characters without control characters");
        if (result.Cpus is < 1 or > MaxCpus) throw ProviderErrors.Override("number of CPUs", $"{result.Cpus}", $"from 1 to {MaxCpus}");
        if (result.MemoryBytes is < MinMemoryBytes or > MaxMemoryBytes) throw ProviderErrors.Override("memory", $"{result.MemoryBytes} bytes", "from 1 MiB to 64 TiB");
        if (result.SecureBoot && result.Firmware != Firmware.Uefi) throw ProviderErrors.Override("secure boot", "on", "on with UEFI only");
        if (overrides.NetworkMap is { } map) result = result with { NetworkInterfaces = [.. result.NetworkInterfaces.Select(n => n with { Joins = JoinedBy(n, map) })] };
        if (overrides.StaticAddresses is { } addresses)
        {
            if (addresses.FirstOrDefault(a => result.NetworkInterfaces.All(n => n.MacAddress != a.MacAddress)) is { } stray)
                throw ProviderErrors.Override("static address", stray.ToString(), $"of one of its network interfaces: {string.Join(", ", result.NetworkInterfaces.Select(n => n.MacAddress ?? "one without an address"))}");
            result = result with { StaticAddresses = addresses };
        }

        if (result.NetworkInterfaces.Count > MaxNetworkInterfaces) throw ProviderErrors.Override("number of network interfaces", $"{result.NetworkInterfaces.Count}", $"at most {MaxNetworkInterfaces}");
        return result;
    }

    private static string? JoinedBy(NetworkInterface nic, IReadOnlyDictionary<string, string> map) =>
        map.TryGetValue(nic.Network, out var named) || map.TryGetValue("*", out named) ? (named.Length == 0 ? null : named)
        : throw ProviderErrors.Override("network map", nic.Network.Length == 0 ? "an interface whose network is not known" : nic.Network, "named in it, or '*' for all that are not");

    private static NetworkInterface Normal(NetworkInterface nic)
    {
        if (nic.MacAddress is null) return nic;
        return MacAddress.TryNormalize(nic.MacAddress, out var mac) ? nic with { MacAddress = mac } : throw ProviderErrors.Override("MAC address", nic.MacAddress, "a unicast address such as 52:54:00:12:34:56");
    }
}
