using System.Text;
using CsCheck;

namespace Sealift.VSphere.Tests;

/// <summary>What a machine is, from what a server says of it.</summary>
public sealed class MachineModelTests
{
    private const string Devices = """
        <val xmlns="urn:vim25" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="ArrayOfVirtualDevice">
          <VirtualDevice xsi:type="VirtualIDEController"><key>200</key><busNumber>0</busNumber></VirtualDevice>
          <VirtualDevice xsi:type="ParaVirtualSCSIController"><key>1000</key><busNumber>0</busNumber><sharedBus>physicalSharing</sharedBus></VirtualDevice>
          <VirtualDevice xsi:type="VirtualNVMEController"><key>31000</key><busNumber>1</busNumber></VirtualDevice>
          <VirtualDevice xsi:type="VirtualAHCIController"><key>15000</key></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2000</key><deviceInfo><label>Hard disk 1</label></deviceInfo>
            <backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ds one] m/m-000002.vmdk</fileName><datastore type="Datastore">ds-1</datastore><diskMode>persistent</diskMode><thinProvisioned>true</thinProvisioned><uuid>6000C29a</uuid><changeId>52 de/7</changeId>
              <parent xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ds one] m/m-000001.vmdk</fileName><diskMode>persistent</diskMode><parent><fileName>[ds one] m/m.vmdk</fileName></parent></parent><sharing>sharingMultiWriter</sharing></backing>
            <controllerKey>1000</controllerKey><unitNumber>3</unitNumber><capacityInKB>1</capacityInKB><capacityInBytes>1536</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2001</key><backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[a] b</fileName><diskMode>independent_persistent</diskMode><deltaDiskFormat>seSparseFormat</deltaDiskFormat><keyId><keyId>k</keyId></keyId></backing><capacityInKB>4</capacityInKB></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2002</key><backing xsi:type="VirtualDiskRawDiskMappingVer1BackingInfo"><fileName>[a] c</fileName><lunUuid>0200</lunUuid><compatibilityMode>virtualMode</compatibilityMode></backing><capacityInBytes>1</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2003</key><backing xsi:type="VirtualDiskRawDiskMappingVer1BackingInfo"><compatibilityMode>physicalMode</compatibilityMode></backing><capacityInBytes>1</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2004</key><backing xsi:type="VirtualDiskRawDiskMappingVer1BackingInfo"></backing><capacityInBytes>1</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2005</key><backing xsi:type="VirtualDiskLocalPMemBackingInfo"></backing><capacityInBytes>1</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2006</key><backing xsi:type="VirtualDiskQuantumBackingInfo"></backing><capacityInBytes>1</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualDisk"><key>2007</key><backing xsi:type="VirtualDiskSeSparseBackingInfo"></backing><capacityInBytes>1</capacityInBytes></VirtualDevice>
          <VirtualDevice xsi:type="VirtualVmxnet3"><key>4000</key><backing xsi:type="VirtualEthernetCardNetworkBackingInfo"><deviceName>VM Network</deviceName><network type="Network">network-1</network></backing><connectable><connected>false</connected></connectable><addressType>manual</addressType><macAddress>00:50:56:AB:CD:EF</macAddress></VirtualDevice>
          <VirtualDevice xsi:type="VirtualE1000e"><key>4001</key><backing xsi:type="VirtualEthernetCardDistributedVirtualPortBackingInfo"><port><switchUuid>50</switchUuid><portgroupKey>dvportgroup-7</portgroupKey></port></backing><addressType>assigned</addressType><macAddress>00-50-56-00-00-01</macAddress></VirtualDevice>
          <VirtualDevice xsi:type="VirtualFutureCard"><key>4002</key><backing xsi:type="VirtualEthernetCardOpaqueNetworkBackingInfo"><opaqueNetworkId>nsx-1</opaqueNetworkId></backing><addressType>generated</addressType></VirtualDevice>
          <VirtualDevice xsi:type="VirtualSriovEthernetCard"><key>4003</key><macAddress>00:50:56:00:00:02</macAddress></VirtualDevice>
          <VirtualDevice xsi:type="VirtualTPM"><key>11000</key></VirtualDevice>
          <VirtualDevice xsi:type="VirtualPCIPassthrough"><key>13000</key><deviceInfo><label>PCI device 0</label></deviceInfo></VirtualDevice>
          <VirtualDevice xsi:type="VirtualFluxCapacitor"><key>77</key><flux>1.21</flux></VirtualDevice>
        </val>
        """;

