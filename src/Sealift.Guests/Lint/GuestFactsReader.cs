using System.Globalization;
using System.Text;

namespace Sealift.Guests.Lint;

/// <summary>
/// Reads of a guest what its preflight looks at: in the appliance, from file systems that are mounted read-only, without devices and
/// programs. What a guest has written is only data: paths are resolved inside of its tree, only regular files are read, and of each
/// only so much.
/// </summary>
internal static class GuestFactsReader
{
    private const int KernelLimit = 64, FileLimitBytes = 16 << 10;

    /// <summary>The drivers of a kernel that count.</summary>
    public static readonly IReadOnlyList<string> Modules = ["virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net"];

    /// <summary>The programs and files whose presence counts: virt-v2v asks for them by these paths.</summary>
    public static readonly IReadOnlyList<string> Programs =
    [
        "/sbin/dracut", "/usr/bin/dracut", "/usr/sbin/update-initramfs", "/usr/sbin/make-initrd", "/sbin/mkinitrd", "/sbin/grubby",
        "/usr/bin/vmtoolsd", "/usr/bin/vmware-uninstall-tools.pl", VmwareToolsOfWindows,
    ];

    /// <summary>Where VMware Tools are in a Windows.</summary>
    public const string VmwareToolsOfWindows = "/Program Files/VMware/VMware Tools/vmtoolsd.exe";

    private static readonly string[] Files = ["/etc/fstab", "/etc/crypttab", "/etc/lvm/lvm.conf", "/etc/default/grub", "/etc/kernel/cmdline", "/boot/grub/device.map", "/boot/grub2/device.map"];

    private static readonly string[] Directories = ["/boot", "/boot/efi/EFI", "/lib/modules", "/var/lib/dpkg/info", "/usr/lib/perl5"];

    /// <summary>The program that stands for perl's Bootloader::Tools, which is found by its file.</summary>
    public const string PerlBootLoader = "Bootloader/Tools.pm";

    /// <summary>Mounts what inspection found, looks, and leaves it mounted: the appliance is closed soon after.</summary>
    public static async Task<GuestInside> ReadAsync(Appliance appliance, OperatingSystems systems, bool bootsByUefi, CancellationToken cancel)
    {
        var unread = new List<string>();
        var notMounted = new List<(string, string, string)>();
        var mounted = new List<InspectedMount>();
        foreach (var mount in systems.Mounts.OrderBy(m => m.Path.Length)) // as virt-v2v does it: what is outside comes first
        {
            if (mount.Path != "/" && !await LiesInsideAsync(appliance, mount.Path, cancel))
            {
                unread.Add($"what is mounted on {GuestText.Name(mount.Path)}, which leads out of the guest's own tree");
                continue;
            }

            var (_, errors) = await appliance.CommandAsync("mount what the guest mounts", $"-mount-options \"ro,nosuid,nodev,noexec\" {Appliance.Quote(mount.Mountable)} {Appliance.Quote(mount.Path)}", cancel);
            if (errors.Count == 0) mounted.Add(mount);
            else notMounted.Add((GuestText.Name(mount.Path), mount.Uuid, string.Join("; ", errors)));
            if (errors.Count > 0 && mount.Path == "/") break; // nothing else has a place then
        }

        if (systems.UnseenMounts > 0) unread.Add($"{systems.UnseenMounts} of its mount points: there are too many");
        var nothing = new GuestInside(systems) { NotMounted = notMounted, Unread = unread };
        if (!mounted.Exists(m => m.Path == "/")) return nothing;

        var paths = await ResolveAsync(appliance, cancel);
        var look = await appliance.ShellAsync("look into the guest", Script(mounted, paths, bootsByUefi), cancel);
        if (look.IsCut) unread.Add("everything: the guest's files are too large to be looked at");
        if (look.ExitCode != 0) unread.Add($"everything: looking into the guest ended with exit code {look.ExitCode}");
        return Parse(look.Output, mounted, nothing, paths.Keys.Where(Programs.Contains));
    }

