using System.Buffers.Binary;
using Sealift.Posix;

namespace Sealift.Blkhash;

/// <summary>One of the two headers of a block map: what the disk is, and where the index of one checkpoint lies.</summary>
/// <param name="Parameters">Digest and block size.</param>
/// <param name="LengthBytes">The disk's length.</param>
/// <param name="Generation">Counts up with each header written; its lowest bit is the slot.</param>
/// <param name="IndexOffset">Where the index is.</param>
/// <param name="IndexBytes">How long it is.</param>
/// <param name="IndexChecksum">Its checksum.</param>
/// <param name="FileBytes">The first byte after everything that this checkpoint holds.</param>
internal sealed record MapHeader(BlkhashParameters Parameters, long LengthBytes, ulong Generation, long IndexOffset, long IndexBytes, ulong IndexChecksum, long FileBytes)
{
    private const int ChecksumOffset = BlockMapFormat.HeaderBytes - sizeof(ulong);

    private static ReadOnlySpan<byte> Magic => "SEALMAP\0"u8;

    public long PageCount => (Parameters.BlockCount(LengthBytes) + BlockMapFormat.PageBlocks - 1) / BlockMapFormat.PageBlocks;

    public long SlotOffset => (long)(Generation % 2) * BlockMapFormat.HeaderBytes;

