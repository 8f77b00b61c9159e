namespace Sealift.Rigs;

/// <summary>
/// Real file systems on loop devices (tmpfs in memory), which go however the tests end.
/// </summary>
public sealed class MountedStorage : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("storage-").FullName;
    private readonly Dictionary<string, MountedDirectory> mounted = [];

    /// <summary>A directory on a file system of a kind: <c>xfs</c>, <c>plain-xfs</c> (which cannot share blocks), <c>btrfs</c>, <c>ext4</c>, <c>tmpfs</c>.</summary>
    public string this[string kind] => Directory.CreateDirectory(Path.Combine(mounted[kind].Path, Guid.NewGuid().ToString("N")[..8])).FullName;

    /// <summary>How much fits into each, in bytes: what mkfs.xfs makes no smaller one than.</summary>
    public const long SizeBytes = 300L << 20;

    public async ValueTask InitializeAsync()
    {
        await MountAsync("xfs", "mkfs.xfs -q -m reflink=1");
        await MountAsync("plain-xfs", "mkfs.xfs -q -m reflink=0");
        await MountAsync("btrfs", "mkfs.btrfs -q");
        await MountAsync("ext4", "mkfs.ext4 -q -F");
        await MountAsync("tmpfs", null);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var one in mounted.Values) await one.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private async Task MountAsync(string kind, string? make)
    {
        var point = Path.Combine(folder, kind);
        var image = point + ".img";
        mounted.Add(kind, make is null ? await MountedDirectory.OfMemoryAsync(point, SizeBytes) : await MountedDirectory.MountAsync(point, $"truncate -s {SizeBytes} {image} && {make} {image} >&2 && mount -o loop {image} {point}"));
    }
}
