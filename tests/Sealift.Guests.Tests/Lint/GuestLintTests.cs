using Sealift.Guests.Lint;

namespace Sealift.Guests.Tests.Lint;

/// <summary>Each rule, on a machine in which nothing else is to be found.</summary>
public sealed class GuestLintTests
{
    private const long MiB = 1 << 20;

    /// <summary>One thing that is wrong, and what is to be said of it, and nothing else.</summary>
    private static readonly (string Case, GuestFacts Facts, string Class, FindingSeverity Severity, string Filesystem, string Text)[] Cases =
    [
        ("root is full", Space("/", 99), PreflightClasses.NoSpace, FindingSeverity.Obstacle, Facts.Root, "/ has 99.0 MiB free; virt-v2v refuses to convert with less than 100"),
        ("root without a /boot of its own is full", Facts.Debian.With(i => i with { Mounts = [new("/", Facts.Root, (50 * MiB) - 1, 9, 0) { Inodes = 0 }] }), PreflightClasses.NoSpace, FindingSeverity.Obstacle, Facts.Root, "/ has 50.0 MiB free; virt-v2v refuses to convert with less than 50"),
        ("root without a /boot of its own is nearly full", Facts.Debian.With(i => i with { Mounts = [new("/", Facts.Root, 50 * MiB, 1000, 500)] }), PreflightClasses.LowSpace, FindingSeverity.Warning, Facts.Root, "virt-v2v's manual asks for 100"),
        ("/boot is full", Space("/boot", 9), PreflightClasses.NoSpace, FindingSeverity.Obstacle, Facts.Boot, "/boot has 9.0 MiB free"),
        ("/boot is nearly full", Space("/boot", 49), PreflightClasses.LowSpace, FindingSeverity.Warning, Facts.Boot, "asks for 50"),
        ("C: is full", Facts.Windows.With(i => i with { Mounts = [new("/", Facts.Root, 99 * MiB, 0, 0)] }), PreflightClasses.NoSpace, FindingSeverity.Obstacle, Facts.Root, "the system drive has 99.0 MiB"),
        ("another file system is full", Facts.Debian.With(i => i with { Mounts = [.. i.Mounts, new("/srv", "other", 9 * MiB, 0, 0)] }), PreflightClasses.NoSpace, FindingSeverity.Obstacle, "machine", "/srv has"),
        ("no inodes", Facts.Debian.With(i => i with { Mounts = [i.Mounts[0] with { FreeInodes = 99 }, i.Mounts[1]] }), PreflightClasses.NoInodes, FindingSeverity.Obstacle, Facts.Root, "99 free inodes of 1000"),
        ("a mount point that is not there", Facts.Debian.With(i => i with { NotMounted = [("/gone", "x", "mount point does not exist")] }), PreflightClasses.CannotMount, FindingSeverity.Obstacle, "machine", "mount point does not exist"),
        ("a disk that is none of the machine's", Fstab("/dev/sdb1 /srv ext4"), PreflightClasses.UnknownDevice, FindingSeverity.Obstacle, Facts.Root, "/etc/fstab line 4: /dev/sdb1 on /srv"),
        ("an IDE disk in GRUB's table", Facts.Debian.With(i => i with { DeviceMap = "# x\n(hd0) /dev/hda\n(hd1)\t/dev/disk/by-id/x\n" }), PreflightClasses.UnknownDevice, FindingSeverity.Obstacle, Facts.Root, "device.map of GRUB: (hd0) /dev/hda"),
        ("a disk by its order", Fstab("/dev/sda3 none swap sw"), PreflightClasses.RenamedDevice, FindingSeverity.Note, Facts.Root, "line 4: /dev/sda3 on none, then /dev/vda3"),
        ("a disk by its order, and no conversion", Fstab("/dev/sda3 none swap sw") with { Scope = LintScope.AsItIs }, PreflightClasses.FstabDevice, FindingSeverity.Warning, Facts.Root, "/dev/sda3 on none"),
        ("a disk by its serial number", Fstab("/dev/disk/by-id/scsi-36000c29-part1 /srv ext4 nofail"), PreflightClasses.FstabDevice, FindingSeverity.Warning, Facts.Root, "(the guest starts without it)"),
        ("a file system that is not there", Fstab("UUID=gone /srv xfs defaults"), PreflightClasses.MissingDevice, FindingSeverity.Warning, Facts.Root, "UUID=gone on /srv"),
        ("an encrypted disk by its order", Facts.Debian.With(i => i with { Crypttab = "secret /dev/sda4 none luks" }), PreflightClasses.CrypttabDevice, FindingSeverity.Warning, Facts.Root, "/dev/sda4 on secret"),
        ("root= by its order", Facts.Debian.With(i => i with { BootDevices = ["root=/dev/sda2", "root=/dev/mapper/vg-root"] }), PreflightClasses.BootDevice, FindingSeverity.Warning, Facts.Root, "root=/dev/sda2"),
        ("a filter of LVM", Lvm("filter = [ \"a|^/dev/sda2$|\", \"r|.*|\" ]"), PreflightClasses.LvmFilter, FindingSeverity.Warning, Facts.Root, "a|^/dev/sda2$|"),
        ("no kernel", Facts.Debian.With(i => i with { Kernels = [] }), PreflightClasses.NoKernel, FindingSeverity.Obstacle, Facts.Root, "no kernel"),
        ("a kernel that no package has", Kernels(Facts.Kernel("7.0-mine") with { IsPackaged = false }), PreflightClasses.NoKernel, FindingSeverity.Obstacle, Facts.Root, "7.0-mine: no package"),
        ("a kernel without modules", Kernels(Facts.Kernel("6.1"), Facts.Kernel("6.0") with { HasModules = false }), PreflightClasses.KernelModules, FindingSeverity.Warning, Facts.Root, "6.0"),
        ("a kernel without virtio", Kernels(Facts.Kernel("2.6.18") with { Virtio = new HashSet<string> { "virtio_blk" } }), PreflightClasses.NoVirtio, FindingSeverity.Warning, Facts.Root, "2.6.18"),
        ("two kernels", Kernels(Facts.Kernel("6.1"), Facts.Kernel("6.0")), PreflightClasses.SeveralKernels, FindingSeverity.Warning, Facts.Root, "6.0"),
        ("a kernel without an initramfs", Kernels(Facts.Kernel("6.1") with { HasInitramfs = false }), PreflightClasses.NoInitramfs, FindingSeverity.Obstacle, Facts.Root, "6.1"),
        ("no update-initramfs", Facts.Debian.With(i => i with { Programs = new HashSet<string>() }), PreflightClasses.InitramfsTool, FindingSeverity.Obstacle, Facts.Root, "no update-initramfs"),
        ("no boot loader", Facts.Debian.With(i => i with { BootLoaders = [] }), PreflightClasses.NoBootLoader, FindingSeverity.Obstacle, Facts.Root, "no grub.cfg"),
        ("nothing inside", Facts.Debian with { Inside = new GuestInside(OperatingSystems.None([])) }, PreflightClasses.NoOperatingSystem, FindingSeverity.Obstacle, "machine", "nothing to be converted"),
        ("nothing inside, and no conversion", Facts.Debian with { Inside = new GuestInside(OperatingSystems.None([])), Scope = LintScope.AsItIs }, PreflightClasses.NoOperatingSystem, FindingSeverity.Note, "machine", "as they are"),
        ("FreeBSD", Facts.Debian.WithSystems(s => s with { OsType = "freebsd", Distro = "freebsd" }), PreflightClasses.UnsupportedGuest, FindingSeverity.Obstacle, "machine", "freebsd"),
        ("Alpine", Facts.Debian.WithSystems(s => s with { Distro = "alpinelinux", PackageFormat = "apk" }), PreflightClasses.UnsupportedGuest, FindingSeverity.Obstacle, "machine", "alpinelinux"),
        ("a distribution that was not recognised", Facts.Debian.WithSystems(s => s with { Distro = "unknown" }), PreflightClasses.UnsupportedGuest, FindingSeverity.Obstacle, "machine", "distribution was not recognised"),
        ("an installer", Facts.Debian.WithSystems(s => s with { Format = "installer" }), PreflightClasses.UnsupportedGuest, FindingSeverity.Obstacle, "machine", "medium of an installer"),
        ("no drivers", Facts.Windows with { Host = Facts.Windows.Host with { DriverFiles = [] } }, PreflightClasses.NoWindowsDrivers, FindingSeverity.Obstacle, "machine", "there are none in /usr/share/virtio-win"),
        ("no drivers for this one", Facts.Windows with { Host = Facts.Windows.Host with { DriverFiles = ["/drivers/amd64/2k22/viostor.sys"] } }, PreflightClasses.NoWindowsDrivers, FindingSeverity.Obstacle, "machine", "none of them are for it"),
        ("VMware Tools in a Windows", Facts.Windows.With(i => i with { Programs = new HashSet<string> { GuestFactsReader.VmwareToolsOfWindows } }) with { Host = Facts.Windows.Host with { HasFirstBoot = false } }, PreflightClasses.NoFirstBoot, FindingSeverity.Obstacle, "machine", "rhsrvany.exe"),
        ("a guest agent for a Windows", Facts.Windows with { Host = Facts.Windows.Host with { DriverFiles = [.. Facts.Windows.Host.DriverFiles!, "/guest-agent/qemu-ga-x86_64.msi"], HasFirstBoot = false } }, PreflightClasses.NoFirstBoot, FindingSeverity.Obstacle, "machine", "guest agent"),
        ("BitLocker", Facts.Windows with { Filesystems = [.. Facts.Windows.Filesystems, Facts.Filesystem("disk1/3", 3, "") with { Type = "BitLocker" }] }, PreflightClasses.BitLocker, FindingSeverity.Warning, "disk1/3", "recovery key"),
        ("a dynamic disk", Facts.Windows with { DynamicDisks = [("disk1/1", "disk1 partition 1, windows_LDM")] }, PreflightClasses.DynamicDisk, FindingSeverity.Warning, "disk1/1", "LDM"),
        ("open-vm-tools", Facts.Debian.With(i => i with { Programs = new HashSet<string> { "/usr/sbin/update-initramfs", "/usr/bin/vmtoolsd" } }), PreflightClasses.VmwareTools, FindingSeverity.Note, Facts.Root, "open-vm-tools"),
        ("a file that is too large", Facts.Debian.With(i => i with { Unread = ["/etc/fstab beyond its first 32768 bytes"] }), PreflightClasses.NotLookedAt, FindingSeverity.Warning, "machine", "/etc/fstab beyond"),
    ];