    public void Write(PosixFile file)
    {
        var raw = new byte[BlockMapFormat.HeaderBytes];
        Magic.CopyTo(raw);
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(8), BlockMapFormat.Version);
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(12), (uint)Parameters.Algorithm);
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(16), (uint)Parameters.BlockBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(20), BlockMapFormat.PageBlocks);
        BinaryPrimitives.WriteInt64LittleEndian(raw.AsSpan(24), LengthBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(raw.AsSpan(32), Generation);
        BinaryPrimitives.WriteInt64LittleEndian(raw.AsSpan(40), IndexOffset);
        BinaryPrimitives.WriteInt64LittleEndian(raw.AsSpan(48), IndexBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(raw.AsSpan(56), IndexChecksum);
        BinaryPrimitives.WriteInt64LittleEndian(raw.AsSpan(64), FileBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(raw.AsSpan(ChecksumOffset), BlockMapFormat.Checksum(raw.AsSpan(0, ChecksumOffset)));
        file.WriteAt(raw, SlotOffset);
    }

    /// <summary>Whether one of the two headers begins as it should; the other one may be torn.</summary>
    public static bool HasMagic(PosixFile file)
    {
        Span<byte> start = stackalloc byte[Magic.Length];
        return (file.ReadAt(start, 0) == start.Length && start.SequenceEqual(Magic))
            || (file.ReadAt(start, BlockMapFormat.HeaderBytes) == start.Length && start.SequenceEqual(Magic));
    }

    /// <summary>The header of the last checkpoint. One of the two may be torn by a crash while it was written; then the other holds.</summary>
    public static MapHeader ReadNewest(PosixFile file)
    {
        var raw = new byte[BlockMapFormat.BodyOffset];
        var n = file.ReadAt(raw, 0);
        if (n < raw.Length)
        {
            if (n >= Magic.Length && raw.AsSpan().StartsWith(Magic)) throw BlkhashErrors.Truncated(file.Path, 0, raw.Length, n);
            throw BlkhashErrors.NotAMap(file.Path, $"it has only {n} bytes");
        }

        ReadOnlySpan<byte> first = raw.AsSpan(0, BlockMapFormat.HeaderBytes), second = raw.AsSpan(BlockMapFormat.HeaderBytes);
        var newest = (IsIntact(first), IsIntact(second)) switch
        {
            (true, true) => GenerationOf(first) > GenerationOf(second) ? 0 : 1,
            (true, false) => 0,
            (false, true) => 1,
            _ when first.StartsWith(Magic) || second.StartsWith(Magic) => throw BlkhashErrors.BadHeader(file.Path, 0, "neither of the two headers matches its checksum"),
            _ => throw BlkhashErrors.NotAMap(file.Path, "it does not begin as a block map does"),
        };
        return Decode(raw.AsSpan(newest * BlockMapFormat.HeaderBytes, BlockMapFormat.HeaderBytes), file, newest);
    }

    private static bool IsIntact(ReadOnlySpan<byte> raw) =>
        raw.StartsWith(Magic) && BinaryPrimitives.ReadUInt64LittleEndian(raw[ChecksumOffset..]) == BlockMapFormat.Checksum(raw[..ChecksumOffset]);

    private static ulong GenerationOf(ReadOnlySpan<byte> raw) => BinaryPrimitives.ReadUInt64LittleEndian(raw[32..]);

    private static MapHeader Decode(ReadOnlySpan<byte> raw, PosixFile file, int slot)
    {
        // The checksum matched, so what is wrong from here on was written so: by a newer program, or to harm.
        long at = slot * BlockMapFormat.HeaderBytes;
        SealiftException Bad(int field, string said) => BlkhashErrors.BadHeader(file.Path, at + field, said);

        var version = BinaryPrimitives.ReadUInt32LittleEndian(raw[8..]);
        if (version != BlockMapFormat.Version) throw BlkhashErrors.UnsupportedVersion(file.Path, version);
        var algorithm = BinaryPrimitives.ReadUInt32LittleEndian(raw[12..]);
        if (algorithm is < 1 or > 4) throw Bad(12, $"digest {algorithm} is none of 1 to 4");
        var blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(raw[16..]);
        if (blockBytes is < BlkhashParameters.MinimumBlockBytes or > BlkhashParameters.MaximumBlockBytes || !System.Numerics.BitOperations.IsPow2(blockBytes))
            throw Bad(16, $"a block of {blockBytes} bytes is not possible");
        var pageBlocks = BinaryPrimitives.ReadUInt32LittleEndian(raw[20..]);
        if (pageBlocks != BlockMapFormat.PageBlocks) throw Bad(20, $"a page of {pageBlocks} blocks is not possible in version {version}");
        var header = new MapHeader(
            new BlkhashParameters((BlkhashAlgorithm)algorithm, (int)blockBytes),
            BinaryPrimitives.ReadInt64LittleEndian(raw[24..]),
            GenerationOf(raw),
            BinaryPrimitives.ReadInt64LittleEndian(raw[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(raw[48..]),
            BinaryPrimitives.ReadUInt64LittleEndian(raw[56..]),
            BinaryPrimitives.ReadInt64LittleEndian(raw[64..]));
        if (header.LengthBytes < 0 || header.Parameters.BlockCount(header.LengthBytes) > BlockMapFormat.MaximumBlocks)
            throw Bad(24, $"a disk of {(ulong)header.LengthBytes} bytes is not possible");
        if (header.Generation % 2 != (ulong)slot || header.Generation == ulong.MaxValue) throw Bad(32, $"generation {header.Generation} is not possible in this slot");
        if (header.FileBytes < BlockMapFormat.BodyOffset) throw Bad(64, $"a file of {header.FileBytes} bytes is not possible");
        if (header.IndexOffset < BlockMapFormat.BodyOffset || header.IndexOffset % BlockMapFormat.AlignmentBytes != 0 || header.IndexOffset > header.FileBytes)
            throw Bad(40, $"an index at offset {header.IndexOffset} is not possible");
        if (header.IndexBytes < 0 || header.IndexBytes % PageEntry.Bytes != 0 || header.IndexBytes > header.PageCount * PageEntry.Bytes || header.IndexBytes > header.FileBytes - header.IndexOffset)
            throw Bad(48, $"an index of {header.IndexBytes} bytes is not possible");
        var actual = file.Facts().LengthBytes;
        if (actual < header.FileBytes) throw BlkhashErrors.Truncated(file.Path, actual, header.FileBytes - actual, actual);
        return header;
    }
}
