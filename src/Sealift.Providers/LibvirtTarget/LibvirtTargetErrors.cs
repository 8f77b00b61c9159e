using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>What stands in the way of a machine that goes to libvirt: SL6600 to SL6649.</summary>
internal static class LibvirtTargetErrors
{
    public static SealiftException BadName(string target, string said) => new(
        "SL6600", "read the name of a target", ProviderErrors.Clean(target), said, "Give a directory, or qemu:///system with --pool POOL");

    public static SealiftException OtherHost(string target) => new(
        "SL6601", "bring a machine to libvirt", ProviderErrors.Clean(target), "it is libvirt of another host, and disks can be proven only where they can be read past the page cache: on this one",
        "Run sealift on that host with --to qemu:///system");

    public static SealiftException NoPool(string pool, string uri, IReadOnlyList<string> there) => new(
        "SL6602", "find a storage pool", ProviderErrors.Clean(pool), $"{uri} has none of that name; {(there.Count == 0 ? "it has none at all" : $"there are {ProviderErrors.Clean(string.Join(", ", there), 500)}")}",
        "Name one with --pool, or make it with `virsh pool-define-as NAME dir --target DIRECTORY` and `virsh pool-start NAME`");

    public static SealiftException PoolInactive(string pool) => new(
        "SL6603", "use a storage pool", ProviderErrors.Clean(pool), "it is not active", $"Start it: virsh pool-start {ProviderErrors.Clean(pool)}");

    public static SealiftException PoolType(string pool, string type) => new(
        "SL6604", "use a storage pool", ProviderErrors.Clean(pool), $"it is of type {ProviderErrors.Clean(type)}, whose volumes are no files of a directory", $"Choose a pool of type {string.Join(", ", StoragePool.SupportedTypes)}");

    public static SealiftException PoolDirectory(string pool, string path, string said) => new(
        "SL6605", "use the directory of a storage pool", $"{ProviderErrors.Clean(pool)}: {ProviderErrors.Clean(path)}", said, "See `virsh pool-dumpxml` for the pool's path, and give it one that is a directory of this host");
}
