using System.Numerics;
using System.Runtime.InteropServices;

namespace Sealift.Guests.Ntfs;

/// <summary>One bit for each cluster of the volume: whether some attribute claims it.</summary>
internal sealed class ClusterMap(long clusters)
{
    private readonly ulong[] words = new ulong[(clusters + 63) / 64];

    /// <summary>How many clusters are claimed.</summary>
    public long Claimed { get; private set; }

    /// <summary>How many claims came on top of another.</summary>
    public long Overlapping { get; private set; }

    /// <summary>Claims a run that lies within the volume.</summary>
    /// <param name="first">Its first cluster.</param>
    /// <param name="count">How many.</param>
    /// <param name="firstTaken">The first one that was claimed before; -1 where there is none.</param>
    /// <returns>How many of them were claimed before.</returns>
    public long Claim(long first, long count, out long firstTaken)
    {
        firstTaken = -1;
        var taken = 0L;
        for (long at = first, end = first + count; at < end;)
        {
            var bit = (int)(at & 63);
            var width = (int)Math.Min(64 - bit, end - at);
            var mask = (width == 64 ? ulong.MaxValue : (1UL << width) - 1) << bit;
            ref var word = ref words[at >> 6];
            var both = word & mask;
            if (both != 0)
            {
                if (firstTaken < 0) firstTaken = (at & ~63L) + BitOperations.TrailingZeroCount(both);
                taken += BitOperations.PopCount(both);
            }

            word |= mask;
            at += width;
        }

        Claimed += count - taken;
        Overlapping += taken;
        return taken;
    }

    /// <summary>The claims of a stretch of clusters that starts at a multiple of 64, as bytes with the lowest cluster in the lowest bit: the layout of $Bitmap.</summary>
    public ReadOnlySpan<byte> Bytes(long firstCluster, int count) => MemoryMarshal.AsBytes(words.AsSpan((int)(firstCluster / 64)))[..count];
}
