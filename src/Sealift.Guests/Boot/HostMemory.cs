using System.Globalization;
using Sealift.Posix;

namespace Sealift.Guests.Boot;

/// <summary>The memory of this host.</summary>
internal static class HostMemory
{
    /// <summary>What a new program can have without others being paged out, in bytes: MemAvailable of proc_meminfo(5).</summary>
    /// <exception cref="SealiftException">SL5204: the kernel does not say.</exception>
    public static long AvailableBytes()
    {
        foreach (var line in File.ReadLines("/proc/meminfo"))
        {
            // "MemAvailable:    5123456 kB"
            if (!line.StartsWith("MemAvailable:", StringComparison.Ordinal)) continue;
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 3 && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes)) return kibibytes << 10;
        }

        throw GuestsErrors.MemoryUnknown();
    }
}
