namespace Sealift.VSphere;

/// <summary>What a migration needs to know of a machine. What the account may not see, or the server does not say, is null or empty; <see cref="Untold"/> lists it.</summary>
/// <param name="Reference">The machine.</param>
/// <param name="Name">Its name; slashes in it are written as %2f by the server.</param>
public sealed record VirtualMachine(ManagedReference Reference, string Name)
{
    /// <summary>What it is in: a folder, or a vApp.</summary>
    public ManagedReference? Parent { get; init; }

    /// <summary>The BIOS's UUID, which the guest sees. Copies of a machine may share it.</summary>
    public Guid? BiosUuid { get; init; }

    /// <summary>The UUID that a vCenter keeps unique.</summary>
    public Guid? InstanceUuid { get; init; }

    /// <summary>Whether it is a template.</summary>
    public bool IsTemplate { get; init; }

    /// <summary><c>poweredOn</c>, <c>poweredOff</c> or <c>suspended</c>.</summary>
    public string PowerState { get; init; } = string.Empty;

    /// <summary><c>connected</c>; all else means that its host does not know it, or cannot reach its files.</summary>
    public string ConnectionState { get; init; } = string.Empty;

    /// <summary>Where it runs or ran last.</summary>
    public ManagedReference? Host { get; init; }

    /// <summary>The guest's operating system as it was configured: <c>debian12_64Guest</c>.</summary>
    public string GuestId { get; init; } = string.Empty;

    /// <summary>The same in words.</summary>
    public string GuestName { get; init; } = string.Empty;

    /// <summary><c>guestToolsRunning</c>, <c>guestToolsNotRunning</c>, …</summary>
    public string ToolsRunning { get; init; } = string.Empty;

    /// <summary><c>guestToolsNotInstalled</c>, <c>guestToolsCurrent</c>, …</summary>
    public string ToolsVersion { get; init; } = string.Empty;

    /// <summary>Virtual processors in all.</summary>
    public int Processors { get; init; }

    /// <summary>Cores of each socket; 0 where the server leaves it to the host.</summary>
    public int CoresPerSocket { get; init; }

    /// <summary>Memory, in bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary><c>bios</c> or <c>efi</c>.</summary>
    public string Firmware { get; init; } = string.Empty;

    /// <summary>Whether only signed code boots.</summary>
    public bool IsSecureBoot { get; init; }

    /// <summary>Whether the machine's files are encrypted.</summary>
    public bool IsEncrypted { get; init; }

    /// <summary>Whether it keeps track of the blocks that it changes; null where the server does not say.</summary>
    public bool? IsChangeTracking { get; init; }

    /// <summary>Whether it could; null where the server does not say.</summary>
    public bool? CanTrackChanges { get; init; }

    /// <summary>Whether files of snapshots that are gone wait to be consolidated.</summary>
    public bool NeedsConsolidation { get; init; }

    /// <summary>Its role in a pair of fault tolerance: 1 for the primary, higher for the others; null for none.</summary>
    public int? FaultToleranceRole { get; init; }

    /// <summary>What somebody wrote about it.</summary>
    public string Annotation { get; init; } = string.Empty;

    /// <summary>Where its configuration is: <c>[datastore] folder/name.vmx</c>.</summary>
    public string ConfigurationFile { get; init; } = string.Empty;

    /// <summary>The version of its hardware: <c>vmx-21</c>.</summary>
    public string HardwareVersion { get; init; } = string.Empty;

    /// <summary>Its snapshots, the oldest first.</summary>
    public IReadOnlyList<MachineSnapshot> Snapshots { get; init; } = [];

    /// <summary>Its devices.</summary>
    public MachineDevices Devices { get; init; } = MachineDevices.None;

    /// <summary>What it tries to boot from, in order. Empty where that was never set: then it is the disks, in the order of their controllers and units.</summary>
    public IReadOnlyList<BootDevice> BootOrder { get; init; } = [];

    /// <summary>Properties that the account may not see, with the reason.</summary>
    public IReadOnlyDictionary<string, VSphereFault> Untold { get; init; } = new Dictionary<string, VSphereFault>();

    /// <summary>Whether it has a virtual TPM, whose secrets stay with the server.</summary>
    public bool HasTpm => Devices.Others.Any(d => d.Kind == "VirtualTPM");

