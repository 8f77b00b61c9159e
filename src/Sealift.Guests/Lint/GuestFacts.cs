namespace Sealift.Guests.Lint;

/// <summary>Everything that the rules look at. They see nothing else, so that each can be tried without a guest.</summary>
/// <param name="Scope">What the machine is looked over for.</param>
/// <param name="DiskCount">How many disks it has.</param>
/// <param name="Filesystems">What is on them.</param>
/// <param name="Names">The names by which a guest can find what is on them.</param>
internal sealed record GuestFacts(LintScope Scope, int DiskCount, IReadOnlyList<GuestFilesystem> Filesystems, DeviceNames Names)
{
    /// <summary>What inspection found and what was read of the guest; null where nobody looked inside.</summary>
    public GuestInside? Inside { get; init; }

    /// <summary>What this host has for a conversion.</summary>
    public ConversionHost Host { get; init; } = ConversionHost.Unknown;

    /// <summary>Identity and description of a partition of each dynamic disk, whatever was recognised in it.</summary>
    public IReadOnlyList<(string Identity, string Device)> DynamicDisks { get; init; } = [];

    /// <summary>Whether the guest will be converted.</summary>
    public bool ForConversion => Scope == LintScope.Conversion;

    /// <summary>The type of what a file system's UUID belongs to, to tell a finding's place by.</summary>
    public (string Identity, string Device) PlaceOf(string uuid, string otherwise) =>
        uuid.Length > 0 && Filesystems.FirstOrDefault(f => f.Identity == uuid) is { } f ? (f.Identity, f.Device) : ("machine", otherwise);
}

/// <summary>What is inside of a guest.</summary>
/// <param name="Systems">What inspection says.</param>
internal sealed record GuestInside(OperatingSystems Systems)
{
    /// <summary>What was mounted, with the space that is left.</summary>
    public IReadOnlyList<GuestMount> Mounts { get; init; } = [];

    /// <summary>What inspection says is mounted and could not be: where, its UUID, and what was said.</summary>
    public IReadOnlyList<(string Path, string Uuid, string Said)> NotMounted { get; init; } = [];

    /// <summary>/etc/fstab; null where there is none.</summary>
    public string? Fstab { get; init; }

    /// <summary>/etc/crypttab; null where there is none.</summary>
    public string? Crypttab { get; init; }

    /// <summary>device.map of GRUB, empty where there is none.</summary>
    public string DeviceMap { get; init; } = string.Empty;

    /// <summary>/etc/lvm/lvm.conf without its comments.</summary>
    public string LvmConfiguration { get; init; } = string.Empty;

    /// <summary><c>root=/dev/…</c> and <c>resume=/dev/…</c> as the boot loader's files have them, each once.</summary>
    public IReadOnlyList<string> BootDevices { get; init; } = [];

    /// <summary>What lies in /boot as a kernel.</summary>
    public IReadOnlyList<GuestKernel> Kernels { get; init; } = [];

    /// <summary>Which of <see cref="GuestFactsReader.Programs"/> are there.</summary>
    public IReadOnlySet<string> Programs { get; init; } = new HashSet<string>();

    /// <summary>Names of the boot loader's configuration files where virt-v2v looks for one: <c>grub.cfg</c>, <c>grub.conf</c>, <c>menu.lst</c>; null where nobody looked.</summary>
    public IReadOnlyList<string>? BootLoaders { get; init; }

    /// <summary>What could not be looked at, one clause each.</summary>
    public IReadOnlyList<string> Unread { get; init; } = [];

    /// <summary>Whether it is a Linux.</summary>
    public bool IsLinux => Systems.OsType == "linux";

    /// <summary>Whether it is a Windows.</summary>
    public bool IsWindows => Systems.OsType == "windows";

    /// <summary>Whether it is of Debian's family, as virt-v2v sees that.</summary>
    public bool IsDebian => IsLinux && Systems.Distro is "debian" or "ubuntu" or "linuxmint" or "kalilinux";

    /// <summary>Whether files of it could be read at all.</summary>
    public bool HasRoot => Mounts.Any(m => m.Path == "/");

    /// <summary>The UUID of the root file system; empty where it has none.</summary>
    public string RootUuid => Systems.Mounts.FirstOrDefault(m => m.Path == "/")?.Uuid ?? string.Empty;
}

/// <summary>A mounted file system.</summary>
/// <param name="Path">Where the guest mounts it.</param>
/// <param name="Uuid">Its UUID; empty where it has none.</param>
/// <param name="FreeBytes">Free space in bytes, what is reserved for root included: statvfs(3) f_bfree.</param>
/// <param name="Inodes">How many inodes it has; 0 where it does not count them.</param>
/// <param name="FreeInodes">How many are free.</param>
internal sealed record GuestMount(string Path, string Uuid, long FreeBytes, long Inodes, long FreeInodes);

/// <summary>A kernel in /boot.</summary>
/// <param name="Version">What follows <c>vmlinuz-</c>.</param>
/// <param name="HasModules">Whether /lib/modules has a directory of that version.</param>
/// <param name="HasInitramfs">Whether /boot has an initramfs for it.</param>
/// <param name="IsPackaged">Whether a package of dpkg's is named after it: those of RPM are not asked for.</param>
/// <param name="Virtio">Which of <see cref="GuestFactsReader.Modules"/> it has, as modules or built in.</param>
internal sealed record GuestKernel(string Version, bool HasModules, bool HasInitramfs, bool IsPackaged, IReadOnlySet<string> Virtio);
