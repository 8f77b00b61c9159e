using Sealift.Rigs;

namespace Sealift.Bench.Warm;

/// <summary>Random writes to the only disk of a running machine, and which leaves they touch: by our own reckoning, which a pass is compared with.</summary>
internal static class Writes
{
    public const int LeafBytes = 64 << 10;

    private const int SectorBytes = 512;

    /// <summary>Writes somewhere, at whole sectors, never zeros.</summary>
    /// <param name="qemu">The machine.</param>
    /// <param name="random">Where, and what.</param>
    /// <param name="diskBytes">The length of its disk.</param>
    /// <param name="count">How often.</param>
    /// <param name="mostBytes">How much at once, a whole number of sectors.</param>
    /// <param name="anyLength">Whether a write may also be shorter.</param>
    /// <param name="alignment">What offsets are multiples of.</param>
    /// <param name="cancel">Stops it.</param>
    /// <returns>Bytes of the leaves that were touched, each counted once.</returns>
    public static async Task<long> SomewhereAsync(RunningQemu qemu, Random random, long diskBytes, int count, int mostBytes, bool anyLength, int alignment, CancellationToken cancel)
    {
        var leaves = new HashSet<long>();
        for (; count > 0; count--)
        {
            var length = anyLength ? random.Next(1, (mostBytes / SectorBytes) + 1) * SectorBytes : mostBytes;
            var offset = random.NextInt64(((diskBytes - length) / alignment) + 1) * alignment;
            await qemu.WriteAsync(0, offset, length, (byte)random.Next(1, 256), cancel);
            for (var leaf = offset / LeafBytes; leaf <= (offset + length - 1) / LeafBytes; leaf++) leaves.Add(leaf);
        }

        return leaves.Count * (long)LeafBytes;
    }
}
