namespace Sealift.Guests.Ntfs;

/// <summary>The classes of findings. They are names that waivers use, and never change.</summary>
internal static class NtfsClasses
{
    public const string BootSector = "ntfs.boot-sector";
    public const string BootSectorCopy = "ntfs.boot-sector-copy";
    public const string MftMirror = "ntfs.mft-mirror";
    public const string MftBitmap = "ntfs.mft-bitmap";
    public const string Record = "ntfs.record";
    public const string Attribute = "ntfs.attribute";
    public const string AttributeList = "ntfs.attribute-list";
    public const string Runlist = "ntfs.runlist";
    public const string ClusterBitmap = "ntfs.cluster-bitmap";
    public const string Index = "ntfs.index";
    public const string FileName = "ntfs.file-name";
    public const string Security = "ntfs.security";
    public const string SystemFile = "ntfs.system-file";
    public const string UpCase = "ntfs.upcase";
    public const string Log = "ntfs.log";

    /// <summary>Bounds are kept and nothing disagrees, and yet nobody writes such a value. A class of its own, so that it can be waived by itself.</summary>
    public const string Implausible = "ntfs.implausible";

    /// <summary>A note: Windows had not finished with the volume.</summary>
    public const string Dirty = "ntfs.dirty";

    /// <summary>A note: clusters are marked used that nothing claims, where a dirty volume explains it.</summary>
    public const string LeakedClusters = "ntfs.leaked-clusters";

    /// <summary>A note: the root directory has the memory image of a Windows that sleeps.</summary>
    public const string Hibernated = "ntfs.hibernated";

    /// <summary>A note: the log is in the form that Windows 8 and newer use while the volume is mounted, also across a fast startup.</summary>
    public const string FastStartup = "ntfs.fast-startup";

    /// <summary>Something could not be looked at: a limit was reached.</summary>
    public const string NotChecked = "ntfs.not-checked";
}
