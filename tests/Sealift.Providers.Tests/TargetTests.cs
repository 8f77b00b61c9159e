using System.Text;
using System.Xml.Linq;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Tests;

public sealed class TargetTests
{
    private const string Greeting = "SEALIFT-BOOTED";

    public static VirtualMachine Machine(Firmware firmware, bool secure, params DiskBus[] buses) => new()
    {
        Name = "web <server> & \"co\" 'ü' $(reboot)\n]]>",
        Cpus = 2,
        MemoryBytes = (128 << 20) + 1,
        Firmware = firmware,
        SecureBoot = secure,
        Disks = [.. buses.Select((b, i) => new SourceDisk($"disk{i + 1}", $"id{i}", new ImageReference(new ImageLocation("/x"), ImageFormat.Raw, "", 1 << 20, 0, null, []), b, ""))],
        NetworkInterfaces =
        [
            new NetworkInterface(NicModel.Vmxnet3, "00:50:56:aa:bb:cc", "VM <Network>"), new NetworkInterface(NicModel.E1000, null, ""),
            new NetworkInterface(NicModel.E1000e, null, ""), new NetworkInterface(NicModel.Pcnet, null, ""), new NetworkInterface(NicModel.Virtio, null, ""),
        ],
        GuestHint = "debian12_64Guest",
    };

    public static TheoryData<Firmware, bool, bool, DiskBus[]> Machines => new()
    {
        { Firmware.Bios, false, true, [DiskBus.Ide, DiskBus.Ide] },
        { Firmware.Uefi, true, true, [DiskBus.Pvscsi] },
        { Firmware.Uefi, false, false, [DiskBus.Pvscsi, DiskBus.LsiSas, DiskBus.LsiLogic, DiskBus.Sata, DiskBus.Nvme, DiskBus.VirtioScsi, DiskBus.VirtioBlk, DiskBus.Pvscsi] },
        { Firmware.Uefi, true, false, [DiskBus.Ide] },
        { Firmware.Bios, false, false, [DiskBus.Ide, DiskBus.Sata, DiskBus.LsiLogic] },
        { Firmware.Bios, false, false, [.. Enumerable.Repeat(DiskBus.Sata, 14)] },
    };

    [Theory]
    [MemberData(nameof(Machines))]
    public async Task The_domain_is_what_libvirt_s_schema_allows(Firmware firmware, bool secure, bool converted, DiskBus[] buses)
    {
        using var folder = new TemporaryDirectory();
        foreach (var kvm in (bool[])[true, false])
        {
            foreach (var joins in (string?[])[null, "default", "bridge:br0"])
            {
                var machine = Machine(firmware, secure, buses) with { Cpus = 6, CoresPerSocket = 3, Description = "two\nlines & <more>", Tags = [new MachineTag("env \"x\"", "prod <1>"), new MachineTag("owner", "ü")] };
                var target = TargetMachine.For(machine with { NetworkInterfaces = [.. machine.NetworkInterfaces.Select(n => n with { Joins = joins })] }, folder.Path, ImageFormat.Qcow2, converted) with { Kvm = kvm };
                var xml = DomainXml.Build(target);
                Assert.Equal(xml, DomainXml.Build(target));
                await File.WriteAllTextAsync(folder.File("d.xml"), xml, TestContext.Current.CancellationToken);
                await ChildProcess.RunAsync(new ChildCommand("xmllint", "--noout", "--nonet", "--relaxng", "/usr/share/libvirt/schemas/domain.rng", folder.File("d.xml")), TestContext.Current.CancellationToken);
                var disks = XElement.Parse(xml).Element("devices")!.Elements("disk").ToList();
                Assert.Equal(buses.Select((_, i) => $"disk{i + 1}"), disks.Select(d => d.Element("serial")!.Value));
                Assert.Equal(buses.Length, disks.Select(d => d.Element("target")!.Attribute("dev")!.Value).Distinct().Count());
                var network = XElement.Parse(xml).Element("devices")!.Elements("interface").First();
                Assert.Equal(joins switch { null => ("user", null), "default" => ("network", "default"), _ => ("bridge", "br0") }, (network.Attribute("type")!.Value, network.Element("source")?.Attributes().Single().Value));
                Assert.Equal(["prod <1>", "ü"], XElement.Parse(xml).Element("metadata")!.Descendants(XName.Get("tag", "urn:sealift:source:1")).Select(t => t.Value));
                Assert.Equal(("2", "3"), (XElement.Parse(xml).Element("cpu")!.Element("topology")!.Attribute("sockets")!.Value, XElement.Parse(xml).Element("cpu")!.Element("topology")!.Attribute("cores")!.Value));
                if (converted) Assert.All(disks, d => Assert.Equal("virtio", d.Element("target")!.Attribute("bus")!.Value));
            }
        }
    }

