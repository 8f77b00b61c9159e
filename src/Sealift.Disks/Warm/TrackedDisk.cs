using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>A disk at a point in time, with what a change tracker says of the changes since earlier ones.</summary>
/// <param name="reader">The disk; closed with this.</param>
/// <param name="changed">Asks the tracker: the blocks of that length in bytes that it calls changed.</param>
public sealed class TrackedDisk(IDiskReader reader, Func<int, CancellationToken, Task<BlockSet>> changed) : IAsyncDisposable
{
    private const string BitmapContext = "qemu:dirty-bitmap:";
    private const uint Dirty = 1;
    // As for the allocation map: below what the wire's 32 bits hold, with room for any alignment.
    private const long StatusStepBytes = 1L << 30;

    /// <summary>The disk.</summary>
    public IDiskReader Reader => reader;

    /// <summary>By which of several ways it is read; null where there is only one.</summary>
    public string? ReadBy { get; init; }

    /// <summary>The ways that would have been preferred, each with why it is not taken.</summary>
    public IReadOnlyList<string> PassedOver { get; init; } = [];

    /// <summary>
    /// Connects to an NBD export that shows what QEMU's dirty bitmaps say (metadata contexts <c>qemu:dirty-bitmap:NAME</c>; qemu's
    /// docs/interop/nbd.txt).
    /// </summary>
    /// <param name="uri">Where it is.</param>
    /// <param name="bitmaps">The bitmaps that must be exported with it, at most 15.</param>
    /// <param name="options">Deadlines and credentials.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="NbdException">It cannot be reached.</exception>
    /// <exception cref="SealiftException">SL4272: the export does not show one of the bitmaps.</exception>
    public static async Task<TrackedDisk> ConnectAsync(NbdUri uri, IReadOnlyList<string> bitmaps, NbdOptions options, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(bitmaps);
        ArgumentNullException.ThrowIfNull(options);
        var contexts = bitmaps.Select(b => BitmapContext + b).ToList();
        var disk = await NbdDisk.ConnectAsync(uri, options with { MetaContexts = [NbdAllocation.Context, .. contexts] }, string.Empty, forWriting: false, cancel);
        if (contexts.Find(c => !disk.Shows(c)) is { } missing)
        {
            await disk.DisposeAsync();
            throw DiskErrors.NoChangeList(uri.ToString(), missing);
        }

        return new TrackedDisk(disk, (blockBytes, stop) => ChangedAsync(disk, contexts, blockBytes, stop));
    }

    /// <summary>The blocks that the tracker calls changed since any of the earlier points in time.</summary>
    /// <param name="blockBytes">The length of a leaf's block in bytes.</param>
    /// <param name="cancel">Stops it.</param>
    /// <exception cref="SealiftException">SL3xxx, or SL4271: the list makes no sense.</exception>
    public Task<BlockSet> ChangedAsync(int blockBytes, CancellationToken cancel) => changed(blockBytes, cancel);

    /// <summary>Disconnects.</summary>
    public ValueTask DisposeAsync() => reader.DisposeAsync();

    private static Task<BlockSet> ChangedAsync(NbdDisk disk, List<string> contexts, int blockBytes, CancellationToken cancel) => ChangeList.ReadAsync(
        disk.Name,
        disk.LengthBytes,
        blockBytes,
        async (offset, stop) =>
        {
            var end = Math.Min(disk.LengthBytes, offset + StatusStepBytes);
            var changed = new List<DiskRange>();
            // Each bitmap is asked up to the same end, in as many answers as the server likes.
            foreach (var context in contexts)
                for (var at = offset; at < end;)
                {
                    var extents = await disk.StatusAsync(context, at, end - at, stop);
                    if (extents.Count == 0) throw DiskErrors.BadChangeList(disk.Name, at, "the server described nothing");
                    changed.AddRange(extents.Where(e => (e.Flags & Dirty) != 0).Select(e => new DiskRange(e.Offset, e.LengthBytes)));
                    if (extents[^1].End <= at) throw DiskErrors.BadChangeList(disk.Name, at, "the server's answer does not go on");
                    at = extents[^1].End;
                }

            return new ChangePage(end, changed);
        },
        cancel);
}
