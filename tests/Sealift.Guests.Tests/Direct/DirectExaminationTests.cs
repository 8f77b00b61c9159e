using System.Globalization;
using Sealift.Disks;
using Sealift.Guests.Direct;
using Sealift.Posix;

namespace Sealift.Guests.Tests.Direct;

/// <summary>Checks on this host: that they need no appliance, what confines the checkers, and what becomes of those that misbehave.</summary>
[Collection(nameof(StandIn))]
public sealed class DirectExaminationTests
{
    // Whoever starts the appliance here ends with SL5002.
    private const string NoAppliance = "echo the appliance was started >&2; exit 1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string[]> Plain => new()
    {
        { "ext4", "e2fsck", ["mkfs.ext4", "-q", "-F"] },
        { "xfs", "xfs_repair", ["mkfs.xfs", "-q", "-f"] },
        { "btrfs", "btrfs", ["mkfs.btrfs", "-q", "-f"] },
        { "ntfs", "sealift", ["mkntfs", "-F", "-q", "-p", "0", "-H", "16", "-S", "63"] },
        { "vfat", "fsck.fat", ["mkfs.vfat"] },
        { "exfat", "fsck.exfat", ["mkfs.exfat"] },
        { "swap", "sealift", ["mkswap", "-q"] },
    };

