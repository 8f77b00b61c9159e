namespace Sealift.Providers;

/// <summary>Every class of concern about a machine of vSphere. The names never change; docs/vsphere.md has the same list, and a test compares them.</summary>
public static class VSphereConcernClasses
{
    /// <summary>Changes are not kept track of, and could be.</summary>
    public const string TrackingOff = "vsphere.tracking-off";

    /// <summary>Changes cannot be kept track of.</summary>
    public const string TrackingUnsupported = "vsphere.tracking-unsupported";

    /// <summary>Changes of the machine are kept track of, and those of this disk are not.</summary>
    public const string DiskNotTracked = "vsphere.disk-not-tracked";

    /// <summary>There are snapshots.</summary>
    public const string Snapshots = "vsphere.snapshots";

    /// <summary>Files of snapshots that are gone wait to be consolidated.</summary>
    public const string ConsolidationNeeded = "vsphere.consolidation-needed";

    /// <summary>A disk is left out of snapshots.</summary>
    public const string IndependentDisk = "vsphere.independent-disk";

    /// <summary>A disk is a LUN, past VMware's storage stack.</summary>
    public const string RawPhysical = "vsphere.rdm-physical";

    /// <summary>A disk is a LUN, by way of that stack.</summary>
    public const string RawVirtual = "vsphere.rdm-virtual";

    /// <summary>Several machines write to a disk.</summary>
    public const string MultiWriter = "vsphere.multi-writer";

    /// <summary>A controller is shared with other machines.</summary>
    public const string SharedBus = "vsphere.shared-bus";

    /// <summary>Files of the machine are encrypted.</summary>
    public const string Encrypted = "vsphere.encrypted";

    /// <summary>There is a virtual TPM.</summary>
    public const string Tpm = "vsphere.tpm";

    /// <summary>A device of the host is given to the machine.</summary>
    public const string Passthrough = "vsphere.passthrough";

    /// <summary>There is memory that keeps its content.</summary>
    public const string PersistentMemory = "vsphere.persistent-memory";

    /// <summary>There are USB devices of a host or of somebody's desk.</summary>
    public const string Usb = "vsphere.usb";

    /// <summary>It is one of a pair of fault tolerance.</summary>
    public const string FaultTolerance = "vsphere.fault-tolerance";

    /// <summary>Rules bind it to hosts or to other machines.</summary>
    public const string Affinity = "vsphere.affinity";

    /// <summary>VMware Tools are missing, or do not run.</summary>
    public const string Tools = "vsphere.tools";

    /// <summary>The guest is none that is converted.</summary>
    public const string UnsupportedGuest = "vsphere.unsupported-guest";

    /// <summary>A network has no counterpart at the target.</summary>
    public const string NetworkUnmapped = "vsphere.network-unmapped";

    /// <summary>A datastore has no counterpart at the target.</summary>
    public const string StorageUnmapped = "vsphere.storage-unmapped";

    /// <summary>The account lacks privileges.</summary>
    public const string Privileges = "vsphere.privileges";

    /// <summary>The power state does not fit.</summary>
    public const string PowerState = "vsphere.power-state";

    /// <summary>Its host does not reach it.</summary>
    public const string NotConnected = "vsphere.not-connected";

    /// <summary>A disk's capacity is not a multiple of 512 bytes.</summary>
    public const string OddCapacity = "vsphere.odd-capacity";

    /// <summary>A disk of a kind that is not known.</summary>
    public const string UnknownDisk = "vsphere.unknown-disk";

    /// <summary>There are no disks.</summary>
    public const string NoDisks = "vsphere.no-disks";

    /// <summary>The name is taken at the target.</summary>
    public const string NameTaken = "vsphere.name-taken";

    /// <summary>It is a template.</summary>
    public const string Template = "vsphere.template";

    /// <summary>The account may not see something, so what else there is to say is not known.</summary>
    public const string NotTold = "vsphere.not-told";

    /// <summary>All of them, with the most that each weighs.</summary>
    public static IReadOnlyDictionary<string, ConcernSeverity> All { get; } = new Dictionary<string, ConcernSeverity>
    {
        [TrackingOff] = ConcernSeverity.Warning,
        [TrackingUnsupported] = ConcernSeverity.Obstacle,
        [DiskNotTracked] = ConcernSeverity.Warning,
        [Snapshots] = ConcernSeverity.Warning,
        [ConsolidationNeeded] = ConcernSeverity.Obstacle,
        [IndependentDisk] = ConcernSeverity.Obstacle,
        [RawPhysical] = ConcernSeverity.Obstacle,
        [RawVirtual] = ConcernSeverity.Warning,
        [MultiWriter] = ConcernSeverity.Obstacle,
        [SharedBus] = ConcernSeverity.Obstacle,
        [Encrypted] = ConcernSeverity.Warning,
        [Tpm] = ConcernSeverity.Warning,
        [Passthrough] = ConcernSeverity.Obstacle,
        [PersistentMemory] = ConcernSeverity.Obstacle,
        [Usb] = ConcernSeverity.Warning,
        [FaultTolerance] = ConcernSeverity.Obstacle,
        [Affinity] = ConcernSeverity.Note,
        [Tools] = ConcernSeverity.Warning,
        [UnsupportedGuest] = ConcernSeverity.Warning,
        [NetworkUnmapped] = ConcernSeverity.Obstacle,
        [StorageUnmapped] = ConcernSeverity.Obstacle,
        [Privileges] = ConcernSeverity.Obstacle,
        [PowerState] = ConcernSeverity.Obstacle,
        [NotConnected] = ConcernSeverity.Obstacle,
        [OddCapacity] = ConcernSeverity.Obstacle,
        [UnknownDisk] = ConcernSeverity.Obstacle,
        [NoDisks] = ConcernSeverity.Obstacle,
        [NameTaken] = ConcernSeverity.Obstacle,
        [Template] = ConcernSeverity.Note,
        [NotTold] = ConcernSeverity.Warning,
    };
}
