namespace Sealift.VSphere;

/// <summary>The devices of a machine, by what a migration does with them. Keys are opaque: unique within the machine, and no more.</summary>
public sealed record MachineDevices
{
    /// <summary>No devices.</summary>
    public static MachineDevices None { get; } = new();

    /// <summary>What disks hang on.</summary>
    public IReadOnlyList<DiskController> Controllers { get; init; } = [];

    /// <summary>The disks.</summary>
    public IReadOnlyList<VirtualDisk> Disks { get; init; } = [];

    /// <summary>The network cards.</summary>
    public IReadOnlyList<NetworkCard> NetworkCards { get; init; } = [];

    /// <summary>All other devices, also those of types that are not known here.</summary>
    public IReadOnlyList<OtherDevice> Others { get; init; } = [];

    /// <summary>Reads the items of an <c>ArrayOfVirtualDevice</c>.</summary>
    /// <param name="devices">The items.</param>
    /// <exception cref="InvalidDataException">A value is not of its kind.</exception>
    public static MachineDevices Of(IEnumerable<VimElement> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        var (controllers, disks, cards, others) = (new List<DiskController>(), new List<VirtualDisk>(), new List<NetworkCard>(), new List<OtherDevice>());
        foreach (var device in devices)
        {
            var kind = device.Type ?? device.Name;
            if (DiskController.BusOf(kind) is { } bus) controllers.Add(DiskController.Of(device, kind, bus));
            else if (kind == "VirtualDisk") disks.Add(VirtualDisk.Of(device));
            else if (NetworkCard.IsCard(kind, device)) cards.Add(NetworkCard.Of(device, kind));
            else others.Add(OtherDevice.Of(device, kind));
        }

        return new MachineDevices { Controllers = controllers, Disks = disks, NetworkCards = cards, Others = others };
    }

    internal static int KeyOf(VimElement device, string name) => IntOf(device, name) ?? throw new InvalidDataException($"'{device.Name}' has no '{name}'");

    internal static int? IntOf(VimElement device, string name) => device.NumberOf(name) is not { } number ? null
        : number is >= int.MinValue and <= int.MaxValue ? (int)number : throw new InvalidDataException($"'{name}' is {number}");
}

/// <summary>What disks hang on.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Kind">Its type: <c>ParaVirtualSCSIController</c>.</param>
/// <param name="Bus">Its kind of bus: <c>scsi</c>, <c>sata</c>, <c>nvme</c> or <c>ide</c>.</param>
/// <param name="BusNumber">Which one of that kind.</param>
/// <param name="Sharing"><c>noSharing</c>; <c>virtualSharing</c> and <c>physicalSharing</c> mean a cluster of machines; null where there is no such thing.</param>
public sealed record DiskController(int Key, string Kind, string Bus, int BusNumber, string? Sharing)
{
    /// <summary>The bus of a type of controller; null where disks do not hang on it.</summary>
    internal static string? BusOf(string kind) => kind switch
    {
        "VirtualSCSIController" or "VirtualBusLogicController" or "VirtualLsiLogicController" or "VirtualLsiLogicSASController" or "ParaVirtualSCSIController" => "scsi",
        "VirtualSATAController" or "VirtualAHCIController" => "sata",
        "VirtualNVMEController" => "nvme",
        "VirtualIDEController" => "ide",
        _ => null,
    };

    internal static DiskController Of(VimElement device, string kind, string bus) =>
        new(MachineDevices.KeyOf(device, "key"), kind, bus, MachineDevices.IntOf(device, "busNumber") ?? 0, device.TextOf("sharedBus"));
}

/// <summary>A network card.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Kind">Its type: <c>VirtualVmxnet3</c>.</param>
/// <param name="Mac">Its address, in lower case with colons; null where it was never given one.</param>
/// <param name="IsMacAssigned">Whether somebody chose the address, rather than the server.</param>
/// <param name="IsConnected">Whether it is plugged in; null where the server does not say.</param>
public sealed record NetworkCard(int Key, string Kind, string? Mac, bool IsMacAssigned, bool? IsConnected)
{
    /// <summary>What it is on, where the server says so by reference: a network of a host.</summary>
    public ManagedReference? Network { get; init; }

    /// <summary>What that is called, by what the card remembers.</summary>
    public string? NetworkName { get; init; }

    /// <summary>The key of its port group, on a distributed switch.</summary>
    public string? PortgroupKey { get; init; }

    /// <summary>The id of its network where another product manages that (NSX).</summary>
    public string? OpaqueNetworkId { get; init; }

    /// <summary>Whether it is a part of a host's device (SR-IOV), which another host does not have.</summary>
    public bool IsPassthrough => Kind == "VirtualSriovEthernetCard";

    /// <summary>Whatever has a MAC address is a card, also of a type that is not known here.</summary>
    internal static bool IsCard(string kind, VimElement device) =>
        kind is "VirtualE1000" or "VirtualE1000e" or "VirtualPCNet32" or "VirtualVmxnet" or "VirtualVmxnet2" or "VirtualVmxnet3" or "VirtualVmxnet3Vrdma" or "VirtualSriovEthernetCard"
        || device.Find("macAddress") is not null || device.Find("addressType") is not null;

    internal static NetworkCard Of(VimElement device, string kind)
    {
        var backing = device.Find("backing");
        var port = backing?.Find("port");
        return new NetworkCard(
            MachineDevices.KeyOf(device, "key"),
            kind,
            device.TextOf("macAddress") is { Length: > 0 } mac ? MacOf(mac) : null,
            device.TextOf("addressType") is { } how && how.Equals("manual", StringComparison.OrdinalIgnoreCase),
            device.Find("connectable")?.FlagOf("connected"))
        {
            Network = backing?.ReferenceOf("network"),
            NetworkName = backing?.TextOf("deviceName") is { Length: > 0 } name ? name : null,
            PortgroupKey = port?.TextOf("portgroupKey") is { Length: > 0 } key ? key : null,
            OpaqueNetworkId = backing?.TextOf("opaqueNetworkId") is { Length: > 0 } id ? id : null,
        };
    }

    private static string MacOf(string text)
    {
        const int Parts = 6;
        var parts = text.Trim().Replace('-', ':').Split(':');
        return parts.Length == Parts && parts.All(p => p.Length == 2 && p.All(char.IsAsciiHexDigit))
            ? string.Join(':', parts).ToLowerInvariant()
            : throw new InvalidDataException("'macAddress' is no MAC address");
    }
}

/// <summary>A device that is neither a disk, nor what disks hang on, nor a network card.</summary>
/// <param name="Key">Its key; null where it has none.</param>
/// <param name="Kind">Its type: <c>VirtualTPM</c>, <c>VirtualPCIPassthrough</c>, <c>VirtualUSB</c>, <c>VirtualNVDIMM</c>; an unknown one as the server calls it.</param>
/// <param name="Label">What the server's own pages call it.</param>
/// <param name="Element">All that the server says of it.</param>
public sealed record OtherDevice(int? Key, string Kind, string Label, VimElement Element)
{
    internal static OtherDevice Of(VimElement device, string kind) =>
        new(MachineDevices.IntOf(device, "key"), kind, device.Find("deviceInfo")?.TextOf("label") ?? string.Empty, device);
}
