using Sealift.Posix;

namespace Sealift.Providers.Tests.Running;

/// <summary>Domains of libvirt as they are named on the command line, and as libvirt describes them.</summary>
public sealed class LibvirtNameTests
{
    [Theory]
    [InlineData("qemu:///system/web01", "web01", "qemu:///system")]
    [InlineData("qemu:///session/two%20words", "two words", "qemu:///session")]
    [InlineData("qemu+ssh://host7/system/web01", "web01", "qemu+ssh://host7/system?no_tty=1")]
    [InlineData("qemu+ssh://admin@host7:2222/system/a?keyfile=/k/id", "a", "qemu+ssh://admin@host7:2222/system?no_tty=1&keyfile=%2Fk%2Fid")]
    [InlineData("qemu+ssh://[fe80::1]/system/a", "a", "qemu+ssh://[fe80::1]/system?no_tty=1")]
    public void A_domain_is_named_by_libvirts_uri_and_its_own_name(string source, string domain, string connection)
    {
        Assert.True(RunningSource.Is(source));
        var name = LibvirtName.Parse(source);
        Assert.Equal((domain, connection), (name.Domain, name.ConnectionBy(name.Host)));
    }

    [Theory]
    [InlineData("qemu:///system")]
    [InlineData("qemu:///system/")]
    [InlineData("qemu:///system/a/b")]
    [InlineData("qemu:///elsewhere/a")]
    [InlineData("qemu://host/system/a")]
    [InlineData("qemu:///system/a?keyfile=/k")]
    [InlineData("qemu:///system/a%0Ab")]
    [InlineData("qemu+tcp://host/system/a")]
    [InlineData("qemu+tls://host/system/a")]
    [InlineData("qemu+ssh:///system/a")]
    [InlineData("qemu+ssh://host/system/a?no_verify=1")]
    [InlineData("qemu+ssh://host/system/a?command=ssh")]
    [InlineData("qemu+ssh://-oProxyCommand=x/system/a")]
    [InlineData("qemu+ssh://-l@host/system/a")]
    [InlineData("qemu+ssh://root:secret@host/system/a")]
    public void What_is_no_usable_name_is_refused_before_anything_is_run(string source)
    {
        var error = Assert.Throws<SealiftException>(() => LibvirtName.Parse(source));
        Assert.Equal("SL6411", error.Code);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_word_reaches_a_shell_as_it_is() => Assert.Equal(@"'it'\''s $(x)'", ShellWord.Quoted("it's $(x)"));

    [Fact]
    public void Disks_are_those_that_can_be_written_to_in_the_order_of_the_boot()
    {
        var domain = Domain("""
            <disk type='file' device='disk'><driver type='qcow2'/><source file='/a'/><target dev='vda' bus='virtio'/><boot order='2'/></disk>
            <disk type='file' device='cdrom'><source file='/c'/><target dev='sdc' bus='sata'/></disk>
            <disk type='block'><driver type='raw'/><source dev='/dev/b'/><target dev='sda' bus='scsi'/><boot order='1'/></disk>
            <disk type='file'><source file='/ro'/><target dev='vdb' bus='virtio'/><readonly/></disk>
            <controller type='scsi' index='0' model='vmpvscsi'/>
            <interface type='network'><mac address='52:54:00:00:00:01'/><source network='lan'/><model type='e1000e'/></interface>
            """);
        Assert.Null(domain.Obstacle);
        Assert.Equal(["sda", "vda"], domain.Disks.Select(d => d.Target));
        Assert.Equal([DiskBus.Pvscsi, DiskBus.VirtioBlk], domain.Disks.Select(d => d.Bus));
        Assert.Equal(["vda", "sdc", "sda", "vdb"], domain.AllTargets);
        Assert.Contains("it is raw", domain.Disks[0].Untracked, StringComparison.Ordinal);
        var machine = domain.Machine(_ => (1 << 20, 1 << 10));
        Assert.Equal(("vm", 3, 64L << 20, Firmware.Uefi), (machine.Name, machine.Cpus, machine.MemoryBytes, machine.Firmware));
        Assert.Equal(new NetworkInterface(NicModel.E1000e, "52:54:00:00:00:01", "lan"), machine.NetworkInterfaces.Single());
        Assert.Equal((64055, 107), domain.Owner);
    }

    [Theory]
    [InlineData("<target dev='vda'/><shareable/>", "shared")]
    [InlineData("<target dev='vda'/><transient/>", "transient")]
    [InlineData("<target dev='vda'/><readonly/>", "no disk")]
    public void What_could_not_be_proven_is_an_obstacle(string disk, string word) =>
        Assert.Contains(word, Domain($"<disk type='file'><source file='/a'/>{disk}</disk>").Obstacle, StringComparison.Ordinal);

    [Fact]
    public void Disks_that_cannot_be_told_apart_are_refused() => Assert.Equal("SL6413", Assert.Throws<SealiftException>(() => Domain("<disk><target dev='vda'/></disk><disk><target dev='vda'/></disk>")).Code);

    [Theory]
    [InlineData("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><domain>&e;</domain>")]
    [InlineData("<domain>")]
    [InlineData("")]
    public void What_is_no_plain_xml_is_refused(string text) => Assert.Equal("SL6413", Assert.Throws<SealiftException>(() => LibvirtXml.Parse(text, "qemu:///system/a", "dumpxml")).Code);

    private static LibvirtDomain Domain(string devices) => new(
        LibvirtXml.Parse(
            $"""
            <domain type='kvm'><name>vm</name><memory unit='KiB'>65536</memory><vcpu current='3'>8</vcpu><os firmware='efi'/><on_poweroff>destroy</on_poweroff>
            <seclabel type='dynamic' model='apparmor' relabel='yes'><label>x</label></seclabel><seclabel type='dynamic' model='dac' relabel='yes'><label>+64055:+107</label></seclabel>
            <devices>{devices}</devices></domain>
            """,
            "qemu:///system/vm",
            "dumpxml"),
        "qemu:///system/vm");
}
