using Sealift.Disks;
using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>The disks of a running machine at one instant, until it is released.</summary>
public abstract class PointInTime : IAsyncDisposable
{
    private bool isReleased;

    /// <summary>How consistent what it shows is: what was done about a guest that was writing.</summary>
    public abstract string Consistency { get; }

    /// <summary>How consistent it is where a guest agent was asked.</summary>
    /// <param name="notFrozen">Why that did not freeze the file systems; null where it did.</param>
    internal static string ByAgent(string? notFrozen) =>
        notFrozen is null ? "the guest agent froze the file systems" : $"as after a power cut: the guest agent did not freeze the file systems ({notFrozen})";

    /// <summary>Opens a disk as it was then, with what changed since the earlier points in time that were asked for.</summary>
    /// <param name="key">The disk's key.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="SealiftException">It cannot be opened.</exception>
    public abstract Task<TrackedDisk> OpenAsync(string key, CancellationToken cancel);

    /// <summary>Shows a disk as it was then, read-only, to whoever on this host may open the socket.</summary>
    /// <inheritdoc cref="OpenAsync"/>
    public abstract Task<NbdUri> ExportAsync(string key, CancellationToken cancel);

    /// <summary>What the hypervisor's tracker calls this instant of a disk; null where it keeps bitmaps, or nothing.</summary>
    /// <param name="key">The disk's key.</param>
    public virtual TrackerMark? MarkOf(string key) => null;

    /// <summary>Takes all of it back, and checks that it is gone.</summary>
    /// <exception cref="SealiftException">Something could not be taken back.</exception>
    public async ValueTask DisposeAsync()
    {
        if (isReleased) return;
        isReleased = true;
        GC.SuppressFinalize(this);
        await ReleaseAsync();
    }

    /// <summary>The same, once. Nothing cancels it: the source must not keep anything, also where the work was cancelled.</summary>
    protected abstract ValueTask ReleaseAsync();
}
