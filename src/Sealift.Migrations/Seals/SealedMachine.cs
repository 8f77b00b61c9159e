using System.Text.Json.Serialization;
using Sealift.Guests;
using Sealift.Providers;

namespace Sealift.Migrations.Seals;

/// <summary>The machine as it was described and as it looked inside.</summary>
public sealed record SealedMachine
{
    /// <summary>Its name as the source has it: any text.</summary>
    public required string Name { get; init; }

    /// <summary>Number of virtual CPUs.</summary>
    public required int Cpus { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary><c>bios</c> or <c>uefi</c>.</summary>
    public required string Firmware { get; init; }

    /// <summary>Whether secure boot is demanded.</summary>
    public required bool SecureBoot { get; init; }

    /// <summary>Its network interfaces in order.</summary>
    public required IReadOnlyList<SealedNic> NetworkInterfaces { get; init; }

    /// <summary>What was found inside; null where nobody looked.</summary>
    [JsonRequired]
    public SealedGuest? Guest { get; init; }

    /// <summary>Things that the source describes and the new machine does not have, one sentence each.</summary>
    [JsonRequired]
    public IReadOnlyList<string> Concerns { get; init; } = [];

    /// <summary>What a seal says of a machine.</summary>
    public static SealedMachine Of(VirtualMachine machine, GuestInspection? guest) => new()
    {
        Name = machine.Name,
        Cpus = machine.Cpus,
        MemoryBytes = machine.MemoryBytes,
        Firmware = machine.Firmware == Providers.Firmware.Uefi ? "uefi" : "bios",
        SecureBoot = machine.SecureBoot,
        NetworkInterfaces = [.. machine.NetworkInterfaces.Select(n => new SealedNic(n.Model.ToString().ToLowerInvariant(), n.MacAddress, n.Network))],
        Guest = guest is null ? null : new SealedGuest(guest.OsType, guest.Distro, guest.ProductName, guest.Version, guest.Architecture, guest.Hostname),
        Concerns = machine.Concerns,
    };
}

/// <summary>A network interface.</summary>
/// <param name="Model">Its model at the source: <c>vmxnet3</c>, <c>e1000</c>, <c>virtio</c>.</param>
/// <param name="MacAddress">Six octets as <c>52:54:00:12:34:56</c>; null where the hypervisor chooses.</param>
/// <param name="Network">The name of the network on the source side; empty where unknown.</param>
public sealed record SealedNic(string Model, string? MacAddress, string Network);

/// <summary>What inspection found inside.</summary>
/// <param name="OsType"><c>linux</c>, <c>windows</c> … or <c>unknown</c>.</param>
/// <param name="Distro"><c>debian</c>, <c>rhel</c> …</param>
/// <param name="ProductName">As the guest calls itself.</param>
/// <param name="Version">Major and minor, such as <c>12.5</c>.</param>
/// <param name="Architecture"><c>x86_64</c> …</param>
/// <param name="Hostname">The guest's own name; empty where it has none.</param>
public sealed record SealedGuest(string OsType, string Distro, string ProductName, string Version, string Architecture, string Hostname);
