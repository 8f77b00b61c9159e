using System.Buffers.Binary;

namespace Sealift.Disks;

/// <summary>VirtualBox's VDI, dynamic and static.</summary>
/// <remarks>VirtualBox's <c>VDICore.h</c>; qemu's <c>block/vdi.c</c>, which reads version 1.1 with blocks of 1 MiB only.</remarks>
internal static class VdiImage
{
    /// <summary>The little-endian number at offset 0x40.</summary>
    public const uint Signature = 0xbeda107f;

    private const uint FirstUnallocated = 0xfffffffe; // discarded; 0xffffffff was never written
    private const int BlockBytes = 1 << 20;

    /// <summary>Parses it and walks its block map.</summary>
    public static ParsedImage Parse(ImageBytes bytes, CancellationToken cancel)
    {
        var raw = new byte[512];
        bytes.Read(raw, 0, "VDI header");
        if (Little32(raw, 0x44) != 0x00010001) throw ImageErrors.Unsupported(bytes.Name, "version at offset 68", $"0x{Little32(raw, 0x44):x8} is not 1.1", "Convert it with VBoxManage clonemedium");
        var type = Little32(raw, 0x4c);
        if (type is 3 or 4 || raw.AsSpan(0x1a8, 32).ContainsAnyExcept((byte)0))
            throw ImageErrors.Unsupported(bytes.Name, "image type at offset 76", "it is a differencing image, which needs a parent and is not read", "Merge it with VBoxManage clonemedium and give the result");
        if (type is not (1 or 2)) throw bytes.Invalid("image type", 0x4c, $"{type} is neither 1 (dynamic) nor 2 (static)");
        bytes.DemandDiskLength(BinaryPrimitives.ReadUInt64LittleEndian(raw.AsSpan(0x170)), "disk size", 0x170);
        var length = BinaryPrimitives.ReadInt64LittleEndian(raw.AsSpan(0x170));
        if (Little32(raw, 0x168) != 512) throw bytes.Invalid("sector size", 0x168, $"{Little32(raw, 0x168)} is not 512");
        if (Little32(raw, 0x178) != BlockBytes || Little32(raw, 0x17c) != 0)
            throw ImageErrors.Unsupported(bytes.Name, "block size at offset 376", $"blocks of {Little32(raw, 0x178)} bytes with {Little32(raw, 0x17c)} bytes extra are not read", "Convert it with VBoxManage clonemedium");
        long mapOffset = Little32(raw, 0x154), dataOffset = Little32(raw, 0x158), blocks = Little32(raw, 0x180), allocatedBlocks = Little32(raw, 0x184);
        if (mapOffset < 0x1c8 || mapOffset % 512 != 0) throw bytes.Invalid("block map offset", 0x154, $"{mapOffset} is not the offset of a sector behind the header");
        if (blocks < (length + BlockBytes - 1) / BlockBytes) throw bytes.Invalid("blocks in image", 0x180, $"{blocks} blocks are too few for a disk of {length} bytes");
        if (allocatedBlocks > blocks) throw bytes.Invalid("blocks allocated", 0x184, $"{allocatedBlocks} is over the {blocks} blocks in the image");
        if (dataOffset < mapOffset + (blocks * 4) || dataOffset % 512 != 0) throw bytes.Invalid("data offset", 0x158, $"{dataOffset} is not the offset of a sector behind the block map");
        blocks = (length + BlockBytes - 1) / BlockBytes;
        var allocated = 0L;
        foreach (var (index, value) in bytes.Table(mapOffset, blocks, 4, bigEndian: false, "block map", cancel))
        {
            if (value >= FirstUnallocated) continue;
            if (value >= (ulong)allocatedBlocks) throw bytes.Invalid("block map entry", mapOffset + (index * 4), $"block {value} is not among the {allocatedBlocks} allocated ones");
            bytes.Demand(dataOffset + ((long)value * BlockBytes), Math.Min(BlockBytes, length - (index * BlockBytes)), "block");
            allocated += BlockBytes;
        }

        return new ParsedImage(type == 1 ? "dynamic" : "static", length, Math.Min(allocated, length));
    }

    private static uint Little32(byte[] raw, int at) => BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(at));
}
