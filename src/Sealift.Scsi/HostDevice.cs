using Sealift.Posix;

namespace Sealift.Scsi;

/// <summary>A SCSI disk of this host, as sysfs(5) has it: that, and nothing that merely passes commands on, is asked as a unit.</summary>
/// <param name="Path">The path of its node.</param>
/// <param name="Node">The number of the device.</param>
/// <param name="Address">Where it is: host, channel, target and unit, as <c>2:0:1:0</c>.</param>
internal sealed record HostDevice(string Path, ulong Node, string Address)
{
    private const string Sysfs = "/sys";

    /// <summary>The target that it is a unit of: <c>2:0:1</c>.</summary>
    public string Target => Address[..Address.LastIndexOf(':')];

    /// <summary>Finds out what a block device is.</summary>
    /// <param name="path">Its path.</param>
    /// <returns>Null where it is no SCSI disk; then what it is instead, in words that follow "the source".</returns>
    /// <exception cref="PosixException">It is not there, or may not be looked at.</exception>
    public static (HostDevice? Device, string WhyNot) Of(string path)
    {
        var facts = FileFacts.OfPath(path);
        return facts.Kind == FileKind.BlockDevice ? Of(path, facts.NodeDevice, Sysfs) : (null, "is no block device");
    }

    /// <summary>The same of a device number, by what another tree says.</summary>
    internal static (HostDevice? Device, string WhyNot) Of(string path, ulong node, string sysfs)
    {
        var entry = $"{sysfs}/dev/block/{FileFacts.NumberOf(node)}";
        try
        {
            if (!Directory.Exists(entry)) return (null, "is a device that the kernel says nothing of");
            // The kernel would pass commands on, to units that count their blocks from elsewhere.
            if (File.Exists($"{entry}/partition")) return (null, "is a partition: its blocks are not counted as those of its unit");
            if (!Directory.Exists($"{entry}/device")) return (null, "is made of other devices by the kernel");
            var bus = Linked($"{entry}/device/subsystem");
            if (bus != "scsi") return (null, $"is no SCSI disk ({bus ?? "of no bus"})");
            var address = Linked($"{entry}/device");
            if (address is null || !IsAddress(address)) return (null, "is a SCSI disk whose address is not understood");
            // Some devices fall silent when they are asked for what they do not have; the kernel knows them.
            return File.Exists($"{entry}/device/vpd_pg83") ? (new HostDevice(path, node, address), string.Empty) : (null, "is a SCSI disk that tells no name (VPD page 83h)");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, $"cannot be looked at in {sysfs}: {e.Message}"); // it went away, or this user may not: no way that needs it can be had
        }
    }

    /// <summary>Why a copy by name could go to the wrong one of this host's units; null where exactly one has the name.</summary>
    /// <param name="identity">Whose name.</param>
    public static string? WhyNotUnique(UnitIdentity identity) => WhyNotUnique(identity, Sysfs);

    /// <summary>The same, by what another tree says.</summary>
    internal static string? WhyNotUnique(UnitIdentity identity, string sysfs)
    {
        var same = new List<string>();
        try
        {
            foreach (var device in Directory.EnumerateDirectories($"{sysfs}/bus/scsi/devices"))
            {
                var page = $"{device}/vpd_pg83";
                if (!IsAddress(System.IO.Path.GetFileName(device)) || !File.Exists(page)) continue; // no unit, or one without a name that a copy could go by
                if (VitalPage.Cut(File.ReadAllBytes(page), 0x83) is not { } cut || UnitIdentity.Parse(cut, default) is not { } neighbour)
                    return $"what {System.IO.Path.GetFileName(device)} says of its name makes no sense: nobody could look whether a name is unique";
                if (neighbour.SharesNameWith(identity)) same.Add(System.IO.Path.GetFileName(device));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the units of this host cannot be looked at ({e.Message}): nobody could look whether a name is unique";
        }

        same.Sort(StringComparer.Ordinal);
        return same.Count switch
        {
            1 => null,
            0 => $"this host knows no unit that says that it is {identity.Name}",
            _ => $"{same.Count} units of this host say that they are {identity.Name} ({string.Join(", ", same)}): paths to one, or several of one name, and a copy by name could go to the wrong one",
        };
    }

    private static string? Linked(string link) => File.ResolveLinkTarget(link, returnFinalTarget: true)?.Name;

    private static bool IsAddress(string text) => text.Split(':') is { Length: 4 } parts && parts.All(p => p.Length is > 0 and < 20 && p.All(char.IsAsciiDigit));
}
