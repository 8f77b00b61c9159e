using System.Text.Json;
using Sealift.Disks;
using Sealift.Guests.Boot;

namespace Sealift.Guests.Tests.Boot;

/// <summary>What keeps a strange guest to itself is in QEMU's arguments, where nothing else would miss it.</summary>
public sealed class BootCommandTests
{
    private static readonly BootMachine Machine = new()
    {
        Name = "-name,x",
        Disks = [new BootDisk("disk1", "/a,b/disk1.qcow2", ImageFormat.Qcow2, 1 << 20, "virtio-scsi-pci,id=virtioscsi", "scsi-hd,bus=virtioscsi.0"), new BootDisk("disk2", "/a,b/disk2.raw", ImageFormat.Raw, 1 << 20, null, "virtio-blk-pci")],
        OldChipset = false,
        Cpus = 2,
        MemoryBytes = 1 << 30,
        HasVirtio = true,
    };

    private static IReadOnlyList<string> Arguments(BootMachine machine) => BootCommand.Arguments(machine, kvm: false, 2, 1024, "/s,t", key => $"/o,p/{key}.qcow2");

    [Fact]
    public void It_has_no_network_and_is_in_the_sandbox()
    {
        var arguments = Arguments(Machine);
        Assert.Contains("-nodefaults", arguments);
        Assert.Contains("-no-user-config", arguments);
        Assert.Equal("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", After(arguments, "-sandbox"));
        Assert.DoesNotContain(arguments, a => a is "-nic" or "-net" or "-netdev" or "-monitor" or "-vnc" || a.Contains("net", StringComparison.Ordinal));
        Assert.DoesNotContain(arguments, a => a.Contains("-name,x", StringComparison.Ordinal));
    }

    [Fact]
    public void Each_disk_is_opened_for_reading_only_beneath_its_overlay()
    {
        var nodes = Arguments(Machine).Where(a => a.StartsWith('{')).Select(a => JsonDocument.Parse(a).RootElement).ToList();
        Assert.Equal(2, nodes.Count);
        foreach (var (node, disk) in nodes.Zip(Machine.Disks))
        {
            Assert.Equal($"/o,p/{disk.Key}.qcow2", node.GetProperty("file").GetProperty("filename").GetString());
            var backing = node.GetProperty("backing");
            Assert.Equal(disk.Path, backing.GetProperty("file").GetProperty("filename").GetString());
            Assert.True(backing.GetProperty("read-only").GetBoolean() && backing.GetProperty("file").GetProperty("read-only").GetBoolean());
        }
    }

    [Fact]
    public void Disks_are_tried_in_their_order_each_on_its_controller()
    {
        var devices = Arguments(Machine).Where(a => a.Contains("virtioscsi", StringComparison.Ordinal) || a.Contains("drive=", StringComparison.Ordinal));
        Assert.Equal(["virtio-scsi-pci,id=virtioscsi", "scsi-hd,bus=virtioscsi.0,drive=drive-disk1,serial=disk1,bootindex=1", "virtio-blk-pci,drive=drive-disk2,serial=disk2,bootindex=2"], devices);
    }

    [Fact]
    public void Secure_boot_protects_the_firmwares_variables_and_the_code_is_never_written_to()
    {
        var arguments = Arguments(Machine with { Firmware = new BootFirmware("/fw/code.fd", "/fw/vars.fd"), SecureBoot = true });
        Assert.Equal("q35,smm=on,pflash0=code,pflash1=variables", After(arguments, "-machine"));
        Assert.Contains("driver=cfi.pflash01,property=secure,value=on", arguments);
        var code = JsonDocument.Parse(arguments.First(a => a.Contains("/fw/code.fd", StringComparison.Ordinal))).RootElement;
        Assert.True(code.GetProperty("read-only").GetBoolean());
        Assert.DoesNotContain(arguments, a => a.Contains("/fw/vars.fd", StringComparison.Ordinal));
        Assert.DoesNotContain(arguments, a => a.Contains("sercon", StringComparison.Ordinal));
    }

    [Fact]
    public void A_comma_in_a_path_ends_no_option() =>
        Assert.Contains("socket,id=qmp,path=/s,,t/qmp", Arguments(Machine));

    private static string After(IReadOnlyList<string> arguments, string option) => arguments.SkipWhile(a => a != option).ElementAt(1);
}
