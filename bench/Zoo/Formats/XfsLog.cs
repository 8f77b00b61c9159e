using System.Buffers.Binary;
using Sealift.Posix;

namespace Sealift.Bench.FileSystems.Formats;

/// <summary>
/// A transaction in a log of XFS that nobody has replayed yet, as a machine that was cut off leaves it: only a kernel writes such logs,
/// and none is needed for this one. XFS's fs/xfs/libxfs/xfs_log_format.h.
/// </summary>
internal static class XfsLog
{
    private const int Sector = 512;
    private const int Cycle = 1;

    // mkfs.xfs writes one record of two sectors, which says that the file system was unmounted.
    private const int First = 2;

    // So much of a record's header is in its checksum, and all that follows it.
    private const int CheckedBytes = 328;
    private const uint Transaction = 0x2EA11F70;
    private const byte OfTransactions = 0x69, Start = 0x01, Commit = 0x02;

    /// <summary>Where the log is, in bytes from the start of the file system.</summary>
    /// <param name="disk">A disk.</param>
    /// <param name="start">Where on it the file system begins, in bytes.</param>
    public static long PlaceOf(string disk, long start)
    {
        var super = Damage.Read(disk, start, Sector);
        var (block, groupBlocks, groupBits) = (BinaryPrimitives.ReadInt64BigEndian(super.AsSpan(48)), BinaryPrimitives.ReadUInt32BigEndian(super.AsSpan(84)), super[124]);
        return (((block >> groupBits) * groupBlocks) + (block & ((1L << groupBits) - 1))) * BinaryPrimitives.ReadUInt32BigEndian(super.AsSpan(4));
    }

    /// <summary>Appends it to the log that mkfs.xfs has made.</summary>
    /// <param name="disk">A disk.</param>
    /// <param name="start">Where on it the file system begins, in bytes.</param>
    public static void MakeDirty(string disk, long start)
    {
        var logAt = start + PlaceOf(disk, start);
        var unmounted = Damage.Read(disk, logAt, Sector);
        var record = new byte[2 * Sector];
        var body = record.AsSpan(Sector);
        Operation(body, 0, Start);
        Operation(body[12..], 16, 0);
        // What begins each transaction: in the order of the machine's bytes, which the record names.
        BinaryPrimitives.WriteUInt32LittleEndian(body[24..], 0x5452414E);
        BinaryPrimitives.WriteUInt32LittleEndian(body[28..], 40);
        BinaryPrimitives.WriteUInt32LittleEndian(body[32..], Transaction);
        body[36] = 1; // its one item: a buffer that is not to be replayed, for what was in it is gone
        Operation(body[40..], 24, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(body[52..], 0x123C);
        (body[54], body[56], body[58]) = (1, 2, 8); // one region, cancelled, of eight sectors
        BinaryPrimitives.WriteInt64LittleEndian(body[60..], 64);
        body[68] = 1; // words in its map
        Operation(body[76..], 0, Commit);

        var header = record.AsSpan(0, Sector);
        unmounted.CopyTo(header); // magic, version, format, size, and whose log it is
        const ulong Place = ((ulong)Cycle << 32) | First;
        BinaryPrimitives.WriteInt32BigEndian(header[4..], Cycle);
        BinaryPrimitives.WriteInt32BigEndian(header[12..], Sector);
        BinaryPrimitives.WriteUInt64BigEndian(header[16..], Place);
        BinaryPrimitives.WriteUInt64BigEndian(header[24..], Place);
        BinaryPrimitives.WriteUInt32BigEndian(header[36..], 0);
        BinaryPrimitives.WriteUInt32BigEndian(header[40..], 4);
        // Each sector begins with the cycle; what was there is kept in the header.
        body[..4].CopyTo(header[44..]);
        BinaryPrimitives.WriteInt32BigEndian(body, Cycle);
        header.Slice(32, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header[32..], ~Crc32C.Continue(Crc32C.Continue(uint.MaxValue, header[..CheckedBytes]), body));
        using var file = PosixFile.Open(disk, OpenMode.ReadWrite);
        file.WriteAt(record, logAt + (First * Sector));
    }

    private static void Operation(Span<byte> at, int lengthBytes, byte flags)
    {
        BinaryPrimitives.WriteUInt32BigEndian(at, Transaction);
        BinaryPrimitives.WriteInt32BigEndian(at[4..], lengthBytes);
        (at[8], at[9]) = (OfTransactions, flags);
    }
}
