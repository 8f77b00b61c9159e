using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>What a copy manager says of a copy that goes on in the background: RECEIVE COPY STATUS(LID4) parameter data; SPC-4, 6.24.</summary>
/// <param name="Operation">COPY OPERATION STATUS: one of the constants here, or a value that nobody has given a meaning.</param>
/// <param name="UpdateDelay">After how long it is worth being asked again; null where it does not say.</param>
/// <param name="CompletionStatus">The status that the copy ended with, as of a command: <see cref="ScsiStatus"/>. Of meaning when it has ended.</param>
/// <param name="TransferCount">How much was copied so far, in <see cref="TransferUnitLog2"/>.</param>
/// <param name="TransferUnitLog2">The unit of the count in bytes, as a power of two; null where it is the target's block.</param>
/// <param name="SegmentsProcessed">How many segments were processed to their end, from the first one on.</param>
/// <param name="Sense">Why it did not end well, unparsed; empty where it says nothing.</param>
public sealed record CopyStatus(byte Operation, TimeSpan? UpdateDelay, byte CompletionStatus, ulong TransferCount, int? TransferUnitLog2, int SegmentsProcessed, ReadOnlyMemory<byte> Sense)
{
    /// <summary>It has ended, and says that all was copied.</summary>
    public const byte Done = 0x01;

    /// <summary>It has ended with errors.</summary>
    public const byte Failed = 0x02;

    /// <summary>It has ended, and not all was copied.</summary>
    public const byte DoneInPart = 0x04;

    /// <summary>Somebody had it aborted.</summary>
    public const byte Aborted = 0x60;

    internal const int AllocationBytes = HeaderBytes + byte.MaxValue;

    private const int HeaderBytes = 32;
    private const byte CountsBlocks = 0xF1;
    private const byte HighestUnit = 6; // exbibytes

    // From here on the field says that nothing is known, or more than it can hold.
    private const uint NoDelay = 0xFFFFFFFE;

    /// <summary>Whether it goes on: in the foreground, in the background, or it does not say in which.</summary>
    public bool IsUnderWay => Operation is 0x10 or 0x11 or 0x12;

    /// <summary>Reads the data; null where they make no sense, or are of a command that is no EXTENDED COPY(LID4).</summary>
    public static CopyStatus? Parse(ReadOnlyMemory<byte> received)
    {
        var data = received.Span;
        if (data.Length < HeaderBytes) return null;
        var end = 4L + BinaryPrimitives.ReadUInt32BigEndian(data);
        var senseBytes = data[14];
        // It may have more to say than was asked for, but not less than it says that it sent.
        if (end < HeaderBytes + senseBytes || HeaderBytes + senseBytes > data.Length || senseBytes > data[13] || (data[4] & 0x1F) != 0x01) return null;
        var delay = BinaryPrimitives.ReadUInt32BigEndian(data[8..]);
        if (data[15] is > HighestUnit and not CountsBlocks) return null;
        return new(
            (byte)(data[5] & 0x7F),
            delay < NoDelay ? TimeSpan.FromMilliseconds(delay) : null,
            data[12],
            BinaryPrimitives.ReadUInt64BigEndian(data[16..]),
            data[15] == CountsBlocks ? null : data[15] * 10,
            BinaryPrimitives.ReadUInt16BigEndian(data[24..]),
            received.Slice(HeaderBytes, senseBytes));
    }

    /// <summary>What makes no sense in it, given what was asked for; null where it does.</summary>
    /// <param name="askedBytes">How many bytes were to be copied.</param>
    /// <param name="askedSegments">In how many segments.</param>
    /// <param name="blockBytes">The length of the target's block.</param>
    public string? WhyImpossible(long askedBytes, int askedSegments, uint blockBytes)
    {
        if (SegmentsProcessed > askedSegments) return $"it says that it has processed {SegmentsProcessed} of {askedSegments} segments";
        var unit = TransferUnitLog2 is { } log2 ? UInt128.One << log2 : blockBytes;
        return TransferCount * unit > (UInt128)askedBytes ? $"it says that it has copied {TransferCount * unit} of {askedBytes} bytes" : null;
    }

    /// <summary>In plain words, with the number.</summary>
    public override string ToString() => Operation switch
    {
        Done => "done",
        Failed when !Sense.IsEmpty => ScsiSense.Parse(Sense.Span).ToString(),
        Failed => $"the copy ended with errors ({ScsiStatus.Name(CompletionStatus)}), and it does not say which",
        DoneInPart => "the copy ended, and a part of it was not copied",
        Aborted => "the copy was aborted, not from here",
        _ when IsUnderWay => "under way",
        _ => $"the copy has a status of no known meaning (0x{Operation:x2})",
    };
}
