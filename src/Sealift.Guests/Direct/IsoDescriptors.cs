using System.Buffers.Binary;
using System.Globalization;
using Sealift.Disks;

namespace Sealift.Guests.Direct;

/// <summary>The volume descriptors of an ISO 9660 image (ECMA-119, 8): the set's end, the sizes in both byte orders, the root directory's place.</summary>
internal static class IsoDescriptors
{
    private const int SectorBytes = 2048;
    private const int Limit = 64; // real images have two to five

    /// <summary>What is wrong with them; empty where nothing is.</summary>
    public static async Task<IReadOnlyList<string>> ProblemsAsync(IDiskReader volume, CancellationToken cancel)
    {
        var wrong = new List<string>();
        for (var i = 0; i < Limit; i++)
        {
            var descriptor = await volume.TryReadAsync((16L + i) * SectorBytes, SectorBytes, cancel);
            if (descriptor is null || !descriptor.AsSpan(1, 5).SequenceEqual("CD001"u8))
            {
                wrong.Add($"The set of volume descriptors does not end: there is none at sector {16 + i}");
                return wrong;
            }

            if (descriptor[0] == 255) return wrong;
            if (descriptor[0] != 1) continue;
            var (blocks, sameBlocks) = (BinaryPrimitives.ReadUInt32LittleEndian(descriptor.AsSpan(80)), BinaryPrimitives.ReadUInt32BigEndian(descriptor.AsSpan(84)));
            var (size, sameSize) = (BinaryPrimitives.ReadUInt16LittleEndian(descriptor.AsSpan(128)), BinaryPrimitives.ReadUInt16BigEndian(descriptor.AsSpan(130)));
            if (blocks != sameBlocks || size != sameSize) wrong.Add("The volume descriptor gives its sizes in two byte orders, and they differ");
            if ((long)blocks * size > volume.LengthBytes) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The volume descriptor claims {(long)blocks * size} bytes; the device has {volume.LengthBytes}"));
            var root = BinaryPrimitives.ReadUInt32LittleEndian(descriptor.AsSpan(158));
            if ((root + 1L) * size > volume.LengthBytes) wrong.Add($"The root directory is said to be at block {root}, beyond the end");
        }

        wrong.Add($"There are more than {Limit} volume descriptors");
        return wrong;
    }
}
