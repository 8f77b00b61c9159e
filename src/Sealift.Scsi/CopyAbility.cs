using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>What a copy manager can do: RECEIVE COPY OPERATING PARAMETERS; SPC-4, 6.18.4. Or what its page 8Fh says.</summary>
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

    /// <summary>How it can be asked to copy, the best first.</summary>
    public IReadOnlyList<CopyForm> Forms { get; init; } = [CopyForm.Lid1];

    /// <summary>Why a form that it lists is not among them, in words that begin in lower case; empty where all are.</summary>
    public string Note { get; init; } = string.Empty;

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
