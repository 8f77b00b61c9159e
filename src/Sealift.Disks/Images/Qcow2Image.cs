using System.Buffers.Binary;
using System.Text;

namespace Sealift.Disks;

/// <summary>
/// QEMU's qcow2, versions 2 and 3: header, extensions, and a walk over all tables, because qemu reads zeros, without a word, where
/// a cluster lies behind the end of the file.
/// </summary>
/// <remarks>qemu's <c>docs/interop/qcow2.txt</c>. The limits are those of qemu's <c>block/qcow2.h</c>.</remarks>
internal static class Qcow2Image
{
    private const ulong Dirty = 1, Corrupt = 2, ExternalData = 4, CompressionType = 8, ExtendedL2 = 16;
    private const ulong OffsetMask = 0x00fffffffffffe00, CopiedFlag = 1UL << 63, CompressedFlag = 1UL << 62, ZeroFlag = 1;
    private const long L1LimitBytes = 32 << 20, RefcountTableLimitBytes = 8 << 20;
    private const uint BackingFormatExtension = 0xE2792ACA, DataFileExtension = 0x44415441, CryptoExtension = 0x0537be77;
    private const string RepairACopy = "Shut down whatever uses it; then repair a copy with qemu-img check -r all, look at the result, and give that";

    private readonly record struct Header(int Version, int ClusterBits, long VirtualLength, long L1Offset, long L1Entries, ulong Incompatible, long ReferenceOffset, long ReferenceClusters)
    {
        public long ClusterBytes => 1L << ClusterBits;

        public bool Extended => (Incompatible & ExtendedL2) != 0;

        public long EntriesPerL2 => ClusterBytes / (Extended ? 16 : 8);
    }

    /// <summary>Parses it and walks its tables.</summary>
    public static ParsedImage Parse(ImageBytes bytes, NamedFiles names, CancellationToken cancel)
    {
        var raw = new byte[112];
        bytes.Read(raw.AsSpan(0, 72), 0, "qcow2 header");
        var version = Big32(raw, 4);
        if (version is not (2 or 3)) throw ImageErrors.Unsupported(bytes.Name, "version at offset 4", $"it is {version}; versions 2 and 3 are read", "Convert it with the qemu-img that made it");
        var headerLength = 72;
        if (version == 3)
        {
            bytes.Read(raw.AsSpan(0, 104), 0, "qcow2 header");
            var claimed = Big32(raw, 100);
            if (claimed is < 104 or > 4096 || claimed % 8 != 0) throw bytes.Invalid("header length", 100, $"{claimed} is not a multiple of 8 from 104 to 4096");
            headerLength = (int)claimed;
            if (headerLength >= 112) bytes.Read(raw, 0, "qcow2 header");
        }

        var clusterBits = Big32(raw, 20);
        if (clusterBits is < 9 or > 21) throw bytes.Invalid("cluster bits", 20, $"{clusterBits} is not from 9 to 21");
        bytes.DemandDiskLength(Big64(raw, 24), "virtual size", 24);
        if (headerLength > 1 << (int)clusterBits) throw bytes.Invalid("header length", 100, $"{headerLength} is longer than a cluster");
        var crypt = Big32(raw, 32);
        if (crypt != 0) throw ImageErrors.Encrypted(bytes.Name, $"the encryption method at offset 32 is {crypt}");
        var incompatible = version == 3 ? Big64(raw, 72) : 0;
        DemandFeatures(bytes, raw, incompatible, headerLength, (int)clusterBits);
        var header = new Header((int)version, (int)clusterBits, (long)Big64(raw, 24), Offset(bytes, raw, 40, "L1 table offset", clusterBits), Big32(raw, 36), incompatible,
            Offset(bytes, raw, 48, "refcount table offset", clusterBits), Big32(raw, 56));
        if (version == 3 && Big32(raw, 96) > 6) throw bytes.Invalid("refcount order", 96, $"{Big32(raw, 96)} is over 6");

        var notes = new List<string>();
        var snapshots = Big32(raw, 60);
        if (snapshots > 65536) throw bytes.Invalid("number of snapshots", 60, $"{snapshots} is over 65536");
        if (snapshots > 0)
        {
            bytes.Demand(Offset(bytes, raw, 64, "snapshot table offset", clusterBits), snapshots * 40L, "snapshot table");
            notes.Add($"{bytes.Name} holds {snapshots} internal snapshots; its present state is read, they are not");
        }

        var extensions = ReadExtensions(bytes, header, headerLength, Big64(raw, 8));
        if (extensions.ContainsKey(CryptoExtension)) throw ImageErrors.Encrypted(bytes.Name, "it has a LUKS header extension");
        var dataFile = DataFile(bytes, names, header, extensions);
        var backing = Backing(bytes, names, raw, header, extensions);
        if (dataFile is not null && backing is not null) throw bytes.Invalid("backing file", 8, "an image with a data file cannot have one");

        WalkReferences(bytes, header, cancel);
        using var data = dataFile is null ? null : ImageBytes.Open(new ImageLocation(dataFile));
        var allocated = WalkClusters(bytes, data, header, cancel);
        return new ParsedImage(version == 2 ? "compat=0.10" : "compat=1.1", header.VirtualLength, Math.Min(allocated, header.VirtualLength))
        {
            Backing = backing,
            DataFile = dataFile,
            Notes = notes,
        };
    }

