using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>VMware's VMDK: one file with an embedded descriptor, or a descriptor with its extents beside it.</summary>
/// <remarks>VMware's <em>Virtual Disk Format 5.0</em>; what qemu can open of it is in its <c>block/vmdk.c</c>.</remarks>
internal static class VmdkImage
{
    private const string UseVmware = "Convert it with vmware-vdiskmanager or vmkfstools (or export the machine as an OVA) and give the result";

    // createType → the kind of extent that it consists of, for descriptors in a file of their own (qemu's vmdk_open_desc_file).
    private static readonly Dictionary<string, string[]> SplitTypes = new(StringComparer.Ordinal)
    {
        ["monolithicFlat"] = ["FLAT"],
        ["twoGbMaxExtentFlat"] = ["FLAT"],
        ["twoGbMaxExtentSparse"] = ["SPARSE"],
        ["vmfs"] = ["VMFS", "FLAT"],
        ["vmfsSparse"] = ["VMFSSPARSE"],
    };

    /// <summary>Parses it and walks the tables of every extent.</summary>
    public static ParsedImage Parse(ImageBytes bytes, NamedFiles names, CancellationToken cancel)
    {
        if (VmdkSparseExtent.IsSparse(bytes)) return ParseSingle(bytes, names, cancel);
        var descriptor = VmdkDescriptor.Read(bytes, 0, bytes.LengthBytes, qemuReadsExtents: true);
        DemandPlain(bytes, descriptor);
        if (!SplitTypes.TryGetValue(descriptor.CreateType, out var kinds))
            throw ImageErrors.Unsupported(bytes.Name, "createType", $"'{ImageErrors.Printable(descriptor.CreateType)}' is not read from a descriptor file", UseVmware);
        if (descriptor.Extents.Count == 0) throw bytes.Invalid("VMDK descriptor", 0, "it has no extents");
        if (bytes.Location.LengthBytes is not null)
            throw ImageErrors.Unsupported(bytes.Name, "VMDK descriptor", "its extents are other files, and a member of a container cannot be opened with them", "Unpack the container and give the descriptor");
        long sectors = 0, allocated = 0;
        var parts = new List<string>();
        foreach (var extent in descriptor.Extents)
        {
            cancel.ThrowIfCancellationRequested();
            if (extent.Access != "RW" || !kinds.Contains(extent.Kind, StringComparer.Ordinal) || (extent.Kind == "VMFS" && extent.OffsetSectors != 0))
                throw ImageErrors.Unsupported(bytes.Name, "VMDK descriptor", $"an extent '{extent.Access} … {ImageErrors.Printable(extent.Kind)}' in a {descriptor.CreateType} disk, which qemu would leave out", UseVmware);
            var path = names.Extent(extent.FileName, "extent");
            using var file = ImageBytes.Open(new ImageLocation(path));
            if (file.Facts.Kind != FileKind.Regular) throw ImageErrors.Missing(bytes.Name, "extent", path);
            if (file.Facts.Device == bytes.Facts.Device && file.Facts.Inode == bytes.Facts.Inode) throw bytes.Invalid("VMDK descriptor", 0, "it names itself as an extent");
            allocated += extent.Kind is "FLAT" or "VMFS" ? DemandFlat(file, extent) : DemandSparse(bytes, file, extent, cancel);
            sectors += extent.Sectors;
            bytes.DemandDiskLength((ulong)sectors * 512, "sum of the extents", 0);
            parts.Add(path);
        }

        return new ParsedImage(descriptor.CreateType, sectors * 512, Math.Min(sectors * 512, allocated))
        {
            Parts = [.. parts.Distinct(StringComparer.Ordinal)],
            Backing = Parent(bytes, names, descriptor),
        };
    }

