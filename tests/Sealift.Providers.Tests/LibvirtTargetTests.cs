using System.Xml.Linq;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Providers.Tests;

/// <summary>How the place that a machine goes to is named, and what libvirt says of it.</summary>
public sealed class LibvirtTargetTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("qemu:///system", "qemu:///system")]
    [InlineData("qemu:///system/", "qemu:///system")]
    [InlineData("qemu:///session", "qemu:///session")]
    [InlineData("qemu:///system/web01", "SL6600")]
    [InlineData("qemu:///system?pool=x", "SL6600")]
    [InlineData("qemu:///", "SL6600")]
    [InlineData("qemu:", "SL6600")]
    [InlineData("qemu+ssh://root@host/system/", "qemu+ssh://root@host/system")]
    [InlineData("qemu+ssh://host:2222/session?command=/usr/bin/ssh&keyfile=/k/id&no_tty=1", "qemu+ssh://host:2222/session?keyfile=%2Fk%2Fid&command=%2Fusr%2Fbin%2Fssh")]
    [InlineData("qemu+ssh://[fe80::1]/system", "qemu+ssh://[fe80::1]/system")]
    [InlineData("qemu+ssh://root@host/system/web01", "SL6600")]
    [InlineData("qemu+ssh://root:secret@host/system", "SL6600")]
    [InlineData("qemu+ssh://-oProxyCommand=x/system", "SL6600")]
    [InlineData("qemu+ssh://host/system?socket=/x", "SL6600")]
    [InlineData("qemu+tls://host/system", "SL6601")]
    [InlineData("qemu://host/system", "SL6601")]
    public void It_is_named_as_libvirt_names_it(string target, string expected)
    {
        Assert.True(LibvirtHost.Is(target));
        if (expected.StartsWith("SL", StringComparison.Ordinal)) Assert.Equal(expected, Assert.ThrowsAny<SealiftException>(() => LibvirtHost.Parse(target)).Code);
        else Assert.Equal(expected, LibvirtHost.Parse(target));
    }

    [Theory]
    [InlineData("/srv/vms")]
    [InlineData("qemu")]
    [InlineData("./qemu:x")]
    public void A_directory_is_none(string target) => Assert.False(LibvirtHost.Is(target));

    /// <summary>asm-generic/fcntl.h and arm64's: what is O_DIRECT on one is another flag on the other.</summary>
    [Theory]
    [InlineData("02140002", "x86_64", true)]
    [InlineData("02100002", "x86_64", false)]
    [InlineData("02200002", "aarch64", true)]
    [InlineData("02140002", "aarch64", false)]
    [InlineData("02140002", "sparc64", null)]
    [InlineData("0x4000", "x86_64", null)]
    [InlineData("", "x86_64", null)]
    public void Whether_a_file_is_open_past_the_cache_is_read_from_its_flags(string flags, string architecture, bool? expected) => Assert.Equal(expected, VolumeServer.IsDirect(flags, architecture));

    [Theory]
    [InlineData("64768 1234 4096 1764226800.123456789", 64768UL, 1234UL, 4096L, 1764226800123456789L)]
    [InlineData("1 2 3 -1.000000001", 1UL, 2UL, 3L, -999999999L)]
    [InlineData("1 2 3 1764226800", null, 0UL, 0L, 0L)]
    [InlineData("1 2 3 99999999999.000000000", null, 0UL, 0L, 0L)]
    [InlineData("1 2 3.5 1.000000000", null, 0UL, 0L, 0L)]
    [InlineData("stat: cannot", null, 0UL, 0L, 0L)]
    public void What_stat_says_of_a_file_there_is_read_or_refused(string said, ulong? device, ulong inode, long length, long modified) =>
        Assert.Equal(device is null ? null : new FarFile(device.Value, inode, length, modified), FarFile.Parse(said));

    /// <summary>Its path is one of the other host: nothing here is at it.</summary>
    [Fact]
    public void What_a_server_there_is_told_needs_no_file_here()
    {
        var arguments = QemuNbdServer.Arguments("/no/such/pool/a.qcow2", ImageFormat.Qcow2, "/var/tmp/x/disk1.sock", "/var/tmp/x/disk1.pid", writable: false, QemuCache.None);
        Assert.Contains("--cache=none", arguments);
        Assert.Contains("--read-only", arguments);
        Assert.Equal("""json:{"driver":"qcow2","file":{"driver":"file","filename":"/no/such/pool/a.qcow2","locking":"auto"},"backing":null}""", arguments[^1]);
    }

    [Theory]
    [InlineData("dir", null)]
    [InlineData("fs", null)]
    [InlineData("netfs", null)]
    [InlineData("logical", "SL6604")]
    [InlineData("rbd", "SL6604")]
    public void Only_a_pool_of_files_is_taken(string type, string? code) => Expect(code, () => StoragePool.Of(Pool(type, directory.Path), "qemu:///system"));

    [Theory]
    [InlineData("srv/vms")]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/no/such/directory")]
    public void Its_directory_has_to_be_there(string path) => Expect("SL6605", () => StoragePool.Of(Pool("dir", path), "qemu:///system"));

    [Fact]
    public void Its_path_is_taken_in_its_simplest_form() => Assert.Equal(directory.Path, StoragePool.Of(Pool("dir", directory.Path + "//./"), "qemu:///system").DirectoryPath);

    [Fact]
    public void An_answer_that_is_no_pool_is_not_believed()
    {
        Expect("SL6413", () => StoragePool.Of(new XElement("domain"), "qemu:///system"));
        var nameless = Pool("dir", directory.Path);
        nameless.Element("uuid")!.Value = "7";
        Expect("SL6413", () => StoragePool.Of(nameless, "qemu:///system"));
    }

    [Theory]
    [InlineData("+64055:+108", 64055u, 108u)]
    [InlineData("0:0", 0u, 0u)]
    [InlineData("libvirt-qemu:kvm", null, null)]
    [InlineData("+1", null, null)]
    public void The_user_of_qemu_is_read_from_the_capabilities(string label, uint? user, uint? group)
    {
        var capabilities = new XElement("capabilities", new XElement("host", new XElement("secmodel", new XElement("model", "none")), new XElement("secmodel", new XElement("model", "dac"), new XElement("baselabel", new XAttribute("type", "kvm"), label))));
        Assert.Equal(user is null ? null : new QemuUser(user.Value, group!.Value), QemuUser.Of(capabilities));
        Assert.Null(QemuUser.Of(new XElement("capabilities")));
    }

    [Fact]
    public void A_domain_is_known_by_the_migration_in_its_metadata()
    {
        var uuid = Guid.NewGuid();
        Assert.Equal(new TargetDomain("web01", uuid, true, "261126-1"), TargetDomain.Of(XElement.Parse("<domain><name>web01</name><metadata><x:migration xmlns:x='urn:sealift:migration:1' id='261126-1'/></metadata></domain>"), uuid, true));
        Assert.Null(TargetDomain.Of(XElement.Parse("<domain><name>web01</name><metadata><migration id='261126-1'/></metadata></domain>"), uuid, false).MigrationId);
    }

    private static XElement Pool(string type, string path) => new("pool", new XAttribute("type", type), new XElement("name", "default"), new XElement("uuid", "001a401b-5421-4d0e-b840-bbbb5b6630fb"), new XElement("target", new XElement("path", path)));

    private static void Expect(string? code, Func<object> act)
    {
        if (code is null) Assert.NotNull(act());
        else Assert.Equal(code, Assert.ThrowsAny<SealiftException>(act).Code);
    }
}
