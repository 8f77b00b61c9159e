using System.Globalization;
using System.Text.RegularExpressions;

namespace Sealift.Guests.Lint;

/// <summary>How a guest names a block device, and what becomes of that name on KVM.</summary>
internal enum DeviceName
{
    /// <summary>No block device of the machine's disks: a network share, <c>tmpfs</c>, <c>/dev/cdrom</c>, a loop device.</summary>
    Other,

    /// <summary>It goes with the content: UUID, label, volume of LVM, array.</summary>
    Stable,

    /// <summary>It names the disk by the order in which the kernel found it, and virt-v2v changes it where it stands in /etc/fstab.</summary>
    Ordered,

    /// <summary>It is spelled like such a name, and virt-v2v's table does not have it.</summary>
    Unknown,

    /// <summary>It names the controller, the bus or the serial number, none of which the new machine has.</summary>
    Hardware,
}

/// <summary>The names by which a guest can find what is on the disks of a machine.</summary>
internal sealed partial class DeviceNames
{
    private readonly HashSet<string> tags = new(StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> volumes = new(StringComparer.Ordinal);

    /// <summary>Whether something is there whose inside nobody sees, so that a name that was not found proves nothing.</summary>
    public bool HidesSomething { get; private init; }

    /// <summary>Of the devices that the appliance's kernel sees.</summary>
    public static DeviceNames Of(IReadOnlyList<BlockDevice> devices)
    {
        var names = new DeviceNames { HidesSomething = devices.Any(d => d.Type is "crypto_LUKS" or "BitLocker" or "zfs_member" or "bcache" or "swsuspend" || d.IsAmbiguous) };
        foreach (var device in devices)
        {
            names.AddTag("UUID", device.Probe.GetValueOrDefault("ID_FS_UUID_ENC"));
            names.AddTag("LABEL", device.Probe.GetValueOrDefault("ID_FS_LABEL_ENC"));
            names.AddTag("PARTUUID", device.Probe.GetValueOrDefault("ID_PART_ENTRY_UUID"));
            names.AddTag("PARTLABEL", device.Probe.GetValueOrDefault("ID_PART_ENTRY_NAME"));
            if (device.Kind == "lvm") names.volumes.Add(device.VolumeName);
        }

        return names;
    }

    /// <summary>Whether a tag (<c>UUID=…</c>, <c>/dev/disk/by-uuid/…</c>) or a volume is on none of the disks. What it cannot tell it does not call missing.</summary>
    public bool IsMissing(string spec)
    {
        if (TagOf(spec) is { } tag) return !tags.Contains(tag);
        if (VolumeOf(spec) is { } volume) return volumes.Count > 0 && !volumes.Contains(volume);
        return false;
    }

    /// <summary>What kind of name it is.</summary>
    /// <param name="spec">As /etc/fstab has it.</param>
    /// <param name="diskCount">How many disks the machine has: virt-v2v knows so many names.</param>
    public static DeviceName KindOf(string spec, int diskCount)
    {
        if (TagOf(spec) is not null) return DeviceName.Stable;
        if (spec.StartsWith("/dev/disk/by-path/", StringComparison.Ordinal)) return DeviceName.Hardware;
        if (spec.StartsWith("/dev/disk/by-id/", StringComparison.Ordinal)) return OfContent().IsMatch(spec) ? DeviceName.Stable : DeviceName.Hardware;
        // virt-v2v, remap_block_devices: these three, and what is none of them is left as it is.
        if (ArrayController().IsMatch(spec) || Nvme().IsMatch(spec)) return DeviceName.Unknown;
        if (Plain().Match(spec) is not { Success: true } plain) return spec.StartsWith("/dev/", StringComparison.Ordinal) ? DeviceName.Stable : DeviceName.Other;
        var device = plain.Groups[1].Value;
        if (device == "cdrom" || Silent.Any(p => device.StartsWith(p, StringComparison.Ordinal))) return DeviceName.Other;
        return Enumerable.Range(0, diskCount).Select(ConversionDomain.DeviceName).Any(d => device == d || device == "xvd" + d[2..]) ? DeviceName.Ordered : DeviceName.Unknown;
    }

    /// <summary>What virt-v2v makes of an ordered name: /dev/vda1 of /dev/sda1.</summary>
    public static string Renamed(string spec) => Ordered().Replace(spec, "/dev/vd");

    // virt-v2v says nothing of these, and leaves them.
    private static readonly string[] Silent = ["md", "fd", "sr", "scd"];

    private void AddTag(string name, string? encoded)
    {
        if (GuestText.DecodeUdev(encoded ?? string.Empty) is { Length: > 0 } value) tags.Add($"{name}={value}");
    }

    private static string? TagOf(string spec)
    {
        if (Tag().IsMatch(spec)) return spec;
        if (ByTag().Match(spec) is { Success: true } link) return $"{link.Groups[1].Value.ToUpper(CultureInfo.InvariantCulture)}={GuestText.DecodeUdev(link.Groups[2].Value)}";
        return null;
    }

    private static string? VolumeOf(string spec)
    {
        if (Mapped().Match(spec) is { Success: true } mapped) return mapped.Groups[1].Value.Replace("--", "\0", StringComparison.Ordinal) is var name && name.Split('-') is [var group, var volume] ? $"{group}/{volume}".Replace('\0', '-') : null;
        return InGroup().Match(spec) is { Success: true } plain && plain.Groups[1].Value is not ("disk" or "mapper" or "md" or "cciss" or "ida" or "rd" or "shm" or "pts" or "block" or "char" or "bus" or "input" or "zvol" or "nbd" or "fd" or "loop") ? $"{plain.Groups[1].Value}/{plain.Groups[2].Value}" : null;
    }

    [GeneratedRegex("^(UUID|LABEL|PARTUUID|PARTLABEL)=.", RegexOptions.CultureInvariant)]
    private static partial Regex Tag();

    [GeneratedRegex("^/dev/disk/by-(uuid|label|partuuid|partlabel)/(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex ByTag();

    // The names that device mapper, LVM and MD give themselves.
    [GeneratedRegex("^/dev/disk/by-id/(dm-name-|dm-uuid-|lvm-pv-uuid-|md-uuid-|md-name-)", RegexOptions.CultureInvariant)]
    private static partial Regex OfContent();

    [GeneratedRegex(@"^/dev/cciss/c\d+d\d+(p\d+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex ArrayController();

    [GeneratedRegex(@"^/dev/nvme\d+n1(p\d+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Nvme();

    [GeneratedRegex(@"^/dev/([a-z]+)\d*$", RegexOptions.CultureInvariant)]
    private static partial Regex Plain();

    [GeneratedRegex(@"^/dev/(?:sd|xvd)(?=[a-z]+\d*$)", RegexOptions.CultureInvariant)]
    private static partial Regex Ordered();

    [GeneratedRegex("^/dev/mapper/(.+)$", RegexOptions.CultureInvariant)]
    private static partial Regex Mapped();

    [GeneratedRegex("^/dev/([A-Za-z0-9_.+-]+)/([A-Za-z0-9_.+-]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex InGroup();
}
