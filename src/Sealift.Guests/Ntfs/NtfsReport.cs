using Sealift.Guests.Checks;

namespace Sealift.Guests.Ntfs;

/// <summary>What the check of one volume came to.</summary>
public sealed record NtfsReport
{
    /// <summary>Whether everything was looked at. False where a limit was reached or the volume could not be followed at all; there is a finding then.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>Whether there is no damage and everything was looked at. A dirty volume can be sound.</summary>
    public bool IsSound => IsComplete && !Observations.Any(o => o.Severity == FindingSeverity.Damage);

    /// <summary>What is on the volume, as far as it could be read.</summary>
    public required NtfsFacts Facts { get; init; }

    /// <summary>What was seen, before it is tied to a device.</summary>
    internal IReadOnlyList<Observation> Observations { get; init; } = [];

    /// <summary>What was seen, tied to a file system.</summary>
    /// <param name="filesystem">Its identity: <see cref="NtfsFacts.SerialNumber"/>, or the disk and the partition where that could not be read.</param>
    /// <param name="device">Where it is, for people.</param>
    public IReadOnlyList<Finding> Findings(string filesystem, string device) => [.. Observations.Select(o => new Finding(o.Class, o.Severity, filesystem, device, o.Text))];
}

/// <summary>What is on a volume. Zero or empty where it could not be read.</summary>
public sealed record NtfsFacts
{
    /// <summary>The serial number as blkid(8) prints it, 16 hexadecimal digits.</summary>
    public string SerialNumber { get; init; } = string.Empty;

    /// <summary>The label, raw: a guest wrote it.</summary>
    public string Label { get; init; } = string.Empty;

    /// <summary>The version of the format: <c>3.1</c> since Windows XP.</summary>
    public string Version { get; init; } = string.Empty;

    /// <summary>Bytes of a cluster.</summary>
    public int ClusterBytes { get; init; }

    /// <summary>Bytes of a file record.</summary>
    public int RecordBytes { get; init; }

    /// <summary>Clusters of the volume.</summary>
    public long Clusters { get; init; }

    /// <summary>Clusters that some attribute claims.</summary>
    public long ClustersInUse { get; init; }

    /// <summary>File records that the $MFT has room for.</summary>
    public long Records { get; init; }

    /// <summary>File records in use, extension records included.</summary>
    public long RecordsInUse { get; init; }

    /// <summary>Files, those of the file system itself included.</summary>
    public long Files { get; init; }

    /// <summary>Directories.</summary>
    public long Directories { get; init; }

    /// <summary>Whether the volume says that Windows had not finished with it: its flag or its log.</summary>
    public bool IsDirty { get; init; }

    /// <summary>Bytes that were read for the check.</summary>
    public long BytesRead { get; init; }
}
