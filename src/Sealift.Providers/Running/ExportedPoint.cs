using Sealift.Disks;
using Sealift.Nbd;

namespace Sealift.Providers;

/// <summary>A point in time whose disks a QEMU shows, each behind an NBD export.</summary>
internal abstract class ExportedPoint : PointInTime
{
    public override Task<TrackedDisk> OpenAsync(string key, CancellationToken cancel) => TrackedDisk.ConnectAsync(UriOf(key), BitmapsOf(key), new NbdOptions(), cancel);

    public override Task<NbdUri> ExportAsync(string key, CancellationToken cancel) => Task.FromResult(UriOf(key));

    /// <summary>Where a disk is shown.</summary>
    protected abstract NbdUri UriOf(string key);

    /// <summary>The bitmaps that are shown with it, by their names in the export's metadata contexts.</summary>
    protected abstract IReadOnlyList<string> BitmapsOf(string key);
}
