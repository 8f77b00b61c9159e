using System.Buffers.Binary;
using System.IO.Hashing;
using Sealift.Posix;

namespace Sealift.Blkhash;

/// <summary>Reads and writes the index: entries of 32 bytes that cover the pages in order, those in one state as runs.</summary>
internal static class MapIndex
{
    private const int ChunkBytes = 64 * 1024; // a multiple of the entry

    /// <summary>The number of bytes that the index of these pages takes.</summary>
    public static long Measure(PageEntry[] pages)
    {
        long entries = 0;
        for (var i = 0; i < pages.Length; i += RunOf(pages, i)) entries++;
        return entries * PageEntry.Bytes;
    }

    /// <summary>Writes it and answers its checksum.</summary>
    public static ulong Write(PosixFile file, long offset, PageEntry[] pages)
    {
        var checksum = new XxHash64();
        var chunk = new byte[ChunkBytes];
        var used = 0;
        for (var i = 0; i < pages.Length;)
        {
            var run = RunOf(pages, i);
            Encode(chunk.AsSpan(used, PageEntry.Bytes), i, run, pages[i]);
            used += PageEntry.Bytes;
            i += run;
            if (used < ChunkBytes && i < pages.Length) continue;
            checksum.Append(chunk.AsSpan(0, used));
            file.WriteAt(chunk.AsSpan(0, used), offset);
            offset += used;
            used = 0;
        }

        return checksum.GetCurrentHashAsUInt64();
    }

    /// <summary>Reads and checks it; memory is bounded by the number of pages, which the header has bounded.</summary>
    public static PageEntry[] Read(PosixFile file, MapHeader header)
    {
        var pages = new PageEntry[header.PageCount];
        var checksum = new XxHash64();
        var chunk = new byte[ChunkBytes];
        long next = 0;
        for (long done = 0; done < header.IndexBytes;)
        {
            var bytes = chunk.AsSpan(0, (int)Math.Min(chunk.Length, header.IndexBytes - done));
            file.ReadExactlyAt(bytes, header.IndexOffset + done);
            checksum.Append(bytes);
            for (var i = 0; i < bytes.Length; i += PageEntry.Bytes)
            {
                var said = Decode(bytes.Slice(i, PageEntry.Bytes), header, pages, ref next);
                if (said is not null) throw BlkhashErrors.BadIndex(file.Path, header.IndexOffset + done + i, said);
            }

            done += bytes.Length;
        }

        if (checksum.GetCurrentHashAsUInt64() != header.IndexChecksum) throw BlkhashErrors.BadIndex(file.Path, header.IndexOffset, "it does not match its checksum");
        if (next != header.PageCount) throw BlkhashErrors.BadIndex(file.Path, header.IndexOffset, $"it ends after {next} of {header.PageCount} pages");
        return pages;
    }

    private static int RunOf(PageEntry[] pages, int first)
    {
        if (pages[first].IsStored) return 1;
        var end = first + 1;
        while (end < pages.Length && pages[end].State == pages[first].State) end++;
        return end - first;
    }

    private static void Encode(Span<byte> raw, int first, int count, in PageEntry page)
    {
        BinaryPrimitives.WriteInt32LittleEndian(raw, first);
        BinaryPrimitives.WriteInt32LittleEndian(raw[4..], count);
        BinaryPrimitives.WriteUInt32LittleEndian(raw[8..], (uint)page.State); // one byte, and the three reserved ones
        BinaryPrimitives.WriteUInt16LittleEndian(raw[12..], page.UnknownBlocks);
        BinaryPrimitives.WriteUInt16LittleEndian(raw[14..], page.DataBlocks);
        BinaryPrimitives.WriteInt64LittleEndian(raw[16..], page.Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(raw[24..], page.Checksum);
    }

    private static string? Decode(ReadOnlySpan<byte> raw, MapHeader header, PageEntry[] pages, ref long next)
    {
        var first = BinaryPrimitives.ReadUInt32LittleEndian(raw);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(raw[4..]);
        if (first != next) return $"it goes on with page {first} where page {next} should be";
        if (count == 0 || count > pages.Length - next) return $"{count} pages from page {first} on are not possible";
        if (raw[8] > (byte)BlockState.Data) return $"{raw[8]} is not a state";
        var page = new PageEntry
        {
            State = (BlockState)raw[8],
            UnknownBlocks = BinaryPrimitives.ReadUInt16LittleEndian(raw[12..]),
            DataBlocks = BinaryPrimitives.ReadUInt16LittleEndian(raw[14..]),
            Offset = BinaryPrimitives.ReadInt64LittleEndian(raw[16..]),
            Checksum = BinaryPrimitives.ReadUInt64LittleEndian(raw[24..]),
            IsCheckpointed = true,
        };
        if (page.IsStored)
        {
            var blocks = MapPage.BlocksIn(header, next);
            if (count != 1) return "a stored page stands alone";
            if (page.UnknownBlocks + page.DataBlocks > blocks) return $"{page.UnknownBlocks} unknown and {page.DataBlocks} hashed blocks are more than the {blocks} of page {first}";
            if (page.Offset < BlockMapFormat.BodyOffset || page.Offset % BlockMapFormat.AlignmentBytes != 0 || page.Offset > header.FileBytes - MapPage.StoredBytes(header.Parameters, blocks, page.DataBlocks))
                return $"page {first} cannot be at offset {page.Offset}";
        }
        else if (page.Offset != 0 || page.Checksum != 0 || page.UnknownBlocks != 0 || page.DataBlocks != 0)
        {
            return $"page {first} is not stored but has a place";
        }

        pages.AsSpan((int)next, (int)count).Fill(page);
        next += count;
        return null;
    }
}
