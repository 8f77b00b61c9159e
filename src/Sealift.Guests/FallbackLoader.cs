using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>
/// The boot loader that UEFI starts where its variables name none: <c>\EFI\BOOT\BOOTX64.EFI</c> of an EFI system partition (UEFI 2.10,
/// 3.5.1.1). A machine's variables do not move with its disks, and most distributions rely on them alone.
/// </summary>
internal static class FallbackLoader
{
    // FAT as Linux mounts it finds names whatever their case.
    private const string FallbackPath = "EFI/BOOT/BOOTX64.EFI";

    /// <summary>Whether any EFI system partition has it; only looked at, in the throwaway layer.</summary>
    public static async Task<bool> IsThereAsync(Appliance appliance, IReadOnlyList<BlockDevice> devices, CancellationToken cancel)
    {
        foreach (var partition in devices.Where(d => d.IsEfiSystemPartition))
        {
            var look = await appliance.ShellAsync($"look for a boot loader on {partition.Description}", Mounted(partition, "ro", $"[ -s {FallbackPath} ]"), cancel);
            if (look.ExitCode == 0) return true;
        }

        return false;
    }

    /// <summary>
    /// Puts the guest's own boot loader there, with what stands beside it, as "grub-install --force-extra-removable" does: the shim
    /// where there is one, or else GRUB or systemd-boot. What is there already is left alone.
    /// </summary>
    /// <returns>Null, or why that was not possible.</returns>
    /// <exception cref="SealiftException">SL5001 to SL5004: the appliance failed.</exception>
    public static async Task<string?> AddAsync(IReadOnlyList<GuestDrive> drives, GuestOptions options, ToolLog log, ScratchDirectory scratch, CancellationToken cancel)
    {
        await using var appliance = await Appliance.StartAsync(drives, options, log, scratch, cancel, writable: true);
        var devices = await BlockDevices.FindAsync(appliance, drives, options.LogPath, cancel);
        string? problem = "there is no EFI system partition";
        foreach (var partition in devices.Where(d => d.IsEfiSystemPartition))
        {
            var copy = await appliance.ShellAsync($"add a boot loader to {partition.Description}", Mounted(partition, "rw", $$"""
                if [ ! -s {{FallbackPath}} ]; then
                    for loader in EFI/*/shimx64.efi EFI/*/grubx64.efi EFI/systemd/systemd-bootx64.efi; do [ -s "$loader" ] && break; done
                    [ -s "$loader" ] || { echo 'no shim, GRUB or systemd-boot for x86-64 was found'; exit 1; }
                    mkdir -p EFI/BOOT &&
                    for beside in grubx64.efi mmx64.efi fbx64.efi; do
                        [ ! -s "${loader%/*}/$beside" ] || [ -s EFI/BOOT/$beside ] || cp "${loader%/*}/$beside" EFI/BOOT/$beside || exit 1
                    done &&
                    cp "$loader" {{FallbackPath}} && cmp "$loader" {{FallbackPath}} || exit 1
                fi
                """), cancel);
            problem = copy.ExitCode == 0 ? null : GuestText.Finding(copy.Output);
            if (problem is null) break;
        }

        // Its errors count: this is what brings the bytes into the overlay.
        await appliance.CommandAsync("write the boot loader to the disk", "sync\nshutdown", cancel);
        await appliance.CloseAsync(cancel);
        return problem;
    }

    private static string Mounted(BlockDevice partition, string mode, string script) => $$"""
        mkdir -p /tmp/sealift-esp && mount -t vfat -o {{mode}},nosuid,nodev,noexec {{partition.Path}} /tmp/sealift-esp || exit 1
        ( cd /tmp/sealift-esp || exit 1
        {{script}}
        )
        code=$?
        umount /tmp/sealift-esp && exit $code
        """;
}
