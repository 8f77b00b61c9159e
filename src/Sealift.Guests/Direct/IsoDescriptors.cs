using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>The volume descriptors of an ISO 9660 image (ECMA-119, 8): the set's end, the sizes in both byte orders, the root directory's place.</summary>
internal static class IsoDescriptors
{
    private const int SectorBytes = 2048;
    private const int DirectoryRecordBytes = 34;
    private const int Limit = 64; // real images have two to five

    /// <summary>What is wrong with them; empty where nothing is.</summary>
    public static async Task<IReadOnlyList<string>> ProblemsAsync(IDiskReader volume, CancellationToken cancel)
    {
        var wrong = new List<string>();
        var primaries = 0;
        for (var i = 0; i < Limit; i++)
        {
            var descriptor = await volume.TryReadAsync((16L + i) * SectorBytes, SectorBytes, cancel);
            if (descriptor is null || !descriptor.AsSpan(1, 5).SequenceEqual("CD001"u8))
            {
                wrong.Add($"The set of volume descriptors does not end: there is none at sector {16 + i}");
                return wrong;
            }

            if (descriptor[0] == 255)
            {
                if (primaries == 0) wrong.Add("There is no primary volume descriptor");
                return wrong;
            }

            if (descriptor[0] != 1) continue;
            primaries++;
            var (blocks, sameBlocks) = (BinaryPrimitives.ReadUInt32LittleEndian(descriptor.AsSpan(80)), BinaryPrimitives.ReadUInt32BigEndian(descriptor.AsSpan(84)));
            var (size, sameSize) = (BinaryPrimitives.ReadUInt16LittleEndian(descriptor.AsSpan(128)), BinaryPrimitives.ReadUInt16BigEndian(descriptor.AsSpan(130)));
            if (blocks != sameBlocks || size != sameSize) wrong.Add("The volume descriptor gives its sizes in two byte orders, and they differ");
            if ((long)blocks * size > volume.LengthBytes) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The volume descriptor claims {(long)blocks * size} bytes; the device has {volume.LengthBytes}"));
            if (blocks == 0 || !BitOperations.IsPow2(size) || size < 512) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The volume descriptor claims {blocks} blocks of {size} bytes"));
            var root = BinaryPrimitives.ReadUInt32LittleEndian(descriptor.AsSpan(158));
            var itself = descriptor[156] < DirectoryRecordBytes ? null : await volume.TryReadAsync((long)root * size, DirectoryRecordBytes, cancel);
            // A directory's first record is the directory's own (ECMA-119, 6.8.2.2): as long, without a name, and it leads to itself.
            if (itself is not null && (itself[0] < DirectoryRecordBytes || itself[32] != 1 || itself[33] != 0 || BinaryPrimitives.ReadUInt32LittleEndian(itself.AsSpan(2)) != root)) itself = null;
            if (itself is null) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"There is no root directory at block {root}"));
            if ((root + 1L) * size > volume.LengthBytes) wrong.Add($"The root directory is said to be at block {root}, beyond the end");
        }

        wrong.Add($"There are more than {Limit} volume descriptors");
        return wrong;
    }
}
