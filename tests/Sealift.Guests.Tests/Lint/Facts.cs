using Sealift.Guests.Lint;

namespace Sealift.Guests.Tests.Lint;

/// <summary>Machines in which nothing is to be found, for tests to spoil.</summary>
internal static class Facts
{
    public const string Root = "root-uuid", Boot = "boot-uuid";

    private const long Plenty = 1L << 30;

    public static GuestFacts Debian => new(LintScope.Conversion, 1, [Filesystem(Root, 2, "/"), Filesystem(Boot, 1, "/boot")], Names("root-uuid", "boot-uuid"))
    {
        Inside = new GuestInside(Systems("linux", "debian", "deb", "12.5"))
        {
            Mounts = [new GuestMount("/", Root, Plenty, 1000, 500), new GuestMount("/boot", Boot, Plenty, 1000, 500)],
            Fstab = "UUID=root-uuid / ext4 defaults 0 1\nUUID=boot-uuid /boot ext4 defaults 0 2\ntmpfs /tmp tmpfs defaults 0 0\n",
            Kernels = [Kernel("6.1.0-18-amd64")],
            Programs = new HashSet<string> { "/usr/sbin/update-initramfs" },
            BootLoaders = ["grub.cfg"],
        },
    };

    public static GuestFacts Windows => new(LintScope.Conversion, 1, [Filesystem(Root, 2, "/") with { Type = "ntfs" }], Names())
    {
        Inside = new GuestInside(Systems("windows", "windows", "unknown", "10.0") with { ProductVariant = "Server", OsInfo = "win2k19", Architecture = "x86_64" }) { Mounts = [new GuestMount("/", Root, Plenty, 1000, 500)] },
        Host = new ConversionHost("/usr/share/virtio-win", ["/drivers/amd64/2k19/viostor.sys"], "/usr/share/virt-tools", HasFirstBoot: true),
    };

    public static GuestKernel Kernel(string version) => new(version, HasModules: true, HasInitramfs: true, IsPackaged: true, GuestFactsReader.Modules.ToHashSet());

    public static GuestFilesystem Filesystem(string identity, int partition, string mountpoint) => new(identity, $"disk1 partition {partition}, ext4", "ext4", "", 1 << 20, mountpoint, "e2fsck 1.47", true);

    public static DeviceNames Names(params string[] uuids) => DeviceNames.Of([.. uuids.Select((u, i) => new BlockDevice($"sda{i}", "part", "", 1, i, ["disk1"], new Dictionary<string, string> { ["ID_FS_UUID_ENC"] = u, ["ID_FS_TYPE"] = "ext4" }))]);

    public static OperatingSystems Systems(string type, string distro, string packages, string version) =>
        new(1, type, distro, $"A {distro}", version, "x86_64", "host", new Dictionary<string, string>(), [])
        {
            Mounts = [new InspectedMount("/", "/dev/sda2", Root), new InspectedMount("/boot", "/dev/sda1", Boot)],
            PackageFormat = packages,
            Format = "installed",
        };

    /// <summary>The same machine with something else inside.</summary>
    public static GuestFacts With(this GuestFacts facts, Func<GuestInside, GuestInside> change) => facts with { Inside = change(facts.Inside!) };

    /// <summary>The same guest with something else said by inspection.</summary>
    public static GuestFacts WithSystems(this GuestFacts facts, Func<OperatingSystems, OperatingSystems> change) => facts.With(i => i with { Systems = change(i.Systems) });
}