    private static void DemandFeatures(ImageBytes bytes, byte[] raw, ulong incompatible, int headerLength, int clusterBits)
    {
        const string field = "incompatible features at offset 72";
        var unknown = incompatible & ~(Dirty | Corrupt | ExternalData | CompressionType | ExtendedL2);
        if (unknown != 0) throw ImageErrors.Unsupported(bytes.Name, field, $"unknown feature bits 0x{unknown:x}", "Convert it with the qemu-img that made it to an image without them");
        if ((incompatible & Corrupt) != 0) throw ImageErrors.Unclean(bytes.Name, field, "the corrupt bit is set: QEMU found damage while it used the image", RepairACopy);
        if ((incompatible & Dirty) != 0) throw ImageErrors.Unclean(bytes.Name, field, "the dirty bit is set: it is in use, or was not closed", RepairACopy);
        var compression = headerLength > 104 ? raw[104] : (byte)0;
        if (compression > 1) throw ImageErrors.Unsupported(bytes.Name, "compression type at offset 104", $"{compression} is neither 0 (deflate) nor 1 (zstd)", "Convert it with the qemu-img that made it");
        if ((compression != 0) != ((incompatible & CompressionType) != 0)) throw bytes.Invalid("compression type", 104, "it and the feature bit contradict each other");
        if ((incompatible & ExtendedL2) != 0 && clusterBits < 14) throw bytes.Invalid("cluster bits", 20, $"{clusterBits} is too little for extended L2 entries");
    }

    private static Dictionary<uint, byte[]> ReadExtensions(ImageBytes bytes, Header header, int headerLength, ulong backingOffset)
    {
        var found = new Dictionary<uint, byte[]>();
        var end = backingOffset is > 0 && backingOffset < (ulong)header.ClusterBytes ? (long)backingOffset : header.ClusterBytes;
        Span<byte> head = stackalloc byte[8];
        for (long at = headerLength; at + 8 <= end;)
        {
            bytes.Read(head, at, "header extension");
            var (type, length) = (BinaryPrimitives.ReadUInt32BigEndian(head), BinaryPrimitives.ReadUInt32BigEndian(head[4..]));
            if (type == 0) break;
            if (length > end - at - 8) throw bytes.Invalid("header extension", at, $"type 0x{type:x} of {length} bytes does not fit before {end}");
            if (type is BackingFormatExtension or DataFileExtension or CryptoExtension)
            {
                if (length > 4096) throw bytes.Invalid("header extension", at, $"type 0x{type:x} of {length} bytes is too long");
                var content = new byte[length];
                bytes.Read(content, at + 8, "header extension");
                if (!found.TryAdd(type, content)) throw bytes.Invalid("header extension", at, $"type 0x{type:x} appears twice");
            }

            at += 8 + ((length + 7L) & ~7L);
        }

        return found;
    }

    private static string? DataFile(ImageBytes bytes, NamedFiles names, Header header, Dictionary<uint, byte[]> extensions)
    {
        if ((header.Incompatible & ExternalData) == 0) return null;
        if (!extensions.TryGetValue(DataFileExtension, out var name)) throw bytes.Invalid("incompatible features", 72, "it keeps its data in another file and does not say in which");
        return names.Other(Encoding.UTF8.GetString(name), "data file name");
    }

