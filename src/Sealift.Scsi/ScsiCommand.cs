using System.Buffers.Binary;

namespace Sealift.Scsi;

/// <summary>One command as it is sent: SPC-4 and SBC-3 say which byte means what.</summary>
/// <param name="Name">What errors call it, with what it is about.</param>
/// <param name="Cdb">The command descriptor block.</param>
/// <param name="Writes">Whether it may change what the unit holds, its state included. Such a command is never sent to a source.</param>
public sealed record ScsiCommand(string Name, ReadOnlyMemory<byte> Cdb, bool Writes)
{
    /// <summary>TEST UNIT READY; SPC-4, 6.47.</summary>
    public static ScsiCommand TestUnitReady() => new("TEST UNIT READY", new byte[6], false);

    /// <summary>INQUIRY for the standard data; SPC-4, 6.6.</summary>
    public static ScsiCommand Inquiry(int allocationBytes) => Inquiry("INQUIRY", 0, 0, allocationBytes);

    /// <summary>INQUIRY for a page of vital product data; SPC-4, 6.6.</summary>
    public static ScsiCommand VitalProductData(byte page, int allocationBytes) => Inquiry($"INQUIRY of page {page:X2}h", 1, page, allocationBytes);

    /// <summary>REPORT LUNS; SPC-4, 6.33.</summary>
    public static ScsiCommand ReportLuns(int allocationBytes)
    {
        var cdb = new byte[12];
        cdb[0] = 0xA0;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(6), (uint)allocationBytes);
        return new("REPORT LUNS", cdb, false);
    }

    /// <summary>READ CAPACITY(16); SBC-3, 5.16.</summary>
    public static ScsiCommand ReadCapacity16(int allocationBytes) => WithLength("READ CAPACITY(16)", 0x9E, 0x10, allocationBytes, writes: false);

    /// <summary>GET LBA STATUS(16): what the blocks from one on are made of; SBC-4, 5.6.</summary>
    public static ScsiCommand GetLbaStatus(ulong block, int allocationBytes)
    {
        var command = WithLength($"GET LBA STATUS at block {block}", 0x9E, 0x12, allocationBytes, writes: false);
        var cdb = command.Cdb.ToArray();
        BinaryPrimitives.WriteUInt64BigEndian(cdb.AsSpan(2), block);
        return command with { Cdb = cdb };
    }

    /// <summary>MODE SENSE(10) for the caching page, with the device-specific parameter in its header; SPC-4, 6.12.</summary>
    public static ScsiCommand ModeSenseCaching(int allocationBytes)
    {
        var cdb = new byte[10];
        cdb[0] = 0x5A;
        cdb[1] = 0x08; // DBD: no block descriptors
        cdb[2] = 0x08; // the caching page, current values
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), (ushort)allocationBytes);
        return new("MODE SENSE(10)", cdb, false);
    }

    /// <summary>READ(16); SBC-3, 5.11.</summary>
    /// <param name="block">The first block.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="fua">Whether the unit must read the medium rather than a cache that could differ from it.</param>
    public static ScsiCommand Read16(ulong block, uint blocks, bool fua) =>
        Blocks($"READ(16) of {blocks} blocks at block {block}", 0x88, (byte)(fua ? 0x08 : 0), block, blocks, writes: false);

    /// <summary>WRITE(16); SBC-3, 5.34.</summary>
    public static ScsiCommand Write16(ulong block, uint blocks) => Blocks($"WRITE(16) of {blocks} blocks at block {block}", 0x8A, 0, block, blocks, writes: true);

    /// <summary>WRITE SAME(16): one block, over and over; SBC-3, 5.42.</summary>
    /// <param name="block">The first block.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="unmap">Whether the unit may give up the space instead, where what it returns then is the same.</param>
    public static ScsiCommand WriteSame16(ulong block, uint blocks, bool unmap) =>
        Blocks($"WRITE SAME(16) of {blocks} blocks at block {block}", 0x93, (byte)(unmap ? 0x08 : 0), block, blocks, writes: true);

    /// <summary>SYNCHRONIZE CACHE(16) of all blocks, returning when they are on the medium; SBC-3, 5.24.</summary>
    public static ScsiCommand SynchronizeCache16() => Blocks("SYNCHRONIZE CACHE(16)", 0x91, 0, 0, 0, writes: true);

    /// <summary>SYNCHRONIZE CACHE(10), for units that do not know the longer one; SBC-3, 5.23.</summary>
    public static ScsiCommand SynchronizeCache10() => new("SYNCHRONIZE CACHE(10)", new byte[] { 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, true);

    /// <summary>PERSISTENT RESERVE IN, READ RESERVATION: whether somebody holds one; SPC-4, 6.15.</summary>
    public static ScsiCommand ReadReservation(int allocationBytes)
    {
        var cdb = new byte[10];
        cdb[0] = 0x5E;
        cdb[1] = 0x01;
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(7), (ushort)allocationBytes);
        return new("PERSISTENT RESERVE IN", cdb, false);
    }

    /// <summary>RECEIVE COPY OPERATING PARAMETERS; SPC-4, 6.18.4. Asks for nothing to be done.</summary>
    public static ScsiCommand CopyOperatingParameters(int allocationBytes) => WithLength("RECEIVE COPY OPERATING PARAMETERS", 0x84, 0x03, allocationBytes, writes: false);

    /// <summary>EXTENDED COPY(LID1), or (LID4); SPC-4, 6.4 and 6.5.</summary>
    /// <param name="form">Which of them. Whether it goes on in the background is said in its list.</param>
    /// <param name="parameterBytes">The length of its parameter list.</param>
    /// <param name="about">What is copied, for errors.</param>
    public static ScsiCommand ExtendedCopy(CopyForm form, int parameterBytes, string about) =>
        WithLength($"EXTENDED COPY of {about}", 0x83, (byte)(form == CopyForm.Lid1 ? 0x00 : 0x01), parameterBytes, writes: true);

    /// <summary>RECEIVE COPY STATUS(LID4): how far a copy in the background is; SPC-4, 6.24.</summary>
    /// <param name="listId">Which copy.</param>
    /// <param name="allocationBytes">So much may come.</param>
    public static ScsiCommand ReceiveCopyStatus(uint listId, int allocationBytes) =>
        WithListId(WithLength($"RECEIVE COPY STATUS of copy 0x{listId:x8}", 0x84, 0x05, allocationBytes, writes: false), listId);

    /// <summary>COPY OPERATION ABORT; SPC-4, 6.3.</summary>
    /// <param name="listId">Which copy.</param>
    public static ScsiCommand CopyOperationAbort(uint listId) => WithListId(WithLength($"COPY OPERATION ABORT of copy 0x{listId:x8}", 0x83, 0x1C, 0, writes: true), listId);

    /// <summary>The operation code.</summary>
    public byte OperationCode => Cdb.Span[0];

    private static ScsiCommand Inquiry(string name, byte evpd, byte page, int allocationBytes)
    {
        var cdb = new byte[] { 0x12, evpd, page, 0, 0, 0 };
        BinaryPrimitives.WriteUInt16BigEndian(cdb.AsSpan(3), (ushort)allocationBytes);
        return new(name, cdb, false);
    }

    private static ScsiCommand WithLength(string name, byte code, byte serviceAction, int lengthBytes, bool writes)
    {
        var cdb = new byte[16];
        cdb[0] = code;
        cdb[1] = serviceAction;
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(10), (uint)lengthBytes);
        return new(name, cdb, writes);
    }

    private static ScsiCommand WithListId(ScsiCommand command, uint listId)
    {
        var cdb = command.Cdb.ToArray();
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(2), listId);
        return command with { Cdb = cdb };
    }

    private static ScsiCommand Blocks(string name, byte code, byte flags, ulong block, uint blocks, bool writes)
    {
        var cdb = new byte[16];
        cdb[0] = code;
        cdb[1] = flags;
        BinaryPrimitives.WriteUInt64BigEndian(cdb.AsSpan(2), block);
        BinaryPrimitives.WriteUInt32BigEndian(cdb.AsSpan(10), blocks);
        return new(name, cdb, writes);
    }
}