    [Fact]
    public async Task A_disk_on_a_device_and_the_mark_of_a_migration_are_what_libvirt_s_schema_allows()
    {
        using var folder = new TemporaryDirectory();
        var machine = Machine(Firmware.Bios, false, DiskBus.VirtioBlk, DiskBus.VirtioBlk) with { Tags = [new MachineTag("env", "prod")] };
        var target = TargetMachine.For(machine, folder.Path, ImageFormat.Raw, converted: true) with { MigrationId = "261126-1" };
        target = target with { Disks = [target.Disks[0] with { DevicePath = "/dev/vg & 0/<lv>" }, target.Disks[1]] };
        var xml = DomainXml.Build(target);
        await File.WriteAllTextAsync(folder.File("d.xml"), xml, TestContext.Current.CancellationToken);
        _ = await ChildProcess.RunAsync(new ChildCommand("xmllint", "--noout", "--nonet", "--relaxng", "/usr/share/libvirt/schemas/domain.rng", folder.File("d.xml")), TestContext.Current.CancellationToken); // it prints nothing where it is valid
        var domain = XElement.Parse(xml);
        Assert.Equal([("block", "dev", "/dev/vg & 0/<lv>"), ("file", "file", Path.Combine(folder.Path, target.Disks[1].FileName))], domain.Descendants("disk").Select(d => (d.Attribute("type")!.Value, d.Element("source")!.FirstAttribute!.Name.LocalName, d.Element("source")!.FirstAttribute!.Value)));
        // libvirt keeps one element of metadata for each namespace.
        Assert.Equal(2, domain.Element("metadata")!.Elements().Select(e => e.Name.Namespace).Distinct().Count());
        Assert.Equal("261126-1", TargetDomain.Of(domain, target.Uuid, false).MigrationId);
        Assert.Null(TargetDomain.Of(XElement.Parse(DomainXml.Build(target with { MigrationId = null })), target.Uuid, false).MigrationId);
    }

    [Fact]
    public void A_name_is_text_in_the_domain_and_harmless_in_the_script()
    {
        var target = TargetMachine.For(Machine(Firmware.Bios, false, DiskBus.Ide), "/srv/a b & <c>", ImageFormat.Raw, converted: false);
        var domain = XElement.Parse(DomainXml.Build(target));
        Assert.Equal("web <server> & \"co\" 'ü' $(reboot)?]]>", domain.Element("title")!.Value);
        Assert.Equal("/srv/a b & <c>/" + target.Disks[0].FileName, domain.Element("devices")!.Element("disk")!.Element("source")!.Attribute("file")!.Value);
        Assert.DoesNotContain("$(reboot)", StartScript.Build(target), StringComparison.Ordinal);
        Assert.Equal("'it'\\''s'", StartScript.Quote("it's"));
    }

    [Fact]
    public void The_identity_depends_on_the_machine_and_not_on_the_place()
    {
        var machine = Machine(Firmware.Bios, false, DiskBus.Ide);
        string Uuid(VirtualMachine m, string directory) => XElement.Parse(DomainXml.Build(TargetMachine.For(m, directory, ImageFormat.Raw, false))).Element("uuid")!.Value;
        Assert.Equal(Uuid(machine, "/a"), Uuid(machine, "/b"));
        Assert.NotEqual(Uuid(machine, "/a"), Uuid(machine with { Name = "other" }, "/a"));
        Assert.Equal('5', Uuid(machine, "/a")[14]);
    }

