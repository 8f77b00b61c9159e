using System.Globalization;

namespace Sealift.Guests;

/// <summary>Finds every block device that the machine's disks hold, down to logical volumes.</summary>
internal static class BlockDevices
{
    // Far above any real machine; each costs about a tenth of a second without KVM.
    private const int Limit = 4096;

    /// <summary>Surveys the disks in the appliance.</summary>
    /// <returns>The devices in the order of the disks, each disk before its partitions and each partition before its volumes.</returns>
    public static async Task<IReadOnlyList<BlockDevice>> FindAsync(Appliance appliance, IReadOnlyList<GuestDrive> drives, string logPath, CancellationToken cancel)
    {
        var labels = string.Join(' ', drives.Select((_, i) => Appliance.Label(i)));
        // lsblk -r escapes names (\xHH) and leaves PKNAME empty between two spaces. A volume on two disks is listed once below each.
        // One call a disk: lsblk sorts its arguments by kernel name, and the kernel may name the second disk sda.
        var script = $$"""
            lvm vgchange -aay 2>&1 | sed 's/^/lvm: /'
            udevadm settle
            disks=
            for label in {{labels}}; do
                disk=$(readlink -f /dev/disk/guestfs/$label) && [ -b "$disk" ] || { echo "missing $label"; exit 1; }
                disks="$disks $disk"
                echo "disk $label ${disk#/dev/}"
            done
            for disk in $disks; do lsblk -n -r -b -o KNAME,PKNAME,TYPE,SIZE,NAME $disk | sed 's/^/tree /'; done
            for k in $(lsblk -n -r -o KNAME $disks | sort -u); do
                echo "node $k"
                cat /sys/class/block/$k/partition 2>/dev/null | sed 's/^/partition /'
                echo "code $(head -c 440 /dev/$k | tr -d '\0' | wc -c)"
                blkid -p -o udev /dev/$k | head -c 8192 | sed 's/^/blkid /'
                echo
            done
            """;
        var result = await appliance.ShellAsync("list the disks' contents", script, cancel);
        if (result.ExitCode != 0 || result.IsCut) throw GuestsErrors.ApplianceSpokeNonsense("list the disks' contents", GuestText.Finding(result.Output), logPath);
        return Parse(result.Output, drives, logPath);
    }

    internal static IReadOnlyList<BlockDevice> Parse(string survey, IReadOnlyList<GuestDrive> drives, string logPath)
    {
        var keyOfDisk = new Dictionary<string, string>();
        var rows = new List<(string Kernel, string Parent, string Kind, long Length, string Name)>();
        var partitions = new Dictionary<string, int>();
        var probes = new Dictionary<string, Dictionary<string, string>>();
        var withCode = new HashSet<string>();
        var node = string.Empty;
        foreach (var line in survey.Split('\n'))
        {
            var (verb, rest) = line.IndexOf(' ') is var at && at > 0 ? (line[..at], line[(at + 1)..]) : (line, string.Empty);
            switch (verb)
            {
                case "disk":
                    var disk = rest.Split(' ');
                    keyOfDisk[disk[1]] = drives[Enumerable.Range(0, drives.Count).First(i => Appliance.Label(i) == disk[0])].Key;
                    break;
                case "tree":
                    var columns = rest.Split(' ');
                    if (columns.Length < 5 || !IsKernelName(columns[0]) || !long.TryParse(columns[3], CultureInfo.InvariantCulture, out var length)) throw GuestsErrors.ApplianceSpokeNonsense("list the disks' contents", GuestText.Name(line), logPath);
                    rows.Add((columns[0], columns[1], columns[2], length, columns[4]));
                    break;
                case "node":
                    node = rest;
                    probes[node] = [];
                    break;
                case "partition":
                    partitions[node] = int.Parse(rest, CultureInfo.InvariantCulture);
                    break;
                case "code" when rest != "0":
                    withCode.Add(node);
                    break;
                case "blkid" when rest.IndexOf('=') is var equals && equals > 0:
                    probes[node][rest[..equals]] = rest[(equals + 1)..];
                    break;
                default:
                    break; // a tool's remark: it is in the log
            }
        }

        var order = drives.Select((d, i) => (d.Key, i)).ToDictionary(p => p.Key, p => p.i);
        var devices = new List<BlockDevice>();
        foreach (var row in rows.DistinctBy(r => r.Kernel).Take(Limit + 1))
        {
            if (devices.Count == Limit) throw GuestsErrors.ApplianceSpokeNonsense("list the disks' contents", $"the disks hold more than {Limit} partitions and volumes", logPath);
            var isVolume = row.Kind is not ("disk" or "part");
            devices.Add(new BlockDevice(
                row.Kernel,
                row.Kind,
                isVolume ? VolumeName(row.Kind, row.Name) : string.Empty,
                row.Length,
                partitions.GetValueOrDefault(row.Kernel),
                [.. DisksBelow(row.Kernel).Distinct().OrderBy(k => order[k])],
                probes.GetValueOrDefault(row.Kernel, [])) { HasBootCode = withCode.Contains(row.Kernel) });
        }

        return devices;

        IEnumerable<string> DisksBelow(string kernelName) => keyOfDisk.TryGetValue(kernelName, out var key)
            ? [key]
            : rows.Where(r => r.Kernel == kernelName && r.Parent.Length > 0 && r.Parent != kernelName).Select(r => r.Parent).Distinct().SelectMany(DisksBelow);
    }

    private static bool IsKernelName(string name) => name.Length is > 0 and <= 32 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    /// <summary>vg/lv from device mapper's vg-lv, in which a dash that belongs to a name is doubled; lvm(8).</summary>
    private static string VolumeName(string kind, string name)
    {
        name = GuestText.Name(GuestText.DecodeUdev(name));
        return kind != "lvm" ? name : name.Replace("--", "\0", StringComparison.Ordinal).Replace('-', '/').Replace('\0', '-');
    }
}