    /// <summary>The properties that <see cref="Of"/> reads.</summary>
    public static IReadOnlyList<string> Properties { get; } =
    [
        "name", "parent", "snapshot",
        "config.uuid", "config.instanceUuid", "config.template", "config.guestId", "config.guestFullName", "config.annotation", "config.version",
        "config.files.vmPathName", "config.firmware", "config.bootOptions", "config.changeTrackingEnabled", "config.keyId", "config.ftInfo",
        "config.hardware.numCPU", "config.hardware.numCoresPerSocket", "config.hardware.memoryMB", "config.hardware.device",
        "capability.changeTrackingSupported",
        "runtime.powerState", "runtime.connectionState", "runtime.host", "runtime.consolidationNeeded",
        "guest.toolsRunningStatus", "guest.toolsVersionStatus2",
    ];

    /// <summary>Reads a machine.</summary>
    /// <param name="properties">Its <see cref="Properties"/>.</param>
    /// <exception cref="InvalidDataException">A value is not of its kind.</exception>
    public static VirtualMachine Of(ObjectProperties properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        var boot = properties["config.bootOptions"];
        return new VirtualMachine(properties.Reference, Text("name"))
        {
            Parent = properties["parent"]?.AsReference(),
            BiosUuid = Uuid("config.uuid"),
            InstanceUuid = Uuid("config.instanceUuid"),
            IsTemplate = Flag("config.template") is true,
            PowerState = Text("runtime.powerState"),
            ConnectionState = Text("runtime.connectionState"),
            Host = properties["runtime.host"]?.AsReference(),
            GuestId = Text("config.guestId"),
            GuestName = Text("config.guestFullName"),
            ToolsRunning = Text("guest.toolsRunningStatus"),
            ToolsVersion = Text("guest.toolsVersionStatus2"),
            Processors = Count("config.hardware.numCPU"),
            CoresPerSocket = Count("config.hardware.numCoresPerSocket"),
            MemoryBytes = (long)Count("config.hardware.memoryMB") << 20,
            Firmware = Text("config.firmware"),
            IsSecureBoot = boot?.FlagOf("efiSecureBootEnabled") is true,
            IsEncrypted = properties["config.keyId"] is not null,
            IsChangeTracking = Flag("config.changeTrackingEnabled"),
            CanTrackChanges = Flag("capability.changeTrackingSupported"),
            NeedsConsolidation = Flag("runtime.consolidationNeeded") is true,
            FaultToleranceRole = properties["config.ftInfo"]?.NumberOf("role") is { } role ? (int)Math.Clamp(role, 0, int.MaxValue) : null,
            Annotation = Text("config.annotation"),
            ConfigurationFile = Text("config.files.vmPathName"),
            HardwareVersion = Text("config.version"),
            Snapshots = MachineSnapshot.RootsOf(properties["snapshot"]),
            Devices = properties["config.hardware.device"] is { } devices ? MachineDevices.Of(devices.Children) : MachineDevices.None,
            BootOrder = boot is null ? [] : [.. boot.All("bootOrder").Select(BootDevice.Of)],
            Untold = properties.Missing,
        };

        string Text(string path) => properties[path]?.Text ?? string.Empty;

        bool? Flag(string path) => properties[path]?.AsFlag();

        int Count(string path) => properties[path]?.AsNumber() is not { } number ? 0 : number is >= 0 and <= int.MaxValue ? (int)number : throw new InvalidDataException($"'{path}' is {number}");

        Guid? Uuid(string path) => properties[path] is not { Text: { Length: > 0 } text } ? null
            : Guid.TryParse(text, out var uuid) ? uuid : throw new InvalidDataException($"'{path}' is no UUID");
    }
}

/// <summary>Something that a machine tries to boot from.</summary>
/// <param name="Kind"><c>disk</c>, <c>network</c>, <c>cdrom</c>, <c>floppy</c>; an unknown one as the server calls it.</param>
/// <param name="DeviceKey">Which disk or card; null where it is any.</param>
public sealed record BootDevice(string Kind, int? DeviceKey)
{
    internal static BootDevice Of(VimElement element) => element.Type switch
    {
        "VirtualMachineBootOptionsBootableDiskDevice" => new("disk", MachineDevices.KeyOf(element, "deviceKey")),
        "VirtualMachineBootOptionsBootableEthernetDevice" => new("network", MachineDevices.KeyOf(element, "deviceKey")),
        "VirtualMachineBootOptionsBootableCdromDevice" => new("cdrom", null),
        "VirtualMachineBootOptionsBootableFloppyDevice" => new("floppy", null),
        var other => new(other ?? string.Empty, null),
    };
}
