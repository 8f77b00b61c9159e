using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>What stands in the way of a machine that goes to libvirt: SL6600 to SL6649.</summary>
internal static class LibvirtTargetErrors
{
    public static SealiftException BadName(string target, string said) => new(
        "SL6600", "read the name of a target", ProviderErrors.Clean(target), said, "Give a directory, or qemu:///system or qemu+ssh://USER@HOST/system with --pool POOL");

    public static SealiftException OtherHost(string target) => new(
        "SL6601", "bring a machine to libvirt", ProviderErrors.Clean(target), "libvirt of another host is reached over SSH only: its disks have to be written and read there, too",
        "Name it as qemu+ssh://USER@HOST/system");

    public static SealiftException NoPool(string pool, string uri, IReadOnlyList<string> there) => new(
        "SL6602", "find a storage pool", ProviderErrors.Clean(pool), $"{uri} has none of that name; {(there.Count == 0 ? "it has none at all" : $"there are {ProviderErrors.Clean(string.Join(", ", there), 500)}")}",
        "Name one with --pool, or make it with `virsh pool-define-as NAME dir --target DIRECTORY` and `virsh pool-start NAME`");

    public static SealiftException PoolInactive(string pool) => new(
        "SL6603", "use a storage pool", ProviderErrors.Clean(pool), "it is not active", $"Start it: virsh pool-start {ProviderErrors.Clean(pool)}");

    public static SealiftException PoolType(string pool, string type) => new(
        "SL6604", "use a storage pool", ProviderErrors.Clean(pool), $"it is of type {ProviderErrors.Clean(type)}, whose volumes are no files of a directory", $"Choose a pool of type {string.Join(", ", StoragePool.SupportedTypes)}");

    public static SealiftException PoolDirectory(string pool, string path, string said) => new(
        "SL6605", "use the directory of a storage pool", $"{ProviderErrors.Clean(pool)}: {ProviderErrors.Clean(path)}", said, "See `virsh pool-dumpxml` for the pool's path, and give it one that is a directory of this host");

    public static SealiftException ToolsMissing(string host, IEnumerable<string> tools) => new(
        "SL6606", "write disks on another host", ProviderErrors.Clean(host), $"these programs are not found there: {ProviderErrors.Clean(string.Join(", ", tools), 300)}", "Install them there: qemu-utils (qemu-img elsewhere), coreutils, sed, grep");

    public static SealiftException VolumeExists(string host, string path) => new(
        "SL6607", "make a volume", Place(host, path), "something of that name is there", "Choose another name with --name, or move the other away; a file of another host is never replaced");

    public static SealiftException VolumeReplaced(string host, string path, string said) => new(
        "SL6608", "use a volume that was made earlier", Place(host, path), said, "Find out who replaced it; remove this migration and start a new one");

    public static SealiftException ServerDidNotStart(string host, string path, string said) => new(
        "SL6609", "serve a volume", Place(host, path), said, "Log in there by hand as the same user and look: it has to be able to write the volume (mostly root), and sshd has to allow AllowStreamLocalForwarding");

    public static SealiftException ServerEndedBadly(string host, string path, string said, Exception? inner = null) => new(
        LibvirtHost.ServerEndedBadlyCode, "end the server of a volume", Place(host, path), $"{said}; what was written last may be lost", "Look at that host and its storage, and resume: everything is read back again", inner);

    public static SealiftException CacheNotBypassed(string host, string path, string said) => new(
        "SL6611", "read a volume past the page cache", Place(host, path), said, "Choose a pool on a file system that takes O_DIRECT, or run sealift on that host with --to qemu:///system");

    public static SealiftException PoolTooSmall(string pool, long needed, long free) => new(
        "SL6612", "find room for the disks", ProviderErrors.Clean(pool), $"they need up to {needed} bytes, and {free} are free", "Free space there, or choose another pool");

    public static SealiftException VolumeLength(string host, string path, long found, long wanted) => new(
        "SL6613", "make a volume", Place(host, path), $"its length would be {found} bytes, and the disk has {wanted}", "Choose raw (--format raw), or a pool of another type");

    public static SealiftException ServerStays(string host, string path, string said) => new(
        "SL6614", "take back what serves volumes", Place(host, path), said, "Look at that host: end what uses the directory, and try again");

    public static SealiftException NotWritable(string host, string pool, string path) => new(
        "SL6615", "write to a storage pool", $"{ProviderErrors.Clean(pool)}: {Place(host, path)}", "whoever logs in there may not make files in it", "Log in as a user who may (mostly root): qemu+ssh://root@HOST/system");

    public static SealiftException Unaligned(string host, string path, string said) => new(
        "SL6616", "serve a volume", Place(host, path), $"the length of the disk is no multiple of the blocks that this storage takes past the cache: {said}", "Bring it as qcow2 (--format qcow2), or choose a pool on storage with sectors of 512 bytes: QEMU would not run the raw volume, either, with cache='none'");

    public static SealiftException CannotLook(string host, string path, string said) => new(
        "SL6617", "look at a file of another host", Place(host, path), ProviderErrors.Clean(said, 500), "Look at that host and the storage of the pool, and resume; nothing is taken for gone that cannot be seen");

    public static SealiftException CannotName(string host, string path, string said) => new(
        "SL6618", "give a volume its name", Place(host, path), ProviderErrors.Clean(said, 500), "Choose a pool on a file system that gives a file two names (hard links), as all but a few do");

    private static string Place(string host, string path) => $"{ProviderErrors.Clean(host)}:{ProviderErrors.Clean(path)}";
}
