using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Migrations.Seals;

namespace Sealift.Migrations;

/// <summary>
/// Reads back, while the guest goes on, what a pass has written and what no pass before has read back. Which leaves the target was read
/// back with is kept in a map of its own: before anything is written it is forgotten there, and it is noted again only after it was read.
/// </summary>
internal static class PassProof
{
    /// <summary>Proves the target of a pass, and closes the map of what is proven.</summary>
    /// <param name="context">The migration.</param>
    /// <param name="disk">What the pass did.</param>
    /// <param name="openSource">Opens the source at the pass's point in time.</param>
    /// <param name="map">The leaves of the copy.</param>
    /// <param name="proven">The leaves that the target was read back with.</param>
    /// <param name="found">What was read back while it was copied; null where nothing was.</param>
    /// <param name="left">The target when it was closed.</param>
    /// <param name="step">What the progress is told of.</param>
    /// <param name="cancel">Stops it; what was read is read again in the next pass.</param>
    /// <exception cref="Posix.SealiftException">As <see cref="TargetProof"/>.</exception>
    public static async Task<PassDisk> RunAsync(
        MigrationContext context, PassDisk disk, Func<CancellationToken, Task<IDiskReader>> openSource, BlockMap map, BlockMap proven, ReadBackResult? found, TargetState left, string step, CancellationToken cancel)
    {
        var (path, mismatches) = (context.DiskPath(disk.Key), new List<SealedMismatch>());
        var (since, begunAt) = (disk.ProvenSince, DateTimeOffset.UtcNow);
        var proof = await TargetProof.RunAsync(
            openSource,
            c => context.CopiedDisk(disk.Key).OpenWriteAsync(map.LengthBytes, context.Scratch, c),
            c =>
            {
                // A repair writes to it once more, and everything is read again after that.
                if (mismatches.Count > 0) (left, since, begunAt) = (TargetState.Of(path), null, DateTimeOffset.UtcNow);
                return context.CopiedDisk(disk.Key).OpenUncachedAsync(map.LengthBytes, context.Scratch, c);
            },
            map,
            found,
            proven,
            context.Copying,
            m =>
            {
                context.Events.Send(new Note(step, $"{disk.Key}: {m}; copying them again"));
                mismatches.Add(SealedMismatch.Of(m, step, repaired: true));
            },
            context.Events.Progress(new PlannedStep(step, disk.Key)),
            cancel);
        var written = TargetState.Of(path) != left;
        if (written)
        {
            context.Events.Send(new Note(step, $"{disk.Key}: {path} was written to while it was read back, and not by this migration; nothing of it counts as read back"));
            proven.SetUnknown(0, proven.BlockCount);
        }

        proven.Close();
        return disk with
        {
            Target = written ? null : left,
            ProvenBytes = map.LengthBytes - proof.Found.ProvenBytes,
            ProvenSince = written ? null : since ?? begunAt,
            Mismatches = mismatches,
        };
    }
}
