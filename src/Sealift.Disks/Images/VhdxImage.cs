using System.Buffers.Binary;
using System.Numerics;

namespace Sealift.Disks;

/// <summary>Microsoft's VHDX, fixed and dynamic.</summary>
/// <remarks>Microsoft's [MS-VHDX], version 8.0; all numbers are little-endian, checksums are CRC-32C.</remarks>
internal static class VhdxImage
{
    private const long FirstHeader = 64 << 10, SecondHeader = 128 << 10, RegionTable = 192 << 10;
    private const int HeaderBytes = 4096, TableBytes = 64 << 10;
    private static readonly Guid BatRegion = new("2DC27766-F623-4200-9D64-115E9BFD4A08"), MetadataRegion = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");
    private static readonly Guid FileParameters = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B"), DiskSize = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8"), SectorSize = new("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");

    /// <summary>Parses it and walks its block allocation table.</summary>
    public static ParsedImage Parse(ImageBytes bytes, CancellationToken cancel)
    {
        DemandClean(bytes);
        var regions = Regions(bytes);
        var (metadataOffset, metadataBytes) = Region(bytes, regions, MetadataRegion, "metadata region");
        var (batOffset, batBytes) = Region(bytes, regions, BatRegion, "block allocation table region");
        var items = Metadata(bytes, metadataOffset, metadataBytes);

        var parameters = Item(bytes, items, FileParameters, 8, "file parameters");
        long blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(parameters);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(parameters.AsSpan(4));
        if ((flags & 2) != 0)
            throw ImageErrors.Unsupported(bytes.Name, "file parameters", "it is a differencing disk (such as an .avhdx checkpoint), which needs a parent and is not read", "Merge the checkpoints in Hyper-V and give the merged disk");
        if (blockBytes is < 1 << 20 or > 256 << 20 || (blockBytes & (blockBytes - 1)) != 0) throw bytes.Invalid("block size", metadataOffset, $"{blockBytes} is not a power of two from 1 MiB to 256 MiB");
        var sectorBytes = BinaryPrimitives.ReadUInt32LittleEndian(Item(bytes, items, SectorSize, 4, "logical sector size"));
        if (sectorBytes != 512) throw ImageErrors.Unsupported(bytes.Name, "logical sector size", $"{sectorBytes} is not 512, and qemu reads nothing else correctly", "Convert the disk to 512-byte sectors (Hyper-V: Convert-VHD) and give the result");
        var size = BinaryPrimitives.ReadUInt64LittleEndian(Item(bytes, items, DiskSize, 8, "virtual disk size"));
        bytes.DemandDiskLength(size, "virtual disk size", metadataOffset);
        var length = (long)size;

        // Behind every chunk of blocks the table has one entry for a sector bitmap, section 2.5.
        var chunk = (1L << 23) * sectorBytes / blockBytes;
        var blocks = (length + blockBytes - 1) / blockBytes;
        var entries = blocks + ((blocks - 1) / chunk);
        if (entries * 8 > batBytes) throw bytes.Invalid("block allocation table", batOffset, $"{batBytes / 8} entries are too few for a disk of {length} bytes");
        var allocated = 0L;
        foreach (var (index, entry) in bytes.Table(batOffset, entries, 8, bigEndian: false, "block allocation table", cancel))
        {
            if (index % (chunk + 1) == chunk) continue;
            var block = index - (index / (chunk + 1));
            var (state, at) = (entry & 7, entry & ~0xfffffUL);
            if (state is 4 or 5 or 7) throw bytes.Invalid("block allocation table entry", batOffset + (index * 8), $"state {state} has no meaning in a disk without a parent");
            if (state != 6) continue;
            if (at is 0 or > long.MaxValue) throw bytes.Invalid("block allocation table entry", batOffset + (index * 8), $"0x{at:x} is not the offset of a block");
            bytes.Demand((long)at, Math.Min(blockBytes, length - (block * blockBytes)), "block");
            allocated += blockBytes;
        }

        return new ParsedImage((flags & 1) != 0 ? "fixed" : "dynamic", length, Math.Min(length, allocated));
    }

    private static void DemandClean(ImageBytes bytes)
    {
        byte[]? current = null;
        foreach (var at in new[] { FirstHeader, SecondHeader })
        {
            var header = new byte[HeaderBytes];
            bytes.Read(header, at, "VHDX header");
            if (!header.AsSpan().StartsWith("head"u8) || !HasChecksum(header)) continue; // one may be torn: that is why there are two
            if (current is null || Sequence(header) > Sequence(current)) current = header;
        }

        if (current is null) throw bytes.Invalid("VHDX headers", FirstHeader, "neither of the two has its signature and checksum");
        if (BinaryPrimitives.ReadUInt16LittleEndian(current.AsSpan(66)) != 1) throw bytes.Invalid("VHDX version", FirstHeader + 66, "it is not 1");
        if (current.AsSpan(48, 16).ContainsAnyExcept((byte)0))
            throw ImageErrors.Unclean(bytes.Name, "log GUID", "its log is not empty and may need to be replayed: it is in use, or was not closed", "Shut the machine down, or attach a copy of the disk once in Windows (or run qemu-img check -r all on the copy), and give that");
    }

    private static ulong Sequence(byte[] header) => BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(8));

    private static Dictionary<Guid, (long, long)> Regions(ImageBytes bytes)
    {
        var table = new byte[TableBytes];
        bytes.Read(table, RegionTable, "region table");
        if (!table.AsSpan().StartsWith("regi"u8) || !HasChecksum(table)) throw bytes.Invalid("region table", RegionTable, "its signature or checksum is wrong");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(table.AsSpan(8));
        if (count > 2047) throw bytes.Invalid("region table", RegionTable + 8, $"{count} entries are over 2047");
        var regions = new Dictionary<Guid, (long, long)>();
        for (var i = 0; i < count; i++)
        {
            var entry = table.AsSpan(16 + (i * 32), 32);
            var id = new Guid(entry[..16]);
            var (offset, length, required) = (BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[28..]));
            if ((required & 1) != 0 && id != BatRegion && id != MetadataRegion)
                throw ImageErrors.Unsupported(bytes.Name, $"region {id}", "it is required and unknown", "Convert the disk with the product that made it");
            if (offset is < 1 << 20 or > long.MaxValue) throw bytes.Invalid($"region {id}", RegionTable + 16 + (i * 32), $"offset 0x{offset:x} is not behind the headers");
            if (!regions.TryAdd(id, ((long)offset, length))) throw bytes.Invalid($"region {id}", RegionTable + 16 + (i * 32), "it appears twice");
        }

        return regions;
    }

    private static (long Offset, long Length) Region(ImageBytes bytes, Dictionary<Guid, (long Offset, long Length)> regions, Guid id, string name)
    {
        if (!regions.TryGetValue(id, out var region)) throw bytes.Invalid("region table", RegionTable, $"it has no {name}");
        bytes.Demand(region.Offset, region.Length, name);
        return region;
    }

    private static Dictionary<Guid, (long, long)> Metadata(ImageBytes bytes, long offset, long length)
    {
        if (length < TableBytes) throw bytes.Invalid("metadata region", offset, $"{length} bytes are too few");
        var table = new byte[TableBytes];
        bytes.Read(table, offset, "metadata table");
        if (!table.AsSpan().StartsWith("metadata"u8)) throw bytes.Invalid("metadata table", offset, "its signature is wrong");
        var count = BinaryPrimitives.ReadUInt16LittleEndian(table.AsSpan(10));
        if (count > 2047) throw bytes.Invalid("metadata table", offset + 10, $"{count} entries are over 2047");
        var items = new Dictionary<Guid, (long, long)>();
        for (var i = 0; i < count; i++)
        {
            var entry = table.AsSpan(32 + (i * 32), 32);
            long at = BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]), size = BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]);
            if (at + size > length) throw bytes.Invalid("metadata table", offset + 32 + (i * 32), $"an item of {size} bytes at {at} is not within the region");
            if (!items.TryAdd(new Guid(entry[..16]), (offset + at, size))) throw bytes.Invalid("metadata table", offset + 32 + (i * 32), "an item appears twice");
        }

        return items;
    }

    private static byte[] Item(ImageBytes bytes, Dictionary<Guid, (long Offset, long Length)> items, Guid id, int length, string name)
    {
        if (!items.TryGetValue(id, out var item) || item.Length < length) throw bytes.Invalid("metadata table", RegionTable, $"the {name} are missing or too short");
        var value = new byte[length];
        bytes.Read(value, item.Offset, name);
        return value;
    }

    /// <summary>Whether the CRC-32C at offset 4 is that of the whole buffer with the field itself taken as zeros.</summary>
    private static bool HasChecksum(byte[] raw)
    {
        var crc = 0xffffffffu;
        for (var i = 0; i < raw.Length; i++) crc = BitOperations.Crc32C(crc, i is >= 4 and < 8 ? (byte)0 : raw[i]);
        return ~crc == BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(4));
    }
}
