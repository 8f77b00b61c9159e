using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>The header of an encrypted volume: LUKS1 and LUKS2 on-disk formats (cryptsetup's docs). What is inside needs a key.</summary>
internal static class LuksHeader
{
    private const int BinaryBytes = 4096;
    private const int HeaderBytes = 592; // of LUKS1: its last key slot ends there
    private const int Slots = 8;
    private const uint Stripes = 4000; // LUKS1 has no other number of them
    private const uint Enabled = 0x00AC71F3, Disabled = 0x0000DEAD;
    private const long LongestBytes = 4 << 20; // the largest header that LUKS2 allows

    private static readonly int[] BackupPlaces = [0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000];

    /// <summary>What it begins with.</summary>
    public static ReadOnlySpan<byte> Mark => [(byte)'L', (byte)'U', (byte)'K', (byte)'S', 0xBA, 0xBE];

    private static ReadOnlySpan<byte> BackupMark => [(byte)'S', (byte)'K', (byte)'U', (byte)'L', 0xBA, 0xBE];

    /// <summary>What is wrong with it; empty where nothing is.</summary>
    public static async Task<IReadOnlyList<string>> ProblemsAsync(IDiskReader volume, CancellationToken cancel)
    {
        var header = await volume.TryReadAsync(0, BinaryBytes, cancel);
        if (header is null) return ["The header is cut off"];
        return BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6)) switch
        {
            1 => Version1(header, volume.LengthBytes),
            2 => await Version2Async(volume, header, cancel),
            var other => [$"Version {other} is not known"],
        };
    }

    /// <summary>Whether a second header of LUKS2 is there whose first one is gone, or the key slots of a LUKS1 whose mark is.</summary>
    public static async Task<bool> IsLostAsync(IDiskReader volume, CancellationToken cancel)
    {
        // LUKS1 has no second header, and eight times one of two words where its key slots begin.
        if (await volume.TryReadAsync(0, BinaryBytes, cancel) is { } first && Enumerable.Range(0, Slots).All(slot => Slot(first, slot) is Enabled or Disabled)) return true;
        foreach (var at in BackupPlaces)
            if (await volume.TryReadAsync(at, 6, cancel) is { } start && start.AsSpan().SequenceEqual(BackupMark) && await CopyProblemAsync(volume, at, cancel) is null) return true;
        return false;
    }

    private static List<string> Version1(byte[] header, long lengthBytes)
    {
        const int LongestKeyBytes = 512; // of what exists, aes-xts needs most: 64
        var wrong = new List<string>();
        var payload = (long)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(104)) * 512;
        if (payload > lengthBytes) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The data are said to begin at byte {payload}; the device has {lengthBytes}"));
        var keyBytes = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(108));
        if (keyBytes is 0 or > LongestKeyBytes) wrong.Add($"The key is said to have {keyBytes} bytes");
        foreach (var (name, at) in new[] { ("cipher", 8), ("cipher mode", 40), ("hash", 72) })
            if (!IsWord(header.AsSpan(at, 32))) wrong.Add($"The name of the {name} is none");
        var areas = new List<(long Start, long End)>();
        for (var slot = 0; slot < Slots; slot++)
        {
            if (Slot(header, slot) is not (Enabled or Disabled)) wrong.Add($"Key slot {slot} is neither in use nor free");
            var (place, stripes) = (BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(208 + (slot * 48) + 40)), BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(208 + (slot * 48) + 44)));
            // Its key lies behind the header and before the data; where those are on another device (0), before the end of this one.
            var end = (place * 512L) + (stripes * (long)Math.Min(keyBytes, LongestKeyBytes));
            if (stripes != Stripes || place * 512L < HeaderBytes || end > (payload == 0 ? lengthBytes : payload)) wrong.Add($"Key slot {slot} keeps its key where it cannot be");
            areas.Add((place * 512L, end));
        }

        areas.Sort();
        if (areas.Zip(areas.Skip(1)).Any(pair => pair.First.End > pair.Second.Start)) wrong.Add("Two key slots keep their keys in the same place");

        if (wrong.Count == 0 && !Enumerable.Range(0, Slots).Any(slot => Slot(header, slot) == Enabled)) wrong.Add("No key slot is in use: no key can open it");
        return wrong;
    }

    private static uint Slot(byte[] header, int slot) => BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(208 + (slot * 48)));

    /// <summary>Printable characters and then nothing but zeros.</summary>
    private static bool IsWord(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return end > 0 && !field[..end].ContainsAnyExceptInRange((byte)0x21, (byte)0x7E) && !field[end..].ContainsAnyExcept((byte)0);
    }

    private static async Task<IReadOnlyList<string>> Version2Async(IDiskReader volume, byte[] header, CancellationToken cancel)
    {
        var wrong = new List<string>();
        if (await CopyProblemAsync(volume, 0, cancel) is { } problem) wrong.Add($"The first header {problem}");
        var length = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8));
        var second = BackupPlaces.Contains((int)Math.Min(length, int.MaxValue)) ? (long)length : BackupPlaces[0];
        if (await CopyProblemAsync(volume, second, cancel) is { } other) wrong.Add($"The second header {other}");
        return wrong;
    }

    private static async Task<string?> CopyProblemAsync(IDiskReader volume, long at, CancellationToken cancel)
    {
        var header = await volume.TryReadAsync(at, BinaryBytes, cancel);
        if (header is null) return "lies beyond the end of the device";
        if (!header.AsSpan(0, 6).SequenceEqual(at == 0 ? Mark : BackupMark)) return "is not there";
        var length = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8));
        if (length < BinaryBytes || length > LongestBytes) return string.Create(CultureInfo.InvariantCulture, $"says that it has {length} bytes");
        if (BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(256)) != (ulong)at) return "says that it is elsewhere";
        var whole = await volume.TryReadAsync(at, (int)length, cancel);
        if (whole is null) return "reaches beyond the end of the device";
        var algorithm = Encoding.ASCII.GetString(header, 72, 32).Split('\0')[0];
        if (algorithm is not ("sha256" or "sha512")) return $"names a checksum that is not known: {GuestText.Name(algorithm)}"; // cryptsetup writes no other
        var expected = whole[448..(448 + (algorithm == "sha256" ? 32 : 64))];
        whole.AsSpan(448, 64).Clear();
        return (algorithm == "sha256" ? SHA256.HashData(whole) : SHA512.HashData(whole)).AsSpan().SequenceEqual(expected) ? null : $"does not match its checksum ({algorithm})";
    }
}
