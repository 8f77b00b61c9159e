using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Sealift.Disks.Tests.Images;

/// <summary>
/// Writes a streamOptimized VMDK as VMware's products do, which qemu-img does not: grain tables behind their grains, each with a
/// marker, the grain directory at the end, a footer and an end-of-stream marker. VMware's Virtual Disk Format 5.0.
/// </summary>
internal static class StreamOptimizedWriter
{
    private const int Sector = 512, GrainSectors = 128, Entries = 512;

    public static byte[] Write(ReadOnlySpan<byte> disk)
    {
        var sectors = disk.Length / Sector;
        var stream = new MemoryStream();
        stream.Write(Header(sectors, ulong.MaxValue));
        var descriptor = new byte[20 * Sector];
        Encoding.ASCII.GetBytes($"# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n\n# Extent description\nRDONLY {sectors} SPARSE \"generated-stream.vmdk\"\n\n#DDB\nddb.adapterType = \"lsilogic\"\n", descriptor);
        stream.Write(descriptor);
        stream.SetLength(128 * Sector);
        stream.Position = 128 * Sector;
        var grains = (sectors + GrainSectors - 1) / GrainSectors;
        var tables = (grains + Entries - 1) / Entries;
        var directory = new byte[Math.Max(Sector, ((tables * 4) + 511) / 512 * 512)];
        for (var t = 0; t < tables; t++)
        {
            var table = new byte[Entries * 4];
            for (var g = 0; g < Entries && (t * Entries) + g < grains; g++)
            {
                var first = ((t * Entries) + g) * GrainSectors;
                var grain = new byte[GrainSectors * Sector];
                disk.Slice(first * Sector, Math.Min(grain.Length, disk.Length - (first * Sector))).CopyTo(grain);
                if (!grain.AsSpan().ContainsAnyExcept((byte)0)) continue;
                BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(g * 4), (uint)(stream.Position / Sector));
                var packed = new MemoryStream();
                using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(grain);
                var marker = new byte[12];
                BinaryPrimitives.WriteUInt64LittleEndian(marker, (ulong)first);
                BinaryPrimitives.WriteUInt32LittleEndian(marker.AsSpan(8), (uint)packed.Length);
                stream.Write(marker);
                packed.WriteTo(stream);
                Pad(stream);
            }

            stream.Write(Marker((ulong)table.Length / Sector, 1));
            BinaryPrimitives.WriteUInt32LittleEndian(directory.AsSpan(t * 4), (uint)(stream.Position / Sector));
            stream.Write(table);
        }

        stream.Write(Marker((ulong)directory.Length / Sector, 2));
        var at = (ulong)stream.Position / Sector;
        stream.Write(directory);
        stream.Write(Marker(1, 3));
        stream.Write(Header(sectors, at));
        stream.Write(new byte[Sector]);
        return stream.ToArray();
    }

    private static byte[] Header(int sectors, ulong directory)
    {
        var h = new byte[Sector];
        "KDMV"u8.CopyTo(h);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(4), 3);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(8), 0x30001);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(12), (ulong)sectors);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(20), GrainSectors);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(28), 1);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(36), 20);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(44), Entries);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(56), directory);
        BinaryPrimitives.WriteUInt64LittleEndian(h.AsSpan(64), 128);
        "\n \r\n"u8.CopyTo(h.AsSpan(73));
        h[77] = 1;
        return h;
    }

    private static byte[] Marker(ulong sectors, uint type)
    {
        var m = new byte[Sector];
        BinaryPrimitives.WriteUInt64LittleEndian(m, sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(m.AsSpan(12), type);
        return m;
    }

    private static void Pad(MemoryStream stream)
    {
        while (stream.Position % Sector != 0) stream.WriteByte(0);
    }
}
