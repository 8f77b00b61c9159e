namespace Sealift.Guests.Ntfs;

/// <summary>The numbers of the file system's own files.</summary>
internal static class SystemRecord
{
    public const long Mft = 0;
    public const long MftMirror = 1;
    public const long LogFile = 2;
    public const long Volume = 3;
    public const long AttributeDefinitions = 4;
    public const long Root = 5;
    public const long Bitmap = 6;
    public const long Boot = 7;
    public const long BadClusters = 8;
    public const long Secure = 9;
    public const long UpCase = 10;
    public const long Extend = 11;

    /// <summary>16 … 23 are set aside and not used.</summary>
    public const long FirstSetAside = 16;

    /// <summary>The first record of a file that may have any name and place.</summary>
    public const long FirstOrdinary = 24;
}
