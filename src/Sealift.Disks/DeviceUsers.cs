using System.Globalization;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// Who else has a block device open for writing. The kernel's own refusal sees what is mounted or claimed, and QEMU's locks are on a node:
/// libvirt gives each QEMU a /dev of its own, so that a machine's device is neither. proc_pid_fd(5), proc_pid_fdinfo(5).
/// </summary>
internal static class DeviceUsers
{
    /// <summary>A process other than this one that has it, its disk or a partition of it open for writing; null where none is seen. Those of other users are seen by root only.</summary>
    /// <param name="nodeDevice">The device, as <see cref="FileFacts.NodeDevice"/> gives it.</param>
    public static string? Find(ulong nodeDevice)
    {
        var own = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        var devices = DiskAndPartitions.Of(nodeDevice);
        foreach (var process in Listed("/proc").Where(n => n.All(char.IsAsciiDigit) && n != own))
            foreach (var number in Listed($"/proc/{process}/fd"))
                if (Leads($"/proc/{process}/fd/{number}", devices) && IsForWriting($"/proc/{process}/fdinfo/{number}"))
                    return $"process {process} ({Text($"/proc/{process}/comm").Trim()})";
        return null;
    }

    private static bool Leads(string path, IReadOnlySet<ulong> devices)
    {
        try
        {
            // Its name comes from the kernel's memory. To look at a file on a server that is gone would wait for that, and nothing ends it.
            return new FileInfo(path).LinkTarget is { } name && name.StartsWith("/dev/", StringComparison.Ordinal)
                && FileFacts.OfPath(path) is { Kind: FileKind.BlockDevice } facts && devices.Contains(facts.NodeDevice);
        }
        catch (Exception e) when (e is PosixException or IOException or UnauthorizedAccessException)
        {
            return false; // it was closed meanwhile, or is another user's
        }
    }

    private static bool IsForWriting(string path)
    {
        const int AccessMode = 3; // O_ACCMODE; 0 is O_RDONLY
        var flags = Text(path).Split('\n').FirstOrDefault(l => l.StartsWith("flags:", StringComparison.Ordinal));
        return flags is not null && (Convert.ToInt32(flags[6..].Trim(), 8) & AccessMode) != 0;
    }

    private static string Text(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return string.Empty; // the process has ended, or is another user's
        }
    }

    private static IReadOnlyList<string> Listed(string path)
    {
        try
        {
            return PosixPath.List(path);
        }
        catch (PosixException)
        {
            return []; // the process has ended, or is another user's
        }
    }
}
