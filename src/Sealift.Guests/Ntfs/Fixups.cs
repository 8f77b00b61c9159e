using System.Buffers.Binary;

namespace Sealift.Guests.Ntfs;

/// <summary>
/// The protection of records that span sectors: the last two bytes of each 512 bytes hold the record's update sequence number, and
/// what belongs there lies in the update sequence array. A record of which only a part was written shows two numbers.
/// </summary>
internal static class Fixups
{
    /// <summary>The stride, whatever the sector size of the volume.</summary>
    public const int StrideBytes = 512;

    /// <summary>The bytes of the shortest header of a protected record.</summary>
    public const int LeastHeaderBytes = 0x1E;

    /// <summary>Puts back what belongs into each stride's end.</summary>
    /// <param name="record">The whole record; changed in place.</param>
    /// <param name="headerBytes">The bytes of the fixed header, behind which the array starts.</param>
    /// <returns>What is wrong, or null.</returns>
    public static string? Apply(Span<byte> record, int headerBytes)
    {
        ReadOnlySpan<byte> read = record;
        int offset = read.U16(4), count = read.U16(6), strides = record.Length / StrideBytes;
        if (count != strides + 1) return $"its update sequence array has {count} entries instead of {strides + 1}";
        if (offset < headerBytes || offset % 2 != 0 || offset + (count * 2) > StrideBytes - 2) return $"its update sequence array starts at {offset}";
        var number = read.U16(offset);
        for (var i = 0; i < strides; i++)
        {
            var end = ((i + 1) * StrideBytes) - 2;
            if (read.U16(end) != number) return $"sector {i} of it carries the update sequence number 0x{read.U16(end):x4} instead of 0x{number:x4}: it was not written as a whole";
        }

        for (var i = 0; i < strides; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(record[(((i + 1) * StrideBytes) - 2)..], read.U16(offset + 2 + (i * 2)));
        return null;
    }
}
