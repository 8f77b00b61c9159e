using System.Buffers.Binary;
using System.Text;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>The labels of NTFS and exFAT, which stand inside of them: in the record of $Volume, and in the root directory.</summary>
internal static class InnerLabel
{
    private const int DirectoryBytes = 64 << 10; // the label is among the first entries of the root
    private const int RecordLimitBytes = 64 << 10;

    /// <summary>Adds it, where there is one that can be read.</summary>
    public static async Task ReadAsync(IDiskReader volume, byte[] head, Dictionary<string, string> probe, CancellationToken cancel)
    {
        if (head.Length < 512 || !probe.TryGetValue("ID_FS_TYPE", out var type) || type is not ("ntfs" or "exfat")) return;
        var label = type == "ntfs" ? await NtfsAsync(volume, head, cancel) : await ExfatAsync(volume, head, cancel);
        ContentProbe.Label(probe, Encoding.UTF8.GetBytes(label));
    }

    private static async Task<string> NtfsAsync(IDiskReader volume, byte[] boot, CancellationToken cancel)
    {
        const int Volume = 3, VolumeName = 0x60;
        long cluster = BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(0x0B)) * (boot[0x0D] <= 0x80 ? boot[0x0D] : 1L << Math.Min(256 - boot[0x0D], 30));
        var size = (sbyte)boot[0x40];
        var record = size > 0 ? size * cluster : 1L << Math.Min(-size, 30);
        var mft = BinaryPrimitives.ReadUInt64LittleEndian(boot.AsSpan(0x30));
        if (cluster is 0 or > 1 << 26 || record is < 512 or > RecordLimitBytes || mft > (ulong)(volume.LengthBytes / cluster)) return string.Empty;
        if (await volume.TryReadAsync(((long)mft * cluster) + (Volume * record), (int)record, cancel) is not { } bytes || !bytes.AsSpan(0, 4).SequenceEqual("FILE"u8)) return string.Empty;
        var at = (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(0x14));
        while (at + 24 <= bytes.Length)
        {
            var (kind, length) = (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 4)));
            if (length < 24 || length > bytes.Length - at) return string.Empty;
            if (kind == VolumeName && bytes[at + 8] == 0)
            {
                var (count, from) = (BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 16)), BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 20)));
                return from + (long)count <= length ? Encoding.Unicode.GetString(bytes, at + from, (int)count) : string.Empty;
            }

            at += (int)length;
        }

        return string.Empty;
    }

    private static async Task<string> ExfatAsync(IDiskReader volume, byte[] boot, CancellationToken cancel)
    {
        const int EntryBytes = 32;
        var (sectorBits, clusterBits) = (boot[108], boot[109]);
        var (heap, root) = (BinaryPrimitives.ReadUInt32LittleEndian(boot.AsSpan(88)), BinaryPrimitives.ReadUInt32LittleEndian(boot.AsSpan(96)));
        if (sectorBits is < 9 or > 12 || sectorBits + clusterBits > 25 || root < 2) return string.Empty;
        var at = ((long)heap << sectorBits) + ((root - 2L) << (sectorBits + clusterBits));
        if (await volume.TryReadAsync(at, Math.Min(1 << (sectorBits + clusterBits), DirectoryBytes), cancel) is not { } directory) return string.Empty;
        for (var entry = 0; entry + EntryBytes <= directory.Length && directory[entry] != 0; entry += EntryBytes)
            if (directory[entry] == 0x83) return Encoding.Unicode.GetString(directory, entry + 2, Math.Min((int)directory[entry + 1], 11) * 2);
        return string.Empty;
    }
}
