using System.Globalization;
using Sealift.Disks;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Providers;

/// <summary>What the new machine takes over from one of vSphere.</summary>
internal static class VSphereDescription
{
    /// <summary>The machine, with its disks in the order in which it boots from them, each bound by its own identity.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="names">What networks are called.</param>
    /// <param name="committedBytes">What all of it takes on its datastores: no disk holds more. Null where nobody knows.</param>
    /// <param name="source">What the source is called.</param>
    public static VirtualMachine Of(Machine machine, InventoryNames names, long? committedBytes, string source) => new()
    {
        Name = machine.Name.Replace("%2f", "/", StringComparison.OrdinalIgnoreCase).Replace("%5c", "\\", StringComparison.OrdinalIgnoreCase).Replace("%25", "%", StringComparison.Ordinal),
        Cpus = Math.Max(1, machine.Processors),
        CoresPerSocket = machine.CoresPerSocket > 0 && machine.Processors % machine.CoresPerSocket == 0 ? machine.CoresPerSocket : 0,
        MemoryBytes = machine.MemoryBytes,
        Firmware = machine.Firmware == "efi" ? Firmware.Uefi : Firmware.Bios,
        SecureBoot = machine.IsSecureBoot && machine.Firmware == "efi",
        GuestHint = machine.GuestId,
        Description = machine.Annotation,
        NetworkInterfaces = [.. machine.Devices.NetworkCards.OrderBy(c => c.Key).Select(c => new NetworkInterface(ModelOf(c), MacOf(c), names.NetworkOf(c) ?? string.Empty))],
        Disks = [.. InBootOrder(machine).Select((d, i) => new SourceDisk(
            string.Create(CultureInfo.InvariantCulture, $"disk{i + 1}"),
            IdentityOf(d),
            new ImageReference(new ImageLocation($"{d.File} ({d.Label} of {source})"), ImageFormat.Raw, string.Empty, d.CapacityBytes, Math.Min(d.CapacityBytes, committedBytes ?? long.MaxValue), null, []),
            BusOf(machine, d),
            AddressOf(machine, d)))],
    };

    /// <summary>What names a disk for as long as the machine is the same: its own UUID, which snapshots and moves leave alone; where it has none, its key.</summary>
    public static string IdentityOf(VirtualDisk disk) => disk.Uuid ?? string.Create(CultureInfo.InvariantCulture, $"key {disk.Key}");

    /// <summary>First what the machine was told to boot from, then by controllers and units, as the firmware goes through them.</summary>
    private static IEnumerable<VirtualDisk> InBootOrder(Machine machine)
    {
        var order = machine.BootOrder.Where(b => b is { Kind: "disk", DeviceKey: not null }).Select(b => b.DeviceKey!.Value).ToList();
        var controllers = machine.Devices.Controllers.ToDictionary(c => c.Key);
        return machine.Devices.Disks
            .OrderBy(d => order.IndexOf(d.Key) is >= 0 and var place ? place : int.MaxValue)
            .ThenBy(d => Controller(d) is { } c ? RankOf(c.Bus) : int.MaxValue)
            .ThenBy(d => Controller(d)?.BusNumber ?? int.MaxValue)
            .ThenBy(d => d.Unit ?? int.MaxValue)
            .ThenBy(d => d.Key);

        DiskController? Controller(VirtualDisk disk) => disk.ControllerKey is { } key ? controllers.GetValueOrDefault(key) : null;
    }

    // The order of the BIOS where nothing else was said: IDE before SCSI, the newer ones after them.
    private static int RankOf(string bus) => bus switch { "ide" => 0, "scsi" => 1, "sata" => 2, _ => 3 };

    private static DiskBus BusOf(Machine machine, VirtualDisk disk) => machine.Devices.Controllers.FirstOrDefault(c => c.Key == disk.ControllerKey)?.Kind switch
    {
        "ParaVirtualSCSIController" => DiskBus.Pvscsi,
        "VirtualLsiLogicSASController" => DiskBus.LsiSas,
        "VirtualLsiLogicController" or "VirtualBusLogicController" or "VirtualSCSIController" => DiskBus.LsiLogic,
        "VirtualNVMEController" => DiskBus.Nvme,
        "VirtualIDEController" => DiskBus.Ide,
        _ => DiskBus.Sata,
    };

    private static string AddressOf(Machine machine, VirtualDisk disk) =>
        machine.Devices.Controllers.FirstOrDefault(c => c.Key == disk.ControllerKey) is { } controller && disk.Unit is { } unit ? string.Create(CultureInfo.InvariantCulture, $"{controller.Bus}{controller.BusNumber}:{unit}") : string.Empty;

    private static NicModel ModelOf(NetworkCard card) => card.Kind switch
    {
        "VirtualE1000" => NicModel.E1000,
        "VirtualE1000e" => NicModel.E1000e,
        "VirtualPCNet32" => NicModel.Pcnet,
        _ => NicModel.Vmxnet3,
    };

    private static string? MacOf(NetworkCard card) => card.Mac is { } mac && MacAddress.TryNormalize(mac, out var normal) ? normal : null;
}
