using Sealift.Posix;

namespace Sealift.Guests;

/// <summary>Every error of this room, with its code, in one place.</summary>
internal static class GuestsErrors
{
    public static SealiftException DriveNotUsable(string key, string said) =>
        new("SL5001", "show a disk to the appliance", key, said, "This is a mistake of the caller: report it as a bug");

    public static SealiftException ApplianceDidNotStart(string said, string logPath, Exception? inner) =>
        new("SL5002", "start the libguestfs appliance", "guestfish", said, $"Run 'libguestfs-test-tool' on this host; the full log is {logPath}", inner);

    public static SealiftException ApplianceDied(string step, string said, string logPath, Exception? inner) =>
        new("SL5003", "examine the guest", step, said, $"If the host was merely busy, try again with a longer deadline; the full log is {logPath}", inner);

    public static SealiftException ApplianceSpokeNonsense(string step, string said, string logPath) =>
        new("SL5004", "understand the appliance", step, said, $"Report this as a bug, with the log {logPath}");

    /// <summary>Never the end of a run: the appliance is used then.</summary>
    public static SealiftException NoView(string attempt, string said, Exception? inner) =>
        new("SL5005", $"show partitions as files ({attempt})", "qemu-storage-daemon", said, "See that /dev/fuse is there and that namespaces may be made; meanwhile everything is checked in the appliance", inner);

    public static SealiftException BadKeySelector(string given) =>
        new("SL5010", "understand which key is for which encrypted volume", given, "it is not UUID=file:PATH, all=file:PATH, UUID or all", "Give the UUID that 'sealift check' shows, and a file with the passphrase in its first line; without a file it is asked for");

    public static SealiftException BadKey(string where, string said) =>
        new("SL5011", "use the key of an encrypted volume", where, said, "Give a regular file whose first line is the passphrase");

    public static SealiftException WrongKey(string device, string uuid, string logPath) =>
        new("SL5012", "open an encrypted volume", $"{device}, UUID {uuid}", "no key that was given for it fits", $"Give its own passphrase: --luks-key {uuid}=file:PATH; or leave it closed by naming only the UUIDs of the others. The full log is {logPath}");

    public static SealiftException NoSuchVolume(string uuid) =>
        new("SL5013", "find an encrypted volume", uuid, "a key was given for it, and no disk of the machine holds it", "See 'sealift check' for the UUIDs of the encrypted volumes");

    public static SealiftException CannotConvert(string machine, string said, string logPath) =>
        new("SL5101", "convert the guest", machine, said.TrimEnd('.'), $"Migrate it as it is with --no-convert, or make it fit inside the source; the full log is {logPath}");

    public static SealiftException ConverterDied(string machine, string said, string logPath, Exception inner) =>
        new("SL5102", "convert the guest", machine, said, $"The disks are as they arrived: try again, with a longer deadline if the host is slow; the full log is {logPath}", inner);

    public static SealiftException BootNotStarted(string machine, string said) =>
        new("SL5201", "start the machine for its boot proof", machine, said.TrimEnd('.'), "See what QEMU says; --no-boot-check hands the machine over untried");

    public static SealiftException BootBroke(string machine, string said, Exception? inner) =>
        new("SL5202", "boot the machine for its boot proof", machine, said.TrimEnd('.'), "Its disks are as they were: resume to try it again; look for the out-of-memory killer in the kernel log, and for space in the target directory", inner);

    public static SealiftException HypervisorSpokeNonsense(string command, string said, string logPath, Exception inner) =>
        new("SL5203", "talk to QEMU", command, said.TrimEnd('.'), $"Try again; if it repeats, report it as a bug, with the log {logPath} where it is there", inner);

    public static SealiftException MemoryUnknown() =>
        new("SL5204", "find out how much memory is available", "/proc/meminfo", "it has no line MemAvailable", "Mount /proc in this container or chroot");
}
