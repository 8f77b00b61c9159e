using System.Globalization;
using System.Text.Json;
using Sealift.Providers;
using Sealift.VSphere;
using Machine = Sealift.VSphere.VirtualMachine;

namespace Sealift.Cli.Terminal;

/// <summary>
/// How an inventory is told: one line at once for each thing, in columns of fixed width, so that nothing has to wait for the last one.
/// What can be long stands at the end.
/// </summary>
internal sealed class InventoryView(bool json, InventoryNames names)
{
    private bool begun;

    /// <summary>A machine of a list.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="concerns">What its migration will meet; null where that was not asked for.</param>
    /// <param name="change">What became of it; null where it is not watched.</param>
    public void Show(Machine machine, string path, IReadOnlyList<Concern>? concerns, MachineChangeKind? change)
    {
        if (json)
        {
            JsonLine.Write(w => WriteMachine(w, machine, path, concerns, change));
            return;
        }

        var mark = change is null ? string.Empty : $"{Name(change.Value),-8} ";
        Begin($"{(change is null ? string.Empty : "CHANGE   ")}POWER       CPU     MEMORY  DISKS       SIZE  SNAPSHOTS  TRACKED  REFERENCE     PATH");
        var disks = machine.Devices.Disks;
        var snapshots = machine.Snapshots.Sum(s => s.All().Count());
        var tracked = machine.IsChangeTracking switch { true => "yes", false => "no", _ => "?" };
        Line(string.Create(CultureInfo.InvariantCulture, $"{mark}{Power(machine.PowerState),-10} {machine.Processors,4} {Quantities.Size(machine.MemoryBytes),10} {disks.Count,6} {Quantities.Size(disks.Sum(d => (double)d.CapacityBytes)),10} {snapshots,10}  {tracked,-7}  {machine.Reference.Value,-12}  {path}"));
        foreach (var concern in concerns ?? []) MachineText.Write(concern, withNextStep: false);
    }

    /// <summary>A machine that is gone.</summary>
    /// <param name="change">What became of it.</param>
    public void ShowGone(MachineChange change)
    {
        if (!json)
        {
            Line($"{Name(change.Kind),-8} {string.Empty,-62}  {change.Reference.Value,-12}  {change.Path}");
            return;
        }

        JsonLine.Write(w =>
        {
            w.WriteString("event", "vm");
            w.WriteString("change", Name(change.Kind));
            w.WriteString("reference", change.Reference.Value);
            w.WriteString("path", change.Path);
        });
    }

    /// <summary>The disks of a machine.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="path">Where it is.</param>
    public void ShowDisks(Machine machine, string path)
    {
        foreach (var disk in machine.Devices.Disks)
        {
            if (json)
            {
                JsonLine.Write(w =>
                {
                    w.WriteString("event", "disk");
                    w.WriteString("machine", machine.Reference.Value);
                    w.WriteString("path", path);
                    WriteDisk(w, disk);
                });
                continue;
            }

            Begin("      SIZE  KIND        TRACKED  MACHINE       LABEL                 FILE");
            Line($"{Quantities.Size(disk.CapacityBytes),10}  {disk.Backing.ToString().ToLowerInvariant(),-10}  {(disk.ChangeId is null ? "no" : "yes"),-7}  {machine.Reference.Value,-12}  {disk.Label,-20}  {disk.File}");
        }
    }

    /// <summary>A network.</summary>
    /// <param name="network">The network.</param>
    public void Show(VSphereNetwork network)
    {
        if (!json)
        {
            Begin("KIND         ACCESSIBLE  REFERENCE             PATH");
            Line($"{network.Kind,-11}  {Flag(network.IsAccessible),-10}  {network.Reference.Value,-20}  {network.Path}");
            return;
        }

        JsonLine.Write(w =>
        {
            w.WriteString("event", "network");
            w.WriteString("reference", network.Reference.Value);
            w.WriteString("name", network.Name);
            w.WriteString("path", network.Path);
            w.WriteString("kind", network.Kind);
            WriteFlag(w, "accessible", network.IsAccessible);
        });
    }

    /// <summary>A datastore.</summary>
    /// <param name="datastore">The datastore.</param>
    public void Show(VSphereDatastore datastore)
    {
        if (!json)
        {
            Begin("KIND      CAPACITY        FREE  ACCESSIBLE  REFERENCE       PATH");
            Line($"{datastore.Kind,-6}  {Size(datastore.CapacityBytes),10}  {Size(datastore.FreeBytes),10}  {Flag(datastore.IsAccessible),-10}  {datastore.Reference.Value,-14}  {datastore.Path}");
            return;
        }

        JsonLine.Write(w =>
        {
            w.WriteString("event", "datastore");
            w.WriteString("reference", datastore.Reference.Value);
            w.WriteString("name", datastore.Name);
            w.WriteString("path", datastore.Path);
            w.WriteString("kind", datastore.Kind);
            if (datastore.CapacityBytes is { } capacity) w.WriteNumber("capacityBytes", capacity);
            if (datastore.FreeBytes is { } free) w.WriteNumber("freeBytes", free);
            WriteFlag(w, "accessible", datastore.IsAccessible);
            w.WriteString("maintenanceMode", datastore.MaintenanceMode);
        });
    }

