namespace Sealift.Guests.Lint;

/// <summary>A class of what is found before a migration.</summary>
/// <param name="Name">Its stable name, which a waiver can use.</param>
/// <param name="Worst">The most that it weighs; docs/preflight.md says when it weighs less.</param>
public sealed record PreflightClass(string Name, FindingSeverity Worst);

/// <summary>Every class that <see cref="LintScope"/> adds. The names never change; docs/preflight.md has the same list, and a test compares them.</summary>
public static class PreflightClasses
{
    /// <summary>What all of their names begin with.</summary>
    public const string Prefix = "preflight.";

    /// <summary>Less space than the conversion asks for.</summary>
    public const string NoSpace = "preflight.no-space";

    /// <summary>Less space than virt-v2v's manual asks for, and enough for its check.</summary>
    public const string LowSpace = "preflight.low-space";

    /// <summary>Fewer inodes than the conversion asks for.</summary>
    public const string NoInodes = "preflight.no-inodes";

    /// <summary>The guest names a device, as virt-v2v's table of device names does not know it.</summary>
    public const string UnknownDevice = "preflight.unknown-device";

    /// <summary>/etc/fstab names a device by a name that it will not have.</summary>
    public const string FstabDevice = "preflight.fstab-device";

    /// <summary>/etc/fstab names a device by a name that the conversion changes.</summary>
    public const string RenamedDevice = "preflight.renamed-device";

    /// <summary>/etc/fstab names what no disk of the machine has.</summary>
    public const string MissingDevice = "preflight.missing-device";

    /// <summary>/etc/crypttab names a device by a name that it will not have.</summary>
    public const string CrypttabDevice = "preflight.crypttab-device";

    /// <summary>A boot loader hands the kernel a device by a name that it will not have.</summary>
    public const string BootDevice = "preflight.boot-device";

    /// <summary>LVM looks for its volumes by such a name.</summary>
    public const string LvmFilter = "preflight.lvm-filter";

    /// <summary>A file system that the guest mounts cannot be mounted.</summary>
    public const string CannotMount = "preflight.cannot-mount";

    /// <summary>No kernel that can be converted.</summary>
    public const string NoKernel = "preflight.no-kernel";

    /// <summary>A kernel without its modules.</summary>
    public const string KernelModules = "preflight.kernel-modules";

    /// <summary>A kernel without drivers for virtio.</summary>
    public const string NoVirtio = "preflight.no-virtio";

    /// <summary>Several kernels, and no tool that says which of them starts.</summary>
    public const string SeveralKernels = "preflight.several-kernels";

    /// <summary>A kernel without an initramfs.</summary>
    public const string NoInitramfs = "preflight.no-initramfs";

    /// <summary>No tool that makes one.</summary>
    public const string InitramfsTool = "preflight.initramfs-tool";

    /// <summary>No boot loader that virt-v2v knows.</summary>
    public const string NoBootLoader = "preflight.no-boot-loader";

    /// <summary>No operating system.</summary>
    public const string NoOperatingSystem = "preflight.no-operating-system";

    /// <summary>An operating system that virt-v2v does not convert.</summary>
    public const string UnsupportedGuest = "preflight.unsupported-guest";

    /// <summary>This host has no drivers for this Windows.</summary>
    public const string NoWindowsDrivers = "preflight.no-windows-drivers";

    /// <summary>This host has nothing that runs scripts at the first start of a Windows, and there are some to run.</summary>
    public const string NoFirstBoot = "preflight.no-first-boot";

    /// <summary>A volume that BitLocker encrypts.</summary>
    public const string BitLocker = "preflight.bitlocker";

    /// <summary>A dynamic disk of Windows.</summary>
    public const string DynamicDisk = "preflight.dynamic-disk";

    /// <summary>VMware's tools are installed.</summary>
    public const string VmwareTools = "preflight.vmware-tools";

    /// <summary>Something that should have been looked at was not.</summary>
    public const string NotLookedAt = "preflight.not-looked-at";

    /// <summary>All of them, in the order of the page.</summary>
    public static IReadOnlyList<PreflightClass> All { get; } =
    [
        new(NoOperatingSystem, FindingSeverity.Obstacle),
        new(UnsupportedGuest, FindingSeverity.Obstacle),
        new(NoSpace, FindingSeverity.Obstacle),
        new(LowSpace, FindingSeverity.Warning),
        new(NoInodes, FindingSeverity.Obstacle),
        new(CannotMount, FindingSeverity.Obstacle),
        new(UnknownDevice, FindingSeverity.Obstacle),
        new(FstabDevice, FindingSeverity.Warning),
        new(RenamedDevice, FindingSeverity.Note),
        new(MissingDevice, FindingSeverity.Warning),
        new(CrypttabDevice, FindingSeverity.Warning),
        new(BootDevice, FindingSeverity.Warning),
        new(LvmFilter, FindingSeverity.Warning),
        new(NoKernel, FindingSeverity.Obstacle),
        new(KernelModules, FindingSeverity.Warning),
        new(NoVirtio, FindingSeverity.Warning),
        new(SeveralKernels, FindingSeverity.Warning),
        new(NoInitramfs, FindingSeverity.Obstacle),
        new(InitramfsTool, FindingSeverity.Obstacle),
        new(NoBootLoader, FindingSeverity.Obstacle),
        new(NoWindowsDrivers, FindingSeverity.Obstacle),
        new(NoFirstBoot, FindingSeverity.Obstacle),
        new(BitLocker, FindingSeverity.Warning),
        new(DynamicDisk, FindingSeverity.Warning),
        new(VmwareTools, FindingSeverity.Note),
        new(NotLookedAt, FindingSeverity.Warning),
    ];
}
