using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>A partition, or a disk without any, with everything that a check of it needs.</summary>
/// <param name="Device">What it is.</param>
/// <param name="Node">The storage daemon's name of its disk.</param>
/// <param name="Offset">Its first byte on the disk.</param>
/// <param name="Reader">Its bytes, as far as the disk has them.</param>
internal sealed record DirectVolume(BlockDevice Device, string Node, long Offset, IDiskReader Reader)
{
    /// <summary>What is said of the disk's partition table.</summary>
    public IReadOnlyList<Checks.Observation> Table { get; init; } = [];
}
