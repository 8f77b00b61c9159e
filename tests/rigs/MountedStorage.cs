using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>
/// Real file systems on loop devices (tmpfs in memory), each in the mount namespace of a process of its own: it goes with that process,
/// however the tests end. They are reached through /proc.
/// </summary>
public sealed class MountedStorage : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("storage-").FullName;
    private readonly Dictionary<string, (ChildProcess Holder, string View)> mounted = [];

    /// <summary>A directory on a file system of a kind: <c>xfs</c>, <c>plain-xfs</c> (which cannot share blocks), <c>btrfs</c>, <c>ext4</c>, <c>tmpfs</c>.</summary>
    public string this[string kind] => Directory.CreateDirectory(Path.Combine(mounted[kind].View, Guid.NewGuid().ToString("N")[..8])).FullName;

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
        foreach (var (holder, _) in mounted.Values) await holder.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private async Task MountAsync(string kind, string? make)
    {
        var point = Directory.CreateDirectory(Path.Combine(folder, kind)).FullName;
        var image = point + ".img";
        var mount = make is null ? $"mount -t tmpfs -o size={SizeBytes} none {point}" : $"truncate -s {SizeBytes} {image} && {make} {image} >&2 && mount -o loop {image} {point}";
        var holder = ChildProcess.Start(new ChildCommand("unshare", "-m", "sh", "-c", $"{mount} && echo $$ && read -r end"));
        var id = await holder.ReadLineAsync(CancellationToken.None /* it ends, or it has a deadline */);
        if (id is null)
        {
            var words = holder.ErrorTail;
            await holder.DisposeAsync();
            throw new InvalidOperationException($"no {kind}: {words}");
        }

        mounted.Add(kind, (holder, $"/proc/{id}/root{point}"));
    }
}
