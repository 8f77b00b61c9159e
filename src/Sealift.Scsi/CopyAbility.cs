using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>What a copy manager can do: RECEIVE COPY OPERATING PARAMETERS; SPC-4, 6.18.4.</summary>
/// <param name="NeedsNoListId">SNLID: whether a copy need not have an identifier of its own.</param>
/// <param name="MaximumDevices">The most devices that one command may name.</param>
/// <param name="MaximumSegments">The most segments of one command; 0: it does not say.</param>
/// <param name="MaximumListBytes">The longest list of devices and segments; 0: it does not say.</param>
/// <param name="MaximumSegmentBytes">The longest segment; 0: it does not say.</param>
/// <param name="GranularityLog2">Segments are multiples of so many bytes, as a power of two.</param>
/// <param name="Descriptors">The types of device and segment descriptors that it knows.</param>
public sealed record CopyAbility(
    bool NeedsNoListId, int MaximumDevices, int MaximumSegments, uint MaximumListBytes, uint MaximumSegmentBytes, int GranularityLog2, ReadOnlyMemory<byte> Descriptors)
{
    internal const int AllocationBytes = 512;

    /// <summary>The segment descriptor "from block device to block device"; SPC-4, 6.4.6.7.</summary>
    public const byte BlockToBlock = 0x02;

    /// <summary>The device descriptor that names a unit by its designator; SPC-4, 6.4.5.2.</summary>
    public const byte Identification = 0xE4;

    /// <summary>Reads the parameters; null where they make no sense.</summary>
    public static CopyAbility? Parse(ReadOnlyMemory<byte> received)
    {
        var data = received.Span;
        if (data.Length < 44) return null;
        var end = 4L + BinaryPrimitives.ReadUInt32BigEndian(data);
        if (end < 44 || end > data.Length || 44 + data[43] > end) return null;
        return new(
            (data[4] & 0x01) != 0,
            BinaryPrimitives.ReadUInt16BigEndian(data[8..]),
            BinaryPrimitives.ReadUInt16BigEndian(data[10..]),
            BinaryPrimitives.ReadUInt32BigEndian(data[12..]),
            BinaryPrimitives.ReadUInt32BigEndian(data[16..]),
            data[37],
            received.Slice(44, data[43]));
    }

    /// <summary>Whether a descriptor is among those that it says it knows.</summary>
    public bool Knows(byte descriptor) => Descriptors.Span.Contains(descriptor);
}

/// <summary>The Third-party Copy page, 8Fh; SPC-4, 7.8.17. Only its list of commands is of interest.</summary>
internal static class ThirdPartyCopyPage
{
    /// <summary>Whether it lists a command; null where it has no such list, or makes no sense and so says nothing.</summary>
    public static bool? Lists(ReadOnlySpan<byte> page, byte operationCode, byte serviceAction)
    {
        for (var at = 4; at + 4 <= page.Length;)
        {
            var type = BinaryPrimitives.ReadUInt16BigEndian(page[at..]);
            var length = BinaryPrimitives.ReadUInt16BigEndian(page[(at + 2)..]);
            if (at + 4 + length > page.Length) return null;
            if (type == 0x0001 && length > 0)
            {
                var list = page.Slice(at + 4, length);
                var end = Math.Min(list.Length, 1 + list[0]);
                for (var entry = 1; entry + 2 <= end;)
                {
                    var actions = list[entry + 1];
                    if (entry + 2 + actions > end) return null;
                    if (list[entry] == operationCode && list.Slice(entry + 2, actions).Contains(serviceAction)) return true;
                    entry += 2 + actions;
                }

                return false;
            }

            at += 4 + length;
        }

        return null;
    }
}
