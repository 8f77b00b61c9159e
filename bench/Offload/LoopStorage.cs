using System.Globalization;
using Sealift.Bench.Copies;

namespace Sealift.Bench.Offloads;

/// <summary>A file system on a loop device, mounted in the mount namespace of this process alone: it goes with it.</summary>
/// <param name="clock">Runs what is needed.</param>
/// <param name="scratch">Where it lies.</param>
/// <param name="name">What it is called.</param>
internal sealed class LoopStorage(Clock clock, Scratch scratch, string name) : IStorage
{
    private const int SectorBytes = 512; // of /sys/block/*/stat, whatever the device has
    private string device = string.Empty;

    /// <summary>Where it is mounted, from the scratch directory.</summary>
    public string Point => name;

    /// <summary>Makes and mounts it.</summary>
    public async Task MountAsync(string make, long lengthBytes, CancellationToken cancel)
    {
        _ = await clock.RunAsync($"mkdir {name} && truncate -s {lengthBytes} {name}.img && {make} {name}.img", cancel); // nothing of what it says is needed
        device = (await clock.RunAsync($"losetup --find --show --direct-io=on {name}.img", cancel)).Trim();
        _ = await clock.RunAsync($"mount {device} {name}", cancel); // likewise
    }

    /// <summary>Takes the page cache of it away: whatever is read afterwards comes from the device.</summary>
    public async Task PrepareAsync(CancellationToken cancel) => _ = await clock.RunAsync($"umount {name} && mount {device} {name}", cancel); // says nothing

    /// <inheritdoc/>
    public async Task<(long ReadBytes, long WrittenBytes)> MovedAsync(CancellationToken cancel)
    {
        _ = await clock.RunAsync($"sync -f {name}", cancel); // says nothing
        var fields = (await clock.RunAsync($"cat /sys/block/{Path.GetFileName(device)}/stat", cancel)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return (long.Parse(fields[2], CultureInfo.InvariantCulture) * SectorBytes, long.Parse(fields[6], CultureInfo.InvariantCulture) * SectorBytes);
    }

    public async ValueTask DisposeAsync()
    {
        if (device.Length > 0) _ = await clock.RunAsync($"umount {name}; losetup -d {device}; rm {name}.img", CancellationToken.None); // its exit code is the last one's; the namespace takes what stays
        scratch.Remove(name);
    }
}
