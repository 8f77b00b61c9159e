using Sealift.Guests.Lint;

namespace Sealift.Cli.Terminal;

/// <summary>What to do about what keeps a guest from being converted, or from starting on KVM; docs/preflight.md says more.</summary>
internal static class PreflightAdvice
{
    private static readonly Dictionary<string, string> Advice = new()
    {
        [PreflightClasses.NoOperatingSystem] = "If it is a machine that only holds data, migrate it with --no-convert; if a disk of it was left out, name that as well",
        [PreflightClasses.UnsupportedGuest] = "Put drivers for virtio into the guest yourself, or give the new machine devices that it knows (--bus, --nic), and migrate it with --no-convert",
        [PreflightClasses.NoSpace] = "Free space on it in the source machine ('apt-get clean' or 'dnf clean all', old kernels, logs), and check again",
        [PreflightClasses.LowSpace] = "Free space on it in the source machine: the conversion may still run out of it",
        [PreflightClasses.NoInodes] = "Delete files that nobody needs on it in the source machine ('df -i' shows how many inodes are free), and check again",
        [PreflightClasses.CannotMount] = "In the source machine, run 'mount -a' and mend what fails, or take the line out of /etc/fstab; see that its directory is there",
        [PreflightClasses.UnknownDevice] = "In the source machine, write UUID=… in its place, as 'blkid' shows it ('lsblk -f' shows what is where), or take the line out",
        [PreflightClasses.FstabDevice] = "In the source machine, write UUID=… in its place in /etc/fstab, as 'blkid' shows it",
        [PreflightClasses.RenamedDevice] = "Nothing has to be done, if the disks were given in the machine's own order; UUID=… in its place is right in any order",
        [PreflightClasses.MissingDevice] = "If a disk of the machine was left out, name it as well; otherwise take the line out of /etc/fstab, or add the option nofail",
        [PreflightClasses.CrypttabDevice] = "In the source machine, write UUID=… in its place in /etc/crypttab, as 'blkid' shows it, and make the initramfs anew",
        [PreflightClasses.BootDevice] = "In the source machine, write UUID=… in its place in /etc/default/grub (or take GRUB_DISABLE_LINUX_UUID out) and run 'update-grub' or 'grub2-mkconfig'",
        [PreflightClasses.LvmFilter] = "In the source machine, take the filter out of /etc/lvm/lvm.conf, or let it accept all disks, and make the initramfs anew",
        [PreflightClasses.NoKernel] = "Install a kernel package of the distribution in the source machine, and check again",
        [PreflightClasses.KernelModules] = "Remove the kernel in the source machine, or install its package again, and see that the boot loader does not start it",
        [PreflightClasses.NoVirtio] = "Install the distribution's usual kernel in the source machine, and see that the boot loader starts it",
        [PreflightClasses.SeveralKernels] = "Nothing, where its boot loader starts the newest, as it does by default (GRUB_DEFAULT=0); otherwise restart the source machine into its newest kernel and remove the others ('apt-get autoremove --purge'). The boot proof shows which starts",
        [PreflightClasses.NoInitramfs] = "Make it in the source machine ('update-initramfs -c -k VERSION' or 'dracut --kver VERSION'), or remove that kernel, and check again",
        [PreflightClasses.InitramfsTool] = "Install it in the source machine (initramfs-tools or dracut), and check again",
        [PreflightClasses.NoBootLoader] = "Install GRUB in the source machine, with its configuration in /boot (and, for UEFI, the EFI system partition on /boot/efi)",
        [PreflightClasses.NoWindowsDrivers] = "Put the virtio-win drivers on this host (package virtio-win, or its ISO named by VIRTIO_WIN)",
        [PreflightClasses.NoFirstBoot] = "Put rhsrvany.exe there (it is in Fedora's package mingw-srvany-redistributable), or remove VMware Tools in the source machine",
        [PreflightClasses.BitLocker] = "In the source machine, suspend or switch off BitLocker ('manage-bde -off C:'), or keep the recovery key at hand",
        [PreflightClasses.DynamicDisk] = "Have a backup, and turn it into a basic disk in the source machine where Windows starts from it",
        [PreflightClasses.VmwareTools] = "Nothing has to be done",
        [PreflightClasses.NotLookedAt] = "Look at it in the source machine yourself: nothing was found there because nobody looked",
        ["multi-boot"] = "virt-v2v converts a machine with one operating system: take the disk of the other one out, or migrate it as it is",
        ["ntfs.hibernated"] = "Start Windows, switch hibernation and Fast Startup off ('powercfg /h off'), and shut it down",
        ["ntfs.fast-startup"] = "Start Windows, switch hibernation and Fast Startup off ('powercfg /h off'), and shut it down",
    };

    /// <summary>One sentence.</summary>
    public static string Of(string findingClass) => Advice.GetValueOrDefault(findingClass, "See docs/preflight.md");

    /// <summary>The classes that have one of their own.</summary>
    internal static IReadOnlyCollection<string> Classes => Advice.Keys;
}
