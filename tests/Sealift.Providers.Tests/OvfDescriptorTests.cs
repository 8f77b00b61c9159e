using System.Text;
using Sealift.Posix;
using Sealift.Providers.Ova;

namespace Sealift.Providers.Tests;

/// <summary>What descriptors say, without the disks behind them.</summary>
public sealed class OvfDescriptorTests
{
    private static readonly OvfText Sound = new();

    private static OvfDescriptor Read(OvfText text, string? wanted = null) => Read(text.ToString(), wanted);

    private static OvfDescriptor Read(string text, string? wanted = null) => OvfDescriptor.Read(OvfXml.Load(Encoding.UTF8.GetBytes(text), "vm.ovf"), "vm.ovf", wanted);

    private static SealiftException Refused(string code, OvfText text, string? wanted = null) => Refused(code, text.ToString(), wanted);

    private static SealiftException Refused(string code, string text, string? wanted = null)
    {
        var e = Assert.Throws<SealiftException>(() => Read(text, wanted));
        Assert.True(e.Code == code, e.Message);
        return e;
    }

    [Theory]
    [InlineData("1024", "MegaBytes", 1L << 30)]
    [InlineData("1024", "MB", 1L << 30)]
    [InlineData("2", "byte * 2^30", 2L << 30)]
    [InlineData("2", "byte*2^30", 2L << 30)]
    [InlineData("3", "byte * 10^9", 3_000_000_000)]
    [InlineData("5", "byte * 1024", 5120)]
    [InlineData("5", "byte * 2^10 * 2^10", 5L << 20)]
    [InlineData("512", "", 512)]
    public void Units_of_the_standard_and_older_words_are_understood(string quantity, string units, long bytes)
    {
        Assert.True(OvfUnits.TryBytes(quantity, units, out var found));
        Assert.Equal(bytes, found);
    }

    [Theory]
    [InlineData("0", "byte")]
    [InlineData("-1", "byte")]
    [InlineData("1.5", "byte")]
    [InlineData("1", "furlong")]
    [InlineData("1", "byte * 2^99999999999")]
    [InlineData("1", "byte * 2^63")]
    [InlineData("9223372036854775807", "byte * 2^30")]
    [InlineData("1", "byte * 0")]
    [InlineData("1", "byte * -2")]
    [InlineData("1", "byte * 2^2^2")]
    [InlineData("1", "byte * 1 * 1 * 1 * 1 * 1 * 1 * 1 * 1")]
    public void Units_that_make_no_size_are_refused(string quantity, string units) => Assert.False(OvfUnits.TryBytes(quantity, units, out _));

    [Fact]
    public void Disks_are_ordered_by_controller_and_unit_and_bound_by_identity()
    {
        var text = Sound with
        {
            Disks = string.Concat("abcd".Select(c => $"""<Disk ovf:capacity="512" ovf:diskId="{c}"/>""")),
            // In the document: SCSI 1, SCSI 0, IDE. Its items are in no order at all.
            Controllers = OvfText.Item(30, 6, "<rasd:Address>1</rasd:Address>", "lsilogicsas") + OvfText.Item(31, 6, "<rasd:Address>0</rasd:Address>", "lsilogic") + OvfText.Item(32, 5, "<rasd:Address>0</rasd:Address>"),
            Drives = OvfText.Drive(40, 32, 0, "a") + OvfText.Drive(41, 30, 0, "b") + OvfText.Drive(42, 31, 5, "c") + OvfText.Drive(43, 31, 2, "d"),
        };
        Assert.Equal(
            [("d", DiskBus.LsiLogic, "scsi0:2"), ("c", DiskBus.LsiLogic, "scsi0:5"), ("b", DiskBus.LsiSas, "scsi1:0"), ("a", DiskBus.Ide, "ide0:0")],
            Read(text).Drives.Select(d => (d.Disk.Id, d.Bus, d.Address)));
    }

    [Theory]
    [InlineData(5, "PIIX4", DiskBus.Ide)]
    [InlineData(6, "lsilogic", DiskBus.LsiLogic)]
    [InlineData(6, "lsilogicsas", DiskBus.LsiSas)]
    [InlineData(6, "VirtualSCSI", DiskBus.Pvscsi)]
    [InlineData(20, "AHCI", DiskBus.Sata)]
    [InlineData(20, "vmware.sata.ahci", DiskBus.Sata)]
    [InlineData(20, "vmware.nvme.controller", DiskBus.Nvme)]
    public void Controllers_are_known(int type, string subType, DiskBus bus)
    {
        var read = Read(Sound with { Controllers = OvfText.Item(3, type, "", subType) });
        Assert.Equal(bus, read.Drives[0].Bus);
        Assert.Empty(read.Concerns);
    }

    [Fact]
    public void A_controller_without_a_driver_is_a_concern() =>
        Assert.Contains("BusLogic", Assert.Single(Read(Sound with { Controllers = OvfText.Item(3, 6, "", "BusLogic") }).Concerns), StringComparison.Ordinal);

