using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>The disks of a running machine at one instant, each behind an NBD export, until it is released.</summary>
public abstract class PointInTime : IAsyncDisposable
{
    private bool isReleased;

    /// <summary>How consistent what it shows is: what was done about a guest that was writing.</summary>
    public abstract string Consistency { get; }

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
