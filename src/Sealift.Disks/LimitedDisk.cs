namespace Sealift.Disks;

/// <summary>A disk that is read no faster than a limit allows.</summary>
internal sealed class LimitedDisk : ForwardedDisk
{
    private readonly BandwidthLimit limit;

    private LimitedDisk(IDiskReader inner, BandwidthLimit limit)
        : base(inner) => this.limit = limit;

    /// <summary>The disk itself where there is no limit.</summary>
    public static IDiskReader Of(IDiskReader disk, BandwidthLimit? limit) => limit is null ? disk : new LimitedDisk(disk, limit);

    public override async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancel)
    {
        await limit.TakeAsync(buffer.Length, cancel);
        await base.ReadAsync(offset, buffer, cancel);
    }
}
