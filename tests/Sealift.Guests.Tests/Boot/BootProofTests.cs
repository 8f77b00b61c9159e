using System.Text;
using Sealift.Disks;
using Sealift.Guests.Boot;
using Sealift.Posix;
using Sealift.Rigs;

namespace Sealift.Guests.Tests.Boot;

/// <summary>Real QEMUs, emulated: guests of a few instructions for what a console or a device can tell, and the tiny Debian for the rest.</summary>
public sealed class BootProofTests(BootableGuest guest) : IClassFixture<BootableGuest>
{
    // No test waits for it but those that are about it.
    private static readonly TimeSpan Ample = TimeSpan.FromMinutes(2);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_guest_that_shows_a_login_prompt_has_booted_and_its_disk_is_untouched()
    {
        using var directory = new TemporaryDirectory();
        var (hash, facts) = (await Rigs.HashAsync(guest.Disk), FileFacts.OfPath(guest.Disk));
        var said = new List<string>();
        var report = await BootAsync(directory, Machine(guest.Disk), log: new Recorder(said));
        Assert.True(report.Outcome == BootOutcome.Booted, report.ToString());
        Assert.Equal(("boot.login-prompt", "tiny-guest login:", "tcg"), (report.Class, report.Said, report.Accelerator));
        // The very disks and drivers that it has where it goes.
        Assert.Contains("TINY-UP root=/dev/vda1", report.ConsoleTail, StringComparison.Ordinal);
        Assert.Contains("TINY-UP root=/dev/vda1", await File.ReadAllTextAsync(directory.File("boot.log"), Cancel), StringComparison.Ordinal);
        Assert.Contains(said, l => l.StartsWith("console: ", StringComparison.Ordinal));
        Assert.Equal((hash, facts), (await Rigs.HashAsync(guest.Disk), FileFacts.OfPath(guest.Disk)));
        Assert.Equal((report.Screen!.Width, report.Screen.Height), Png.Measure(report.Screen.Png));
    }

