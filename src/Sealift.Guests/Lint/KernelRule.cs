namespace Sealift.Guests.Lint;

/// <summary>The kernels of a Linux: whether virt-v2v finds one (linux_kernels.ml), whether it has drivers for virtio, and what makes its initramfs (convert_linux.ml, rebuild_initrd).</summary>
internal sealed class KernelRule : LintRule
{
    public override IEnumerable<Finding> Look(GuestFacts facts)
    {
        if (!facts.ForConversion || facts.Inside is not { IsLinux: true, HasRoot: true, BootLoaders: not null } inside || !GuestSupportRule.IsSupported(inside.Systems, facts)) yield break;
        var usable = inside.Kernels.Where(k => k.HasModules && (k.IsPackaged || !inside.IsDebian)).ToList();
        if (usable.Count == 0)
            yield return OfRoot(facts, PreflightClasses.NoKernel, FindingSeverity.Obstacle, Listed("/boot has no kernel that virt-v2v takes: one of an installed package, with its modules in /lib/modules", [.. inside.Kernels.Select(Describe)]));

        var bare = inside.Kernels.Where(k => !k.HasModules && !k.Version.Contains("rescue", StringComparison.Ordinal)).ToList();
        if (bare.Count > 0 && usable.Count > 0)
            yield return OfRoot(facts, PreflightClasses.KernelModules, FindingSeverity.Warning, Listed("Kernels in /boot have no modules in /lib/modules; the new machine does not start with them:", [.. bare.Select(k => k.Version)]));

        var emulated = usable.Where(k => !k.Virtio.Contains("virtio_net") || !(k.Virtio.Contains("virtio_blk") || k.Virtio.Contains("virtio_scsi"))).ToList();
        if (emulated.Count > 0)
            yield return OfRoot(facts, PreflightClasses.NoVirtio, FindingSeverity.Warning, Listed(emulated.Count == usable.Count ? "No kernel has the drivers virtio_blk and virtio_net: the new machine gets slow emulated devices" : "Kernels without the drivers virtio_blk and virtio_net; the new machine does not start with them:", [.. emulated.Select(k => k.Version)]));

        foreach (var finding in Initramfs(facts, inside, usable)) yield return finding;

        // virt-v2v prepares the best of them and then has to say that it cannot make it the one that starts: ConversionWarnings weighs that the same.
        if (usable.Count > 1 && inside.BootLoaders.Contains("grub.cfg") && !inside.Programs.Contains("/sbin/grubby") && !inside.Programs.Contains(GuestFactsReader.PerlBootLoader))
            yield return OfRoot(facts, PreflightClasses.SeveralKernels, FindingSeverity.Warning, Listed("There are several kernels and no tool by which virt-v2v chooses the one that starts: it prepares the newest, and the boot loader may be set to start another:", [.. usable.Select(k => k.Version)]));

        if (inside.BootLoaders.Count == 0)
            yield return OfRoot(facts, PreflightClasses.NoBootLoader, FindingSeverity.Obstacle, "There is no grub.cfg, grub.conf or menu.lst where virt-v2v looks for one: below /boot, and of a machine that boots by UEFI below /boot/efi/EFI");
    }

    private static IEnumerable<Finding> Initramfs(GuestFacts facts, GuestInside inside, List<GuestKernel> usable)
    {
        var without = usable.Where(k => !k.HasInitramfs).ToList();
        // Which kernels RPM owns was not asked; of Debian's, virt-v2v complains of each.
        if (without.Count > 0)
            yield return OfRoot(facts, PreflightClasses.NoInitramfs, inside.IsDebian ? FindingSeverity.Obstacle : FindingSeverity.Warning, Listed("Kernels in /boot have no initramfs there, and virt-v2v only renews one that is there:", [.. without.Select(k => k.Version)]));
        if (usable.Exists(k => k.HasInitramfs) && MissingTool(inside) is { } tool)
            yield return OfRoot(facts, PreflightClasses.InitramfsTool, FindingSeverity.Obstacle, $"The guest has no {tool}, and virt-v2v has to make its initramfs anew, with drivers for virtio in it");
    }

    /// <summary>The tool that virt-v2v would take and does not find; null where there is one. It asks in this order.</summary>
    private static string? MissingTool(GuestInside inside)
    {
        if (inside.Programs.Contains("/sbin/dracut") || inside.Programs.Contains("/usr/bin/dracut")) return null;
        if (inside.IsDebian) return inside.Programs.Contains("/usr/sbin/update-initramfs") ? null : "update-initramfs";
        return inside.Programs.Contains("/usr/sbin/make-initrd") || inside.Programs.Contains("/sbin/mkinitrd") ? null : "dracut or mkinitrd";
    }

    private static string Describe(GuestKernel k) => $"{k.Version}: {(k.HasModules ? "no package of that name is installed" : "no /lib/modules of that name")}";
}
