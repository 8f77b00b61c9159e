using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>A run of blocks that is copied from one unit to another.</summary>
/// <param name="SourceBlock">Its first block on the source.</param>
/// <param name="TargetBlock">Its first block on the target.</param>
/// <param name="Blocks">How many, from 1 to 65535.</param>
public readonly record struct CopySegment(ulong SourceBlock, ulong TargetBlock, ushort Blocks);

/// <summary>
/// The parameter list of an EXTENDED COPY from one unit to another: SPC-4, 6.4.3 (the header of LID1), 6.5.2 (that of LID4), 6.4.5.2
/// (devices), 6.4.6.7 (segments).
/// </summary>
public static class CopyList
{
    /// <summary>The header, and the descriptions of two devices.</summary>
    public const int FixedBytes = 16 + (2 * DeviceBytes);

    /// <summary>The length of one segment's description.</summary>
    public const int SegmentBytes = 28;

    /// <summary>The most segments that a list of LID4 can have: their length has two bytes.</summary>
    public const int MostLid4Segments = ushort.MaxValue / SegmentBytes;

    private const int Lid4HeaderBytes = 48;
    private const int DeviceBytes = 32;
    private const int LongestDesignator = 20;

    // Both say that nothing is kept for somebody who would ask later. Without an identifier nobody could ask.
    private const byte NoListId = 0x18;
    private const byte DiscardWhenDone = 0x10;

    /// <summary>Builds a list.</summary>
    /// <param name="source">By which name the source is found: at most 20 bytes.</param>
    /// <param name="target">By which name the target is found: likewise.</param>
    /// <param name="blockBytes">The length of a block, the same on both.</param>
    /// <param name="needsNoListId">Whether the copy manager does without an identifier.</param>
    /// <param name="segments">What is copied, in order.</param>
    public static byte[] Of(UnitDesignator source, UnitDesignator target, uint blockBytes, bool needsNoListId, ReadOnlySpan<CopySegment> segments)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        var list = new byte[FixedBytes + (segments.Length * SegmentBytes)];
        list[0] = (byte)(needsNoListId ? 0 : 1);
        list[1] = needsNoListId ? NoListId : DiscardWhenDone;
        BinaryPrimitives.WriteUInt16BigEndian(list.AsSpan(2), 2 * DeviceBytes);
        BinaryPrimitives.WriteUInt32BigEndian(list.AsSpan(8), (uint)(segments.Length * SegmentBytes));
        Body(list.AsSpan(16), source, target, blockBytes, segments);
        return list;
    }

    /// <summary>Builds a list of EXTENDED COPY(LID4).</summary>
    /// <param name="source">By which name the source is found: at most 20 bytes.</param>
    /// <param name="target">By which name the target is found: likewise.</param>
    /// <param name="blockBytes">The length of a block, the same on both.</param>
    /// <param name="listId">Which copy it is; no other one of this initiator that is under way has it.</param>
    /// <param name="inBackground">IMMED: whether the command ends when the copy has begun.</param>
    /// <param name="segments">What is copied, in order; at most <see cref="MostLid4Segments"/>.</param>
    public static byte[] OfLid4(UnitDesignator source, UnitDesignator target, uint blockBytes, uint listId, bool inBackground, ReadOnlySpan<CopySegment> segments)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(segments.Length, MostLid4Segments);
        var list = new byte[Lid4HeaderBytes + (2 * DeviceBytes) + (segments.Length * SegmentBytes)];
        list[0] = 0x01; // PARAMETER LIST FORMAT
        list[1] = (byte)(inBackground ? 0 : DiscardWhenDone); // of one in the background we ask how it ended
        BinaryPrimitives.WriteUInt16BigEndian(list.AsSpan(2), 0x0020); // the header is also a device of the list, of the type in byte 16
        list[15] = (byte)(inBackground ? 0x01 : 0);
        list[16] = 0xFF;
        BinaryPrimitives.WriteUInt32BigEndian(list.AsSpan(20), listId);
        BinaryPrimitives.WriteUInt16BigEndian(list.AsSpan(42), 2 * DeviceBytes);
        BinaryPrimitives.WriteUInt16BigEndian(list.AsSpan(44), (ushort)(segments.Length * SegmentBytes));
        Body(list.AsSpan(Lid4HeaderBytes), source, target, blockBytes, segments);
        return list;
    }

    private static void Body(Span<byte> to, UnitDesignator source, UnitDesignator target, uint blockBytes, ReadOnlySpan<CopySegment> segments)
    {
        Device(to[..DeviceBytes], source, blockBytes);
        Device(to.Slice(DeviceBytes, DeviceBytes), target, blockBytes);
        for (var i = 0; i < segments.Length; i++) Segment(to.Slice((2 * DeviceBytes) + (i * SegmentBytes), SegmentBytes), segments[i]);
    }

    private static void Device(Span<byte> to, UnitDesignator designator, uint blockBytes)
    {
        if (designator.Bytes.Length > LongestDesignator) throw new ArgumentException("a device is named in at most 20 bytes", nameof(designator));
        to[0] = CopyAbility.Identification;
        to[4] = designator.CodeSet;
        to[5] = designator.Type; // of the logical unit: association 0
        to[7] = (byte)designator.Bytes.Length;
        designator.Bytes.Span.CopyTo(to[8..]);
        to[29] = (byte)(blockBytes >> 16);
        to[30] = (byte)(blockBytes >> 8);
        to[31] = (byte)blockBytes;
    }

    private static void Segment(Span<byte> to, CopySegment segment)
    {
        to[0] = CopyAbility.BlockToBlock;
        BinaryPrimitives.WriteUInt16BigEndian(to[2..], SegmentBytes - 4);
        // The source is device 0 of the list, the target device 1.
        BinaryPrimitives.WriteUInt16BigEndian(to[6..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(to[10..], segment.Blocks);
        BinaryPrimitives.WriteUInt64BigEndian(to[12..], segment.SourceBlock);
        BinaryPrimitives.WriteUInt64BigEndian(to[20..], segment.TargetBlock);
    }
}