    [Fact]
    public async Task A_guest_without_its_init_panics_and_has_failed()
    {
        using var directory = new TemporaryDirectory();
        var report = await BootAsync(directory, Machine(await guest.WithoutAsync("no-init", "sbin/init")));
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.panic" }, report.ToString());
        Assert.Contains("Kernel panic - not syncing", report.Said, StringComparison.Ordinal);
        // What comes after the line that tells it is kept too.
        Assert.Contains("end Kernel panic", report.ConsoleTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_of_the_guest_agent_is_a_sign_of_life()
    {
        using var directory = new TemporaryDirectory();
        var disk = await guest.WithScriptAsync("agent", """
            modprobe virtio_console
            # The node comes a moment after the module, and is there a moment before the port.
            i=0
            until port=$(echo /dev/vport*p1); [ -c "$port" ] && (exec 3<>$port && read -r question <&3 && echo "asked: $question" && echo '{"return": {}}' >&3) 2>/dev/null; do
                i=$((i + 1)); [ $i -lt 600 ] || break
                sleep 0.1
            done
            sleep 100000
            """);
        var report = await BootAsync(directory, Machine(disk));
        Assert.True(report is { Outcome: BootOutcome.Booted, Class: "boot.guest-agent" }, report.ToString());
        Assert.Contains("asked: {\"execute\":\"guest-ping\"}", report.ConsoleTail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_without_boot_code_has_failed()
    {
        using var directory = new TemporaryDirectory();
        var report = await BootAsync(directory, Machine(BootSector.Disk(directory, code: null)));
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.no-bootable-device" }, report.ToString());
        // A screen with text in it, not a black one.
        Assert.True(report.Screen!.Png.Length > 1000, $"{report.Screen.Png.Length} bytes");
    }

    [Fact]
    public async Task Uefi_that_finds_nothing_has_failed_and_leaves_its_variables_as_they_were()
    {
        using var directory = new TemporaryDirectory();
        File.Copy("/usr/share/OVMF/OVMF_VARS_4M.fd", directory.File("vars.fd"));
        var before = (await Rigs.HashAsync(directory.File("vars.fd")), FileFacts.OfPath(directory.File("vars.fd")));
        var machine = Machine(BootSector.Disk(directory, code: null)) with { Firmware = new BootFirmware("/usr/share/OVMF/OVMF_CODE_4M.fd", directory.File("vars.fd")) };
        var report = await BootAsync(directory, machine);
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.no-bootable-device" }, report.ToString());
        Assert.Equal(before, (await Rigs.HashAsync(directory.File("vars.fd")), FileFacts.OfPath(directory.File("vars.fd"))));
    }

    [Theory]
    [InlineData("\u001B[0;1;31mYou are in emergency mode\u001B[0m. After logging in\r\n", BootOutcome.Failed, "boot.emergency-shell")]
    [InlineData("error: unknown filesystem.\r\ngrub rescue> ", BootOutcome.Failed, "boot.boot-loader")]
    public async Task What_a_console_shows_decides(string text, BootOutcome outcome, string name)
    {
        using var directory = new TemporaryDirectory();
        var report = await BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.Saying(text))));
        Assert.True((report.Outcome, report.Class) == (outcome, name), report.ToString());
    }

    /// <summary>QEMU's driver for files takes no devices, and opens no exports.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_disk_on_a_block_device_or_behind_a_socket_is_tried_as_one_in_a_file(bool bySocket)
    {
        using var directory = new TemporaryDirectory();
        using var elsewhere = new TemporaryDirectory();
        var file = BootSector.Disk(elsewhere, BootSector.Crashing);
        var disk = Machine(file).Disks[0];
        await using var device = bySocket ? null : await LoopDevice.OfAsync(file, Cancel);
        await using var server = bySocket ? await QemuNbdServer.StartReadOnlyAsync(new ImageReference(new ImageLocation(file), ImageFormat.Raw, string.Empty, 0, 0, null, [file]), elsewhere.Path, Cancel) : null;
        var report = await BootAsync(directory, Machine(file) with { Disks = [disk with { Path = device?.Path ?? "/nowhere", NbdSocket = server?.SocketPath }] });
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.panic" }, report.ToString());
    }

    [Fact]
    public async Task A_crash_that_the_guest_reports_is_a_failure()
    {
        using var directory = new TemporaryDirectory();
        var report = await BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.Crashing)));
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.panic" }, report.ToString());
    }

    [Fact]
    public async Task A_guest_that_switches_itself_off_is_a_failure()
    {
        using var directory = new TemporaryDirectory();
        var report = await BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.PoweringOff)));
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.powered-off" }, report.ToString());
    }

    [Fact]
    public async Task A_guest_that_restarts_for_ever_is_a_failure()
    {
        using var directory = new TemporaryDirectory();
        var report = await BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.Restarting)));
        Assert.True(report is { Outcome: BootOutcome.Failed, Class: "boot.reboot-loop" }, report.ToString());
    }

    [Fact]
    public async Task A_guest_that_hangs_silently_is_unclear_by_its_screen_or_by_the_deadline()
    {
        using var directory = new TemporaryDirectory();
        var machine = Machine(BootSector.Disk(directory, BootSector.Silent));
        var still = await BootAsync(directory, machine, o => o with { Standstill = TimeSpan.FromSeconds(3) });
        Assert.True(still is { Outcome: BootOutcome.Unclear, Class: "boot.standstill" }, still.ToString());
        var late = await BootAsync(directory, machine, o => o with { Deadline = TimeSpan.FromSeconds(3) });
        Assert.True(late is { Outcome: BootOutcome.Unclear, Class: "boot.deadline" }, late.ToString());
    }

    /// <summary>Escapes, NULs, direction marks and bytes that are no text, for as long as it is let.</summary>
    [Fact]
    public async Task A_flood_on_the_console_is_bounded_and_made_fit_to_be_shown()
    {
        using var directory = new TemporaryDirectory();
        byte[] hostile = [.. "\u001B]0;"u8, .. "title\u001B\\ \u202Eevil <script>"u8, 0xFF, 0xFE, 0x07, .. "\u001B[2J\u001B[1;1H not a login: prompt\r\n\n\u001B["u8];
        var report = await BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.Saying(hostile, forEver: true))), o => o with { Deadline = TimeSpan.FromSeconds(6) });
        Assert.True(report is { Outcome: BootOutcome.Unclear, Class: "boot.deadline" }, report.ToString());
        Assert.Contains("not a login: prompt", report.ConsoleTail, StringComparison.Ordinal);
        var log = await File.ReadAllTextAsync(directory.File("boot.log"), Cancel);
        foreach (var text in new[] { report.ConsoleTail, log })
            Assert.DoesNotContain(text, c => c != '\n' && (char.IsControl(c) || c is '\u202E' or '\u061C'));
        Assert.True(report.ConsoleTail.Length <= 8193);
        Assert.True(log.Length <= 2 * SerialWatch.PartLimitCharacters + SerialWatch.LineLimitCharacters + 100, $"{log.Length}");
    }

    [Fact]
    public async Task Qemu_killed_in_the_middle_is_an_error_that_says_so()
    {
        using var directory = new TemporaryDirectory();
        var killed = 0;
        var log = new Recorder(line =>
        {
            if (!line.StartsWith("booting", StringComparison.Ordinal)) return;
            foreach (var id in QemusOf(directory.Path))
            {
                System.Diagnostics.Process.GetProcessById(id).Kill();
                killed++;
            }
        });
        var error = await Assert.ThrowsAsync<SealiftException>(() => BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.Silent)), log: log));
        Assert.Equal(1, killed);
        Assert.Equal("SL5202", error.Code);
        Assert.Contains("signal 9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_proof_leaves_nothing_behind()
    {
        using var directory = new TemporaryDirectory();
        using var stop = new CancellationTokenSource();
        var log = new Recorder(line =>
        {
            if (line.StartsWith("booting", StringComparison.Ordinal)) stop.Cancel();
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => BootAsync(directory, Machine(BootSector.Disk(directory, BootSector.Silent)), log: log, cancel: stop.Token));
    }

    [Fact]
    public async Task A_machine_that_qemu_refuses_is_an_error_in_its_words()
    {
        using var directory = new TemporaryDirectory();
        var machine = Machine(BootSector.Disk(directory, BootSector.Silent));
        machine = machine with { Disks = [machine.Disks[0] with { Device = "no-such-device" }] };
        var error = await Assert.ThrowsAsync<SealiftException>(() => BootAsync(directory, machine));
        Assert.Equal("SL5201", error.Code);
        Assert.Contains("no-such-device", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_host_cannot_give_is_noted()
    {
        using var directory = new TemporaryDirectory();
        var machine = Machine(BootSector.Disk(directory, BootSector.Crashing)) with { Cpus = 4096, MemoryBytes = 1L << 50 };
        var report = await BootAsync(directory, machine);
        Assert.Equal("boot.panic", report.Class);
        Assert.Contains("of its 4096 CPUs", report.Notes[0], StringComparison.Ordinal);
        Assert.Contains("memory", report.Notes[1], StringComparison.Ordinal);
    }

    private static BootMachine Machine(string disk) => new()
    {
        Name = "box",
        Disks = [new BootDisk("disk1", disk, ImageFormat.Raw, new FileInfo(disk).Length, null, "virtio-blk-pci")],
        OldChipset = false,
        Cpus = 1,
        MemoryBytes = 256 << 20,
        HasVirtio = true,
    };

    private static async Task<BootReport> BootAsync(TemporaryDirectory directory, BootMachine machine, Func<BootOptions, BootOptions>? change = null, IProgress<string>? log = null, CancellationToken? cancel = null)
    {
        var work = Directory.CreateDirectory(directory.File("work")).FullName;
        var options = new BootOptions { WorkDirectory = work, LogPath = directory.File("boot.log"), Kvm = false, Deadline = Ample, Standstill = Ample };
        try
        {
            return await BootProof.RunAsync(machine, change is null ? options : change(options), log, cancel ?? Cancel);
        }
        finally
        {
            Assert.Empty(Directory.EnumerateFileSystemEntries(work));
            Assert.Empty(QemusOf(directory.Path));
        }
    }

    /// <summary>The processes that have a path of the directory in their command line.</summary>
    private static List<int> QemusOf(string directory)
    {
        var found = new List<int>();
        foreach (var process in Directory.EnumerateDirectories("/proc").Where(p => Path.GetFileName(p).All(char.IsAsciiDigit)))
        {
            try
            {
                if (Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(process, "cmdline"))).Contains(directory, StringComparison.Ordinal)) found.Add(int.Parse(Path.GetFileName(process), System.Globalization.CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }

        return found;
    }

    private sealed class Recorder(Action<string> take) : IProgress<string>
    {
        public Recorder(List<string> lines)
            : this(lines.Add)
        {
        }

        public void Report(string value) => take(value);
    }
}