    private static BackingName? Backing(ImageBytes bytes, NamedFiles names, byte[] raw, Header header, Dictionary<uint, byte[]> extensions)
    {
        var (offset, length) = (Big64(raw, 8), Big32(raw, 16));
        if (offset == 0) return null;
        if (length is 0 or > 1023 || offset > (ulong)header.ClusterBytes || offset + length > (ulong)header.ClusterBytes) throw bytes.Invalid("backing file name", 8, $"{length} bytes at offset {offset} are not within the first cluster");
        var name = new byte[length];
        bytes.Read(name, (long)offset, "backing file name");
        ImageFormat? format = null;
        if (extensions.TryGetValue(BackingFormatExtension, out var recorded) && recorded.Length > 0)
        {
            format = Encoding.ASCII.GetString(recorded) switch
            {
                "raw" or "file" or "host_device" => ImageFormat.Raw,
                "qcow2" => ImageFormat.Qcow2,
                "vmdk" => ImageFormat.Vmdk,
                "vpc" => ImageFormat.Vhd,
                "vhdx" => ImageFormat.Vhdx,
                "vdi" => ImageFormat.Vdi,
                var other => throw ImageErrors.Unsupported(bytes.Name, "backing format", $"'{ImageErrors.Printable(other)}' is not read", "Flatten the image with qemu-img convert"),
            };
        }

        return new BackingName(names.Other(Encoding.UTF8.GetString(name), "backing file name"), format);
    }

    private static void WalkReferences(ImageBytes bytes, Header header, CancellationToken cancel)
    {
        var tableBytes = header.ReferenceClusters << header.ClusterBits;
        if (header.ReferenceClusters == 0 || tableBytes > RefcountTableLimitBytes) throw bytes.Invalid("refcount table clusters", 56, $"{header.ReferenceClusters} is 0 or over 8 MiB");
        foreach (var (index, value) in bytes.Table(header.ReferenceOffset, tableBytes / 8, 8, bigEndian: true, "refcount table", cancel))
        {
            if (value == 0) continue;
            DemandAligned(bytes, header, value, "refcount block", header.ReferenceOffset + (index * 8));
            bytes.Demand((long)value, header.ClusterBytes, "refcount block");
        }
    }

    private static long WalkClusters(ImageBytes bytes, ImageBytes? dataFile, Header header, CancellationToken cancel)
    {
        var coveredByL2 = header.EntriesPerL2 << header.ClusterBits;
        var needed = (header.VirtualLength + coveredByL2 - 1) / coveredByL2;
        if (header.L1Entries < needed) throw bytes.Invalid("L1 size", 36, $"{header.L1Entries} entries are too few for a disk of {header.VirtualLength} bytes, which needs {needed}");
        if (header.L1Entries * 8 > L1LimitBytes) throw ImageErrors.TooLarge(bytes.Name, "L1 size", 36, $"{header.L1Entries} entries are over the limit of {L1LimitBytes / 8}");
        bytes.Demand(header.L1Offset, header.L1Entries * 8, "L1 table");
        var allocated = 0L;
        foreach (var (index, entry) in bytes.Table(header.L1Offset, needed, 8, bigEndian: true, "L1 table", cancel))
        {
            var l2 = entry & ~CopiedFlag;
            if (l2 == 0) continue;
            DemandAligned(bytes, header, l2, "L2 table offset", header.L1Offset + (index * 8));
            allocated += WalkL2(bytes, dataFile, header, (long)l2, index * coveredByL2, cancel);
        }

        return allocated;
    }

    private static long WalkL2(ImageBytes bytes, ImageBytes? dataFile, Header header, long l2Offset, long guestOffset, CancellationToken cancel)
    {
        bytes.Demand(l2Offset, header.ClusterBytes, "L2 table");
        var width = header.Extended ? 2 : 1;
        var clusters = Math.Min(header.EntriesPerL2, (header.VirtualLength - guestOffset + header.ClusterBytes - 1) >> header.ClusterBits);
        var allocated = 0L;
        var entry = 0UL;
        foreach (var (index, value) in bytes.Table(l2Offset, clusters * width, 8, bigEndian: true, "L2 table", cancel))
        {
            if (header.Extended && index % 2 == 0)
            {
                entry = value;
                continue;
            }

            var at = guestOffset + (index / width << header.ClusterBits);
            var used = Math.Min(header.ClusterBytes, header.VirtualLength - at);
            allocated += DemandCluster(bytes, dataFile, header, header.Extended ? entry : value, header.Extended ? value : null, used, l2Offset + (index * 8)) ? header.ClusterBytes : 0;
        }

        return allocated;
    }

