using System.Buffers.Binary;

namespace Sealift.Disks;

/// <summary>
/// A file of grains: the hosted kind (KDMV), plain or compressed, and the ESX kind (COWD). The walk over its grain directory and
/// tables matters because qemu's driver reads zeros where a table or a grain is behind the end of the file.
/// </summary>
/// <remarks>VMware's <em>Virtual Disk Format 5.0</em>, "Hosted Sparse Extents", "Stream-Optimized", "ESX Server Sparse Extents".</remarks>
internal sealed record VmdkSparseExtent
{
    private const int SectorBytes = 512;
    private const uint RedundantFlag = 2, ZeroGrainFlag = 4, NewLineFlag = 1, CompressedFlag = 1 << 16, MarkersFlag = 1 << 17;
    private const ulong AtEnd = ulong.MaxValue;
    private const long MaximumDirectoryEntries = 32L << 20; // as qemu's

    private bool zeroGrains;
    private long grainSectors;
    private long tableEntries;
    private long directorySector;
    private long descriptorBytes;

    /// <summary>The length of the disk (or of this part of it), in sectors.</summary>
    public long CapacitySectors { get; private init; }

    /// <summary>Whether its grains are compressed.</summary>
    public bool Compressed { get; private init; }

    /// <summary>Where the embedded descriptor starts; 0 where there is none.</summary>
    public long DescriptorOffset { get; private init; }

    /// <summary>Whether a file starts with either magic.</summary>
    public static bool IsSparse(ImageBytes bytes)
    {
        Span<byte> magic = stackalloc byte[4];
        return bytes.Read(magic, 0) == 4 && (magic.SequenceEqual("KDMV"u8) || magic.SequenceEqual("COWD"u8));
    }

    /// <summary>Reads the header, and the footer where the header says that it counts.</summary>
    public static VmdkSparseExtent ReadHeader(ImageBytes bytes)
    {
        var raw = new byte[SectorBytes];
        bytes.Read(raw, 0, "VMDK header");
        if (raw.AsSpan().StartsWith("COWD"u8)) return ReadEsx(bytes, raw);
        var start = Parse(bytes, raw, 0);
        if (Big(raw, 56) != AtEnd) return start;
        return ReadFooter(bytes, start);
    }

    /// <summary>The embedded descriptor, or null where there is none.</summary>
    public VmdkDescriptor? Descriptor(ImageBytes bytes) =>
        DescriptorOffset == 0 || descriptorBytes == 0 ? null : VmdkDescriptor.Read(bytes, DescriptorOffset, descriptorBytes, qemuReadsExtents: false);

    /// <summary>Throws where a table or a grain is not wholly in the file; returns the bytes of the disk that have grains.</summary>
    public long Walk(ImageBytes bytes, CancellationToken cancel)
    {
        var coveredSectors = grainSectors * tableEntries;
        var tables = (CapacitySectors + coveredSectors - 1) / coveredSectors;
        if (tables > MaximumDirectoryEntries) throw ImageErrors.TooLarge(bytes.Name, "grain directory", directorySector * SectorBytes, $"{tables} entries are over the limit of {MaximumDirectoryEntries}");
        var allocated = 0L;
        foreach (var (index, table) in bytes.Table(directorySector * SectorBytes, tables, 4, bigEndian: false, "grain directory", cancel))
        {
            if (table == 0) continue;
            var (first, tableOffset) = (index * coveredSectors, (long)table * SectorBytes);
            // A table is read whole, also the last one.
            bytes.Demand(tableOffset, tableEntries * 4, "grain table");
            var grains = Math.Min(tableEntries, (CapacitySectors - first + grainSectors - 1) / grainSectors);
            foreach (var (entry, sector) in bytes.Table(tableOffset, grains, 4, bigEndian: false, "grain table", cancel))
            {
                if (sector == 0 || (sector == 1 && zeroGrains)) continue;
                DemandGrain(bytes, (long)sector, first + (entry * grainSectors), tableOffset + (entry * 4));
                allocated += grainSectors * SectorBytes;
            }
        }

        return allocated;
    }

