using Sealift.Bench.Copies;
using static Sealift.Bench.Copies.Sizes;

namespace Sealift.Bench.Warm;

/// <summary>How much data each row has, in bytes.</summary>
internal sealed record WarmSizes
{
    /// <summary>Enough that starting a program does not count; all of it stays in the page cache of a machine with 24 GiB.</summary>
    private static readonly WarmSizes Full = new();

    /// <summary>To see that everything works.</summary>
    private static readonly WarmSizes Small = new()
    {
        Disk = 64 * MiB, WritesDivisor = 20, Tebibyte = 16 * GiB, TebibyteData = 16 * MiB, TebibytePieces = 16, TebibyteChanged = 4 * MiB, Changed = 4 * MiB, LieSeeds = 2, QemuLieSeeds = 1,
    };

    /// <summary>A disk full of data.</summary>
    public long Disk { get; private init; } = 4 * GiB;

    /// <summary>What the number of random writes is divided by.</summary>
    public int WritesDivisor { get; private init; } = 1;

    /// <summary>Length of a disk that is mostly a hole.</summary>
    public long Tebibyte { get; private init; } = 1 * TiB;

    public long TebibyteData { get; private init; } = 1 * GiB;

    public int TebibytePieces { get; private init; } = 1024;

    /// <summary>How much of it changes.</summary>
    public long TebibyteChanged { get; private init; } = 100 * MiB;

    /// <summary>How much changes of the disk that is cut over.</summary>
    public long Changed { get; private init; } = 64 * MiB;

    /// <summary>How often a tracker lies in each way.</summary>
    public int LieSeeds { get; private init; } = 20;

    /// <summary>How often a bitmap is cleared in QEMU.</summary>
    public int QemuLieSeeds { get; private init; } = 4;

    public static WarmSizes Of(Options options) => options.Quick ? Small : Full;
}