    [Theory]
    [InlineData("E1000", NicModel.E1000)]
    [InlineData("E1000e", NicModel.E1000e)]
    [InlineData("PCNet32", NicModel.Pcnet)]
    [InlineData("VmxNet3", NicModel.Vmxnet3)]
    [InlineData("PCNet32 E1000", NicModel.Pcnet)]
    public void Network_models_are_known(string subType, NicModel model) =>
        Assert.Equal(model, Read(Sound with { Others = OvfText.Item(5, 10, "", subType) }).NetworkInterfaces[0].Model);

    [Theory]
    [InlineData("""<vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>""", Firmware.Uefi, false)]
    [InlineData("""<vmw:Config vmw:key="firmware" vmw:value="efi"/><vmw:Config vmw:key="bootOptions.efiSecureBootEnabled" vmw:value="true"/>""", Firmware.Uefi, true)]
    [InlineData("""<vmw:Config vmw:key="firmware" vmw:value="efi"/><vmw:ExtraConfig vmw:key="uefi.secureBoot.enabled" vmw:value="TRUE"/>""", Firmware.Uefi, true)]
    [InlineData("""<vmw:Config vmw:key="firmware" vmw:value="efi"/><vmw:BootOptions vmw:efiSecureBootEnabled="false"/>""", Firmware.Uefi, false)]
    [InlineData("""<vmw:Config vmw:key="firmware" vmw:value="bios"/>""", Firmware.Bios, false)]
    [InlineData("", Firmware.Bios, false)]
    public void Firmware_is_read(string config, Firmware firmware, bool secure)
    {
        var read = Read(Sound with { Config = config });
        Assert.Equal((firmware, secure), (read.Firmware, read.SecureBoot));
    }

    [Fact]
    public void A_virtualbox_machine_is_read_with_its_own_addresses_and_firmware()
    {
        var read = Read(Sound with
        {
            Memory = OvfText.Item(2, 4, "<rasd:Caption>512 MB of memory</rasd:Caption><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:VirtualQuantity>512</rasd:VirtualQuantity>"),
            Controllers = OvfText.Item(3, 5, "<rasd:Address>0</rasd:Address>", "PIIX4") + OvfText.Item(4, 20, "<rasd:Address>0</rasd:Address>", "AHCI"),
            Drives = OvfText.Drive(7, 4, 0, "vmdisk1").Replace("ovf:/disk", "/disk", StringComparison.Ordinal),
            Others = OvfText.Item(9, 10, "<rasd:Connection>NAT</rasd:Connection>", "E1000") + OvfText.Item(8, 35, "", "ensoniq1371") + OvfText.Item(6, 23),
            InSystem = """<vbox:Machine ovf:required="false" name="x"><Hardware><Firmware type="EFI"/><Network><Adapter slot="1" enabled="false" MACAddress="080027000001"/><Adapter slot="0" enabled="true" MACAddress="080027ABCDEF"/></Network></Hardware></vbox:Machine>""",
        });
        Assert.Equal((DiskBus.Sata, "sata0:0", Firmware.Uefi, 512L << 20), (read.Drives[0].Bus, read.Drives[0].Address, read.Firmware, read.MemoryBytes));
        Assert.Equal([new NetworkInterface(NicModel.E1000, "08:00:27:ab:cd:ef", "NAT")], read.NetworkInterfaces);
        Assert.Contains("sound card", Assert.Single(read.Concerns), StringComparison.Ordinal);
    }

    [Fact]
    public void What_will_be_missing_is_said()
    {
        var read = Read(Sound with { Others = Sound.Others + OvfText.Item(60, 15) + OvfText.Item(61, 14) + OvfText.Item(62, 21) + OvfText.Item(63, 99, "", "teleporter"), Disks = Sound.Disks + """<Disk ovf:capacity="512" ovf:diskId="stray"/>""" });
        foreach (var word in (string[])["CD/DVD", "floppy", "serial port", "teleporter", "stray"]) Assert.Contains(read.Concerns, c => c.Contains(word, StringComparison.Ordinal));
    }

    [Fact]
    public void Of_several_machines_one_must_be_named()
    {
        var other = Sound.System("two", "mail").Replace("vmdisk1", "vmdisk2", StringComparison.Ordinal);
        var text = Sound with { InEnvelope = $"<VirtualSystemCollection ovf:id=\"c\">{other}</VirtualSystemCollection>", Disks = Sound.Disks + """<Disk ovf:capacity="512" ovf:diskId="vmdisk2"/>""" };
        var e = Refused("SL6205", text);
        Assert.Contains("'web server 1', 'mail'", e.Message, StringComparison.Ordinal);
        Assert.Equal("mail", Read(text, "two").Name);
        Assert.Equal("web server 1", Read(text, "web server 1").Name);
    }