    [Theory]
    [MemberData(nameof(Plain))]
    public async Task What_needs_no_kernel_is_checked_without_the_appliance(string type, string checker, string[] make)
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, make);
        var report = await StandIn.InPlaceOfAsync(directory, "guestfish", NoAppliance, () => GuestExamination.RunAsync([disk], Options(directory), null, Cancel));
        Assert.Empty(report.Findings);
        var filesystem = Assert.Single(report.Inspection.Filesystems);
        Assert.Equal((type, "direct", true), (filesystem.Type, filesystem.CheckedVia, filesystem.Clean));
        Assert.Matches($@"^{checker} \d+\.\d", filesystem.CheckedBy);
        Assert.DoesNotContain("libguestfs", report.Tools.Keys);
        Assert.Equal(["bin", "disk.img", "guest.log"], Directory.GetFileSystemEntries(directory.Path).Select(p => Path.GetFileName(p)).Order());
        Assert.DoesNotContain("sealift-work-", await File.ReadAllTextAsync("/proc/mounts", Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_qcow2_over_another_disk_is_checked_through_its_chain()
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        await Rigs.QemuImgAsync("create", "-q", "-f", "qcow2", "-b", disk.ImagePath!, "-F", "raw", directory.File("top.qcow2"));
        var report = await StandIn.InPlaceOfAsync(directory, "guestfish", NoAppliance, () =>
            GuestExamination.RunAsync([new GuestDrive("disk1", null, directory.File("top.qcow2"), ImageFormat.Qcow2)], Options(directory), null, Cancel));
        Assert.True(Assert.Single(report.Inspection.Filesystems).Clean);
    }

    [Fact]
    public async Task A_checker_owns_nothing_may_do_nothing_and_cannot_write()
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        var report = await WithCheckerAsync(directory, disk, """
            id -u; grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs' /proc/self/status
            for last; do :; done
            echo x 2>/dev/null >"$last" && echo it could write
            ls -d "$last"; ulimit -f; ulimit -c
            """);
        var said = Assert.Single(report.Findings).Text;
        Assert.Matches(@": 6[1-5]\d{3}\n", said); // its user: one of those that are nobody's for long
        Assert.Contains("CapPrm:0000000000000000", said.Replace("\t", string.Empty, StringComparison.Ordinal).Replace(" ", string.Empty, StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("CapBnd:0000000000000000", said.Replace(" ", string.Empty, StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:1", said.Replace(" ", string.Empty, StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("it could write", said, StringComparison.Ordinal);
        Assert.Contains("/dev/disk1", said, StringComparison.Ordinal);
        Assert.EndsWith("0\n0", said, StringComparison.Ordinal);
    }

    /// <summary>Nobody knows what it would have said: that is damage, never "not checked", which would not stop a migration.</summary>
    [Theory]
    [InlineData("exec yes", "said so much")]
    [InlineData("while :; do echo e >&2; done", "said so much")]
    [InlineData("echo first; exec sleep 600", "did not come to an end")]
    [InlineData("kill -SEGV $$", "signal 11")]
    [InlineData("exit 0", "gave nothing")]
    [InlineData("while :; do :; done", "did not come to an end")]
    public async Task A_checker_that_floods_hangs_or_dies_is_stopped_and_that_is_damage(string script, string said)
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        var report = await WithCheckerAsync(directory, disk, script);
        if (said == "gave nothing")
        {
            Assert.Empty(report.Findings); // e2fsck that says nothing and exits 0 is content: the control of the others
            return;
        }

        var finding = Assert.Single(report.Findings);
        Assert.Equal(("ext4.errors", FindingSeverity.Damage), (finding.Class, finding.Severity));
        Assert.Contains(said, finding.Text, StringComparison.Ordinal);
        Assert.InRange(finding.Text.Length, 1, 4096);
    }

    /// <summary>Where partitions cannot be shown, the appliance is asked, and the log says why.</summary>
    [Theory]
    [InlineData("unshare", "echo unshare: unshare failed: Operation not permitted >&2; exit 1", "Operation not permitted")]
    [InlineData("nsenter", "echo nsenter: reassociate to namespace failed >&2; exit 1", "reassociate")]
    public async Task Without_views_the_appliance_is_used(string tool, string script, string why)
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        var error = await StandIn.InPlaceOfAsync(directory, "guestfish", NoAppliance, () => StandIn.InPlaceOfAsync(directory, tool, script, () =>
            Assert.ThrowsAsync<SealiftException>(() => GuestExamination.RunAsync([disk], Options(directory), null, Cancel))));
        Assert.Equal("SL5002", error.Code);
        Assert.Contains(why, await File.ReadAllTextAsync(directory.File("guest.log"), Cancel), StringComparison.Ordinal);
    }

    /// <summary>The daemon killed by force: its files are gone with it, and what a checker then complains of is not held against the volume.</summary>
    [Fact]
    public async Task Views_that_vanish_are_no_damage_and_leave_no_mount()
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        using var log = new ToolLog(directory.File("guest.log"));
        using var scratch = new ScratchDirectory(directory.Path);
        await using var survey = await DirectSurvey.MakeAsync([disk], scratch, Cancel);
        await using var daemon = await StorageDaemon.StartAsync(Options(directory), log, Cancel);
        await daemon.OpenAsync(disk, DirectSurvey.NodeOf(0), Cancel);
        var place = new DirectPlace(daemon, Options(directory), log, scratch, survey.Volumes[0]);
        await place.OpenAsync(Cancel);
        var path = place.PathOf(survey.Volumes[0].Device);
        Assert.Equal(0, FileFacts.OfPath(path).LengthBytes); // outside of the namespace there is only the empty file below
        Assert.Equal(0, (await place.RunAsync("look", "e2fsck", ["-fn", path], Cancel)).ExitCode);
        await ChildProcess.RunAsync(new ChildCommand("kill", "-KILL", daemon.ProcessId.ToString(CultureInfo.InvariantCulture)), Cancel);
        var error = await Assert.ThrowsAsync<SealiftException>(() => place.RunAsync("look", "e2fsck", ["-fn", path], Cancel));
        Assert.Equal("SL5005", error.Code);
        Assert.DoesNotContain(path, await File.ReadAllTextAsync("/proc/mounts", Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_signatures_on_one_partition_are_nobodys()
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        using (var file = PosixFile.Open(disk.ImagePath!, OpenMode.ReadWrite)) file.WriteAt("XFSB"u8, 0);
        var report = await GuestExamination.RunAsync([disk], Options(directory), null, Cancel);
        Assert.Equal(("unknown", false), Assert.Single(report.Inspection.Filesystems) is var f ? (f.Type, f.Clean) : default);
        Assert.Contains("More than one signature", Assert.Single(report.Findings, x => x.Class == "not-checked").Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_swap_area_larger_than_its_partition_is_damaged()
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkswap", "-q");
        using (var file = PosixFile.Open(disk.ImagePath!, OpenMode.ReadWrite)) file.SetLength(32 << 20);
        var report = await GuestExamination.RunAsync([disk], Options(directory), null, Cancel);
        Assert.Equal(("swap.errors", FindingSeverity.Damage), Assert.Single(report.Findings) is var f ? (f.Class, f.Severity) : default);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(300)]
    public async Task A_clock_that_went_wrong_is_no_damage(int hours)
    {
        using var directory = new TemporaryDirectory();
        var disk = await MakeAsync(directory, "mkfs.ext4", "-q", "-F");
        var soon = DateTimeOffset.UtcNow.AddHours(hours).ToUnixTimeSeconds();
        await ChildProcess.RunAsync(new ChildCommand("debugfs", "-w", "-R", $"set_super_value mtime @{soon}", disk.ImagePath!), Cancel);
        var report = await StandIn.InPlaceOfAsync(directory, "guestfish", NoAppliance, () => GuestExamination.RunAsync([disk], Options(directory), null, Cancel));
        Assert.Empty(report.Findings);
        Assert.True(Assert.Single(report.Inspection.Filesystems).Clean);
    }

    [Fact]
    public async Task A_Btrfs_whose_other_device_is_not_there_is_damaged()
    {
        using var directory = new TemporaryDirectory();
        foreach (var name in new[] { "a", "b" })
            using (var file = PosixFile.Open(directory.File(name), OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(128 << 20);
        await ChildProcess.RunAsync(new ChildCommand("mkfs.btrfs", "-q", "-f", directory.File("a"), directory.File("b")), Cancel);
        var report = await GuestExamination.RunAsync([Rigs.Raw("disk1", directory.File("a"))], Options(directory), null, Cancel);
        Assert.Equal("btrfs.errors", Assert.Single(report.Findings).Class);
        Assert.Contains("lies on 2 devices, and 1 of them", report.Findings[0].Text, StringComparison.Ordinal);
    }

    private static GuestOptions Options(TemporaryDirectory directory) => Rigs.Options(directory) with { Inspect = false };

    private static async Task<GuestDrive> MakeAsync(TemporaryDirectory directory, params string[] make)
    {
        var path = directory.File("disk.img");
        using (var file = PosixFile.Open(path, OpenMode.ReadWrite | OpenMode.CreateNew)) file.SetLength(make[0] == "mkfs.xfs" ? 320 << 20 : make[0] == "mkfs.btrfs" ? 128 << 20 : 64 << 20);
        await ChildProcess.RunAsync(new ChildCommand(make[0], [.. make[1..], path]), Cancel);
        return Rigs.Raw("disk1", path);
    }

    /// <summary>Examines it with a script in place of e2fsck; which asks for its version as well.</summary>
    private static Task<GuestReport> WithCheckerAsync(TemporaryDirectory directory, GuestDrive disk, string script) =>
        StandIn.InPlaceOfAsync(directory, "guestfish", NoAppliance, () => StandIn.InPlaceOfAsync(directory, "e2fsck", $"[ \"$1\" = -V ] && exit 0\n{script}", () =>
            GuestExamination.RunAsync([disk], Options(directory) with { Deadline = TimeSpan.FromSeconds(4) }, null, Cancel)));
}