    public static TheoryData<string> CaseNames => [.. Cases.Select(c => c.Case)];

    [Theory]
    [MemberData(nameof(CaseNames))]
    public void One_thing_that_is_wrong_is_found_and_nothing_else(string name)
    {
        var (_, facts, findingClass, severity, filesystem, text) = Cases.Single(c => c.Case == name);
        var finding = Assert.Single(GuestLint.Look(facts));
        Assert.Equal((findingClass, severity, filesystem), (finding.Class, finding.Severity, finding.Filesystem));
        Assert.Contains(text, finding.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_class_is_found_by_some_case_at_its_worst_and_never_worse()
    {
        Assert.Equal(PreflightClasses.All.Select(c => c.Name).Order(StringComparer.Ordinal), Cases.Select(c => c.Class).Distinct().Order(StringComparer.Ordinal));
        foreach (var c in PreflightClasses.All) Assert.Equal(c.Worst, Cases.Where(x => x.Class == c.Name).Max(x => x.Severity));
    }

    [Fact]
    public void A_machine_in_which_nothing_is_wrong_has_no_findings()
    {
        Assert.Empty(GuestLint.Look(Facts.Debian));
        Assert.Empty(GuestLint.Look(Facts.Windows));
        Assert.Empty(GuestLint.Look(Facts.Debian.WithSystems(s => s with { Distro = "rocky", PackageFormat = "rpm" }).With(i => i with { Programs = new HashSet<string> { "/usr/bin/dracut", "/sbin/grubby" }, Kernels = [Facts.Kernel("5.14"), Facts.Kernel("5.13")] })));
    }

    [Fact]
    public void Where_nobody_asks_nothing_is_said() => Assert.All(Cases, c => Assert.Empty(GuestLint.Look(c.Facts with { Scope = LintScope.None })));

    [Fact]
    public void Without_a_conversion_nothing_is_an_obstacle() => Assert.All(Cases, c => Assert.DoesNotContain(GuestLint.Look(c.Facts with { Scope = LintScope.AsItIs }), f => f.Severity == FindingSeverity.Obstacle));

    [Fact]
    public void Where_nobody_looked_inside_only_what_shows_outside_is_said() =>
        Assert.Equal([PreflightClasses.BitLocker, PreflightClasses.DynamicDisk], Cases.SelectMany(c => GuestLint.Look(c.Facts with { Inside = null })).Select(f => f.Class));

    [Theory]
    [InlineData("UUID=gone /srv xfs nofail")]
    [InlineData("UUID=gone /srv xfs noauto")]
    [InlineData("/srv /x none bind")]
    [InlineData("LABEL=x /y nfs")]
    [InlineData("proc /proc proc")]
    [InlineData("/dev/cdrom /media/cdrom udf,iso9660 noauto")]
    [InlineData("/dev/mapper/vg-swap none swap sw")] // no volume group was seen: nobody can say
    public void What_the_guest_can_do_without_is_not_missed(string line) => Assert.Empty(GuestLint.Look(Fstab(line)));

    [Theory]
    [InlineData("filter = [ \"a|.*|\" ]")]
    [InlineData("filter = [ \"r|/dev/cdrom|\", \"a|.*|\" ]")]
    [InlineData("filter = [ \"a|^/dev/mapper/x$|\", \"r|.*|\" ]")]
    [InlineData("obtain_device_list_from_udev = 1")]
    public void A_filter_that_lets_every_disk_pass_is_none(string configuration) => Assert.Empty(GuestLint.Look(Lvm(configuration)));

    [Fact]
    public void Where_something_is_encrypted_no_operating_system_means_another_thing() =>
        Assert.Contains("no key was given:\ndisk1 partition 3", Assert.Single(GuestLint.Look(Facts.Debian with { Inside = new GuestInside(OperatingSystems.None([])), Filesystems = [Facts.Filesystem("x", 3, "") with { Type = "crypto_LUKS" }] })).Text, StringComparison.Ordinal);

    [Theory]
    [InlineData("ntfs.hibernated", Facts.Root, true)]
    [InlineData("ntfs.fast-startup", Facts.Root, true)]
    [InlineData("ntfs.hibernated", "another", false)]
    [InlineData("ntfs.dirty", Facts.Root, false)]
    [InlineData("multi-boot", "machine", true)]
    public void A_note_over_which_a_conversion_is_bound_to_fail_is_an_obstacle(string findingClass, string filesystem, bool isObstacle)
    {
        var note = new Finding(findingClass, FindingSeverity.Note, filesystem, "disk1", "x");
        Assert.Equal(isObstacle ? note with { Severity = FindingSeverity.Obstacle } : note, GuestLint.Weigh(note, Facts.Windows));
        Assert.Equal(note, GuestLint.Weigh(note, Facts.Windows with { Scope = LintScope.AsItIs }));
        var damage = note with { Severity = FindingSeverity.Damage };
        Assert.Equal(damage, GuestLint.Weigh(damage, Facts.Windows));
    }

    [Theory]
    [InlineData("/NetKVM/2k19/amd64/netkvm.sys", true)]
    [InlineData("/drivers/amd64/Win2019/netkvm.sys", true)]
    [InlineData("/drivers/by-os/amd64/2k19/viostor.inf", true)]
    [InlineData("/NetKVM/2k19/x86/netkvm.sys", false)]
    [InlineData("/NetKVM/2k22/amd64/netkvm.sys", false)]
    [InlineData("/NetKVM/w10/amd64/netkvm.sys", false)]
    [InlineData("/2k19.sys", false)]
    [InlineData("/amd64/2k19", false)]
    public void A_driver_is_for_the_Windows_that_its_directories_name(string path, bool fits) => Assert.Equal(fits, ConversionHost.Fits(path, Facts.Windows.Inside!.Systems));

    [Fact]
    public void Nothing_at_the_first_start_needs_nothing() =>
        Assert.Empty(GuestLint.Look(Facts.Windows with { Host = Facts.Windows.Host with { DriverFiles = [.. Facts.Windows.Host.DriverFiles!, "/guest-agent/qemu-ga-i386.msi"], HasFirstBoot = false } }));

    [Fact]
    public void Drivers_are_looked_for_in_directories_and_not_in_images()
    {
        using var directory = new TemporaryDirectory();
        Assert.Equal([], ConversionHost.FilesBelow(directory.File("none")));
        File.WriteAllText(directory.File("virtio-win.iso"), "x");
        Assert.Null(ConversionHost.FilesBelow(directory.File("virtio-win.iso")));
        var drivers = Directory.CreateDirectory(directory.File("virtio-win/amd64/2k19")).FullName;
        File.WriteAllText(Path.Combine(drivers, "viostor.sys"), "x");
        File.CreateSymbolicLink(directory.File("link"), directory.File("virtio-win"));
        Assert.Equal(["/amd64/2k19/viostor.sys"], ConversionHost.FilesBelow(directory.File("virtio-win/")));
        Assert.Equal(["/amd64/2k19/viostor.sys"], ConversionHost.FilesBelow(directory.File("link")));
    }

    [Fact]
    public void Of_a_command_line_the_devices_count_and_comments_do_not() =>
        Assert.Equal(
            ["root=/dev/sda2", "resume=/dev/disk/by-path/pci-0000:03:00.0-part3"],
            BootArguments.DevicesOf("# GRUB_CMDLINE_LINUX=\"root=/dev/sdz1\"\nGRUB_CMDLINE_LINUX=\"quiet root=/dev/sda2 noresume=/dev/sdb1 rd.luks.root=/dev/sdc1 resume=/dev/disk/by-path/pci-0000:03:00.0-part3\"\nGRUB_CMDLINE_LINUX_DEFAULT='root=/dev/sda2 root=UUID=x'\n"));

    [Fact]
    public void The_page_lists_the_classes_and_the_most_that_each_weighs()
    {
        var page = File.ReadAllLines(Path.Combine(Rigs.Repository, "docs", "preflight.md"));
        var rows = page.Where(l => l.StartsWith("| `preflight.", StringComparison.Ordinal)).Select(l => l.Split('|').Select(c => c.Trim()).ToArray()).Select(c => $"{c[1]} {c[2].Split([',', ';'])[0]}");
        Assert.Equal(PreflightClasses.All.Select(c => $"`{c.Name}` {c.Worst.ToString().ToLowerInvariant()}"), rows);
    }

    private static GuestFacts Space(string path, long megabytes) => Facts.Debian.With(i => i with { Mounts = [.. i.Mounts.Select(m => m.Path == path ? m with { FreeBytes = megabytes * MiB } : m)] });

    private static GuestFacts Fstab(string line) => Facts.Debian.With(i => i with { Fstab = i.Fstab + line + "\n" });

    private static GuestFacts Kernels(params GuestKernel[] kernels) => Facts.Debian.With(i => i with { Kernels = kernels });

    private static GuestFacts Lvm(string configuration) =>
        Facts.Debian.With(i => i with { LvmConfiguration = $"devices {{\n\t{configuration}\n}}\n" }) with { Filesystems = [.. Facts.Debian.Filesystems, Facts.Filesystem("pv", 3, "") with { Type = "LVM2_member" }] };
}
