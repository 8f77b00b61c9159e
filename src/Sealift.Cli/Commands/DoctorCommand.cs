using System.CommandLine;
using System.Text;
using Sealift.Blkhash;
using Sealift.Cli.Terminal;
using Sealift.Guests;
using Sealift.Posix;
using Sealift.Scsi;

namespace Sealift.Cli.Commands;

/// <summary><c>sealift doctor</c>: what is installed, what is missing, how to get it, and whether KVM works.</summary>
internal static class DoctorCommand
{
    /// <summary>The programs that sealift runs, the Debian package of each, what for, and how to ask for the version.</summary>
    private static readonly (string Program, string Package, string Purpose, string VersionOption)[] Tools =
    [
        ("qemu-img", "qemu-utils", "image formats", "--version"),
        ("qemu-nbd", "qemu-utils", "reading and writing image formats", "--version"),
        ("qemu-system-x86_64", "qemu-system-x86", "the appliance, and starting machines", "--version"),
        ("guestfish", "guestfish", "file system checks and inspection", "--version"),
        ("virt-v2v-in-place", "virt-v2v", "conversion of guests", "--version"),
        ("supermin", "supermin", "building the appliance", "--version"),
        ("setpriv", "util-linux", "ending child processes with us, and taking rights from checkers", "--version"),
        ("qemu-storage-daemon", "qemu-utils", "showing partitions to checkers", "--version"),
        ("e2fsck", "e2fsprogs", "checking ext2, ext3 and ext4", "-V"),
        ("xfs_repair", "xfsprogs", "checking XFS", "-V"),
        ("btrfs", "btrfs-progs", "checking Btrfs", "--version"),
        ("fsck.fat", "dosfstools", "checking FAT", ""),
        ("fsck.exfat", "exfatprogs", "checking exFAT", "-V"),
        ("ntfsresize", "ntfs-3g", "checking NTFS", "--version"),
        ("virsh", "libvirt-clients", "domains of libvirt as sources", "--version"),
        ("ssh", "openssh-client", "domains of other hosts as sources", "-V"),
        ("socat", "socat", "guest agents of QEMUs without libvirt", "-V"),
    ];

    public static Command Build()
    {
        var command = new Command("doctor", "Say which tools are present, what is missing and how to install it, and whether KVM is usable. Exit code 6 where something is missing.");
        command.SetAction(async (parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            var missing = await LookAsync(GlobalOptions.StateDirectory(parsed), (state, what, text) => Say(json, state, what, text), cancel);
            if (missing.Count == 0) return ExitCode.Success;
            if (!json) Console.Out.WriteLine(ToInstall(missing));
            return ExitCode.MissingTool;
        });
        return command;
    }

    /// <summary>The same as text, for somebody who is not at this host.</summary>
    public static async Task<string> TextAsync(string state, CancellationToken cancel)
    {
        var lines = new StringBuilder();
        var missing = await LookAsync(state, (standing, what, text) => lines.Append(Line(standing, what, text)).Append('\n'), cancel);
        return missing.Count == 0 ? lines.ToString() : $"{lines}{ToInstall(missing)}\n";
    }

