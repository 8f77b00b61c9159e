using System.Globalization;
using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>
/// A small ext4 file system on a loop device, mounted over a directory where every process finds it: libvirt and QEMU follow a path to its
/// end, and would not find one of another mount namespace. It goes however the tests end: what unmounts it waits for nothing else.
/// </summary>
internal sealed class MountedDisk : IAsyncDisposable
{
    private const string Script = """
        truncate -s "$3" "$1" && mkfs.ext4 -q -F -m 0 -O ^has_journal "$1" >&2 && mount -o loop "$1" "$2" || exit 1
        exec 3<&0
        setsid sh -c 'read -r end; umount -l "$1"' sh "$2" <&3 >/dev/null 2>&1 &
        echo mounted
        wait
        """;

    private static readonly TimeSpan Ample = TimeSpan.FromSeconds(30);
    private readonly ChildProcess holder;

    private MountedDisk(ChildProcess holder, string path) => (this.holder, Path) = (holder, path);

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>Mounts one.</summary>
    /// <param name="path">An existing directory, which is hidden meanwhile.</param>
    /// <param name="image">The file that is made for it.</param>
    /// <param name="bytes">Its size, all of it; some of that is the file system's own.</param>
    /// <param name="cancel">Gives up.</param>
    public static async Task<MountedDisk> OverAsync(string path, string image, long bytes, CancellationToken cancel)
    {
        var holder = ChildProcess.Start(new ChildCommand("sh", "-c", Script, "sh", image, path, bytes.ToString(CultureInfo.InvariantCulture)) { Deadline = TimeSpan.FromMinutes(10) });
        try
        {
            return await holder.ReadLineAsync(cancel) is not null ? new MountedDisk(holder, path) : throw new InvalidOperationException($"not mounted: {holder.ErrorTail}");
        }
        catch
        {
            await holder.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes a file until nothing more fits.</summary>
    public async Task FillAsync(string name, CancellationToken cancel)
    {
        // It ends where there is no more room: that is its only error.
        var ended = await ChildProcess.RunAsync(new ChildCommand("dd", "if=/dev/zero", $"of={System.IO.Path.Combine(Path, name)}", "bs=4k", "conv=fsync") { AcceptedExitCodes = [1] }, cancel);
        if (!ended.ErrorTail.Contains("No space left", StringComparison.Ordinal)) throw new InvalidOperationException(ended.ErrorTail);
    }

    public async ValueTask DisposeAsync()
    {
        holder.EndInput();
        using (var limit = new CancellationTokenSource(Ample)) _ = await holder.WaitAsync(limit.Token); // it only waits for what unmounts
        await holder.DisposeAsync();
    }
}
