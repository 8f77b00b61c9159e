using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>
/// What a physical volume of LVM2 says of itself and of its volume group: label, metadata areas and the text in them, each with its
/// CRC; LVM2's lib/format_text/layout.h and lib/label/label.h.
/// </summary>
internal sealed class LvmLabel
{
    private const uint CrcStart = 0xF597A6CF;
    private const int SectorBytes = 512;
    private const int AreaHeaderBytes = 512;
    private const int AreaLimit = 16;
    private const long TextLimitBytes = 16 << 20; // real ones have kilobytes; vgcreate's areas have a megabyte by default

    private static readonly int[] IdGroups = [6, 4, 4, 4, 4, 4, 6];

    private readonly List<string> problems = [];

    private LvmLabel()
    {
    }

    /// <summary>Its own id, as LVM writes it.</summary>
    public string Id { get; private set; } = string.Empty;

    /// <summary>What is wrong with it.</summary>
    public IReadOnlyList<string> Problems => problems;

    /// <summary>Its volume group as the newest sound metadata has it; null where there is none.</summary>
    public LvmGroup? Group { get; private set; }

    /// <summary>Reads it.</summary>
    public static async Task<LvmLabel> ReadAsync(IDiskReader volume, CancellationToken cancel)
    {
        var label = new LvmLabel();
        for (var sector = 0; sector < 4; sector++)
        {
            if (await volume.TryReadAsync(sector * SectorBytes, SectorBytes, cancel) is not { } bytes || !bytes.AsSpan(0, 8).SequenceEqual("LABELONE"u8)) continue;
            await label.FillAsync(volume, bytes, sector, cancel);
            return label;
        }

        label.problems.Add("The label is gone");
        return label;
    }

    /// <summary>LVM's way of writing an id: 32 characters in groups of 6, 4, 4, 4, 4, 4 and 6.</summary>
    public static string Format(string id)
    {
        if (id.Length != 32) return string.Empty;
        var at = 0;
        return string.Join('-', IdGroups.Select(n => id.Substring((at += n) - n, n)));
    }

    /// <summary>LVM's CRC: the usual polynomial, another start, no final inversion; lib/misc/crc.c.</summary>
    internal static uint Crc(ReadOnlySpan<byte> bytes, uint crc = CrcStart)
    {
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
        }

        return crc;
    }

    private async Task FillAsync(IDiskReader volume, byte[] label, int sector, CancellationToken cancel)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(label.AsSpan(8)) != (ulong)sector) problems.Add(string.Create(CultureInfo.InvariantCulture, $"The label in sector {sector} says that it is in another one"));
        if (Crc(label.AsSpan(20)) != BinaryPrimitives.ReadUInt32LittleEndian(label.AsSpan(16)))
        {
            problems.Add("The label does not match its CRC");
            return;
        }

        var at = BinaryPrimitives.ReadUInt32LittleEndian(label.AsSpan(20));
        if (at > SectorBytes - 40)
        {
            problems.Add("The label's header lies outside of it");
            return;
        }

        Id = Format(Encoding.ASCII.GetString(label, (int)at, 32));
        var length = BinaryPrimitives.ReadUInt64LittleEndian(label.AsSpan((int)at + 32));
        if (length > (ulong)volume.LengthBytes) problems.Add(string.Create(CultureInfo.InvariantCulture, $"The label claims {length} bytes; the device has {volume.LengthBytes}"));
        // Two lists, each ended by zeros: where data lie, and where metadata lie.
        var areas = new List<(ulong Offset, ulong Length)>();
        var lists = 0;
        for (var next = (int)at + 40; next + 16 <= SectorBytes && lists < 2; next += 16)
        {
            var (offset, size) = (BinaryPrimitives.ReadUInt64LittleEndian(label.AsSpan(next)), BinaryPrimitives.ReadUInt64LittleEndian(label.AsSpan(next + 8)));
            if (offset == 0) lists++;
            else if (lists == 1 && areas.Count < AreaLimit) areas.Add((offset, size));
        }

        foreach (var (offset, size) in areas) await ReadAreaAsync(volume, offset, size, cancel);
    }

    private async Task ReadAreaAsync(IDiskReader volume, ulong offset, ulong size, CancellationToken cancel)
    {
        var where = string.Create(CultureInfo.InvariantCulture, $"The metadata area at byte {offset}");
        if (offset > (ulong)volume.LengthBytes || size > (ulong)volume.LengthBytes - offset || await volume.TryReadAsync((long)offset, AreaHeaderBytes, cancel) is not { } header)
        {
            problems.Add($"{where} lies beyond the end of the device");
            return;
        }

        if (Crc(header.AsSpan(4)) != BinaryPrimitives.ReadUInt32LittleEndian(header) || !header.AsSpan(4, 16).SequenceEqual(" LVM2 x[5A%r0N*>"u8))
        {
            problems.Add($"{where} does not match the CRC of its header");
            return;
        }

        var (textAt, textBytes, crc) = (BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(40)), BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(48)), BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(56)));
        if (textAt == 0 || (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(60)) & 1) != 0) return; // in no group, or this area is not in use
        if (textAt < AreaHeaderBytes || textAt >= size || textBytes == 0 || textBytes > size - AreaHeaderBytes || textBytes > TextLimitBytes)
        {
            problems.Add($"{where} says that its text is where it cannot be");
            return;
        }

        // The area is a ring behind its header: a text may go on at its start.
        var first = Math.Min(textBytes, size - textAt);
        var text = new byte[textBytes];
        await volume.ReadAsync((long)(offset + textAt), text.AsMemory(0, (int)first), cancel);
        if (first < textBytes) await volume.ReadAsync((long)offset + AreaHeaderBytes, text.AsMemory((int)first), cancel);
        if (Crc(text) != crc)
        {
            problems.Add($"{where} does not match the CRC of its text");
            return;
        }

        var group = LvmGroup.Parse(Encoding.UTF8.GetString(text));
        if (group is null) problems.Add($"{where} holds no volume group that can be read");
        else if (Group is null || group.Sequence > Group.Sequence) Group = group;
    }
}
