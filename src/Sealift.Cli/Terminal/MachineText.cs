using System.Globalization;
using Sealift.Providers;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Cli.Terminal;

/// <summary>All that is known of one machine of vSphere, for people.</summary>
internal static class MachineText
{
    /// <summary>Writes it.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="names">What networks are called.</param>
    /// <param name="concerns">What its migration will meet.</param>
    /// <param name="isWarm">Whether that is one while it runs.</param>
    public static void Write(Machine machine, string path, InventoryNames names, IReadOnlyList<Concern> concerns, bool isWarm)
    {
        Console.Out.WriteLine(ErrorReport.PrintableLine(path));
        Line("reference", machine.Reference.Value);
        Line("UUID", $"{machine.BiosUuid?.ToString() ?? "not told"} (BIOS), {machine.InstanceUuid?.ToString() ?? "not told"} (instance)");
        Line("state", $"{machine.PowerState}, {machine.ConnectionState}{(machine.IsTemplate ? ", a template" : string.Empty)}");
        Line("guest", $"{(machine.GuestName.Length > 0 ? machine.GuestName : "not told")} ({machine.GuestId})");
        Line("tools", $"{Told(machine.ToolsRunning)}, {Told(machine.ToolsVersion)}");
        Line("hardware", string.Create(CultureInfo.InvariantCulture, $"{machine.Processors} CPUs{(machine.CoresPerSocket > 0 ? $" ({machine.CoresPerSocket} a socket)" : string.Empty)}, {Quantities.Size(machine.MemoryBytes)}, {Told(machine.Firmware)}{(machine.IsSecureBoot ? " with secure boot" : string.Empty)}, {Told(machine.HardwareVersion)}"));
        Line("changes", machine.IsChangeTracking switch { true => "are tracked", false => "are not tracked", _ => "not told" });
        Line("files", machine.ConfigurationFile);
        foreach (var disk in machine.Devices.Disks) Line("disk", Text(machine, disk));
        foreach (var card in machine.Devices.NetworkCards)
            Line("card", $"{card.Mac ?? "no address"}  {card.Kind} on {names.NetworkOf(card) ?? card.OpaqueNetworkId ?? card.PortgroupKey ?? "no network that is known"}{(card.IsConnected is false ? ", not connected" : string.Empty)}");
        foreach (var snapshot in machine.Snapshots.SelectMany(s => s.All()))
            Line("snapshot", $"'{snapshot.Name}' ({snapshot.Snapshot.Value}){(snapshot.CreatedAt is { } at ? string.Create(CultureInfo.InvariantCulture, $", {at.UtcDateTime:yyyy-MM-dd HH:mm} UTC") : string.Empty)}{(snapshot.IsQuiesced ? ", quiesced" : string.Empty)}");
        Console.Out.WriteLine();
        Console.Out.WriteLine(concerns.Count == 0 ? $"nothing is known that is in the way of a migration {Way(isWarm)}" : $"a migration {Way(isWarm)} meets:");
        foreach (var concern in concerns) Write(concern, withNextStep: true);
    }

    /// <summary>Writes a concern below its machine.</summary>
    public static void Write(Concern concern, bool withNextStep)
    {
        var severity = concern.Severity == ConcernSeverity.Obstacle ? "OBSTACLE" : concern.Severity.ToString().ToLowerInvariant();
        Console.Out.WriteLine($"  {severity,-8} {concern.Class}: {ErrorReport.PrintableLine(concern.Subject)}: {ErrorReport.PrintableLine(concern.Text)}");
        if (withNextStep) Console.Out.WriteLine($"    what to do: {ErrorReport.PrintableLine(concern.NextStep)}");
    }

    private static string Text(Machine machine, VirtualDisk disk)
    {
        var controller = machine.Devices.Controllers.FirstOrDefault(c => c.Key == disk.ControllerKey);
        var place = controller is null ? string.Empty : string.Create(CultureInfo.InvariantCulture, $", {controller.Bus} {controller.BusNumber}:{disk.Unit}");
        var kind = $"{disk.Backing.ToString().ToLowerInvariant()}{(disk.IsThin is true ? ", thin" : string.Empty)}{(disk.IsIndependent ? $", {disk.Mode}" : string.Empty)}{(disk.ChangeId is null ? string.Empty : ", tracked")}";
        return $"{disk.Label}: {Quantities.Size(disk.CapacityBytes)}{place}, {kind}, {disk.File}";
    }

    private static string Way(bool isWarm) => isWarm ? "while it runs" : "while it is off";

    private static string Told(string text) => text.Length > 0 ? text : "not told";

    private static void Line(string what, string text) => Console.Out.WriteLine($"  {what,-10} {ErrorReport.PrintableLine(text)}");
}
