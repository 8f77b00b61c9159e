using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>The disks of a running machine at one instant, each behind an NBD export, until it is released.</summary>
public abstract class PointInTime : IAsyncDisposable
{
    private bool isReleased;

    /// <summary>How consistent what it shows is: what was done about a guest that was writing.</summary>
    public abstract string Consistency { get; }

    /// <summary>How consistent it is where a guest agent was asked.</summary>
    /// <param name="notFrozen">Why that did not freeze the file systems; null where it did.</param>
    internal static string ByAgent(string? notFrozen) =>
        notFrozen is null ? "the guest agent froze the file systems" : $"as after a power cut: the guest agent did not freeze the file systems ({notFrozen})";

    /// <summary>Where a disk is shown.</summary>
    public abstract NbdUri UriOf(string key);

    /// <summary>The bitmaps that are shown with it, by their names in the export's metadata contexts.</summary>
    public abstract IReadOnlyList<string> BitmapsOf(string key);

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
