using System.Text;

namespace Sealift.Guests.Ntfs;

/// <summary>The volume's own table of upper case letters, by which the names of its directories are ordered.</summary>
internal sealed class UpCaseTable
{
    private const int Characters = 65536;
    private static readonly byte[] InfoName = Encoding.Unicode.GetBytes("$Info");
    private readonly ushort[] table = new ushort[Characters];

    private UpCaseTable()
    {
    }

    /// <summary>Whether the table is what it should be. By a damaged one nothing is compared.</summary>
    public bool IsSound { get; private set; }

    /// <summary>Reads and checks it.</summary>
    public static async Task<UpCaseTable> ReadAsync(NtfsVolume volume, MasterFileTable mft)
    {
        var upCase = new UpCaseTable();
        if (await FileRecordSet.LoadAsync(volume, mft, SystemRecord.UpCase) is not { } file) return upCase; // said when all records are checked
        var content = file.Content(AttributeType.Data, [], out var wrong);
        if (content is null || wrong is not null || content.LengthBytes != Characters * 2 || await content.TryReadAllAsync(Characters * 2) is not { } bytes)
        {
            volume.Findings.Damage(NtfsClasses.UpCase, $"$UpCase {wrong ?? (content is null ? "has no content" : $"has {content.LengthBytes} bytes instead of {Characters * 2}, or they cannot be read")}");
            return upCase;
        }

        for (var i = 0; i < Characters; i++) upCase.table[i] = ((ReadOnlySpan<byte>)bytes).U16(i * 2);
        upCase.IsSound = true;
        for (var i = 0; i < 128; i++)
        {
            var expected = i is >= 'a' and <= 'z' ? i - 32 : i;
            if (upCase.table[i] != expected) upCase.Unsound(volume, $"makes 0x{upCase.table[i]:x4} of the character 0x{i:x4}");
        }

        // Since Windows 8 the table comes with its checksum.
        var info = file.Content(AttributeType.Data, InfoName, out wrong);
        if (info is null || wrong is not null || await info.TryReadAllAsync(4096) is not { Length: >= 16 } facts) return upCase;
        var stored = ((ReadOnlySpan<byte>)facts).U64(8);
        if (stored != Crc64(bytes)) upCase.Unsound(volume, $"has the checksum 0x{Crc64(bytes):x16}, and its $Info says 0x{stored:x16}");
        return upCase;
    }

    /// <summary>Compares two names in UTF-16: first without regard to case, then with it.</summary>
    public int Compare(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        var common = Math.Min(one.Length, other.Length);
        var exact = 0;
        for (var i = 0; i < common; i += 2)
        {
            ushort a = one.U16(i), b = other.U16(i);
            if (a == b) continue;
            if (table[a] != table[b]) return table[a].CompareTo(table[b]);
            if (exact == 0) exact = a.CompareTo(b);
        }

        return one.Length != other.Length ? one.Length.CompareTo(other.Length) : exact;
    }

    private void Unsound(NtfsVolume volume, string text)
    {
        IsSound = false;
        volume.Findings.Damage(NtfsClasses.UpCase, $"$UpCase {text}; the order of names is not checked by it");
    }

    // The polynomial of NVM Express, reflected.
    private static ulong Crc64(ReadOnlySpan<byte> bytes)
    {
        Span<ulong> remainders = stackalloc ulong[256];
        for (var i = 0; i < 256; i++)
        {
            var remainder = (ulong)i;
            for (var bit = 0; bit < 8; bit++) remainder = (remainder & 1) != 0 ? 0x9A6C_9329_AC4B_C9B5 ^ (remainder >> 1) : remainder >> 1;
            remainders[i] = remainder;
        }

        var crc = ulong.MaxValue;
        foreach (var b in bytes) crc = remainders[(int)((crc ^ b) & 0xFF)] ^ (crc >> 8);
        return ~crc;
    }
}
