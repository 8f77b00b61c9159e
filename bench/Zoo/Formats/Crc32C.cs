using System.Numerics;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>Castagnoli's CRC, which XFS and Btrfs use.</summary>
internal static class Crc32C
{
    /// <summary>Goes on with one, neither inverted at its start nor at its end.</summary>
    public static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }

    /// <summary>Of these bytes, as most write it: inverted at both ends.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => ~Continue(uint.MaxValue, bytes);
}
