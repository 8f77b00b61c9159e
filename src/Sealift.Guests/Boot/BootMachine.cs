using Sealift.Disks;

namespace Sealift.Guests.Boot;

/// <summary>A machine that is to be tried: what it will have where it goes, but for its network.</summary>
public sealed record BootMachine
{
    /// <summary>Its name, for errors only: QEMU is not told.</summary>
    public required string Name { get; init; }

    /// <summary>All its disks in the order in which its firmware tries them. They are opened read-only.</summary>
    public required IReadOnlyList<BootDisk> Disks { get; init; }

    /// <summary>Whether the chipset is the old i440FX (QEMU's <c>pc</c>), which IDE needs; otherwise Q35.</summary>
    public required bool OldChipset { get; init; }

    /// <summary>Number of virtual CPUs, at least 1. No more are given than the host has.</summary>
    public required int Cpus { get; init; }

    /// <summary>Memory in bytes. No more is given than half of what the host has available.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>UEFI firmware; null for BIOS.</summary>
    public BootFirmware? Firmware { get; init; }

    /// <summary>Whether secure boot is demanded (UEFI only).</summary>
    public bool SecureBoot { get; init; }

    /// <summary>Whether its clock is in local time, as Windows wants it.</summary>
    public bool LocalTime { get; init; }

    /// <summary>Whether the guest has virtio drivers: then it gets a random number generator and the channel of the guest agent.</summary>
    public bool HasVirtio { get; init; }
}

/// <summary>A disk of a machine that is to be tried.</summary>
/// <param name="Key">Its key, which is its serial number too: letters and digits.</param>
/// <param name="Path">The file, or the block device.</param>
/// <param name="Format">Raw or qcow2, without a backing file.</param>
/// <param name="LengthBytes">Length of the disk in bytes.</param>
/// <param name="Controller">QEMU's <c>-device</c> for the controller that this disk is the first on; null where there is none to add.</param>
/// <param name="Device">QEMU's <c>-device</c> for the disk, without its drive.</param>
public sealed record BootDisk(string Key, string Path, ImageFormat Format, long LengthBytes, string? Controller, string Device)
{
    /// <summary>Path of the Unix socket on which a raw NBD export of it is served, in place of the file; null where the file is opened.</summary>
    public string? NbdSocket { get; init; }
}

/// <summary>UEFI firmware of the host.</summary>
/// <param name="CodePath">Its code; opened read-only.</param>
/// <param name="VariablesPath">The variables of a machine that was never started; copied.</param>
public sealed record BootFirmware(string CodePath, string VariablesPath);

/// <summary>Where a machine is tried, and for how long.</summary>
public sealed record BootOptions
{
    /// <summary>An existing directory for throwaway overlays; nothing is left in it.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>The file that receives what the serial console said, at most 1 MiB of it. It is replaced where it exists.</summary>
    public required string LogPath { get; init; }

    /// <summary>Whether it runs under KVM; otherwise it is emulated, about ten times slower.</summary>
    public required bool Kvm { get; init; }

    /// <summary>How long a sign of life is waited for.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the screen may stand still while the serial console is silent, before nothing more is expected.</summary>
    public TimeSpan Standstill { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How much the guest may write into the throwaway overlays, in bytes.</summary>
    public long OverlayLimitBytes { get; init; } = 4L << 30;
}
