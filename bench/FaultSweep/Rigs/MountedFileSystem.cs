using Sealift.Posix;

namespace Sealift.Faults.Storage;

/// <summary>A small file system of its own, in a mount namespace that goes with its process.</summary>
internal sealed class MountedFileSystem : IAsyncDisposable
{
    private readonly ChildProcess holder;

    private MountedFileSystem(ChildProcess holder, string view) => (this.holder, View) = (holder, view);

    /// <summary>Its root, as everybody sees it.</summary>
    public string View { get; }

    public static async Task<MountedFileSystem> TmpfsAsync(string folder, long lengthBytes)
    {
        var unshare = Environment.UserName == "root" ? "-m" : "-rm";
        var holder = ChildProcess.Start(new ChildCommand("unshare", unshare, "sh", "-c", "mount -t tmpfs -o size=\"$1\" none \"$2\" && echo $$ && read -r end", "sh", $"{lengthBytes}", folder));
        var id = await holder.ReadLineAsync(TestContext.Current.CancellationToken);
        if (id is not null) return new MountedFileSystem(holder, $"/proc/{id}/root{folder}");
        var words = holder.ErrorTail;
        await holder.DisposeAsync();
        throw new InvalidOperationException($"no tmpfs: {words}");
    }

    public ValueTask DisposeAsync() => holder.DisposeAsync();
}
