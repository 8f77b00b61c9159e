using Sealift.Disks;

namespace Sealift.Guests;

/// <summary>
/// A disk to be examined: either a Unix socket on which a raw NBD export of it is served, or an image file in an
/// explicit format. Exactly one of the two is set.
/// </summary>
/// <param name="Key">The disk's key: <c>disk1</c>.</param>
/// <param name="NbdSocket">Path of the socket, or null. It must serve at least four clients at once.</param>
/// <param name="ImagePath">Path of the image, or null.</param>
/// <param name="Format">The format of <paramref name="ImagePath"/>.</param>
public sealed record GuestDrive(string Key, string? NbdSocket, string? ImagePath, ImageFormat Format);

/// <summary>What is inside the disks of a machine.</summary>
/// <param name="OsType"><c>linux</c>, <c>windows</c> … or <c>unknown</c>.</param>
/// <param name="Distro"><c>debian</c>, <c>rhel</c> …</param>
/// <param name="ProductName">As the guest calls itself.</param>
/// <param name="Version">Major and minor, such as <c>12.5</c>.</param>
/// <param name="Architecture"><c>x86_64</c> …</param>
/// <param name="Hostname">The guest's own name; empty where it has none.</param>
/// <param name="BootsByUefi">Whether an EFI system partition was found.</param>
/// <param name="Filesystems">Every file system or other content found, whether mounted or not.</param>
public sealed record GuestInspection(
    string OsType,
    string Distro,
    string ProductName,
    string Version,
    string Architecture,
    string Hostname,
    bool BootsByUefi,
    IReadOnlyList<GuestFilesystem> Filesystems)
{
    /// <summary>Whether the first sector of any disk holds boot code: without it no BIOS can start the machine.</summary>
    public bool HasBiosBootCode { get; init; }

    /// <summary>The UUIDs of the encrypted volumes that were opened with a key.</summary>
    public IReadOnlyList<string> OpenedVolumes { get; init => field = value ?? []; } = []; // null is what JSON without it gives

    /// <summary>Whether an EFI system partition has the loader that UEFI starts where its variables name none: <c>\EFI\BOOT\BOOTX64.EFI</c>.</summary>
    public bool HasFallbackLoader { get; init; }
}

/// <summary>One file system, swap area, container or unknown content.</summary>
/// <param name="Identity">As in <see cref="Finding.Filesystem"/>.</param>
/// <param name="Device">As in <see cref="Finding.Device"/>.</param>
/// <param name="Type"><c>ext4</c>, <c>xfs</c>, <c>btrfs</c>, <c>swap</c>, <c>LVM2_member</c>, <c>unknown</c> …</param>
/// <param name="Label">Its label; empty where it has none.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Mountpoint">Where the guest mounts it; empty where it does not.</param>
/// <param name="CheckedBy">The checker with its version, or empty where none covers it: then a <c>not-checked</c> note exists too.</param>
/// <param name="Clean">Whether a checker looked at it and had nothing to say.</param>
public sealed record GuestFilesystem(
    string Identity, string Device, string Type, string Label, long LengthBytes, string Mountpoint, string CheckedBy, bool Clean)
{
    /// <summary><c>direct</c> or <c>appliance</c>; empty where nothing checked it, and in what was written before there were two ways.</summary>
    public string CheckedVia { get; init => field = value ?? string.Empty; } = string.Empty; // null is what JSON without it gives

    /// <summary>Why that way, or why not at all; one clause.</summary>
    public string Why { get; init => field = value ?? string.Empty; } = string.Empty; // null is what JSON without it gives
}