    [Fact]
    public void Devices_are_told_apart_and_those_that_are_not_known_are_kept()
    {
        var devices = MachineDevices.Of(Parse(Devices).Children);
        Assert.Equal([(200, "ide"), (1000, "scsi"), (31000, "nvme"), (15000, "sata")], devices.Controllers.Select(c => (c.Key, c.Bus)));
        Assert.Equal("physicalSharing", devices.Controllers[1].Sharing);
        Assert.Equal(
            [DiskBacking.Flat, DiskBacking.SeSparse, DiskBacking.RawVirtual, DiskBacking.RawPhysical, DiskBacking.RawPhysical, DiskBacking.PersistentMemory, DiskBacking.Unknown, DiskBacking.SeSparse],
            devices.Disks.Select(d => d.Backing));
        Assert.Equal("VirtualDiskQuantumBackingInfo", devices.Disks[6].BackingKind);

        var disk = devices.Disks[0];
        Assert.Equal(("Hard disk 1", 1536L, 1000, 3), (disk.Label, disk.CapacityBytes, disk.ControllerKey!.Value, disk.Unit!.Value)); // not rounded down to a KiB
        Assert.Equal("[ds one] m/m-000002.vmdk", disk.File);
        Assert.Equal(["[ds one] m/m-000001.vmdk", "[ds one] m/m.vmdk"], disk.ParentFiles);
        Assert.Equal(("52 de/7", "6000C29a", true, true), (disk.ChangeId, disk.Uuid, disk.IsThin!.Value, disk.IsMultiWriter));
        Assert.Equal(new ManagedReference("Datastore", "ds-1"), disk.Datastore);
        Assert.False(disk.IsIndependent);
        Assert.True(devices.Disks[1].IsIndependent);
        Assert.True(devices.Disks[1].IsEncrypted);
        Assert.Equal(4096, devices.Disks[1].CapacityBytes);
        Assert.Null(devices.Disks[1].ChangeId);
        Assert.Equal("0200", devices.Disks[2].LunUuid);

        Assert.Equal(["00:50:56:ab:cd:ef", "00:50:56:00:00:01", null, "00:50:56:00:00:02"], devices.NetworkCards.Select(c => c.Mac));
        Assert.Equal((new ManagedReference("Network", "network-1"), "VM Network", true, false), (devices.NetworkCards[0].Network!.Value, devices.NetworkCards[0].NetworkName, devices.NetworkCards[0].IsMacAssigned, devices.NetworkCards[0].IsConnected!.Value));
        Assert.Equal("dvportgroup-7", devices.NetworkCards[1].PortgroupKey);
        Assert.False(devices.NetworkCards[1].IsMacAssigned);
        Assert.Equal(("VirtualFutureCard", "nsx-1"), (devices.NetworkCards[2].Kind, devices.NetworkCards[2].OpaqueNetworkId));
        Assert.True(devices.NetworkCards[3].IsPassthrough);

        Assert.Equal(["VirtualTPM", "VirtualPCIPassthrough", "VirtualFluxCapacitor"], devices.Others.Select(o => o.Kind));
        Assert.Equal("1.21", devices.Others[2].Element.TextOf("flux"));
    }

