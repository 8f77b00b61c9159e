using System.Buffers.Binary;

namespace Sealift.Disks;

/// <summary>Connectix/Microsoft VHD, fixed and dynamic.</summary>
/// <remarks>Microsoft's <em>Virtual Hard Disk Image Format Specification</em>, 1.0; all numbers are big-endian.</remarks>
internal static class VhdImage
{
    private const int FooterBytes = 512;
    private const uint Unallocated = 0xffffffff, Fixed = 2, Dynamic = 3, Differencing = 4;
    private const ulong MaximumBytes = 0xff000000UL * 512; // what qemu opens; Windows stops at 2040 GiB as well

    /// <summary>Parses it and walks its block allocation table.</summary>
    public static ParsedImage Parse(ImageBytes bytes, CancellationToken cancel)
    {
        if (bytes.LengthBytes < FooterBytes || bytes.LengthBytes % FooterBytes != 0) throw ImageErrors.NotWholeSectors(bytes.Name, "length", bytes.LengthBytes);
        var last = bytes.LengthBytes - FooterBytes;
        var front = new byte[FooterBytes];
        bytes.Read(front, 0, "VHD footer copy");
        var footer = new byte[FooterBytes];
        bytes.Read(footer, last, "VHD footer");
        var hasFront = front.AsSpan().StartsWith("conectix"u8);
        if (!footer.AsSpan().StartsWith("conectix"u8)) throw ImageErrors.Truncated(bytes.Name, "VHD footer, which must be the last 512 bytes", bytes.LengthBytes + FooterBytes, bytes.LengthBytes);
        DemandChecksum(bytes, footer, 64, last, "VHD footer");
        if (Big32(footer, 12) != 0x00010000) throw bytes.Invalid("VHD version", last + 12, $"0x{Big32(footer, 12):x8} is not 1.0");
        bytes.DemandDiskLength(Big64(footer, 48), "current size", last + 48);
        if (Big64(footer, 48) > MaximumBytes) throw ImageErrors.TooLarge(bytes.Name, "current size", last + 48, $"{Big64(footer, 48)} bytes are over the format's 2040 GiB");
        var length = (long)Big64(footer, 48);
        IReadOnlyList<string> notes = footer[84] == 0 ? [] : [$"{bytes.Name} belongs to a machine that was suspended: what its memory held is not in the disk"];
        switch (Big32(footer, 60))
        {
            case Fixed:
                if (hasFront) throw bytes.Invalid("VHD footer copy", 0, "a fixed disk has none");
                if (length != last) throw ImageErrors.Truncated(bytes.Name, $"fixed disk of {length} bytes and its footer", length + FooterBytes, bytes.LengthBytes);
                return new ParsedImage("fixed", length, length) { Notes = notes };
            case Dynamic:
                if (!hasFront) throw bytes.Invalid("VHD footer copy", 0, "the copy of the footer is missing");
                DemandChecksum(bytes, front, 64, 0, "VHD footer copy");
                // Both describe the same disk, or one of them is from another time.
                if (!front.AsSpan(48, 16).SequenceEqual(footer.AsSpan(48, 16)) || !front.AsSpan(68, 16).SequenceEqual(footer.AsSpan(68, 16)) || Big64(front, 16) != Big64(footer, 16))
                    throw bytes.Invalid("VHD footer copy", 0, "it differs from the footer at the end");
                return new ParsedImage("dynamic", length, Math.Min(length, WalkBlocks(bytes, footer, length, cancel))) { Notes = notes };
            case Differencing:
                throw ImageErrors.Unsupported(bytes.Name, $"disk type at offset {last + 60}", "it is a differencing disk, which needs a parent and is not read", "Merge it with its parent (Hyper-V: Edit Disk, Merge) and give the result");
            default:
                throw bytes.Invalid("disk type", last + 60, $"{Big32(footer, 60)} is neither fixed (2) nor dynamic (3)");
        }
    }

    private static long WalkBlocks(ImageBytes bytes, byte[] footer, long length, CancellationToken cancel)
    {
        var at = Big64(footer, 16);
        if (at > long.MaxValue || at < FooterBytes) throw bytes.Invalid("data offset", 16, $"0x{at:x} is not the offset of a header");
        var header = new byte[1024];
        bytes.Read(header, (long)at, "VHD dynamic header");
        if (!header.AsSpan().StartsWith("cxsparse"u8)) throw bytes.Invalid("VHD dynamic header", (long)at, "it does not begin with cxsparse");
        DemandChecksum(bytes, header, 36, (long)at, "VHD dynamic header");
        var (tableOffset, entries, blockBytes) = (Big64(header, 16), Big32(header, 28), (long)Big32(header, 32));
        if (blockBytes is < 512 or > 1 << 30 || (blockBytes & (blockBytes - 1)) != 0) throw bytes.Invalid("block size", (long)at + 32, $"{blockBytes} is not a power of two from 512 to 1 GiB");
        if (tableOffset > long.MaxValue || tableOffset < FooterBytes) throw bytes.Invalid("table offset", (long)at + 16, $"0x{tableOffset:x} is not the offset of a table");
        var blocks = (length + blockBytes - 1) / blockBytes;
        if (entries < blocks) throw bytes.Invalid("table entries", (long)at + 28, $"{entries} entries are too few for a disk of {length} bytes");
        bytes.Demand((long)tableOffset, entries * 4L, "block allocation table");
        var bitmapBytes = ((blockBytes / 512 / 8) + 511) & ~511L;
        var allocated = 0L;
        foreach (var (index, value) in bytes.Table((long)tableOffset, entries, 4, bigEndian: true, "block allocation table", cancel))
        {
            if (value == Unallocated) continue;
            if (value == 0) throw bytes.Invalid("block allocation table entry", (long)tableOffset + (index * 4), "a block over the header");
            // The footer follows the last block: it is no part of one.
            bytes.Demand((long)value * 512, bitmapBytes + blockBytes + FooterBytes, "block and the footer behind it");
            allocated += blockBytes;
        }

        return allocated;
    }

    private static void DemandChecksum(ImageBytes bytes, byte[] raw, int at, long offset, string field)
    {
        var sum = 0u;
        for (var i = 0; i < raw.Length; i++)
            if (i < at || i >= at + 4) sum += raw[i];
        if (~sum != Big32(raw, at)) throw bytes.Invalid(field, offset, $"its checksum is 0x{Big32(raw, at):x8} and should be 0x{~sum:x8}");
    }

    private static uint Big32(byte[] raw, int at) => BinaryPrimitives.ReadUInt32BigEndian(raw.AsSpan(at));

    private static ulong Big64(byte[] raw, int at) => BinaryPrimitives.ReadUInt64BigEndian(raw.AsSpan(at));
}