    /// <summary>Looks at everything.</summary>
    /// <returns>The packages that are missing.</returns>
    private static async Task<IReadOnlyList<string>> LookAsync(string stateDirectory, Action<string, string, string> say, CancellationToken cancel)
    {
        var missing = new List<string>();
        foreach (var (program, package, purpose, versionOption) in Tools)
        {
            if (ChildProcess.Find(program) is not null)
            {
                say("ok", program, $"{await VersionAsync(program, versionOption, cancel)} ({purpose})");
            }
            else
            {
                missing.Add(package);
                say("missing", program, $"needed for {purpose}: apt-get install {package}");
            }
        }

        if (!Kernels().Any())
        {
            missing.Add("linux-image-cloud-amd64");
            say("missing", "kernel", "no kernel in /boot that this user can read with its modules, needed for the appliance: apt-get install linux-image-cloud-amd64");
        }
        else
        {
            say("ok", "kernel", $"{Kernels().First()} (the appliance)");
        }

        // The appliance takes its programs from the host's packages; this file is what tells it about xfsprogs.
        if (Directory.Exists("/usr/lib") && !Directory.EnumerateDirectories("/usr/lib", "*-linux-gnu").Any(d => File.Exists(Path.Combine(d, "guestfs", "supermin.d", "packages-xfs"))))
        {
            missing.Add("libguestfs-xfs");
            say("missing", "libguestfs-xfs", "XFS cannot be checked without it: apt-get install libguestfs-xfs");
        }

        var libiscsi = IscsiSession.IsInstalled;
        say(libiscsi ? "ok" : "note", "libiscsi", libiscsi ? "units of iSCSI targets" : "not installed; needed only for iscsi:// disks: apt-get install libiscsi7");

        var fuse = File.Exists("/dev/fuse");
        say(fuse ? "ok" : "note", "fuse", fuse ? "partitions can be shown to checkers" : "there is no /dev/fuse: all file systems are checked in the appliance, slowly but as surely");

        var ovmf = File.Exists("/usr/share/OVMF/OVMF_CODE_4M.fd") || File.Exists("/usr/share/OVMF/OVMF_CODE.fd");
        say(ovmf ? "ok" : "note", "ovmf", ovmf ? "UEFI firmware" : "not installed; needed only to start machines with UEFI: apt-get install ovmf");
        if (ChildProcess.Find("qemu-system-x86_64") is not null)
        {
            var kvm = await Hypervisor.KvmUsableAsync(cancel);
            say(kvm ? "ok" : "note", "kvm", kvm ? "a guest runs under it" : "not usable here: checks and conversion run under emulation, slowly but as surely");
        }

        say("ok", "hash engine", $"SHA-256 by {new LeafHasher(BlkhashParameters.Default).Engine}");

        say("ok", "state", $"{stateDirectory}, {Quantities.Size(PosixPath.FreeBytes(NearestExisting(stateDirectory)))} free");
        return missing;
    }

    private static string ToInstall(IReadOnlyList<string> missing) => $"to install what is missing: apt-get install {string.Join(' ', missing.Distinct())}";

    private static async Task<string> VersionAsync(string program, string option, CancellationToken cancel)
    {
        if (option.Length == 0) return "installed"; // it tells its version only while it checks something
        try
        {
            var result = await ChildProcess.RunAsync(new ChildCommand(program, option) { Deadline = TimeSpan.FromSeconds(20) }, cancel);
            return $"{result.Output.Trim()}\n{result.ErrorTail.Trim()}".Trim().Split('\n')[0];
        }
        catch (ChildException e)
        {
            return $"does not tell its version: {e.Said}";
        }
    }

    private static IEnumerable<string> Kernels() => Directory.EnumerateFiles("/boot", "vmlinuz-*")
        .Select(kernel => Path.GetFileName(kernel)["vmlinuz-".Length..])
        .Where(release => Directory.Exists($"/lib/modules/{release}") && IsReadable($"/boot/vmlinuz-{release}"));

    private static bool IsReadable(string path)
    {
        try
        {
            using var file = PosixFile.Open(path, OpenMode.Read);
            return true;
        }
        catch (PosixException)
        {
            return false; // which is what was asked
        }
    }

    private static string NearestExisting(string path)
    {
        while (!Directory.Exists(path)) path = Path.GetDirectoryName(path) ?? "/";
        return path;
    }

    private static string Line(string state, string what, string text) => $"{state,-8} {what,-20} {text}";

    private static void Say(bool json, string state, string what, string text)
    {
        if (!json)
        {
            Console.Out.WriteLine(Line(state, what, text));
            return;
        }

        JsonLine.Write(w =>
        {
            w.WriteString("event", "tool");
            w.WriteString("name", what);
            w.WriteString("state", state);
            w.WriteString("text", text);
        });
    }
}