    [Fact]
    public void A_machine_is_read_from_its_properties()
    {
        var machine = VirtualMachine.Of(Properties(
            ("name", "db%2f1"), ("parent", "<x type=\"Folder\">group-v3</x>"), ("config.uuid", "564d4f3c-1f6d-4c3c-8d5c-6d4a4a0c2f11"), ("config.template", "1"),
            ("config.hardware.numCPU", "8"), ("config.hardware.numCoresPerSocket", "4"), ("config.hardware.memoryMB", "6144"), ("config.firmware", "efi"),
            ("config.bootOptions", "<x><efiSecureBootEnabled>true</efiSecureBootEnabled><bootOrder i:type=\"VirtualMachineBootOptionsBootableDiskDevice\"><deviceKey>2001</deviceKey></bootOrder><bootOrder i:type=\"VirtualMachineBootOptionsBootableEthernetDevice\"><deviceKey>4000</deviceKey></bootOrder><bootOrder i:type=\"VirtualMachineBootOptionsBootableCdromDevice\"/><bootOrder i:type=\"Other\"/></x>"),
            ("config.keyId", "<x><keyId>k</keyId></x>"), ("config.ftInfo", "<x><role>2</role></x>"), ("config.changeTrackingEnabled", "false"), ("runtime.consolidationNeeded", "true"),
            ("snapshot", "<x><currentSnapshot type=\"VirtualMachineSnapshot\">s-2</currentSnapshot><rootSnapshotList><snapshot type=\"VirtualMachineSnapshot\">s-1</snapshot><name>one</name><id>1</id><createTime>2026-01-02T03:04:05.678Z</createTime><quiesced>false</quiesced><childSnapshotList><snapshot type=\"VirtualMachineSnapshot\">s-2</snapshot><name>two</name></childSnapshotList></rootSnapshotList></x>"),
            ("config.hardware.device", Devices)));
        Assert.Equal(("db%2f1", new ManagedReference("Folder", "group-v3"), true), (machine.Name, machine.Parent!.Value, machine.IsTemplate));
        Assert.Equal((8, 4, 6L << 30, "efi", true), (machine.Processors, machine.CoresPerSocket, machine.MemoryBytes, machine.Firmware, machine.IsSecureBoot));
        Assert.Equal((true, 2, false, true, true), (machine.IsEncrypted, machine.FaultToleranceRole!.Value, machine.IsChangeTracking!.Value, machine.NeedsConsolidation, machine.HasTpm));
        Assert.Equal([new("disk", 2001), new("network", 4000), new("cdrom", null), new BootDevice("Other", null)], machine.BootOrder);
        Assert.Equal(["one", "two"], machine.Snapshots.SelectMany(s => s.All()).Select(s => s.Name));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero), machine.Snapshots[0].CreatedAt);
        Assert.Null(machine.InstanceUuid);
        Assert.Null(machine.CanTrackChanges);
        Assert.Equal(8, machine.Devices.Disks.Count);
    }

    [Theory]
    [InlineData("config.uuid", "not a uuid")]
    [InlineData("config.hardware.numCPU", "many")]
    [InlineData("config.hardware.numCPU", "-1")]
    [InlineData("config.hardware.memoryMB", "99999999999999999999")]
    [InlineData("config.template", "perhaps")]
    [InlineData("parent", "<x>no type</x>")]
    public void A_value_that_cannot_be_is_not_taken_for_another(string path, string value) =>
        Assert.Throws<InvalidDataException>(() => VirtualMachine.Of(Properties((path, value))));

    [Theory]
    [InlineData("<key>2000</key><capacityInBytes>-1</capacityInBytes>")]
    [InlineData("<key>2000</key>")]
    [InlineData("<capacityInBytes>1</capacityInBytes>")]
    [InlineData("<key>9999999999</key><capacityInBytes>1</capacityInBytes>")]
    [InlineData("<key>1</key><capacityInBytes>1</capacityInBytes><unitNumber>x</unitNumber>")]
    public void A_disk_that_cannot_be_is_refused(string disk) =>
        Assert.Throws<InvalidDataException>(() => MachineDevices.Of(Parse($"<v xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><d xsi:type=\"VirtualDisk\">{disk}</d></v>").Children));

    [Fact]
    public void Damaged_devices_are_read_or_refused_and_nothing_else() =>
        Gen.Select(Gen.Int[0, Devices.Length - 1], Gen.Int[1, 60], Gen.String[Gen.Char["<>/kKx019 \"&"], 0, 8]).Array[1, 4].Sample(damages =>
        {
            var text = Devices;
            foreach (var (at, length, with) in damages)
            {
                var from = Math.Min(at, text.Length);
                text = text[..from] + with + text[Math.Min(text.Length, from + length)..];
            }

            try
            {
                var devices = MachineDevices.Of(Parse(text).Children);
                Assert.All(devices.Disks, d => Assert.True(d.CapacityBytes >= 0));
            }
            catch (Exception e) when (e is InvalidDataException or OverflowException)
            {
                // refused: the client makes SL3304 of both
            }
        }, iter: 3000);

    [Fact]
    public void Updates_replace_what_they_name_and_keep_all_else()
    {
        var one = new ManagedReference("VirtualMachine", "vm-1");
        var two = new ManagedReference("VirtualMachine", "vm-2");
        var live = new LiveObjects();
        live.Apply(new UpdateSet(true, false, [Update(one, UpdateKind.Enter, ("name", "a"), ("config.annotation", "x"))]));
        Assert.False(live.IsComplete);
        live.Apply(new UpdateSet(false, true, [Update(two, UpdateKind.Enter, ("name", "b"))]));
        Assert.True(live.IsComplete);
        Assert.Equal([one], live.Apply(new UpdateSet(false, true, [Update(one, UpdateKind.Modify, ("config.annotation", null))])));
        Assert.Equal("a", live.Objects[one]["name"]?.Text);
        Assert.Null(live.Objects[one]["config.annotation"]);
        live.Apply(new UpdateSet(false, true, [Update(two, UpdateKind.Leave), Update(one, UpdateKind.Modify, ("name", "c"))]));
        Assert.Equal([one], live.Objects.Keys);
        Assert.Equal("c", live.Objects[one]["name"]?.Text);
        Assert.Equal(2, live.Apply(new UpdateSet(true, true, [Update(two, UpdateKind.Enter)])).Count);
        Assert.Equal([two], live.Objects.Keys);

        static ObjectUpdate Update(ManagedReference target, UpdateKind kind, params (string Path, string? Value)[] changes) =>
            new(target, kind, changes.ToDictionary(c => c.Path, c => c.Value is null ? null : Parse($"<val>{c.Value}</val>")), new Dictionary<string, VSphereFault>());
    }

    [Fact]
    public void The_place_of_a_machine_ends_where_folders_go_round_in_circles()
    {
        var names = new InventoryNames();
        Add("group-d1", null, "Datacenters");
        Add("dc-2", "group-d1", "Paris%2f1");
        Add("group-v3", "dc-2", "vm");
        Add("a", "b", "A");
        Add("b", "a", "B");
        Assert.Equal(["Paris%2f1", "vm"], names.PathTo(new ManagedReference("Folder", "group-v3")));
        Assert.Equal(100, names.PathTo(new ManagedReference("Folder", "a")).Count);
        Assert.Empty(names.PathTo(null));

        void Add(string value, string? parent, string name)
        {
            var values = new Dictionary<string, VimElement> { ["name"] = Parse($"<val>{name}</val>") };
            if (parent is not null) values["parent"] = Parse($"<val type=\"Folder\">{parent}</val>");
            names.Add(new ObjectProperties(new ManagedReference("Folder", value), values, new Dictionary<string, VSphereFault>()));
        }
    }

    private static ObjectProperties Properties(params (string Path, string Value)[] values) => new(
        new ManagedReference("VirtualMachine", "vm-1"),
        values.ToDictionary(v => v.Path, v => v.Value.StartsWith('<') ? Parse(v.Value.Replace("<x", "<x xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"", StringComparison.Ordinal)) : Parse($"<val>{v.Value}</val>")),
        new Dictionary<string, VSphereFault>());

    private static VimElement Parse(string document) => VimXml.Parse(new MemoryStream(Encoding.UTF8.GetBytes(document)));
}