    /// <summary>Throws where the bytes that a guest can read from a cluster are not all there.</summary>
    private static bool DemandCluster(ImageBytes bytes, ImageBytes? dataFile, Header header, ulong entry, ulong? bitmap, long usedBytes, long entryOffset)
    {
        if ((entry & CompressedFlag) != 0)
        {
            if (dataFile is not null) throw bytes.Invalid("L2 entry", entryOffset, "a compressed cluster in an image with a data file");
            var offsetBits = 62 - (header.ClusterBits - 8);
            var offset = (long)(entry & ((1UL << offsetBits) - 1));
            var sectors = (long)((entry & ~(CopiedFlag | CompressedFlag)) >> offsetBits) + 1;
            // The length is counted in sectors touched; qemu-img pads the file to whole sectors after the last one.
            if (offset < header.ClusterBytes) throw bytes.Invalid("L2 entry", entryOffset, $"a compressed cluster at offset {offset}, over the header");
            bytes.Demand(offset & ~511L, sectors * 512, "compressed cluster");
            return true;
        }

        var zero = bitmap is null && (entry & ZeroFlag) != 0;
        if (zero && header.Version == 2) throw bytes.Invalid("L2 entry", entryOffset, "a zero cluster in a version 2 image");
        var offsetBytes = entry & ~(CopiedFlag | (bitmap is null ? ZeroFlag : 0));
        if (bitmap is { } subclusters)
        {
            var (data, zeroes) = ((uint)subclusters, (uint)(subclusters >> 32));
            if ((data & zeroes) != 0) throw bytes.Invalid("L2 entry", entryOffset + 8, "subclusters that are both data and zero");
            if (data == 0) return false;
            if (offsetBytes == 0 && (dataFile is null || (entry & CopiedFlag) == 0)) throw bytes.Invalid("L2 entry", entryOffset, "data subclusters without a cluster");
            usedBytes = Math.Min(usedBytes, (32 - System.Numerics.BitOperations.LeadingZeroCount(data)) * (header.ClusterBytes / 32));
        }

        // In a raw data file the first cluster really is at offset 0; the copied flag tells it from an unallocated one.
        if (zero || (offsetBytes == 0 && !(dataFile is not null && (entry & CopiedFlag) != 0))) return false;
        if (dataFile is not null)
        {
            if (offsetBytes > long.MaxValue || (offsetBytes & ~OffsetMask) != 0 || offsetBytes % (ulong)header.ClusterBytes != 0) throw bytes.Invalid("L2 entry", entryOffset, $"0x{entry:x} is not a valid offset");
            dataFile.Demand((long)offsetBytes, usedBytes, "data cluster");
            return true;
        }

        DemandAligned(bytes, header, offsetBytes, "L2 entry", entryOffset);
        bytes.Demand((long)offsetBytes, usedBytes, "data cluster");
        return true;
    }

    private static void DemandAligned(ImageBytes bytes, Header header, ulong offset, string field, long at)
    {
        if ((offset & ~OffsetMask) != 0 || offset % (ulong)header.ClusterBytes != 0 || offset == 0) throw bytes.Invalid(field, at, $"0x{offset:x} is not the offset of a cluster of {header.ClusterBytes} bytes");
    }

    private static long Offset(ImageBytes bytes, byte[] raw, int at, string field, uint clusterBits)
    {
        var offset = Big64(raw, at);
        if (offset > long.MaxValue || offset == 0 || offset % (1UL << (int)clusterBits) != 0) throw bytes.Invalid(field, at, $"0x{offset:x} is not the offset of a cluster");
        return (long)offset;
    }

    private static uint Big32(byte[] raw, int at) => BinaryPrimitives.ReadUInt32BigEndian(raw.AsSpan(at));

    private static ulong Big64(byte[] raw, int at) => BinaryPrimitives.ReadUInt64BigEndian(raw.AsSpan(at));
}
