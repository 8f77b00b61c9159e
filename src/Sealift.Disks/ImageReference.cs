using Sealift.Nbd;

namespace Sealift.Disks;

/// <summary>The image formats that Sealift reads. The format is always detected from content, never left to a probing tool.</summary>
public enum ImageFormat
{
    /// <summary>The bytes of the disk themselves.</summary>
    Raw,

    /// <summary>QEMU's copy-on-write format, version 2 or 3.</summary>
    Qcow2,

    /// <summary>VMware's format in all its subformats.</summary>
    Vmdk,

    /// <summary>Connectix/Microsoft VHD ("vpc"), fixed or dynamic.</summary>
    Vhd,

    /// <summary>Microsoft VHDX.</summary>
    Vhdx,

    /// <summary>VirtualBox VDI.</summary>
    Vdi,
}

/// <summary>Where the bytes of an image file are: a file of its own, or a range of a container such as an OVA.</summary>
/// <param name="Path">The file.</param>
/// <param name="Offset">First byte of the image within the file; 0 for a file of its own.</param>
/// <param name="LengthBytes">Length of the image within the file; null for a file of its own.</param>
public sealed record ImageLocation(string Path, long Offset = 0, long? LengthBytes = null)
{
    /// <summary>How errors and the seal name it.</summary>
    public override string ToString() => LengthBytes is null ? Path : $"{Path} (member at offset {Offset})";
}

/// <summary>An image that was looked at and found sound: what opens it without probing anything again.</summary>
/// <param name="Location">Where it is.</param>
/// <param name="Format">Its format, from its content.</param>
/// <param name="Subformat">What the format calls its kind, such as <c>streamOptimized</c>; empty where there is none.</param>
/// <param name="VirtualLengthBytes">The length of the disk inside, in bytes.</param>
/// <param name="AllocatedBytes">Bytes of the disk that take space in the image, at most; for estimates.</param>
/// <param name="Backing">The image below it, where the caller allowed one.</param>
/// <param name="Files">Every file that it consists of (descriptor, extents, backing), to be measured again later.</param>
public sealed record ImageReference(
    ImageLocation Location,
    ImageFormat Format,
    string Subformat,
    long VirtualLengthBytes,
    long AllocatedBytes,
    ImageReference? Backing,
    IReadOnlyList<string> Files)
{
    /// <summary>The file that holds a qcow2 image's data beside its metadata, where the caller allowed one.</summary>
    public string? DataFile { get; init; }

    /// <summary>Whether <see cref="Location"/> is a block device rather than a file.</summary>
    public bool IsBlockDevice { get; init; }

    /// <summary>The export that it is, raw; null where it is a file or a device. Only disks of a target are ever any.</summary>
    internal NbdUri? Export { get; init; }

    /// <summary>
    /// Whether the holes of the disk are those of a file, anywhere in the chain: raw disks, and the flat kinds of the other formats.
    /// The rest say in tables of their own what they hold, and what the file system says of their files hardly counts.
    /// </summary>
    internal bool LeavesHolesToFileSystem => Format switch
    {
        ImageFormat.Raw => true,
        ImageFormat.Vmdk => Subformat is not ("monolithicSparse" or "twoGbMaxExtentSparse" or "streamOptimized"),
        ImageFormat.Qcow2 => false,
        _ => Subformat is "fixed" or "static",
    } || Backing is { LeavesHolesToFileSystem: true };

    /// <summary>What a person should know though it is no error, such as internal snapshots that are not migrated.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
