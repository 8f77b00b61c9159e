namespace Sealift.Disks;

/// <summary>What a format's parser found in one file (or one set of files), before the files below it were looked at.</summary>
/// <param name="Subformat">See <see cref="ImageReference.Subformat"/>.</param>
/// <param name="VirtualLengthBytes">The length of the disk inside.</param>
/// <param name="AllocatedBytes">Bytes of the disk that take space in the image.</param>
internal sealed record ParsedImage(string Subformat, long VirtualLengthBytes, long AllocatedBytes)
{
    /// <summary>Other files that are part of the image itself, resolved and looked at.</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>The file that it is a difference to, resolved and allowed; null where it stands alone.</summary>
    public BackingName? Backing { get; init; }

    /// <summary>The qcow2 data file, resolved and allowed.</summary>
    public string? DataFile { get; init; }

    /// <summary>See <see cref="ImageReference.Notes"/>.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>The name of a backing file after it was resolved and found allowed.</summary>
/// <param name="Path">The path without links.</param>
/// <param name="Format">The format that the image records for it, or null.</param>
/// <param name="VmdkContentId">The content id that a VMDK parent must have; null in other formats.</param>
internal sealed record BackingName(string Path, ImageFormat? Format, uint? VmdkContentId = null);
