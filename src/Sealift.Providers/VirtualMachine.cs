using Sealift.Disks;

namespace Sealift.Providers;

/// <summary>A machine as its source describes it. Sizes in bytes.</summary>
public sealed record VirtualMachine
{
    /// <summary>Its name as the source has it: any text. <see cref="FileName"/> is what goes into paths.</summary>
    public required string Name { get; init; }

    /// <summary>Number of virtual CPUs, 1 or more.</summary>
    public required int Cpus { get; init; }

    /// <summary>Cores of each socket; 0 where the source leaves that to the hypervisor.</summary>
    public int CoresPerSocket { get; init; }

    /// <summary>Memory in bytes.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>How it boots.</summary>
    public required Firmware Firmware { get; init; }

    /// <summary>Whether the source demands secure boot.</summary>
    public bool SecureBoot { get; init; }

    /// <summary>Its disks in the order in which the firmware and the guest see them.</summary>
    public required IReadOnlyList<SourceDisk> Disks { get; init; }

    /// <summary>Its network interfaces.</summary>
    public required IReadOnlyList<NetworkInterface> NetworkInterfaces { get; init; }

    /// <summary>What somebody wrote about it at the source: any text; empty where nobody did.</summary>
    public string Description { get; init; } = string.Empty;

    /// <summary>The tags that somebody put on it at the source, each with its category.</summary>
    public IReadOnlyList<MachineTag> Tags { get; init => field = value ?? []; } = []; // null is what JSON without it gives

    /// <summary>The addresses that the conversion gives its network interfaces.</summary>
    public IReadOnlyList<StaticAddress> StaticAddresses { get; init => field = value ?? []; } = []; // null is what JSON without it gives

    /// <summary>What the source says about the guest, such as <c>debian12_64Guest</c>; empty where it says nothing.</summary>
    public string GuestHint { get; init; } = string.Empty;

    /// <summary>Things that the source describes and the new machine will not have, one sentence each.</summary>
    public IReadOnlyList<string> Concerns { get; init; } = [];

    /// <summary>The name reduced to what is safe in a path and as a libvirt domain name: <c>[A-Za-z0-9._-]</c>, not starting with a dot or dash, at most 64.</summary>
    public string FileName => SafeName.Of(Name);
}

/// <summary>How a machine boots.</summary>
public enum Firmware
{
    /// <summary>BIOS.</summary>
    Bios,

    /// <summary>UEFI.</summary>
    Uefi,
}

/// <summary>The controller that a disk hangs on.</summary>
public enum DiskBus
{
    /// <summary>IDE.</summary>
    Ide,

    /// <summary>SATA (AHCI).</summary>
    Sata,

    /// <summary>LSI Logic parallel SCSI.</summary>
    LsiLogic,

    /// <summary>LSI Logic SAS 1068.</summary>
    LsiSas,

    /// <summary>VMware paravirtual SCSI.</summary>
    Pvscsi,

    /// <summary>NVMe.</summary>
    Nvme,

    /// <summary>virtio-blk.</summary>
    VirtioBlk,

    /// <summary>virtio-scsi.</summary>
    VirtioScsi,
}

/// <summary>The model of a network interface.</summary>
public enum NicModel
{
    /// <summary>Intel 82545EM.</summary>
    E1000,

    /// <summary>Intel 82574L.</summary>
    E1000e,

    /// <summary>VMware's.</summary>
    Vmxnet3,

    /// <summary>AMD PCnet.</summary>
    Pcnet,

    /// <summary>virtio-net.</summary>
    Virtio,
}

/// <summary>A disk of a source machine, bound by identity and never by index alone.</summary>
/// <param name="Key">What names it within this migration, in progress, journal, seal and file names: <c>disk1</c>, <c>disk2</c> … in boot order.</param>
/// <param name="Identity">What the source identifies it by: an OVF diskId, a file name, a UUID.</param>
/// <param name="Image">The image that holds it.</param>
/// <param name="Bus">The controller that it hangs on.</param>
/// <param name="Address">Controller number and unit as the source has them, such as <c>scsi0:1</c>; empty where unknown.</param>
public sealed record SourceDisk(string Key, string Identity, ImageReference Image, DiskBus Bus, string Address);

/// <summary>A network interface.</summary>
/// <param name="Model">Its model.</param>
/// <param name="MacAddress">Six octets as <c>52:54:00:12:34:56</c>, or null where the source lets the hypervisor choose.</param>
/// <param name="Network">The name of the network on the source side; empty where unknown.</param>
public sealed record NetworkInterface(NicModel Model, string? MacAddress, string Network)
{
    /// <summary>What it joins at the target: the name of a libvirt network, or <c>bridge:</c> and the name of a bridge; null for what needs no set-up, a network of its own behind the host's address.</summary>
    public string? Joins { get; init; }
}

/// <summary>A tag.</summary>
/// <param name="Category">What its category is called.</param>
/// <param name="Name">What it is called.</param>
public sealed record MachineTag(string Category, string Name);