    /// <summary>Throws where a parent is not the disk that its child was made from: it was changed meanwhile.</summary>
    public static void DemandContentId(ImageLocation child, string parentPath, uint expected)
    {
        using var bytes = ImageBytes.Open(new ImageLocation(parentPath));
        var descriptor = VmdkSparseExtent.IsSparse(bytes)
            ? VmdkSparseExtent.ReadHeader(bytes).Descriptor(bytes)
            : VmdkDescriptor.Read(bytes, 0, bytes.LengthBytes, qemuReadsExtents: true);
        if (descriptor?.ContentId != expected)
            throw ImageErrors.BackingChain(child.ToString(), $"it was made from content {expected:x8}, and its parent '{parentPath}' has content {descriptor?.ContentId:x8}");
    }

    private static ParsedImage ParseSingle(ImageBytes bytes, NamedFiles names, CancellationToken cancel)
    {
        var header = VmdkSparseExtent.ReadHeader(bytes);
        // Extents of split disks have no descriptor, or (qemu-img's) room for one with nothing in it.
        if (header.Descriptor(bytes) is not { CreateType.Length: > 0 } descriptor)
            throw ImageErrors.Unsupported(bytes.Name, "VMDK header", "it is one extent of a disk and has no descriptor", "Give the small .vmdk text file that describes the disk, beside all of its extents");
        DemandPlain(bytes, descriptor);
        if (descriptor.CreateType is not ("monolithicSparse" or "streamOptimized"))
            throw ImageErrors.Unsupported(bytes.Name, "createType", $"'{ImageErrors.Printable(descriptor.CreateType)}' is not read from an embedded descriptor", UseVmware);
        if (descriptor.Extents.Count != 1 || descriptor.Extents[0].Kind != "SPARSE") throw bytes.Invalid("VMDK descriptor", header.DescriptorOffset, "it does not have exactly one SPARSE extent, itself");
        if (descriptor.Extents[0].Sectors != header.CapacitySectors)
            throw bytes.Invalid("capacity", 12, $"it is {header.CapacitySectors} sectors, and the descriptor says {descriptor.Extents[0].Sectors}");
        if ((descriptor.CreateType == "streamOptimized") != header.Compressed) throw bytes.Invalid("compression algorithm", 77, $"it contradicts the createType {descriptor.CreateType}");
        var allocated = header.Walk(bytes, cancel);
        return new ParsedImage(descriptor.CreateType, header.CapacitySectors * 512, Math.Min(header.CapacitySectors * 512, allocated)) { Backing = Parent(bytes, names, descriptor) };
    }

    private static void DemandPlain(ImageBytes bytes, VmdkDescriptor descriptor)
    {
        if (descriptor.IsEncrypted) throw ImageErrors.Encrypted(bytes.Name, "its VMDK descriptor has encryption keys");
    }

    private static BackingName? Parent(ImageBytes bytes, NamedFiles names, VmdkDescriptor descriptor)
    {
        if (descriptor.ParentContentId is null && descriptor.ParentName is null) return null;
        if (descriptor.ParentContentId is not { } id || descriptor.ParentName is not { } name)
            throw bytes.Invalid("VMDK descriptor", 0, "it is a child disk, and its parentCID and parentFileNameHint are not both there");
        return new BackingName(names.Other(name, "parentFileNameHint"), ImageFormat.Vmdk, id);
    }

    private static long DemandFlat(ImageBytes file, VmdkExtent extent)
    {
        file.Demand(extent.OffsetSectors * 512, extent.Sectors * 512, "flat extent");
        return Math.Min(extent.Sectors * 512, file.Facts.AllocatedBytes);
    }

    private static long DemandSparse(ImageBytes bytes, ImageBytes file, VmdkExtent extent, CancellationToken cancel)
    {
        if (!VmdkSparseExtent.IsSparse(file)) throw file.Invalid("VMDK header", 0, $"it is not the sparse extent that {bytes.Name} says");
        var header = VmdkSparseExtent.ReadHeader(file);
        if (header.CapacitySectors != extent.Sectors) throw file.Invalid("capacity", 12, $"it is {header.CapacitySectors} sectors, and the descriptor says {extent.Sectors}");
        return header.Walk(file, cancel);
    }
}
