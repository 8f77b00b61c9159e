using Sealift.Posix;

namespace Sealift.Bench.Faults.Rigs;

/// <summary>A small file system of its own, in a mount namespace that goes with its process.</summary>
public sealed class MountedFileSystem : IAsyncDisposable
{
    private readonly ChildProcess holder;

    private MountedFileSystem(ChildProcess holder, string view, string id) => (this.holder, View, Inside) = (holder, view, ["nsenter", "--target", id, "--mount", "--"]);

    /// <summary>Its root, as everybody sees it.</summary>
    public string View { get; }

    /// <summary>Runs what follows these words where it is mounted, for programs that ask for the name of their directory.</summary>
    public IReadOnlyList<string> Inside { get; }

    /// <summary>Mounts one that is kept in memory.</summary>
    /// <param name="folder">Where; it must exist.</param>
    /// <param name="lengthBytes">How much fits.</param>
    public static async Task<MountedFileSystem> TmpfsAsync(string folder, long lengthBytes)
    {
        var unshare = Environment.UserName == "root" ? "-m" : "-rm";
        var holder = ChildProcess.Start(new ChildCommand("unshare", unshare, "sh", "-c", "mount -t tmpfs -o size=\"$1\" none \"$2\" && echo $$ && read -r end", "sh", $"{lengthBytes}", folder));
        var id = await holder.ReadLineAsync(CancellationToken.None /* it ends, or it has a deadline */);
        if (id is not null) return new MountedFileSystem(holder, $"/proc/{id}/root{folder}", id);
        var words = holder.ErrorTail;
        await holder.DisposeAsync();
        throw new InvalidOperationException($"no tmpfs: {words}");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => holder.DisposeAsync();
}