    private void DemandGrain(ImageBytes bytes, long sector, long diskSector, long entryOffset)
    {
        var offset = sector * SectorBytes;
        if (!Compressed)
        {
            bytes.Demand(offset, Math.Min(grainSectors, CapacitySectors - diskSector) * SectorBytes, "grain");
            return;
        }

        Span<byte> marker = stackalloc byte[12];
        bytes.Read(marker, offset, "grain marker");
        var size = BinaryPrimitives.ReadUInt32LittleEndian(marker[8..]);
        if (BinaryPrimitives.ReadUInt64LittleEndian(marker) != (ulong)diskSector)
            throw bytes.Invalid("grain table entry", entryOffset, $"the grain at offset {offset} says that it belongs to sector {BinaryPrimitives.ReadUInt64LittleEndian(marker)}, not {diskSector}");
        if (size == 0 || size > (grainSectors * SectorBytes * 2) - 12) throw bytes.Invalid("grain marker", offset, $"{size} bytes is no length of a compressed grain");
        bytes.Demand(offset, 12 + size, "compressed grain");
    }

    private static VmdkSparseExtent ReadFooter(ImageBytes bytes, VmdkSparseExtent start)
    {
        // Three sectors end a stream: footer marker, footer, end-of-stream marker.
        var end = bytes.LengthBytes - (3 * SectorBytes);
        if (end < SectorBytes || end % SectorBytes != 0) throw ImageErrors.Truncated(bytes.Name, "streamOptimized footer", bytes.LengthBytes + SectorBytes, bytes.LengthBytes);
        var tail = new byte[3 * SectorBytes];
        bytes.Read(tail, end, "streamOptimized footer");
        var isFooter = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(8)) == 0 && BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(12)) == 3
            && tail.AsSpan(SectorBytes).StartsWith("KDMV"u8) && !tail.AsSpan(2 * SectorBytes, 16).ContainsAnyExcept((byte)0);
        if (!isFooter)
            throw ImageErrors.Truncated(bytes.Name, "streamOptimized footer and end-of-stream marker, which must be its last 1536 bytes and are not,", bytes.LengthBytes + (3 * SectorBytes), bytes.LengthBytes);
        var footer = tail[SectorBytes..(2 * SectorBytes)];
        var final = Parse(bytes, footer, end + SectorBytes);
        if (Big(footer, 56) == AtEnd) throw bytes.Invalid("grain directory offset", end + SectorBytes + 56, "the footer does not have it either");
        if (final.CapacitySectors != start.CapacitySectors || final.grainSectors != start.grainSectors || final.tableEntries != start.tableEntries || final.Compressed != start.Compressed)
            throw bytes.Invalid("streamOptimized footer", end + SectorBytes, "it contradicts the header");
        return final with { DescriptorOffset = start.DescriptorOffset, descriptorBytes = start.descriptorBytes };
    }

    private static VmdkSparseExtent Parse(ImageBytes bytes, byte[] raw, long at)
    {
        var version = Small(raw, 4);
        if (version is < 1 or > 3) throw ImageErrors.Unsupported(bytes.Name, $"VMDK version at offset {at + 4}", $"{version} is not from 1 to 3", "Convert it with vmware-vdiskmanager");
        var flags = Small(raw, 8);
        if ((flags & NewLineFlag) != 0 && !raw.AsSpan(73, 4).SequenceEqual("\n \r\n"u8))
            throw bytes.Invalid("newline test characters", at + 73, "they were changed: the file was transferred as text");
        if (raw[72] != 0) throw ImageErrors.Unclean(bytes.Name, $"unclean shutdown at offset {at + 72}", "it is in use, or was not closed", "Shut the machine down; or repair a copy with vmware-vdiskmanager -R and give that");
        var (capacity, grain, entries) = (Big(raw, 12), Big(raw, 20), Small(raw, 44));
        if (capacity > ImageProbe.MaximumDiskBytes / SectorBytes) throw ImageErrors.TooLarge(bytes.Name, "capacity", at + 12, $"{capacity} sectors");
        if (capacity == 0) throw bytes.Invalid("capacity", at + 12, "it is 0");
        if (grain is 0 or > 16384 || (grain & (grain - 1)) != 0) throw bytes.Invalid("grain size", at + 20, $"{grain} sectors is not a power of two up to 16384");
        if (entries is 0 or > 512) throw bytes.Invalid("grain table entries", at + 44, $"{entries} is not from 1 to 512");
        var compression = BinaryPrimitives.ReadUInt16LittleEndian(raw.AsSpan(77));
        if (compression > 1) throw ImageErrors.Unsupported(bytes.Name, $"compression algorithm at offset {at + 77}", $"{compression} is neither 0 (none) nor 1 (deflate)", "Convert it with vmware-vdiskmanager");
        if ((compression == 1) != ((flags & CompressedFlag) != 0) || (compression == 1 && (flags & MarkersFlag) == 0)) throw bytes.Invalid("flags", at + 8, $"0x{flags:x} contradicts the compression algorithm {compression}");
        var directory = Big(raw, 56);
        if (directory != AtEnd && directory is 0 or > long.MaxValue / SectorBytes and < AtEnd) throw bytes.Invalid("grain directory offset", at + 56, $"0x{directory:x} is not the number of a sector");
        var (descriptor, descriptorSectors) = (Big(raw, 28), Big(raw, 36));
        if (descriptor > long.MaxValue / SectorBytes || descriptorSectors > VmdkDescriptor.MaximumBytes / SectorBytes) throw ImageErrors.TooLarge(bytes.Name, "VMDK descriptor", at + 28, $"{descriptorSectors} sectors at sector {descriptor}");
        // qemu opens the redundant directory too where the flag is set, and fails without it.
        if ((flags & RedundantFlag) != 0 && Big(raw, 48) > long.MaxValue / SectorBytes) throw bytes.Invalid("redundant grain directory offset", at + 48, $"0x{Big(raw, 48):x} is not the number of a sector");
        return new VmdkSparseExtent
        {
            CapacitySectors = (long)capacity,
            Compressed = compression == 1,
            DescriptorOffset = (long)descriptor * SectorBytes,
            descriptorBytes = (long)descriptorSectors * SectorBytes,
            grainSectors = (long)grain,
            tableEntries = entries,
            directorySector = directory == AtEnd ? 0 : (long)directory,
            zeroGrains = (flags & ZeroGrainFlag) != 0,
        };
    }

    private static VmdkSparseExtent ReadEsx(ImageBytes bytes, byte[] raw)
    {
        var (version, sectors, grain, directory, entries) = (Small(raw, 4), Small(raw, 12), Small(raw, 16), Small(raw, 20), Small(raw, 24));
        if (version != 1) throw ImageErrors.Unsupported(bytes.Name, "COWD version at offset 4", $"{version} is not 1", "Convert it with vmkfstools");
        if (sectors == 0) throw bytes.Invalid("capacity", 12, "it is 0");
        if (grain is 0 or > 16384) throw bytes.Invalid("grain size", 16, $"{grain} is not from 1 to 16384 sectors");
        if (directory == 0) throw bytes.Invalid("grain directory offset", 20, "it is 0");
        const long EsxTableEntries = 4096;
        if (entries < (sectors + (grain * EsxTableEntries) - 1) / (grain * EsxTableEntries)) throw bytes.Invalid("grain directory entries", 24, $"{entries} are too few for {sectors} sectors");
        return new VmdkSparseExtent { CapacitySectors = sectors, grainSectors = grain, tableEntries = EsxTableEntries, directorySector = directory };
    }

    private static uint Small(byte[] raw, int at) => BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(at));

    private static ulong Big(byte[] raw, int at) => BinaryPrimitives.ReadUInt64LittleEndian(raw.AsSpan(at));
}
