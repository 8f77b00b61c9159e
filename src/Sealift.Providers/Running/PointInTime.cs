using Sealift.Nbd;
using Sealift.Posix;

namespace Sealift.Providers;

/// <summary>The disks of a running machine at one instant, each behind an NBD export, until it is released.</summary>
public sealed class PointInTime : IAsyncDisposable
{
    private readonly QemuMachine machine;
    private bool isReleased;

    internal PointInTime(QemuMachine machine, IReadOnlyList<FrozenPart> parts) => (this.machine, Parts) = (machine, parts);

    internal IReadOnlyList<FrozenPart> Parts { get; }

    /// <summary>Where a disk is shown.</summary>
    public NbdUri UriOf(string key) => machine.UriOf(Parts.Single(p => p.Disk.Key == key));

    /// <summary>The bitmaps that are shown with it.</summary>
    public IReadOnlyList<string> BitmapsOf(string key) => Parts.Single(p => p.Disk.Key == key).Disk.Since;

    /// <summary>Takes all of it back, and checks that it is gone.</summary>
    /// <exception cref="SealiftException">Something could not be taken back.</exception>
    public async ValueTask DisposeAsync()
    {
        if (isReleased) return;
        isReleased = true;
        // Also where the work was cancelled: the source must not keep anything.
        await machine.ReleaseAsync(this, CancellationToken.None);
    }
}

/// <summary>What was made for one disk of a point in time.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="Name">The name of its export, and of its job and node where there are.</param>
/// <param name="ScratchPath">Where what the guest overwrites is copied aside; null where the machine is stopped.</param>
internal sealed record FrozenPart(FrozenDisk Disk, string Name, string? ScratchPath);
