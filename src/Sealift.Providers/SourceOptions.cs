using Sealift.Disks;

namespace Sealift.Providers;

/// <summary>How a source is read.</summary>
public sealed record SourceOptions
{
    /// <summary>The directory below which an image may name backing and extent files; null for none.</summary>
    public string? AllowBackingDirectory { get; init; }

    /// <summary>An existing directory for content that has to be unpacked, and for disks that the source describes as blank.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>Bytes that unpacking leaves free on the file system of <see cref="WorkDirectory"/>.</summary>
    public long FreeSpaceReserve { get; init; } = 256L << 20;

    /// <summary>What the caller knows better than the source.</summary>
    public MachineOverrides Overrides { get; init; } = new();

    /// <summary>The format of disk images given by path; null to detect it from content.</summary>
    public ImageFormat? Format { get; init; }

    /// <summary>The servers of vSphere by what their user calls them; null where there are none.</summary>
    public Func<string, VSphereAccess>? Servers { get; init; }

    /// <summary>Told of manifest verification and unpacking, in bytes of the file at hand.</summary>
    public IProgress<DiskProgress>? Progress { get; init; }
}

/// <summary>What the caller sets of a machine, whatever the source says; null keeps the source's.</summary>
public sealed record MachineOverrides
{
    /// <summary>Its name. Where a package holds several machines, the name or id of the one to take.</summary>
    public string? Name { get; init; }

    /// <summary>Number of virtual CPUs, 1 to 4096.</summary>
    public int? Cpus { get; init; }

    /// <summary>Memory in bytes, 1 MiB to 64 TiB.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>How it boots.</summary>
    public Firmware? Firmware { get; init; }

    /// <summary>Whether secure boot is on; needs <see cref="Firmware.Uefi"/>.</summary>
    public bool? SecureBoot { get; init; }

    /// <summary>The controller of every disk.</summary>
    public DiskBus? DiskBus { get; init; }

    /// <summary>All of its network interfaces; an empty list for none.</summary>
    public IReadOnlyList<NetworkInterface>? NetworkInterfaces { get; init; }

    /// <summary>What a network of the source is at the target: the name of a libvirt network, or <c>bridge:</c> and the name of a bridge; empty for none. <c>*</c> stands for all that are not named. Null: none is joined.</summary>
    public IReadOnlyDictionary<string, string>? NetworkMap { get; init; }

    /// <summary>The addresses that the conversion gives its network interfaces.</summary>
    public IReadOnlyList<StaticAddress>? StaticAddresses { get; init; }
}