    /// <summary>What <see cref="Script"/> printed.</summary>
    internal static GuestInside Parse(string output, IReadOnlyList<InspectedMount> mounted, GuestInside inside, IEnumerable<string> programs)
    {
        var mounts = new List<GuestMount>();
        var texts = new Dictionary<string, StringBuilder>();
        var kernels = new List<GuestKernel>();
        var bootDevices = new List<string>();
        var bootLoaders = new List<string>();
        var unread = inside.Unread.ToList();
        var found = programs.ToHashSet();
        var cut = new HashSet<string>();
        var file = string.Empty;
        foreach (var line in output.Split('\n'))
        {
            var words = line.Split(' ');
            switch (words[0])
            {
                case "space" when words.Length == 6 && Number(words[1]) is { } index && index < mounted.Count:
                    if (Number(words[2]) is { } blocks && Number(words[3]) is { } size && Number(words[4]) is { } inodes && Number(words[5]) is { } free && size <= 1 << 30 && blocks <= long.MaxValue >> 30)
                        mounts.Add(new GuestMount(GuestText.Name(mounted[(int)index].Path), mounted[(int)index].Uuid, blocks * size, inodes, free));
                    break;
                case "file" when words.Length == 3:
                    file = words[1];
                    texts[file] = new StringBuilder();
                    if (Number(words[2]) is { } length && length > LimitOf(file))
                    {
                        unread.Add($"{file} beyond its first {LimitOf(file)} bytes");
                        cut.Add(file);
                    }

                    break;
                case "data" when words.Length == 2 && file.Length > 0:
                    texts[file].Append(words[1]);
                    break;
                case "kernel" when words.Length >= 2:
                    kernels.Add(new GuestKernel(words[1], words.Contains("modules"), words.Contains("initramfs"), words.Contains("packaged"), Modules.Where(words.Contains).ToHashSet()));
                    break;
                case "boot" when words.Length == 2:
                    bootDevices.Add(GuestText.Name(words[1]));
                    break;
                case "loader" when words.Length == 2:
                    bootLoaders.Add(words[1]);
                    break;
                case "perl":
                    found.Add(PerlBootLoader);
                    break;
                case "unread":
                    unread.Add(GuestText.Name(line[7..]));
                    break;
                default:
                    break; // a tool's remark: it is in the log
            }
        }

        var decoded = texts.ToDictionary(t => t.Key, t => Decode(t.Value.ToString()) is var text && cut.Contains(t.Key) ? text[..(text.LastIndexOf('\n') + 1)] : text); // half a line says something else
        // What the user's own settings say goes into the boot loader's file when that is made next, and the conversion makes it.
        bootDevices.AddRange(BootArguments.DevicesOf(decoded.GetValueOrDefault("/etc/default/grub", string.Empty)));
        bootDevices.AddRange(BootArguments.DevicesOf(decoded.GetValueOrDefault("/etc/kernel/cmdline", string.Empty)));
        return inside with
        {
            Mounts = mounts,
            Fstab = decoded.GetValueOrDefault("/etc/fstab"),
            Crypttab = decoded.GetValueOrDefault("/etc/crypttab"),
            DeviceMap = decoded.GetValueOrDefault("/boot/grub2/device.map", string.Empty) + "\n" + decoded.GetValueOrDefault("/boot/grub/device.map", string.Empty),
            LvmConfiguration = decoded.GetValueOrDefault("/etc/lvm/lvm.conf", string.Empty),
            BootDevices = [.. bootDevices.Distinct()],
            Kernels = kernels,
            Programs = found,
            BootLoaders = bootLoaders,
            Unread = unread,
        };
    }

    /// <summary>A path resolved by the appliance's own shell would follow a guest's link out of the guest.</summary>
    private static async Task<bool> LiesInsideAsync(Appliance appliance, string path, CancellationToken cancel)
    {
        if (!path.StartsWith('/') || path.Contains('\n', StringComparison.Ordinal)) return false;
        var where = await appliance.ShellAsync("look where a mount point is", $"p=$(readlink -f -- {Single("/sysroot" + path)}) || exit 0\ncase $p in /sysroot/*) exit 0 ;; esac\nexit 3", cancel);
        return where.ExitCode == 0; // one that does not exist cannot be mounted on, and the attempt says so
    }

    /// <summary>Where files, directories and programs really are: libguestfs follows links as the guest would, in a root of the guest's own.</summary>
    private static async Task<IReadOnlyDictionary<string, string>> ResolveAsync(Appliance appliance, CancellationToken cancel)
    {
        string[] all = [.. Files, .. Directories, .. Programs];
        var commands = new StringBuilder();
        for (var i = 0; i < all.Length; i++)
            commands.Append(CultureInfo.InvariantCulture, $"echo =path {i}\n-{(Directories.Contains(all[i]) ? "is-dir-opts" : "is-file-opts")} {Appliance.Quote(all[i])} followsymlinks:true\n-realpath {Appliance.Quote(all[i])}\n");
        var (lines, _) = await appliance.CommandAsync("find the guest's files", commands.ToString().TrimEnd('\n'), cancel);
        var paths = new Dictionary<string, string>();
        for (var i = 0; i + 2 < lines.Count; i++)
        {
            // Three lines where it is there: a name with a line break in it would be more, and is passed over.
            if (!lines[i].StartsWith("=path ", StringComparison.Ordinal) || lines[i + 1] != "true" || (i + 3 < lines.Count && !lines[i + 3].StartsWith("=path ", StringComparison.Ordinal))) continue;
            if (Number(lines[i][6..]) is { } index && index < all.Length && lines[i + 2].StartsWith('/')) paths[all[(int)index]] = lines[i + 2];
        }

        return paths;
    }