    [Fact]
    public void What_differs_from_the_source_is_said()
    {
        Assert.Contains("AHCI", Assert.Single(TargetMachine.For(Machine(Firmware.Uefi, false, DiskBus.Nvme), "/a", ImageFormat.Raw, false).Concerns), StringComparison.Ordinal);
        Assert.Contains("sym53c8xx", Assert.Single(TargetMachine.For(Machine(Firmware.Bios, false, DiskBus.LsiLogic), "/a", ImageFormat.Raw, false).Concerns), StringComparison.Ordinal);
        Assert.Empty(TargetMachine.For(Machine(Firmware.Bios, false, DiskBus.LsiLogic), "/a", ImageFormat.Raw, true).Concerns);
    }

    [Fact]
    public void A_target_that_cannot_be_described_is_refused()
    {
        var good = TargetMachine.For(Machine(Firmware.Bios, false, DiskBus.Ide), "/a", ImageFormat.Raw, false);
        foreach (var bad in (TargetMachine[])
        [
            good with { DirectoryPath = "a" },
            good with { Disks = [good.Disks[0] with { FileName = "a,b" }] },
            good with { Disks = [good.Disks[0] with { FileName = "../b" }] },
            good with { Disks = [good.Disks[0] with { FileName = "" }] },
            good with { Disks = [good.Disks[0] with { Key = "a'b" }] },
            good with { Disks = [good.Disks[0] with { Bus = DiskBus.Nvme }] },
            good with { Disks = [good.Disks[0] with { Format = ImageFormat.Vmdk }] },
            good with { Disks = [good.Disks[0] with { DevicePath = "dev/x" }] },
            good with { Disks = [good.Disks[0] with { DevicePath = "/dev/x", Format = ImageFormat.Qcow2 }] },
            good with { Disks = [] },
        ])
        {
            Assert.Equal("SL6301", Assert.Throws<SealiftException>(() => DomainXml.Build(bad)).Code);
            Assert.Equal("SL6301", Assert.Throws<SealiftException>(() => StartScript.Build(bad)).Code);
        }

        var crowded = TargetMachine.For(Machine(Firmware.Bios, false, [.. Enumerable.Repeat(DiskBus.Ide, 5)]), "/a", ImageFormat.Raw, false);
        Assert.Equal("SL6302", Assert.Throws<SealiftException>(() => StartScript.Build(crowded)).Code);
    }

    [Theory]
    [InlineData(0, "vda")]
    [InlineData(25, "vdz")]
    [InlineData(26, "vdaa")]
    [InlineData(63, "vdbl")]
    public void Device_names_go_on_behind_z(int index, string name) => Assert.Equal(name, DomainXml.DeviceName("vd", index));

