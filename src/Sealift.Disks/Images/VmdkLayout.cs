namespace Sealift.Disks;

/// <summary>An extent of a VMDK as its descriptor names it.</summary>
/// <param name="Kind">FLAT, VMFS, SPARSE, VMFSSPARSE, VMFSRDM …</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="FileName">The file's name as the descriptor spells it; empty where it has none.</param>
/// <param name="OffsetBytes">Where it starts in its file, in bytes.</param>
public sealed record VmdkLayoutExtent(string Kind, long LengthBytes, string FileName, long OffsetBytes);

/// <summary>What a VMDK's descriptor says, where the descriptor is a file of its own and the extents lie elsewhere: on a datastore.</summary>
/// <param name="CreateType">vmfs, vmfsSparse, twoGbMaxExtentFlat …</param>
/// <param name="HasParent">Whether it holds only what differs from another disk.</param>
/// <param name="IsEncrypted">Whether it says that it is encrypted.</param>
/// <param name="Extents">Its extents, in order.</param>
public sealed record VmdkLayout(string CreateType, bool HasParent, bool IsEncrypted, IReadOnlyList<VmdkLayoutExtent> Extents)
{
    /// <summary>Reads a descriptor.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="Posix.SealiftException">SL4003: it is none, or has a line that cannot be; SL4004: it is too long.</exception>
    /// <exception cref="Posix.PosixException">It cannot be read.</exception>
    public static VmdkLayout Read(string path)
    {
        const int SectorBytes = 512, HeadBytes = 64;
        using var bytes = ImageBytes.Open(new ImageLocation(path));
        var head = new byte[HeadBytes];
        if (!VmdkDescriptor.IsDescriptor(head.AsSpan(0, bytes.Read(head, 0)))) throw bytes.Invalid("VMDK descriptor", 0, "it does not begin with '# Disk DescriptorFile'");
        var said = VmdkDescriptor.Read(bytes, 0, bytes.LengthBytes, qemuReadsExtents: false);
        return new VmdkLayout(
            said.CreateType,
            said.ParentContentId is not null || said.ParentName is not null,
            said.IsEncrypted,
            [.. said.Extents.Select(e => new VmdkLayoutExtent(e.Kind, e.Sectors * SectorBytes, e.FileName, e.OffsetSectors * SectorBytes))]);
    }
}
