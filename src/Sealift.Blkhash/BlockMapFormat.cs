using System.IO.Hashing;

namespace Sealift.Blkhash;

/// <summary>The constants of docs/formats/block-map.md that more than one part of the format uses.</summary>
internal static class BlockMapFormat
{
    public const uint Version = 1;

    /// <summary>Everything starts at a multiple of it, so that a torn write can only hurt what was being written.</summary>
    public const int AlignmentBytes = 4096;

    /// <summary>Two headers, written in turn.</summary>
    public const int HeaderBytes = 4096;

    /// <summary>The first byte after the two headers.</summary>
    public const long BodyOffset = 2 * HeaderBytes;

    /// <summary>4096 leaves of 32 bytes are 128 KiB on disk and describe 256 MiB: few enough writes, small enough to rewrite.</summary>
    public const int PageBlocks = 4096;

    /// <summary>2³² blocks (256 TiB in blocks of 64 KiB) are 2²⁰ pages, whose entries take 24 MiB of memory: the bound on what a hostile header can cost.</summary>
    public const long MaximumBlocks = 1L << 32;

    /// <summary>What guards headers, index and pages against damage: XXH64 with seed 0. It is no defence against a forger; the seal is.</summary>
    public static ulong Checksum(ReadOnlySpan<byte> bytes) => XxHash64.HashToUInt64(bytes);

    public static long RoundUp(long bytes) => (bytes + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes;
}
