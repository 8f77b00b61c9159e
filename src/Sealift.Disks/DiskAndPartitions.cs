using System.Globalization;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>Which block devices have bytes in common, as far as partitions make it so: by the <c>partition</c> and <c>dev</c> of <c>/sys/dev/block/MAJOR:MINOR</c>.</summary>
internal static class DiskAndPartitions
{
    /// <summary>The numbers of a device, of the disk that it is a partition of, and of its own partitions.</summary>
    /// <param name="device">The device, as <see cref="FileFacts.NodeDevice"/> gives it.</param>
    /// <param name="sysfs">The tree that is asked.</param>
    public static IReadOnlySet<ulong> Of(ulong device, string sysfs = "/sys")
    {
        var found = new HashSet<ulong> { device };
        if (DiskOf(device, sysfs) is { } disk) _ = found.Add(disk); // false: it is its own, which cannot be
        try
        {
            foreach (var part in Directory.EnumerateDirectories(Place(device, sysfs)))
                if (File.Exists(Path.Combine(part, "partition")) && Number(Path.Combine(part, "dev")) is { } number) _ = found.Add(number); // false: known already
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Where there is no sysfs, it is known by its own number alone.
        }

        return found;
    }

    /// <summary>The disk that a device is a partition of; null where it is none.</summary>
    public static ulong? DiskOf(ulong device, string sysfs = "/sys")
    {
        var own = Place(device, sysfs);
        try
        {
            return File.Exists($"{own}/partition") && Directory.ResolveLinkTarget(own, returnFinalTarget: true) is { } place ? Number(Path.Combine(Path.GetDirectoryName(place.FullName)!, "dev")) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // where there is no sysfs, the kernel itself refuses what is claimed
        }
    }

    private static string Place(ulong device, string sysfs) => $"{sysfs}/dev/block/{FileFacts.NumberOf(device)}";

    private static ulong? Number(string path)
    {
        var parts = File.ReadAllText(path).Trim().Split(':');
        return parts.Length == 2 && uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor) ? ((ulong)major << 32) | minor : null;
    }
}
