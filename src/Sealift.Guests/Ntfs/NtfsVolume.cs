namespace Sealift.Guests.Ntfs;

/// <summary>What every check of one volume needs: its bytes, its geometry, and where findings go.</summary>
internal sealed class NtfsVolume(VolumeBytes bytes, BootSector boot, NtfsFindings findings, NtfsLimits limits)
{
    public VolumeBytes Bytes { get; } = bytes;

    public BootSector Boot { get; } = boot;

    public NtfsFindings Findings { get; } = findings;

    public NtfsLimits Limits { get; } = limits;

    public CancellationToken Cancel => Bytes.Cancel;

    /// <summary>Whether the volume or its log says that Windows had not finished with it. What is then merely late is no damage.</summary>
    public bool IsDirty { get; set; }

    /// <summary>The version, as ten times the major plus the minor one; 0 where it is not known.</summary>
    public int Version { get; set; }

    /// <summary>How a system file is called; the number of any other record.</summary>
    public static string NameOf(long record) => record switch
    {
        0 => "record 0 ($MFT)",
        1 => "record 1 ($MFTMirr)",
        2 => "record 2 ($LogFile)",
        3 => "record 3 ($Volume)",
        4 => "record 4 ($AttrDef)",
        5 => "record 5 (root directory)",
        6 => "record 6 ($Bitmap)",
        7 => "record 7 ($Boot)",
        8 => "record 8 ($BadClus)",
        9 => "record 9 ($Secure)",
        10 => "record 10 ($UpCase)",
        11 => "record 11 ($Extend)",
        _ => $"record {record}",
    };
}
