namespace Sealift.Guests.Ntfs;

/// <summary>What a check may take. A volume that would need more is reported as not checked to its end, never as clean.</summary>
public sealed record NtfsLimits
{
    /// <summary>The defaults.</summary>
    public static NtfsLimits Default { get; } = new();

    /// <summary>
    /// Bytes for the tables that grow with the volume: one bit for each cluster and <see cref="RecordTable.BytesPerRecord"/> bytes for
    /// each file record. Half a gigabyte holds the tables of 2 TiB with 4 KiB clusters and twenty million files.
    /// </summary>
    public long MaximumTableBytes { get; init; } = 512L << 20;

    /// <summary>How many texts each class of finding keeps; the rest is counted.</summary>
    public int TextsPerClass { get; init; } = 20;
}
