using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>A block device of this host whose bytes are those of a file. It goes with the process that has it open, however the tests end.</summary>
internal sealed class LoopDevice : IAsyncDisposable
{
    private readonly ChildProcess holder;

    private LoopDevice(ChildProcess holder, string path) => (this.holder, Path) = (holder, path);

    public string Path { get; }

    /// <summary>Makes one of a file that is there.</summary>
    public static async Task<LoopDevice> OfAsync(string file, CancellationToken cancel)
    {
        // Detached while it is open: it is cleared with its last user.
        var holder = ChildProcess.Start(new ChildCommand("sh", "-c", "device=$(losetup --find --show \"$1\") && exec 9< \"$device\" && losetup -d \"$device\" && echo \"$device\" && read -r end", "sh", file));
        try
        {
            return new LoopDevice(holder, await holder.ReadLineAsync(cancel) ?? throw new InvalidOperationException($"no loop device: {holder.ErrorTail}"));
        }
        catch
        {
            await holder.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => holder.DisposeAsync();
}
