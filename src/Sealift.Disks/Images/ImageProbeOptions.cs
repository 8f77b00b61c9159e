namespace Sealift.Disks;

/// <summary>What the caller of <see cref="ImageProbe"/> declares and allows.</summary>
public sealed record ImageProbeOptions
{
    /// <summary>
    /// The directory below which backing files, data files, VMDK parents and VMDK extents with a path may lie, after symbolic links
    /// have been resolved; null: an image that names another file is refused.
    /// </summary>
    public string? AllowBackingDirectory { get; init; }

    /// <summary>Whether a backing file there may be a block device: only where the image was made by ourselves, over a disk that lies on one.</summary>
    public bool AllowBackingDevice { get; init; }

    /// <summary>
    /// The format that the caller declares. The content must agree; only <see cref="ImageFormat.Raw"/> overrules what the content
    /// looks like, because a guest may write anything into its own disk.
    /// </summary>
    public ImageFormat? Format { get; init; }

    /// <summary>How long one run of <c>qemu-img check</c> may take before it is killed and the image refused.</summary>
    public TimeSpan CheckDeadline { get; init; } = TimeSpan.FromMinutes(10);
}
