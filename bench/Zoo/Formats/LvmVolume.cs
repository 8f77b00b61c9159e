using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>
/// A volume group of LVM2 over two disks, with one logical volume over both. No root, no device mapper, always the same bytes. The
/// format is that of LVM 2's lib/format_text/layout.h and lib/label/label.h; whether it is right, LVM itself says when it reads it.
/// </summary>
internal static class LvmVolume
{
    private const int MiB = 1 << 20;
    private const int SectorBytes = 512;

    /// <summary>Where the metadata area begins: its header, and behind that the text.</summary>
    public const int AreaAt = 4096;

    /// <summary>Makes it of what a volume is to hold.</summary>
    /// <param name="disks">Two files that do not exist yet.</param>
    /// <param name="number">Makes the identities.</param>
    /// <param name="group">The group's name.</param>
    /// <param name="volume">The volume's name.</param>
    /// <param name="content">The file that is to be the volume, whole and even MiB long.</param>
    public static void Make(IReadOnlyList<string> disks, int number, string group, string volume, string content)
    {
        using var inside = PosixFile.Open(content, OpenMode.Read);
        var half = (int)(inside.Facts().LengthBytes / 2);
        var text = Encoding.ASCII.GetBytes(Text(number, group, volume, half / MiB) + "\0");
        var buffer = new byte[MiB];
        for (var i = 0; i < disks.Count; i++)
        {
            using var disk = PosixFile.Open(disks[i], OpenMode.ReadWrite | OpenMode.CreateNew);
            disk.SetLength(MiB + half);
            disk.WriteAt(Label(Id(number, i), MiB + half), SectorBytes);
            disk.WriteAt(Header(text), AreaAt);
            disk.WriteAt(text, AreaAt + SectorBytes);
            for (var at = 0; at < half; at += MiB)
            {
                inside.ReadExactlyAt(buffer, (i * (long)half) + at);
                if (buffer.AsSpan().ContainsAnyExcept((byte)0)) disk.WriteAt(buffer, MiB + at);
            }
        }
    }

    /// <summary>LVM's CRC: the usual polynomial, another start, no inversion at its end; lib/misc/crc.c.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = 0xF597A6CFu;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return crc;
    }

    /// <summary>An area's header over a text that follows it.</summary>
    public static byte[] Header(ReadOnlySpan<byte> text)
    {
        var header = new byte[SectorBytes];
        " LVM2 x[5A%r0N*>"u8.CopyTo(header.AsSpan(4));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(20), 1);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(24), AreaAt);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), MiB - AreaAt);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), SectorBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), text.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(56), Crc(text));
        BinaryPrimitives.WriteUInt32LittleEndian(header, Crc(header.AsSpan(4)));
        return header;
    }

    private static byte[] Label(string id, long deviceBytes)
    {
        var label = new byte[SectorBytes];
        "LABELONE"u8.CopyTo(label);
        label[8] = 1;
        label[20] = 32;
        "LVM2 001"u8.CopyTo(label.AsSpan(24));
        Encoding.ASCII.GetBytes(id, label.AsSpan(32));
        BinaryPrimitives.WriteInt64LittleEndian(label.AsSpan(64), deviceBytes);
        BinaryPrimitives.WriteInt64LittleEndian(label.AsSpan(72), MiB); // data, to the end; then the list's end
        BinaryPrimitives.WriteInt64LittleEndian(label.AsSpan(104), AreaAt);
        BinaryPrimitives.WriteInt64LittleEndian(label.AsSpan(112), MiB - AreaAt);
        BinaryPrimitives.WriteInt32LittleEndian(label.AsSpan(136), 2); // the extension's version; flags: in use
        label[140] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(label.AsSpan(16), Crc(label.AsSpan(20)));
        return label;
    }

    // 32 letters and digits, and no two alike.
    private static string Id(int number, int what) => string.Create(CultureInfo.InvariantCulture, $"5ea11f70{number:d8}{what:d16}");

    private static string Grouped(string id) => string.Join('-', id[..6], id[6..10], id[10..14], id[14..18], id[18..22], id[22..26], id[26..]);

    private static string Text(int number, string group, string volume, int extents) => string.Create(CultureInfo.InvariantCulture, $$"""
        {{group}} {
        id = "{{Grouped(Id(number, 8))}}"
        seqno = 1
        format = "lvm2"
        status = ["RESIZEABLE", "READ", "WRITE"]
        flags = []
        extent_size = {{MiB / SectorBytes}}
        max_lv = 0
        max_pv = 0
        metadata_copies = 0
        physical_volumes {
        {{Physical(number, 0, extents)}}{{Physical(number, 1, extents)}}}
        logical_volumes {
        {{volume}} {
        id = "{{Grouped(Id(number, 9))}}"
        status = ["READ", "WRITE", "VISIBLE"]
        flags = []
        segment_count = 2
        {{Segment(0, extents)}}{{Segment(1, extents)}}}
        }
        }
        contents = "Text Format Volume Group"
        version = 1
        description = ""
        creation_host = "zoo"
        creation_time = 1700000000

        """);

    private static string Physical(int number, int i, int extents) => string.Create(CultureInfo.InvariantCulture, $$"""
        pv{{i}} {
        id = "{{Grouped(Id(number, i))}}"
        device = "/dev/sd{{(char)('a' + i)}}"
        status = ["ALLOCATABLE"]
        flags = []
        dev_size = {{(extents + 1) * (MiB / SectorBytes)}}
        pe_start = {{MiB / SectorBytes}}
        pe_count = {{extents}}
        }

        """);

    private static string Segment(int i, int extents) => string.Create(CultureInfo.InvariantCulture, $$"""
        segment{{i + 1}} {
        start_extent = {{i * extents}}
        extent_count = {{extents}}
        type = "striped"
        stripe_count = 1
        stripes = ["pv{{i}}", 0]
        }

        """);
}
