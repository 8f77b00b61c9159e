using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Server.Pages;

/// <summary>A disk as it is drawn: the picture of what lies where, and how much of it is dealt with.</summary>
/// <param name="Key">The disk.</param>
/// <param name="LengthBytes">Its length in bytes.</param>
/// <param name="Picture">What lies where.</param>
/// <param name="KnownBytes">Bytes that were copied so far, holes among them.</param>
/// <param name="DataBytes">Of these, bytes that are not all zeros.</param>
/// <param name="HoleBytes">Of these, bytes that the source's allocation map says are zeros.</param>
/// <param name="IsWhole">Whether the copy came to its end.</param>
public sealed record DiskCells(string Key, long LengthBytes, DiskPicture Picture, long KnownBytes, long DataBytes, long HoleBytes, bool IsWhole)
{
    /// <summary>What is known of a disk that is being copied, from its block map as it was last made durable; null where there is none that can be read now.</summary>
    /// <param name="key">The disk.</param>
    /// <param name="mapPath">The map.</param>
    public static DiskCells? OfMap(string key, string mapPath)
    {
        try
        {
            if (FileFacts.OfPathIfExists(mapPath) is null) return null;
            using var map = BlockMap.Open(mapPath);
            long known = 0, data = 0, holes = 0;
            foreach (var run in map.Runs())
            {
                var bytes = map.BytesOf(run);
                if (run.State != BlockState.Unknown) known += bytes;
                if (run.State == BlockState.Data) data += bytes;
                if (run.State == BlockState.Hole) holes += bytes;
            }

            // What is to come is drawn where a seal's picture has what mismatched: nothing is read back yet.
            return new DiskCells(key, map.LengthBytes, DiskPicture.Of(map, map.Runs().Where(r => r.State == BlockState.Unknown).Select(r => new DiskRange(r.First * map.BlockBytes, map.BytesOf(r))), []), known, data, holes, map.IsComplete);
        }
        catch (SealiftException)
        {
            return null; // it is written to at this moment, or was taken away: the next look shows it
        }
    }

    /// <summary>A disk of a seal.</summary>
    public static DiskCells? OfSeal(SealedDisk disk) => disk.Picture is { Data.Length: > 0 } picture ? new DiskCells(disk.Key, disk.VirtualBytes, picture, disk.VirtualBytes, disk.DataBytes, disk.HoleBytes, true) : null;
}
