namespace Sealift.VSphere;

/// <summary>What is behind a disk.</summary>
public enum DiskBacking
{
    /// <summary>A file of all of its bytes, thick or thin; or what the changes since a snapshot are in.</summary>
    Flat,

    /// <summary>A file of those blocks that were written (SEsparse), as snapshots have it.</summary>
    SeSparse,

    /// <summary>A file of grains, as hosted products make it.</summary>
    Sparse,

    /// <summary>A LUN of an array, by way of VMware's storage stack (RDM, virtual mode): snapshots and change tracking work.</summary>
    RawVirtual,

    /// <summary>A LUN of an array, past that stack (RDM, physical mode): neither snapshots nor change tracking exist for it.</summary>
    RawPhysical,

    /// <summary>A memory of the host that keeps its content.</summary>
    PersistentMemory,

    /// <summary>Something that is not known here; <see cref="VirtualDisk.BackingKind"/> is what the server calls it.</summary>
    Unknown,
}

/// <summary>A disk of a machine, or of one of its snapshots.</summary>
/// <param name="Key">Its key: opaque, the same in snapshots of the machine.</param>
/// <param name="CapacityBytes">How long it is, in bytes.</param>
/// <param name="Backing">What is behind it.</param>
/// <param name="BackingKind">The same, as the server calls it.</param>
public sealed record VirtualDisk(int Key, long CapacityBytes, DiskBacking Backing, string BackingKind)
{
    /// <summary>What the server's own pages call it: <c>Hard disk 1</c>.</summary>
    public string Label { get; init; } = string.Empty;

    /// <summary>What it hangs on.</summary>
    public int? ControllerKey { get; init; }

    /// <summary>At which place there.</summary>
    public int? Unit { get; init; }

    /// <summary>Its file: <c>[datastore] folder/name.vmdk</c>; empty where there is none.</summary>
    public string File { get; init; } = string.Empty;

    /// <summary>The files below it, from the newest to the oldest: more than none means that the machine has, or had, snapshots.</summary>
    public IReadOnlyList<string> ParentFiles { get; init; } = [];

    /// <summary>The datastore of <see cref="File"/>.</summary>
    public ManagedReference? Datastore { get; init; }

    /// <summary><c>persistent</c>; <c>independent_persistent</c> and others are left out of snapshots.</summary>
    public string Mode { get; init; } = string.Empty;

    /// <summary>Whether snapshots leave it out.</summary>
    public bool IsIndependent => Mode.StartsWith("independent", StringComparison.Ordinal);

    /// <summary><c>sharingNone</c>, or <c>sharingMultiWriter</c>: several machines write to it. Null where the server does not say.</summary>
    public string? Sharing { get; init; }

    /// <summary>Whether several machines may write to it.</summary>
    public bool IsMultiWriter => Sharing == "sharingMultiWriter";

    /// <summary>The point in time since which changes can be asked for: opaque. Null where changes of this disk are not kept track of, or not yet.</summary>
    public string? ChangeId { get; init; }

    /// <summary>The disk's own UUID; null where there is none.</summary>
    public string? Uuid { get; init; }

    /// <summary>Whether it is thin; null where the server does not say.</summary>
    public bool? IsThin { get; init; }

    /// <summary>Whether its files are encrypted.</summary>
    public bool IsEncrypted { get; init; }

    /// <summary>The LUN behind it, where it is one.</summary>
    public string? LunUuid { get; init; }

    /// <summary>Reads a <c>VirtualDisk</c>.</summary>
    internal static VirtualDisk Of(VimElement device)
    {
        var backing = device.Find("backing");
        var kind = backing?.Type ?? string.Empty;
        return new VirtualDisk(MachineDevices.KeyOf(device, "key"), CapacityOf(device), BackingOf(kind, backing), kind)
        {
            Label = device.Find("deviceInfo")?.TextOf("label") ?? string.Empty,
            ControllerKey = MachineDevices.IntOf(device, "controllerKey"),
            Unit = MachineDevices.IntOf(device, "unitNumber"),
            File = backing?.TextOf("fileName") ?? string.Empty,
            ParentFiles = ParentsOf(backing),
            Datastore = backing?.ReferenceOf("datastore"),
            Mode = backing?.TextOf("diskMode") ?? string.Empty,
            Sharing = backing?.TextOf("sharing"),
            ChangeId = backing?.TextOf("changeId") is { Length: > 0 } id ? id : null,
            Uuid = backing?.TextOf("uuid") is { Length: > 0 } uuid ? uuid : null,
            IsThin = backing?.FlagOf("thinProvisioned"),
            IsEncrypted = backing?.Find("keyId") is not null,
            LunUuid = backing?.TextOf("lunUuid"),
        };
    }

    /// <summary>The capacity in bytes exists since API 5.5; the one in KiB is rounded down.</summary>
    private static long CapacityOf(VimElement device)
    {
        var capacity = device.NumberOf("capacityInBytes") ?? checked(device.Require("capacityInKB").AsNumber() << 10);
        return capacity >= 0 ? capacity : throw new InvalidDataException($"a disk has a capacity of {capacity} bytes");
    }

    private static DiskBacking BackingOf(string kind, VimElement? backing) => kind switch
    {
        "VirtualDiskFlatVer2BackingInfo" or "VirtualDiskFlatVer1BackingInfo" => backing?.TextOf("deltaDiskFormat") == "seSparseFormat" ? DiskBacking.SeSparse : DiskBacking.Flat,
        "VirtualDiskSeSparseBackingInfo" => DiskBacking.SeSparse,
        "VirtualDiskSparseVer2BackingInfo" or "VirtualDiskSparseVer1BackingInfo" => DiskBacking.Sparse,
        // Virtual mode only where it says so: physical mode cannot be read by way of a snapshot.
        "VirtualDiskRawDiskMappingVer1BackingInfo" => backing?.TextOf("compatibilityMode") == "virtualMode" ? DiskBacking.RawVirtual : DiskBacking.RawPhysical,
        "VirtualDiskRawDiskVer2BackingInfo" or "VirtualDiskPartitionedRawDiskVer2BackingInfo" => DiskBacking.RawPhysical,
        "VirtualDiskLocalPMemBackingInfo" => DiskBacking.PersistentMemory,
        _ => DiskBacking.Unknown,
    };

    private static List<string> ParentsOf(VimElement? backing)
    {
        var files = new List<string>();
        for (var parent = backing?.Find("parent"); parent is not null; parent = parent.Find("parent")) files.Add(parent.TextOf("fileName") ?? string.Empty);
        return files;
    }
}
