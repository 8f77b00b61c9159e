using CsCheck;
using Sealift.Guests.Lint;

namespace Sealift.Guests.Tests.Lint;

/// <summary>What comes back of a look into a guest, and one look into a real image, by the real appliance: one boot of it for all of its tests.</summary>
public sealed class GuestFactsReaderTests(GuestFactsReaderTests.SpoiltGuest guest) : IClassFixture<GuestFactsReaderTests.SpoiltGuest>
{
    private const string Uuid = "5ea11f70-0000-4000-8000-0000000000e";

    [Theory]
    [InlineData("preflight.no-space", "Obstacle", null)]
    [InlineData("preflight.low-space", "Warning", Uuid + "1")]
    [InlineData("preflight.no-inodes", "Obstacle", Uuid + "1")]
    [InlineData("preflight.unknown-device", "Obstacle", Uuid + "2")]
    [InlineData("preflight.fstab-device", "Warning", Uuid + "2")]
    [InlineData("preflight.renamed-device", "Note", Uuid + "2")]
    [InlineData("preflight.missing-device", "Warning", Uuid + "2")]
    [InlineData("preflight.crypttab-device", "Warning", null)]
    [InlineData("preflight.boot-device", "Warning", Uuid + "2")]
    [InlineData("preflight.lvm-filter", "Warning", null)] // it has no volume of LVM
    [InlineData("preflight.kernel-modules", "Warning", Uuid + "2")]
    [InlineData("preflight.no-virtio", "Warning", Uuid + "2")]
    [InlineData("preflight.several-kernels", "Warning", Uuid + "2")]
    [InlineData("preflight.no-initramfs", "Obstacle", Uuid + "2")]
    [InlineData("preflight.initramfs-tool", "Obstacle", null)]
    [InlineData("preflight.vmware-tools", "Note", Uuid + "2")]
    [InlineData("preflight.not-looked-at", "Warning", "machine")]
    public void Each_thing_is_found_in_a_real_image(string findingClass, string severity, string? filesystem)
    {
        var found = guest.Report.Findings.Where(f => f.Class == findingClass).ToList();
        if (filesystem is null) Assert.Empty(found);
        else Assert.Equal((severity, filesystem), Assert.Single(found) is var f ? (f.Severity.ToString(), f.Filesystem) : default);
    }

    /// <summary>A directory that is not there, and names of devices that libguestfs cannot resolve either: virt-v2v tries the same.</summary>
    [Fact]
    public void What_cannot_be_mounted_is_said_with_its_mount_point()
    {
        var found = guest.Report.Findings.Where(f => f.Class == "preflight.cannot-mount").ToList();
        Assert.All(found, f => Assert.Equal(FindingSeverity.Obstacle, f.Severity));
        Assert.Equal([("machine", "/srv"), ("machine", "/srv/ide"), (Uuid + "4", "disk1 partition 4, ext4")], found.Select(f => (f.Filesystem, f.Device)).OrderByDescending(f => f.Filesystem).ThenBy(f => f.Device, StringComparer.Ordinal));
    }

    [Fact]
    public void Nothing_else_is_found() =>
        Assert.Empty(guest.Report.Findings.Select(f => f.Class).Except(["inspection", "preflight.low-space", "preflight.no-inodes", "preflight.cannot-mount", "preflight.unknown-device", "preflight.fstab-device", "preflight.renamed-device", "preflight.missing-device", "preflight.boot-device", "preflight.kernel-modules", "preflight.no-virtio", "preflight.several-kernels", "preflight.no-initramfs", "preflight.vmware-tools", "preflight.not-looked-at"]));

