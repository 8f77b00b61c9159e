using Sealift.Posix;

namespace Sealift.Rigs;

/// <summary>A block device of the kernel's own over a file. It goes with the process that holds it, however the tests end.</summary>
internal sealed class LoopDevice : IAsyncDisposable
{
    // Once it is marked to be cleared, it lasts as long as somebody has it open.
    private const string Hold = """
        device=$(losetup --find --show "$1") || exit 1
        exec 9<"$device"
        losetup -d "$device"
        echo "$device"
        read -r end
        """;

    private readonly ChildProcess holder;

    private LoopDevice(ChildProcess holder, string path) => (this.holder, Path) = (holder, path);

    /// <summary>The device.</summary>
    public string Path { get; }

    /// <summary>Makes one over a file.</summary>
    public static async Task<LoopDevice> OfAsync(string file, CancellationToken cancel)
    {
        var holder = ChildProcess.Start(new ChildCommand("sh", "-c", Hold, "sh", file) { StartsOthers = true });
        if (await holder.ReadLineAsync(cancel) is { } path) return new LoopDevice(holder, path);
        var words = holder.ErrorTail;
        await holder.DisposeAsync();
        throw new InvalidOperationException($"no loop device over {file}: {words}");
    }

    public ValueTask DisposeAsync() => holder.DisposeAsync();
}
