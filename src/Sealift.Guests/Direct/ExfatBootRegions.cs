using System.Buffers.Binary;
using System.Globalization;
using Sealift.Disks;
using Sealift.Guests.Checks;

namespace Sealift.Guests.Direct;

/// <summary>The two boot regions of an exFAT, each of twelve sectors with a checksum in the last; Microsoft's exFAT specification 1.0, 3.1 to 3.4.</summary>
internal static class ExfatBootRegions
{
    private const int Sectors = 12;
    private const int VolumeDirty = 2;

    /// <summary>What is to be said of them.</summary>
    public static async Task<IReadOnlyList<Observation>> ObservationsAsync(IDiskReader volume, CancellationToken cancel)
    {
        var seen = new List<Observation>();
        if (await volume.TryReadAsync(0, 512, cancel) is not { } boot || boot[108] is < 9 or > 12) return [new Observation("exfat.errors", FindingSeverity.Damage, "The boot sector does not say how long sectors are")];
        if ((BinaryPrimitives.ReadUInt16LittleEndian(boot.AsSpan(106)) & VolumeDirty) != 0) seen.Add(new Observation("exfat.dirty", FindingSeverity.Note, "It was not unmounted (flag VolumeDirty): the disk was taken while mounted"));
        var regionBytes = Sectors << boot[108];
        var wrong = new List<string>();
        foreach (var (name, at) in new[] { ("main", 0), ("backup", regionBytes) })
        {
            if (await volume.TryReadAsync(at, regionBytes, cancel) is not { } region) wrong.Add(string.Create(CultureInfo.InvariantCulture, $"The {name} boot region is beyond the end of the device"));
            else if (!IsSound(region, regionBytes / Sectors)) wrong.Add($"The {name} boot region does not match its checksum");
        }

        if (wrong.Count > 0) seen.Add(new Observation("exfat.errors", FindingSeverity.Damage, string.Join('\n', wrong)));
        return seen;
    }

    private static bool IsSound(byte[] region, int sectorBytes)
    {
        uint sum = 0;
        var body = region.Length - sectorBytes;
        // VolumeFlags and PercentInUse change while it is mounted, and are left out.
        for (var i = 0; i < body; i++)
            if (i is not (106 or 107 or 112)) sum = ((sum & 1) << 31) + (sum >> 1) + region[i];
        for (var i = body; i < region.Length; i += 4)
            if (BinaryPrimitives.ReadUInt32LittleEndian(region.AsSpan(i)) != sum) return false;
        return true;
    }
}
