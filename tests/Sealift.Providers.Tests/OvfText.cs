using System.Globalization;
using System.Text;

namespace Sealift.Providers.Tests;

/// <summary>Writes descriptors as exporters do; every part can be replaced by something else.</summary>
public sealed record OvfText
{
    public string Prolog { get; init; } = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

    public string Name { get; init; } = "web server 1";

    public string Files { get; init; } = """<File ovf:href="disk1.vmdk" ovf:id="file1"/>""";

    public string Disks { get; init; } = $"""<Disk ovf:capacity="{TestDisk.LengthBytes >> 20}" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>""";

    public string Cpus { get; init; } = Item(1, 3, "<rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits><rasd:VirtualQuantity>2</rasd:VirtualQuantity>");

    public string Memory { get; init; } = Item(2, 4, "<rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:VirtualQuantity>512</rasd:VirtualQuantity>");

    public string Controllers { get; init; } = Item(3, 6, "<rasd:Address>0</rasd:Address>", "VirtualSCSI");

    public string Drives { get; init; } = Drive(4, 3, 0, "vmdisk1");

    public string Others { get; init; } = Item(5, 10, "<rasd:AddressOnParent>7</rasd:AddressOnParent><rasd:Address>00:50:56:aa:bb:cc</rasd:Address><rasd:Connection>VM Network</rasd:Connection>", "VmxNet3");

    public string Config { get; init; } = string.Empty;

    public string InEnvelope { get; init; } = string.Empty;

    public string InSystem { get; init; } = string.Empty;

    public static string Item(int id, int type, string more = "", string subType = "") => string.Create(CultureInfo.InvariantCulture,
        $"<Item>{more}<rasd:ElementName>device {id}</rasd:ElementName><rasd:InstanceID>{id}</rasd:InstanceID>{(subType.Length == 0 ? "" : $"<rasd:ResourceSubType>{subType}</rasd:ResourceSubType>")}<rasd:ResourceType>{type}</rasd:ResourceType></Item>");

    public static string Drive(int id, int parent, int unit, string disk) => string.Create(CultureInfo.InvariantCulture,
        $"<Item><rasd:AddressOnParent>{unit}</rasd:AddressOnParent><rasd:ElementName>Hard Disk {id}</rasd:ElementName><rasd:HostResource>ovf:/disk/{disk}</rasd:HostResource><rasd:InstanceID>{id}</rasd:InstanceID><rasd:Parent>{parent}</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>");

    public byte[] Bytes() => Encoding.UTF8.GetBytes(ToString());

    public string System(string id, string name) =>
        $"""
          <VirtualSystem ovf:id="{id}"><Info>A virtual machine</Info><Name>{name}</Name>
            <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest"><Info>os</Info></OperatingSystemSection>
            <VirtualHardwareSection><Info>hw</Info>{Cpus}{Memory}{Controllers}{Drives}{Others}{Config}</VirtualHardwareSection>{InSystem}
          </VirtualSystem>
        """;

    public override string ToString() =>
        $"""
        {Prolog}
        <Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vbox="http://www.virtualbox.org/ovf/machine">
          <References>{Files}</References>
          <DiskSection><Info>disks</Info>{Disks}</DiskSection>
          {InEnvelope}
          {System("vm", Name)}
        </Envelope>
        """;
}
