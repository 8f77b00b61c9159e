namespace Sealift.Bench.Copies;

/// <summary>How much data each row has, in bytes, and how long it may take.</summary>
internal sealed record Sizes
{
    public const long MiB = 1L << 20, GiB = 1L << 30, TiB = 1L << 40;

    /// <summary>Enough that starting a program does not count, and little enough that all of it stays in the page cache of a machine with 24 GiB.</summary>
    public static Sizes Full { get; } = new();

    /// <summary>To see that everything works.</summary>
    public static Sizes Small { get; } = new()
    {
        Hash = 64 * MiB, Copy = 64 * MiB, Image = 32 * MiB, Nbd = 32 * MiB, SparseData = 16 * MiB, SparsePieces = 16, SparseLength = 16 * GiB, EachOfTen = 8 * MiB,
        GrowthDense = [16 * MiB], GrowthLargeDense = [64 * MiB], GrowthLargest = 128 * MiB, GrowthSparse = [4 * GiB], GrowthLargeSparse = [16 * GiB], GrowthServed = 64 * GiB,
        RateSeconds = 1, HelpRuns = 5, SparseLimit = TimeSpan.FromSeconds(10),
    };

    public long Hash { get; init; } = 4 * GiB;

    public long Copy { get; init; } = 2 * GiB;

    public long Image { get; init; } = 1 * GiB;

    public long Nbd { get; init; } = 512 * MiB;

    public long SparseData { get; init; } = 1 * GiB;

    public int SparsePieces { get; init; } = 1024;

    public long SparseLength { get; init; } = 1 * TiB;

    public long EachOfTen { get; init; } = 512 * MiB;

    public IReadOnlyList<long> GrowthDense { get; init; } = [1 * GiB, 4 * GiB];

    /// <summary>What <c>--large</c> adds to them: lengths that no page cache of a small machine holds.</summary>
    public IReadOnlyList<long> GrowthLargeDense { get; init; } = [16 * GiB];

    /// <summary>What <c>--large</c> adds where there is room for it.</summary>
    public long GrowthLargest { get; init; } = 64 * GiB;

    /// <summary>Lengths of sparse files.</summary>
    public IReadOnlyList<long> GrowthSparse { get; init; } = [1 * TiB];

    /// <summary>What <c>--large</c> adds to them.</summary>
    public IReadOnlyList<long> GrowthLargeSparse { get; init; } = [16 * TiB];

    /// <summary>Length of a sparse disk that no common file system holds as a file, and that an NBD server offers.</summary>
    public long GrowthServed { get; init; } = 64 * TiB;

    /// <summary>How long openssl measures its rate, in seconds.</summary>
    public int RateSeconds { get; init; } = 2;

    public int HelpRuns { get; init; } = 20;

    /// <summary>How long one run may take.</summary>
    public TimeSpan RunLimit { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long one run may take where most of the disk is a hole: many times what its data take.</summary>
    public TimeSpan SparseLimit { get; init; } = TimeSpan.FromSeconds(25);

    /// <summary>No further run of a comparison is begun after so long: five runs that take a minute each are not worth the wait.</summary>
    public TimeSpan DuelLimit { get; init; } = TimeSpan.FromSeconds(150);

    /// <summary>A length for people: 4 GiB.</summary>
    public static string Text(long lengthBytes) => lengthBytes switch
    {
        >= TiB when lengthBytes % TiB == 0 => $"{lengthBytes / TiB} TiB",
        >= GiB when lengthBytes % GiB == 0 => $"{lengthBytes / GiB} GiB",
        _ => $"{lengthBytes / MiB} MiB",
    };
}