    /// <summary>A boot sector prints on the serial port, from the first disk of each bus that a BIOS boots from, out of a directory whose name is awkward.</summary>
    [Theory]
    [InlineData(DiskBus.VirtioBlk, ImageFormat.Qcow2)]
    [InlineData(DiskBus.Ide, ImageFormat.Raw)]
    [InlineData(DiskBus.Sata, ImageFormat.Raw)]
    [InlineData(DiskBus.Pvscsi, ImageFormat.Raw)]
    [InlineData(DiskBus.LsiSas, ImageFormat.Raw)]
    [InlineData(DiskBus.LsiLogic, ImageFormat.Raw)]
    [InlineData(DiskBus.VirtioScsi, ImageFormat.Raw)]
    public async Task The_start_script_boots_the_machine(DiskBus bus, ImageFormat format)
    {
        using var folder = new TemporaryDirectory();
        var place = Directory.CreateDirectory(folder.File("it's, a 'place' $HOME")).FullName;
        // The second disk must not be the one that boots.
        var target = TargetMachine.For(Machine(Firmware.Bios, false, bus, bus), place, format, converted: false);
        for (var i = 0; i < 2; i++)
        {
            var path = Path.Combine(place, target.Disks[i].FileName);
            await File.WriteAllBytesAsync(folder.File("raw"), BootSector(i == 0 ? Greeting : "WRONG-DISK"), TestContext.Current.CancellationToken);
            await ChildProcess.RunAsync(new ChildCommand("qemu-img", "convert", "-f", "raw", "-O", format == ImageFormat.Raw ? "raw" : "qcow2", folder.File("raw"), path), TestContext.Current.CancellationToken);
        }

        var script = Path.Combine(place, target.StartScriptFileName);
        await File.WriteAllTextAsync(script, StartScript.Build(target), TestContext.Current.CancellationToken);
        var output = await Until(Greeting, new ChildCommand("sh", script) { Environment = new Dictionary<string, string?> { ["SEALIFT_ACCEL"] = "tcg" }, Deadline = TimeSpan.FromMinutes(3), WorkingDirectory = "/" });
        Assert.DoesNotContain("WRONG-DISK", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_start_script_brings_up_uefi_with_variables_of_its_own(bool secure)
    {
        using var folder = new TemporaryDirectory();
        var target = TargetMachine.For(Machine(Firmware.Uefi, secure, DiskBus.Sata), folder.Path, ImageFormat.Raw, converted: true);
        await File.WriteAllBytesAsync(folder.File(target.Disks[0].FileName), BootSector(Greeting), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("start.sh"), StartScript.Build(target), TestContext.Current.CancellationToken);
        await Until("BdsDxe", new ChildCommand("sh", folder.File("start.sh")) { Environment = new Dictionary<string, string?> { ["SEALIFT_ACCEL"] = "tcg" }, Deadline = TimeSpan.FromMinutes(5) });
        Assert.True(File.Exists(folder.File(target.NvramFileName)));
    }

    /// <summary>Without being told how to run: where KVM does not work the probe must say so in time, whatever /dev/kvm looks like.</summary>
    [Fact]
    public async Task The_start_script_finds_out_how_to_run()
    {
        using var folder = new TemporaryDirectory();
        var target = TargetMachine.For(Machine(Firmware.Bios, false, DiskBus.Ide), folder.Path, ImageFormat.Raw, converted: false);
        await File.WriteAllBytesAsync(folder.File(target.Disks[0].FileName), BootSector(Greeting), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("start.sh"), StartScript.Build(target), TestContext.Current.CancellationToken);
        await Until(Greeting, new ChildCommand("sh", folder.File("start.sh")) { Deadline = TimeSpan.FromMinutes(3) });
    }

    [Fact]
    public async Task Every_script_is_sound_shell()
    {
        foreach (var row in Machines)
        {
            var (firmware, secure, converted, buses) = row.Data;
            var script = StartScript.Build(TargetMachine.For(Machine(firmware, secure, buses), "/x", ImageFormat.Raw, converted));
            await ChildProcess.RunAsync(new ChildCommand("sh", "-n") { StandardInput = script }, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<string> Until(string word, ChildCommand command)
    {
        var seen = new StringBuilder();
        await using var child = ChildProcess.Start(command);
        while (await child.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            seen.Append(line).Append('\n');
            if (line.Contains(word, StringComparison.Ordinal)) return seen.ToString();
        }

        throw new InvalidOperationException($"It ended without {word}: {seen} {child.ErrorTail}");
    }

    /// <summary>A disk of 1 MiB whose boot sector prints a line on COM1 and halts.</summary>
    private static byte[] BootSector(string text)
    {
        byte[] code =
        [
            0xFA,                   // cli
            0x31, 0xC0,             // xor ax, ax
            0x8E, 0xD8,             // mov ds, ax
            0xBE, 0x40, 0x7C,       // mov si, 0x7c40
            0xFC,                   // cld
            0xAC,                   // next: lodsb
            0x84, 0xC0,             // test al, al
            0x74, 0x06,             // jz halt
            0xBA, 0xF8, 0x03,       // mov dx, 0x3f8
            0xEE,                   // out dx, al
            0xEB, 0xF5,             // jmp next
            0xF4,                   // halt: hlt
            0xEB, 0xFD,             // jmp halt
        ];
        var disk = new byte[1 << 20];
        code.CopyTo(disk, 0);
        Encoding.ASCII.GetBytes($"{text}\r\n").CopyTo(disk, 0x40);
        disk[510] = 0x55;
        disk[511] = 0xAA;
        return disk;
    }
}
