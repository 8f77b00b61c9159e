using Sealift.Posix;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>The errors of reading disks of vSphere machines: SL652x by VMware's library and in general, SL653x over HTTPS and leases.</summary>
internal static class DataPathErrors
{
    private const string LookAtLibrary = "See that the vddk plugin of nbdkit is installed and that --vddk-libdir names the folder where VMware's library was unpacked (vmware-vix-disklib-distrib)";

    public static SealiftException CannotUseLibrary(string disk, string said) =>
        new("SL6521", "read the disk by VMware's library", Clean(disk), Clean(said), LookAtLibrary);

    public static SealiftException LibraryNotStarted(string disk, string said, string lastWords) =>
        new("SL6522", "start nbdkit with VMware's library", Clean(disk), Quote(said, lastWords), LookAtLibrary);

    public static SealiftException LibraryRefused(string disk, string said, string lastWords, Exception? inner = null) => new(
        "SL6523", "open the disk by VMware's library", Clean(disk), Quote(said, lastWords),
        "Check that ports 443 and 902 of the server and of its hosts can be reached from here, that the account may read the machine's disks (VirtualMachine.Provisioning.GetVmFiles, .DiskRandomRead), and what the words say", inner);

    public static SealiftException LibraryFailed(string disk, long offset, long lengthBytes, string said, string lastWords, Exception inner) => new(
        "SL6524", $"read {lengthBytes} bytes at offset {offset} by VMware's library", Clean(disk), Quote(said, lastWords), "Check the network and the host that the machine is on, then resume", inner);

    public static SealiftException OtherLength(string disk, long capacityBytes, long lengthBytes, string by) => new(
        "SL6525", "open the disk", Clean(disk), $"the server says that it is {capacityBytes} bytes long, and {by} that it is {lengthBytes}", "See that nobody resizes the disk meanwhile, then try again");

    public static SealiftException PointGone(string disk, string said, Exception? inner = null) => new(
        "SL6526", "rely on what was read of the disk", Clean(disk), Clean(said), "Nobody may start the machine, or remove its snapshot, while it is read: start again", inner);

    public static SealiftException CannotBeTold(string disk, string what, string value) => new(
        "SL6527", "read the disk by VMware's library", Clean(disk), $"the {what} cannot be told to nbdkit: {Clean(value)}", "Change it");

    public static SealiftException NoPath(string disk, IEnumerable<string> reasons) => new(
        "SL6528", "find a way to read the disk", Clean(disk), Clean(string.Join("; ", reasons), 2000),
        "Lift one of these: mostly, install VMware's library (nbdkit's vddk plugin, --vddk-libdir), or shut the machine down");

    public static SealiftException NoFlatFile(string disk, string said) =>
        new("SL6531", "read the disk's file over HTTPS", Clean(disk), Clean(said), "Read it in another way: by VMware's library, or by an export with the machine off");

    public static SealiftException NotExported(string disk, string said) =>
        new("SL6532", "have the disk exported", Clean(disk), Clean(said, 600), "Read it in another way: by VMware's library, or over HTTPS with the machine off");

    public static SealiftException NoRoom(string disk, string directory, long neededBytes, long doneBytes, long freeBytes, long reserveBytes) => new(
        "SL6533", "fetch the exported disk", Clean(disk), $"after {doneBytes} bytes it takes {neededBytes} more at least, and {Clean(directory)} has {freeBytes} free, of which {reserveBytes} stay in reserve",
        "Free space there, or read the disk in a way that needs no copy of it: by VMware's library");

    /// <summary>What was said, and the last words of whoever said nothing better.</summary>
    private static string Quote(string said, string lastWords) => lastWords.Length == 0 ? Clean(said) : $"{Clean(said)}; the last words of nbdkit: {Clean(lastWords, 2000)}";

    private static string Clean(string text, int limit = 300) => ProviderErrors.Clean(text, limit);
}
