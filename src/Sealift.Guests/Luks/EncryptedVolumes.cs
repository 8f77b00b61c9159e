using System.Globalization;
using Sealift.Posix;

namespace Sealift.Guests.Luks;

/// <summary>Opens encrypted volumes in the appliance, read as they are, also those inside of others' logical volumes.</summary>
internal sealed class EncryptedVolumes(Appliance appliance, IReadOnlyList<VolumeKey> keys, GuestOptions options)
{
    // A volume in a volume in a volume: each round opens what the one before showed.
    private const int RoundLimit = 8;
    private const int NoKeyFits = 2; // cryptsetup(8), "RETURN CODES"

    private readonly HashSet<string> tried = [];
    private readonly List<string> opened = [];

    /// <summary>The UUIDs of those that were opened.</summary>
    public IReadOnlyList<string> Opened => opened;

    /// <summary>Opens whatever the keys are for.</summary>
    /// <param name="devices">What the appliance sees before.</param>
    /// <param name="look">Looks again.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>What it sees after.</returns>
    /// <exception cref="SealiftException">SL5012: no key fits a volume that it is for; SL5013: there is no volume that a key is for.</exception>
    public async Task<IReadOnlyList<BlockDevice>> OpenAsync(IReadOnlyList<BlockDevice> devices, Func<Task<IReadOnlyList<BlockDevice>>> look, CancellationToken cancel)
    {
        if (keys.Count == 0) return devices;
        // In its memory, never in the layers above the disks, which are files of this host.
        var commands = string.Join('\n', keys.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"upload /dev/fd/{ChildSecret.LowestDescriptor + i} /{i}")));
        await appliance.CommandAsync("hand over the keys", $"debug sh {Appliance.Quote("mount -t tmpfs -o mode=0700 sealift-keys /sysroot")}\n{commands}", cancel);
        for (var round = 0; round < RoundLimit; round++)
        {
            var locked = devices.Where(d => d.Type == "crypto_LUKS" && !tried.Contains(d.Place) && keys.Any(k => k.IsFor(d.Uuid))).ToList();
            if (locked.Count == 0) break;
            foreach (var device in locked) await OpenAsync(device, cancel);
            devices = await look();
        }

        await appliance.CommandAsync("take the keys away", $"debug sh {Appliance.Quote("umount /sysroot")}", cancel);
        if (keys.FirstOrDefault(k => k.Selector != VolumeKey.AnyVolume && !devices.Any(d => d.Type == "crypto_LUKS" && k.IsFor(d.Uuid))) is { } lost) throw GuestsErrors.NoSuchVolume(lost.Selector);
        return devices;
    }

    private async Task OpenAsync(BlockDevice device, CancellationToken cancel)
    {
        tried.Add(device.Place);
        // The name shows in what stands on it, before the conversion as after it.
        var name = device.Uuid.Length > 0 ? $"luks-{device.Uuid}" : $"luks-{device.KernelName}";
        var fits = Enumerable.Range(0, keys.Count).Where(i => keys[i].IsFor(device.Uuid)).OrderBy(i => keys[i].Selector == VolumeKey.AnyVolume);
        var result = await appliance.ShellAsync(
            $"open {device.Description}",
            $"for key in {string.Join(' ', fits.Select(i => i.ToString(CultureInfo.InvariantCulture)))}; do cryptsetup open --type luks --batch-mode --key-file /sysroot/$key {device.Path} {name}; rc=$?; [ $rc = {NoKeyFits} ] || break; done; udevadm settle; exit $rc",
            cancel);
        if (result.ExitCode == NoKeyFits) throw GuestsErrors.WrongKey(device.Description, device.Uuid, options.LogPath);
        // Anything else is the volume's fault: it stays closed, and what is said of it is that it was not checked.
        if (result.ExitCode == 0) opened.Add(device.Uuid);
    }
}