    [Fact]
    public void The_default_configuration_replaces_items_of_the_same_id()
    {
        static string Cpus(int count) => OvfText.Item(1, 3, $"<rasd:VirtualQuantity>{count}</rasd:VirtualQuantity>");
        var read = Read(Sound with
        {
            InEnvelope = """<DeploymentOptionSection><Info/><Configuration ovf:id="small"/><Configuration ovf:id="large" ovf:default="true"/></DeploymentOptionSection>""",
            Cpus = Cpus(1) + Cpus(2).Replace("<Item>", "<Item ovf:configuration=\"small\">", StringComparison.Ordinal) + Cpus(8).Replace("<Item>", "<Item ovf:configuration=\"large\">", StringComparison.Ordinal) + Cpus(64).Replace("<Item>", "<Item ovf:bound=\"max\">", StringComparison.Ordinal),
        });
        Assert.Equal(8, read.Cpus);
    }

    [Theory]
    [InlineData("<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>", "&c;")]
    [InlineData("<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>", "&a;")]
    [InlineData("<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">", "x")]
    [InlineData("", "&undefined;")]
    public void Entities_and_document_types_are_refused(string doctype, string name) => Refused("SL6201", Sound with { Prolog = doctype, Name = name });

    [Fact]
    public void Depth_and_number_of_nodes_are_limited()
    {
        Refused("SL6201", Sound with { InSystem = string.Concat(Enumerable.Repeat("<a>", 100)) + string.Concat(Enumerable.Repeat("</a>", 100)) });
        Refused("SL6201", Sound with { InSystem = string.Concat(Enumerable.Repeat("<a/>", 500_000)) });
    }

    [Theory]
    [InlineData("<a/>", "SL6203")]
    [InlineData("<Envelope xmlns='http://www.vmware.com/schema/ovf/1/envelope'/>", "SL6203")]
    [InlineData("<Envelope", "SL6201")]
    [InlineData("<?xml version='1.0' encoding='klingon'?><a/>", "SL6201")]
    [InlineData("", "SL6201")]
    public void What_is_no_descriptor_is_refused(string text, string code) => Refused(code, text);

    public static TheoryData<string, string, string> Flaws => new()
    {
        { "ovf:capacity=\"2\" ovf:capacityAllocationUnits=\"byte * 2^20\"", "ovf:capacity=\"1000\"", "SL6204" }, // not a multiple of 512
        { "ovf:capacity=\"2\"", "ovf:capacity=\"2.5\"", "SL6204" },
        { "ovf:capacity=\"2\"", "", "SL6204" },
        { "ovf:fileRef=\"file1\"", "ovf:fileRef=\"file9\"", "SL6207" },
        { "ovf:fileRef=\"file1\"", "ovf:fileRef=\"file1\" ovf:parentRef=\"x\"", "SL6204" },
        { "ovf:/disk/vmdisk1", "ovf:/disk/other", "SL6207" },
        { "ovf:/disk/vmdisk1", "ovf:/file/other", "SL6207" },
        { "ovf:/disk/vmdisk1", "/dev/sda", "SL6204" },
        { "<rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource>", "", "SL6204" },
        { "<rasd:Parent>3</rasd:Parent>", "<rasd:Parent>33</rasd:Parent>", "SL6207" },
        { "ovf:id=\"file1\"", "ovf:id=\"file1\" ovf:chunkSize=\"1000\"", "SL6206" },
        { "ovf:id=\"file1\"", "ovf:id=\"file1\" ovf:compression=\"zip\"", "SL6204" },
        { "ovf:id=\"file1\"", "ovf:id=\"file1\" ovf:size=\"big\"", "SL6204" },
        { "<rasd:VirtualQuantity>2<", "<rasd:VirtualQuantity>0<", "SL6204" },
        { "<rasd:VirtualQuantity>2<", "<rasd:VirtualQuantity>99999999999<", "SL6204" },
        { "<rasd:VirtualQuantity>512<", "<rasd:VirtualQuantity>0<", "SL6204" },
        { "<rasd:ResourceType>3<", "<rasd:ResourceType>99<", "SL6204" },
        { "<rasd:ResourceType>3<", "<rasd:ResourceType>three<", "SL6204" },
        { "<rasd:InstanceID>1<", "<rasd:InstanceID>2<", "SL6204" },
        { "00:50:56:aa:bb:cc", "01:50:56:aa:bb:cc", "SL6204" },
        { "00:50:56:aa:bb:cc", "$(reboot)", "SL6204" },
        { "VirtualHardwareSection", "Other", "SL6204" },
        { "VirtualSystem ", "Other ", "SL6201" },
        { "<Name>web server 1</Name>", "<Name>" + "x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890x234567890" + "</Name>", "SL6204" },
    };

    [Theory]
    [MemberData(nameof(Flaws))]
    public void A_flaw_is_refused_by_name(string part, string flaw, string code)
    {
        var text = Sound.ToString();
        Assert.Contains(part, text, StringComparison.Ordinal);
        var e = Refused(code, text.Replace(part, flaw, StringComparison.Ordinal));
        Assert.Contains("vm.ovf", e.Subject, StringComparison.Ordinal);
        Assert.NotEmpty(e.NextStep);
    }

    [Fact]
    public void A_disk_attached_twice_is_refused() => Refused("SL6204", Sound with { Drives = Sound.Drives + OvfText.Drive(44, 3, 1, "vmdisk1") });
}
