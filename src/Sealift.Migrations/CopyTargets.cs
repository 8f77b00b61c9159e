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
        if (!await TargetPlaces.MakeAsync(context, disk, lengthBytes, path, cancel)) await DiskImage.CreateAsync(path, context.Request.Format, lengthBytes, cancel);
        context.Files.Own(path, Artefacts.Disk);
        BlockMap.Create(mapPath, lengthBytes, context.Hash).Close();
        context.Files.Own(mapPath, Artefacts.BlockMap);
        return BlockMap.OpenForUpdate(mapPath);
    }

    /// <summary>The two places of a disk, as storage sees them that could copy it by itself.</summary>
    public static TransferEnds EndsOf(MigrationContext context, string disk, long lengthBytes) => new(
        TransferEnd.Of(context.Disk(disk).Image, lengthBytes),
        new TransferEnd(context.CopiedDisk(disk).Export is null ? context.DiskPath(disk) : null, 0, lengthBytes, context.Request.Format),
        context.Hash.BlockBytes,
        context.Copying.Bandwidth is not null) { Esxi = context.Request.Transfer.Esxi };

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

    /// <summary>
    /// The map of what the copied disk was read back with, or a new one where that does not count: where anybody, a run of ours that was
    /// killed or somebody else, has written to the disk since. Opened before the disk is written again.
    /// </summary>
    /// <param name="context">The migration.</param>
    /// <param name="disk">The disk's key.</param>
    /// <param name="map">The leaves of its copy.</param>
    /// <param name="left">The disk as it was when the proofs were made; null where there are none.</param>
    /// <param name="step">Who is told.</param>
    public static BlockMap Proofs(MigrationContext context, string disk, BlockMap map, TargetState? left, string step)
    {
        var path = context.ProvenMapPath(disk);
        if (left is not null)
        {
            var why = "the record of it is gone";
            if (context.Files.IsOurs(path))
            {
                try
                {
                    if (TargetState.Of(context.DiskPath(disk)) != left) why = "it was written to since, by a run that was killed or by somebody else";
                    else
                    {
                        var found = BlockMap.OpenForUpdate(path);
                        if (found.LengthBytes == map.LengthBytes && found.Parameters == map.Parameters) return found;
                        found.Dispose();
                        why = "the record of it is of another disk";
                    }
                }
                catch (SealiftException e) when (e is not PosixException)
                {
                    why = e.Message; // of a record that is damaged nothing is believed, and nothing is lost but time
                }
            }

            context.Events.Send(new Note(step, $"{disk}: what was read back of it before does not count any more: {why}"));
        }

        context.Files.Claim(path, Artefacts.BlockMap);
        var begun = BlockMap.Create(path, map.LengthBytes, map.Parameters);
        context.Files.Own(path, Artefacts.BlockMap);
        return begun;
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
