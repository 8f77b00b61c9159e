using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>The disk and the map that a copy fills, made anew or found again.</summary>
internal static class CopyTargets
{
    /// <summary>Makes both. The caller is the map's only writer.</summary>
    public static async Task<BlockMap> BeginAsync(MigrationContext context, string disk, long lengthBytes, CancellationToken cancel)
    {
        var (path, mapPath) = (context.DiskPath(disk), context.SourceMapPath(disk));
        context.Files.Claim(path, Artefacts.Disk);
        context.Files.Claim(mapPath, Artefacts.BlockMap);
        await DiskImage.CreateAsync(path, context.Request.Format, lengthBytes, cancel);
        context.Files.Own(path, Artefacts.Disk);
        BlockMap.Create(mapPath, lengthBytes, context.Hash).Close();
        context.Files.Own(mapPath, Artefacts.BlockMap);
        return BlockMap.OpenForUpdate(mapPath);
    }

    /// <summary>The two places of a disk, as storage sees them that could copy it by itself.</summary>
    public static TransferEnds EndsOf(MigrationContext context, string disk, long lengthBytes) => new(
        TransferEnd.Of(context.Disk(disk).Image, lengthBytes),
        new TransferEnd(context.DiskPath(disk), 0, lengthBytes, context.Request.Format),
        context.Hash.BlockBytes,
        context.Copying.Bandwidth is not null);

    /// <summary>
    /// The map of a copy that was interrupted, where both it and the disk are still the files that were made. What it knows was flushed
    /// before the map was made durable, and is proven by the read-back like everything else.
    /// </summary>
    public static BlockMap? Interrupted(MigrationContext context, string disk, long lengthBytes, string step)
    {
        var mapPath = context.SourceMapPath(disk);
        if (!context.Files.IsOurs(context.DiskPath(disk)) || !context.Files.IsOurs(mapPath)) return null;
        BlockMap? map = null;
        try
        {
            map = BlockMap.OpenForUpdate(mapPath);
            if (map.LengthBytes == lengthBytes && map.Parameters == context.Hash) return map;
            context.Events.Send(new Note(step, $"{disk}: the block map of the interrupted copy is of another disk; it is copied anew"));
        }
        catch (SealiftException e) when (e is not PosixException)
        {
            // Of a map that is damaged nothing is believed, and nothing is lost but time.
            context.Events.Send(new Note(step, $"{disk}: the block map of the interrupted copy cannot be used, and it is copied anew: {e.Message}"));
        }

        map?.Dispose();
        return null;
    }

    /// <summary>Whether a copy that failed has come to a checkpoint, so that a resume need not begin anew.</summary>
    public static bool CanGoOn(MigrationContext context, string disk)
    {
        if (!context.Files.IsOurs(context.DiskPath(disk)) || !context.Files.IsOurs(context.SourceMapPath(disk))) return false;
        try
        {
            using var map = BlockMap.Open(context.SourceMapPath(disk));
            return map.UnknownBlocks < map.BlockCount;
        }
        catch (SealiftException e) when (e is not PosixException)
        {
            return false; // of a map that is damaged nothing is believed
        }
    }
}
