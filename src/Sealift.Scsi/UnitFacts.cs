using System.Buffers.Binary;
using System.Text;

namespace Sealift.Scsi;

/// <summary>The standard INQUIRY data; SPC-4, 6.6.2.</summary>
/// <param name="DeviceType">0 for a disk (direct access block device); 31 for none.</param>
/// <param name="IsConnected">Whether there is a logical unit of that number.</param>
/// <param name="CopiesThirdParty">3PC: whether it knows commands of third-party copy.</param>
/// <param name="Vendor">Who made it, as printable text.</param>
/// <param name="Product">What it is, as printable text.</param>
public sealed record UnitInquiry(int DeviceType, bool IsConnected, bool CopiesThirdParty, string Vendor, string Product)
{
    /// <summary>So much is asked for.</summary>
    internal const int AllocationBytes = 96;

    /// <summary>Reads the data; null where they are too short to be any.</summary>
    public static UnitInquiry? Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length < 36) return null;
        return new(data[0] & 0x1F, data[0] >> 5 == 0, (data[5] & 0x08) != 0, ScsiText.Printable(data[8..16]), ScsiText.Printable(data[16..32]));
    }
}

/// <summary>READ CAPACITY(16) data; SBC-3, 5.16.2.</summary>
/// <param name="Blocks">How many blocks the unit has.</param>
/// <param name="BlockBytes">The length of one.</param>
/// <param name="HasProtection">Whether blocks carry protection information.</param>
/// <param name="IsThin">LBPME: whether blocks can be without space.</param>
/// <param name="ThinReadsZeroes">LBPRZ: whether a block without space reads as zeros.</param>
public sealed record UnitCapacity(ulong Blocks, uint BlockBytes, bool HasProtection, bool IsThin, bool ThinReadsZeroes)
{
    internal const int AllocationBytes = 32;

    /// <summary>The length in bytes.</summary>
    public long LengthBytes => (long)Blocks * BlockBytes;

    /// <summary>Reads the data; null where they are too short, or say what cannot be (a length beyond 2^63 bytes, a block size that is no power of two from 512 to 65536).</summary>
    public static UnitCapacity? Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length < 15) return null;
        var last = BinaryPrimitives.ReadUInt64BigEndian(data);
        var blockBytes = BinaryPrimitives.ReadUInt32BigEndian(data[8..]);
        if (blockBytes is < 512 or > 65536 || !System.Numerics.BitOperations.IsPow2(blockBytes) || last >= (ulong)long.MaxValue / blockBytes) return null;
        return new(last + 1, blockBytes, (data[12] & 0x01) != 0, (data[14] & 0x80) != 0, (data[14] & 0x40) != 0);
    }
}

/// <summary>The Block Limits page, B0h; SBC-3, 6.5.3. 0 means that the unit names no limit.</summary>
/// <param name="MaximumTransferBlocks">The most blocks of one read or write.</param>
/// <param name="MaximumWriteSameBlocks">The most blocks of one WRITE SAME.</param>
public sealed record BlockLimits(uint MaximumTransferBlocks, ulong MaximumWriteSameBlocks)
{
    /// <summary>A unit without such a page.</summary>
    public static BlockLimits None { get; } = new(0, 0);

    /// <summary>Reads what lies behind the page's header; what is missing is no limit.</summary>
    public static BlockLimits Parse(ReadOnlySpan<byte> page) => new(
        page.Length >= 12 ? BinaryPrimitives.ReadUInt32BigEndian(page[8..]) : 0,
        page.Length >= 44 ? BinaryPrimitives.ReadUInt64BigEndian(page[36..]) : 0);
}

/// <summary>The Logical Block Provisioning page, B2h; SBC-3, 6.5.4.</summary>
/// <param name="UnmapsByWriteSame">LBPWS: whether WRITE SAME(16) can give up space.</param>
/// <param name="ReadsZeroes">LBPRZ: whether what was given up reads as zeros.</param>
public sealed record BlockProvisioning(bool UnmapsByWriteSame, bool ReadsZeroes)
{
    /// <summary>A unit without such a page.</summary>
    public static BlockProvisioning None { get; } = new(false, false);

    /// <summary>Reads the page; what is missing cannot be.</summary>
    public static BlockProvisioning Parse(ReadOnlySpan<byte> page) => page.Length >= 6 ? new((page[5] & 0x40) != 0, (page[5] & 0x04) != 0) : None;
}

/// <summary>The header of MODE SENSE(10) with the caching page; SPC-4, 7.5.5 and SBC-3, 6.4.5.</summary>
/// <param name="IsWriteProtected">WP.</param>
/// <param name="KnowsFua">DPOFUA: whether reads can be forced past a cache.</param>
public sealed record UnitModes(bool IsWriteProtected, bool KnowsFua)
{
    internal const int AllocationBytes = 64;

    /// <summary>A unit that does not say.</summary>
    public static UnitModes Unknown { get; } = new(false, false);

    /// <summary>Reads the data; what is missing is not known.</summary>
    public static UnitModes Parse(ReadOnlySpan<byte> data) => data.Length >= 4 ? new((data[3] & 0x80) != 0, (data[3] & 0x10) != 0) : Unknown;
}

/// <summary>The numbers of a target's units: REPORT LUNS data; SPC-4, 6.33, and SAM-5, 4.7.</summary>
internal static class UnitNumbers
{
    /// <summary>As many as are looked at.</summary>
    public const int Most = 512;

    public const int AllocationBytes = 8 + (8 * Most);

    /// <summary>The numbers; null where there are more than fit, or one that is not counted in one level.</summary>
    public static IReadOnlyList<int>? Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length < 8) return null;
        var bytes = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (bytes % 8 != 0 || bytes > data.Length - 8) return null;
        var numbers = new List<int>();
        for (var at = 8; at < 8 + bytes; at += 8)
        {
            var (high, low) = (data[at], data[at + 1]);
            if (data.Slice(at + 2, 6).ContainsAnyExcept((byte)0) || (high >> 6) > 1 || ((high >> 6) == 0 && high != 0)) return null;
            numbers.Add(((high & 0x3F) << 8) | low);
        }

        return numbers;
    }
}

/// <summary>A page of vital product data: a header of four bytes, of which the last two say how long the rest is; SPC-4, 7.8.1.</summary>
internal static class VitalPage
{
    /// <summary>The longest that is asked for: those that are known have some hundred bytes.</summary>
    public const int LimitBytes = 8192;

    /// <summary>The page without what lies behind its end; null where it is another page, or shorter than its header says.</summary>
    public static ReadOnlyMemory<byte>? Cut(ReadOnlyMemory<byte> received, byte page)
    {
        var data = received.Span;
        if (data.Length < 4 || data[1] != page) return null;
        var end = 4 + BinaryPrimitives.ReadUInt16BigEndian(data[2..]);
        if (end > data.Length) return null; // no conditional expression: there, null would be an empty page
        return received[..end];
    }
}

/// <summary>Text of a unit's, which may be anything.</summary>
internal static class ScsiText
{
    /// <summary>As ASCII, without blanks around it, and with a question mark for each byte that no text has.</summary>
    public static string Printable(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (var b in bytes) text.Append(b is >= 0x20 and < 0x7F ? (char)b : b == 0 ? ' ' : '?');
        return text.ToString().Trim();
    }
}
