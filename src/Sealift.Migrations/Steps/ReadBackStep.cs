using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>Reads a copied disk back past the page cache: T. What differs is copied once more and recorded; the second difference fails the disk.</summary>
internal sealed class ReadBackStep(string disk) : Step(StepName.ReadBack, disk)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var copy = context.Result(StepName.Copy, Disk, JournalJson.Default.CopyStepResult);
        var path = context.DiskPath(Disk);
        context.Files.Verify(path);
        using var map = context.OpenMap(context.SourceMapPath(Disk), copy.Root);

        var (found, modified) = await ReadAsync();
        var mismatches = new List<SealedMismatch>();
        if (!found.IsEqual)
        {
            foreach (var m in found.Mismatches)
            {
                context.Events.Send(new Note(StepName.ReadBack, $"{Disk}: {m.Range.LengthBytes} bytes at offset {m.Range.Offset} read back different (first bytes {m.FirstBytes}); copying them again"));
                mismatches.Add(new SealedMismatch(m.Range.Offset, m.Range.LengthBytes, StepName.ReadBack, m.ExpectedLeaf, m.ActualLeaf, m.FirstBytes, true));
            }

            context.Source.VerifyUnchanged();
            await using (var source = await DiskImage.OpenReadAsync(context.Disk(Disk).Image, context.Scratch, cancel))
            {
                var repair = await DiskRepair.RunAsync(source, OpenWriteAsync, OpenUncachedAsync, map, found, CopyOptions.Default, cancel);
                context.Events.Send(new Note(StepName.ReadBack, $"{Disk}: {repair.RewrittenBytes} bytes were copied again and now read back right"));
            }

            context.Source.VerifyUnchanged();
            // T is about the whole disk: a repair in one place may have disturbed another.
            (found, modified) = await ReadAsync();
        }

        var root = MigrationContext.Hex(found.Root);
        if (!found.IsEqual || root != copy.Root) throw MigrationErrors.RootsDiffer(Disk, path, copy.Root, root);
        return MigrationContext.Done(
            $"T = S{(mismatches.Count > 0 ? $", after {Measures.Count(mismatches.Count, "range")} copied again" : string.Empty)} ({found.CacheBypass})",
            new ReadBackStepResult(root, mismatches, found.CacheBypass, modified),
            JournalJson.Default.ReadBackStepResult);

        Task<IDiskWriter> OpenWriteAsync(CancellationToken c) => DiskImage.OpenWriteAsync(path, context.Request.Format, context.Scratch, c);
        Task<IUncachedReader> OpenUncachedAsync(CancellationToken c) => DiskImage.OpenUncachedAsync(path, context.Request.Format, context.Scratch, c);

        // The time is taken before the first byte is read: a write during the reading, or right after it, is not covered by the proof.
        async Task<(ReadBackResult Found, long ModifiedNanoseconds)> ReadAsync()
        {
            var modified = FileFacts.OfPath(path).ModifiedNanoseconds;
            await using var target = await OpenUncachedAsync(cancel);
            return (await ReadBack.RunAsync(target, map, CopyOptions.Default, context.Events.Progress(Planned), cancel), modified);
        }
    }
}

/// <summary>What a read-back established.</summary>
/// <param name="Root">T, or F's read-back.</param>
/// <param name="Mismatches">What the first read-back found different.</param>
/// <param name="CacheBypass">How the page cache was bypassed.</param>
/// <param name="ModifiedNanoseconds">When the file had been written last as the reading began.</param>
internal sealed record ReadBackStepResult(string Root, IReadOnlyList<SealedMismatch> Mismatches, string CacheBypass, long ModifiedNanoseconds);