    private static string Power(string state) => state switch { "poweredOn" => "on", "poweredOff" => "off", _ => state };

    private static string Size(long? bytes) => bytes is { } known ? Quantities.Size(known) : "?";

    private static string Flag(bool? flag) => flag switch { true => "yes", false => "no", _ => "?" };

    private static string Name(MachineChangeKind kind) => kind.ToString().ToLowerInvariant();

    private static void WriteFlag(Utf8JsonWriter w, string name, bool? flag)
    {
        if (flag is { } known) w.WriteBoolean(name, known);
        else w.WriteNull(name);
    }

    private static void WriteDisk(Utf8JsonWriter w, VirtualDisk disk)
    {
        w.WriteNumber("key", disk.Key);
        w.WriteString("label", disk.Label);
        w.WriteNumber("capacityBytes", disk.CapacityBytes);
        w.WriteString("backing", disk.Backing.ToString().ToLowerInvariant());
        w.WriteString("file", disk.File);
        w.WriteString("mode", disk.Mode);
        WriteFlag(w, "thin", disk.IsThin);
        w.WriteBoolean("encrypted", disk.IsEncrypted);
        w.WriteString("changeId", disk.ChangeId);
        w.WriteString("uuid", disk.Uuid);
    }

    private void WriteMachine(Utf8JsonWriter w, Machine machine, string path, IReadOnlyList<Concern>? concerns, MachineChangeKind? change)
    {
        w.WriteString("event", "vm");
        if (change is { } kind) w.WriteString("change", Name(kind));
        w.WriteString("reference", machine.Reference.Value);
        w.WriteString("name", machine.Name);
        w.WriteString("path", path);
        w.WriteString("biosUuid", machine.BiosUuid?.ToString());
        w.WriteString("instanceUuid", machine.InstanceUuid?.ToString());
        w.WriteBoolean("template", machine.IsTemplate);
        w.WriteString("powerState", machine.PowerState);
        w.WriteString("connectionState", machine.ConnectionState);
        w.WriteString("guestId", machine.GuestId);
        w.WriteString("guestName", machine.GuestName);
        w.WriteNumber("processors", machine.Processors);
        w.WriteNumber("coresPerSocket", machine.CoresPerSocket);
        w.WriteNumber("memoryBytes", machine.MemoryBytes);
        w.WriteString("firmware", machine.Firmware);
        w.WriteBoolean("secureBoot", machine.IsSecureBoot);
        w.WriteString("hardwareVersion", machine.HardwareVersion);
        WriteFlag(w, "changeTracking", machine.IsChangeTracking);
        w.WriteStartArray("disks");
        foreach (var disk in machine.Devices.Disks)
        {
            w.WriteStartObject();
            WriteDisk(w, disk);
            w.WriteEndObject();
        }

        w.WriteEndArray();
        w.WriteStartArray("networkCards");
        foreach (var card in machine.Devices.NetworkCards)
        {
            w.WriteStartObject();
            w.WriteNumber("key", card.Key);
            w.WriteString("kind", card.Kind);
            w.WriteString("mac", card.Mac);
            w.WriteString("network", names.NetworkOf(card) ?? card.OpaqueNetworkId ?? card.PortgroupKey);
            WriteFlag(w, "connected", card.IsConnected);
            w.WriteEndObject();
        }

        w.WriteEndArray();
        w.WriteStartArray("snapshots");
        foreach (var snapshot in machine.Snapshots.SelectMany(s => s.All()))
        {
            w.WriteStartObject();
            w.WriteString("reference", snapshot.Snapshot.Value);
            w.WriteString("name", snapshot.Name);
            if (snapshot.CreatedAt is { } at) w.WriteString("createdAt", at);
            w.WriteBoolean("quiesced", snapshot.IsQuiesced);
            w.WriteEndObject();
        }

        w.WriteEndArray();
        if (concerns is null) return;
        w.WriteStartArray("concerns");
        foreach (var concern in concerns)
        {
            w.WriteStartObject();
            w.WriteString("class", concern.Class);
            w.WriteString("severity", concern.Severity.ToString().ToLowerInvariant());
            w.WriteString("subject", concern.Subject);
            w.WriteString("text", concern.Text);
            w.WriteString("nextStep", concern.NextStep);
            w.WriteEndObject();
        }

        w.WriteEndArray();
    }

    private void Begin(string header)
    {
        if (begun) return;
        begun = true;
        Console.Out.WriteLine(header);
    }

    private static void Line(string text) => Console.Out.WriteLine(ErrorReport.PrintableLine(text));
}