    [Theory]
    [InlineData("preflight.not-looked-at", "/escape, which leads out", "/boot/grub/device.map beyond its first", "a kernel whose name is none")]
    [InlineData("preflight.boot-device", "root=/dev/sda2", "resume=/dev/sda5")]
    [InlineData("preflight.kernel-modules", "5.10.0-9")]
    [InlineData("preflight.no-virtio", "6.1.0-2")]
    [InlineData("preflight.no-inodes", "/boot has 51 free inodes")]
    [InlineData("preflight.missing-device", "line 6: UUID=gone[2J on /srv/gone")]
    [InlineData("preflight.unknown-device", "line 8: /dev/hdc1 on /srv/ide")]
    public void It_says_what_and_where(string findingClass, params string[] texts)
    {
        var said = Assert.Single(guest.Report.Findings, f => f.Class == findingClass).Text;
        Assert.All(texts, t => Assert.Contains(t, said, StringComparison.Ordinal));
        Assert.DoesNotContain(said, c => char.IsControl(c) && c != '\n');
    }

    [Fact]
    public void No_byte_of_the_disk_has_changed() => Assert.Equal(guest.HashBefore, guest.HashAfter);

    [Fact]
    public void Any_output_is_read_without_an_error()
    {
        var line = Gen.OneOf(Gen.String, Gen.String[Gen.Char["0123456789 ABCz=/+-\t"], 0, 60].Select(Gen.OneOf([.. ((string[])["space", "file", "data", "kernel", "boot", "loader", "unread", "perl"]).Select(Gen.Const)]), (rest, verb) => $"{verb} {rest}"));
        line.List[0, 30].Sample(lines =>
        {
            var inside = GuestFactsReader.Parse(string.Join('\n', lines), [new InspectedMount("/", "/dev/sda1", "u")], new GuestInside(OperatingSystems.None([])), []);
            Assert.All(inside.Mounts, m => Assert.True(m.FreeBytes >= 0));
            _ = GuestLint.Look(Facts.Debian with { Inside = inside with { Systems = Facts.Debian.Inside!.Systems } }); // whatever it says, it is judged
        });
    }

    [Fact]
    public void Of_a_file_that_was_cut_the_last_line_does_not_count()
    {
        var text = Convert.ToBase64String("UUID=1 / ext4\n/dev/sd"u8);
        GuestInside Read(int length) => GuestFactsReader.Parse($"file /etc/fstab {length}\ndata {text[..8]}\ndata {text[8..]}", [], new GuestInside(OperatingSystems.None([])), []);
        Assert.Equal("UUID=1 / ext4\n", Read(40_000).Fstab);
        Assert.Contains("/etc/fstab beyond its first 32768 bytes", Assert.Single(Read(40_000).Unread), StringComparison.Ordinal);
        Assert.Equal("UUID=1 / ext4\n/dev/sd", Read(21).Fstab);
    }

    [Fact]
    public void Numbers_that_do_not_fit_are_no_space() =>
        Assert.Empty(GuestFactsReader.Parse($"space 0 {long.MaxValue} 4096 1 1\nspace 1 1 1 1 1\nspace 0 1 -4096 1 1", [new InspectedMount("/", "/dev/sda1", "u")], new GuestInside(OperatingSystems.None([])), []).Mounts);

    /// <summary>The image, looked over once.</summary>
    public sealed class SpoiltGuest : IAsyncLifetime
    {
        private readonly TemporaryDirectory directory = new();

        internal GuestReport Report { get; private set; } = null!;

        public string HashBefore { get; private set; } = string.Empty;

        public string HashAfter { get; private set; } = string.Empty;

        public async ValueTask InitializeAsync()
        {
            var disk = directory.File("disk.raw");
            await Rigs.RunAsync("preflight-guest.sh", disk);
            HashBefore = await Rigs.HashAsync(disk);
            Report = await GuestExamination.RunAsync([Rigs.Raw("disk1", disk)], Rigs.Options(directory) with { LintScope = LintScope.Conversion }, null, CancellationToken.None);
            HashAfter = await Rigs.HashAsync(disk);
        }

        public ValueTask DisposeAsync()
        {
            directory.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
