using System.Globalization;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>A file system that is mounted in the mount namespace of a process of its own: it goes with that process, however the tests end. It is reached through /proc.</summary>
internal sealed class MountedDirectory : IAsyncDisposable
{
    private readonly ChildProcess holder;
    private readonly string id;
    private readonly string point;

    private MountedDirectory(ChildProcess holder, string id, string point) => (this.holder, this.id, this.point) = (holder, id, point);

    /// <summary>The directory, as everybody on this machine can reach it.</summary>
    public string Path => $"/proc/{id}/root{point}";

    /// <summary>A file system in memory.</summary>
    /// <param name="point">Where it is mounted; the directory is made.</param>
    /// <param name="bytes">How much fits into it.</param>
    public static Task<MountedDirectory> OfMemoryAsync(string point, long bytes) => MountAsync(point, string.Create(CultureInfo.InvariantCulture, $"mount -t tmpfs -o size={bytes} none {point}"));

    /// <summary>Runs a command of a shell that mounts something there.</summary>
    public static async Task<MountedDirectory> MountAsync(string point, string mount)
    {
        Directory.CreateDirectory(point);
        var holder = ChildProcess.Start(new ChildCommand("unshare", "-m", "sh", "-c", $"{mount} && echo $$ && read -r end"));
        var id = await holder.ReadLineAsync(CancellationToken.None /* it ends, or it has a deadline */);
        if (id is not null) return new MountedDirectory(holder, id, point);
        var words = holder.ErrorTail;
        await holder.DisposeAsync();
        throw new InvalidOperationException($"not mounted: {mount}: {words}");
    }

    /// <summary>Gives one in memory more room.</summary>
    public async Task GrowAsync(long bytes, CancellationToken cancel) =>
        _ = await ChildProcess.RunAsync(new ChildCommand("nsenter", "-m", "-t", id, "mount", "-o", string.Create(CultureInfo.InvariantCulture, $"remount,size={bytes}"), point), cancel); // it prints nothing

    public ValueTask DisposeAsync() => holder.DisposeAsync();
}