    private static string Script(List<InspectedMount> mounted, IReadOnlyDictionary<string, string> paths, bool bootsByUefi)
    {
        var script = new StringBuilder().Append(CultureInfo.InvariantCulture, $$"""
            export LC_ALL=C
            # Regular, and no link: a pipe would never end, and a link could lead anywhere.
            plain() { [ -f "$1" ] && [ ! -L "$1" ]; }
            give() { plain "$2" || return 0; echo "file $1 $(stat -c %s "$2")"; head -c "$3" "$2" | ${4:-cat} | head -c {{FileLimitBytes * 2}} | base64 -w 1000 | sed 's/^/data /'; }
            uncommented() { grep -a -v '^[[:space:]]*#'; }

            """);
        for (var i = 0; i < mounted.Count; i++) script.Append(CultureInfo.InvariantCulture, $"echo space {i} $(stat -f -c '%f %S %c %d' {Single("/sysroot" + mounted[i].Path)})\n");
        foreach (var file in Files)
        {
            if (paths.TryGetValue(file, out var path)) script.Append(CultureInfo.InvariantCulture, $"give {file} {Single("/sysroot" + path)} {LimitOf(file)}{(IsCommented(file) ? " uncommented" : string.Empty)}\n");
        }

        string Place(string directory) => Single(paths.TryGetValue(directory, out var path) ? "/sysroot" + path : "/nowhere");
        return script.Append(CultureInfo.InvariantCulture, $$"""
            B={{Place("/boot")}} E={{Place("/boot/efi/EFI")}} M={{Place("/lib/modules")}} D={{Place("/var/lib/dpkg/info")}} P={{Place("/usr/lib/perl5")}} n=0
            for k in "$B"/vmlinuz-*; do
                plain "$k" || continue
                v=${k##*/vmlinuz-}
                case $v in ''|*[!A-Za-z0-9._+~-]*) echo "unread a kernel whose name is none"; continue ;; esac
                n=$((n + 1)); [ $n -le {{KernelLimit}} ] || { echo "unread all but the first {{KernelLimit}} kernels"; break; }
                has=
                for i in "$B"/initrd*"$v"* "$B"/initramfs*"$v"*; do case $i in *kdump*) ;; *) [ ! -f "$i" ] || { has="$has initramfs"; break; } ;; esac; done
                for l in "$D"/linux-image-*"$v".list "$D"/linux-image-*"$v":*.list; do [ ! -f "$l" ] || { has="$has packaged"; break; }; done
                if [ -d "$M/$v" ] && [ ! -L "$M/$v" ]; then
                    has="$has modules $(find "$M/$v" -xdev \( {{string.Join(" -o ", Modules.Select(m => $"-name '{m}.ko*'"))}} \) -printf '%f\n' | head -n 64 | sed 's/\.ko.*//' | sort -u | tr '\n' ' ')"
                    ! plain "$M/$v/modules.builtin" || has="$has $(head -c 1048576 "$M/$v/modules.builtin" | grep -a -o -E '/({{string.Join('|', Modules)}})\.ko' | head -n 64 | sed 's,^/,,; s/\.ko$//' | sort -u | tr '\n' ' ')"
                fi
                ! plain "$B/config-$v" || has="$has $(head -c 1048576 "$B/config-$v" | grep -a -o -E '^CONFIG_({{string.Join('|', Modules.Select(m => m.ToUpperInvariant()))}})=[my]' | head -n 64 | sed 's/^CONFIG_//; s/=.*//' | tr A-Z a-z | sort -u | tr '\n' ' ')"
                echo "kernel $v" $has
            done
            find {{(bootsByUefi ? "\"$E\"" : "\"$B\"")}} -maxdepth 8 -type f \( -name grub.cfg -o -name grub.conf -o -name menu.lst \) -printf 'loader %f\n' 2>/dev/null | head -n 16
            find "$B" -maxdepth 8 -type f -size -8192k \( -name grub.cfg -o -path '*/loader/entries/*.conf' \) -exec grep -a -h -o -E '(^|[[:space:]"])(root|resume)=/dev/[A-Za-z0-9/_.:+-]+' {} + 2>/dev/null | tr -d ' \t"' | sort -u | head -n 64 | sed 's/^/boot /'
            [ -z "$(find "$P" -maxdepth 5 -type f -path '*/Bootloader/Tools.pm' 2>/dev/null | head -c 1)" ] || echo perl
            exit 0
            """).ToString();
    }

    // Mostly comments, of a hundred kilobytes.
    private static bool IsCommented(string file) => file == "/etc/lvm/lvm.conf";

    private static int LimitOf(string file) => file == "/etc/fstab" ? FileLimitBytes * 2 : IsCommented(file) ? FileLimitBytes * 32 : FileLimitBytes;

    private static string Single(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static long? Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static string Decode(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var count) ? Encoding.UTF8.GetString(bytes, 0, count) : string.Empty; // not ours: it was cut, which is said
    }
}
