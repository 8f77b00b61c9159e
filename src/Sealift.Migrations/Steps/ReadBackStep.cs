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

        var mismatches = new List<SealedMismatch>();
        // Taken before the first byte is read: a write during the reading, or right after it, is not covered by the proof.
        var modified = copy.ModifiedNanoseconds;
        // What was found while it was copied counts only if nobody has written to the file since its copy closed it.
        context.ReadBackWhileCopied.Remove(Disk, out var whileCopied);
        if (whileCopied is not null && FileFacts.OfPath(path).ModifiedNanoseconds != modified)
        {
            context.Events.Send(new Note(StepName.ReadBack, $"{Disk}: {path} was written to after it was copied; all of it is read back again"));
            whileCopied = null;
        }

        var stages = new StageMeter(context.Copying.Workers);
        var offload = copy.Transfer is { IsOffload: true } report ? Offload.Finished(report, CopyTargets.EndsOf(context, Disk, copy.LengthBytes), context.Request.Transfer.MayFallBack) : null;
        var proof = await TargetProof.RunAsync(
            c =>
            {
                context.Source.VerifyUnchanged();
                return context.OpenSourceAsync(Disk, c);
            },
            c => DiskImage.OpenWriteAsync(path, context.Request.Format, context.Scratch, c),
            c =>
            {
                modified = FileFacts.OfPath(path).ModifiedNanoseconds;
                return DiskImage.OpenUncachedAsync(path, context.Request.Format, context.Scratch, c);
            },
            map,
            whileCopied,
            context.Copying with { Offload = offload, Stages = stages },
            m =>
            {
                context.Events.Send(new Note(StepName.ReadBack, $"{Disk}: {m}; copying them again"));
                mismatches.Add(SealedMismatch.Of(m, StepName.ReadBack, repaired: true));
            },
            context.Events.Progress(Planned),
            cancel);
        var found = proof.Found;
        if (mismatches.Count > 0)
        {
            context.Source.VerifyUnchanged();
            context.Events.Send(new Note(StepName.ReadBack, $"{Disk}: {proof.RewrittenBytes} bytes were copied again and now read back right"));
        }

        var root = MigrationContext.Hex(found.Root);
        if (!found.IsEqual || root != copy.Root) throw MigrationErrors.RootsDiffer(Disk, path, copy.Root, root);
        return MigrationContext.Done(
            $"T = S{(whileCopied is null ? string.Empty : ", while it was copied")}{(mismatches.Count > 0 ? $", after {Measures.Count(mismatches.Count, "range")} copied again" : string.Empty)} ({found.CacheBypass})",
            new ReadBackStepResult(root, mismatches, found.CacheBypass, modified) { Performance = whileCopied is null ? stages.Report() : null, Transfer = offload?.Report },
            JournalJson.Default.ReadBackStepResult);
    }
}

/// <summary>What a read-back established.</summary>
/// <param name="Root">T, or F's read-back.</param>
/// <param name="Mismatches">What the first read-back found different.</param>
/// <param name="CacheBypass">How the page cache was bypassed.</param>
/// <param name="ModifiedNanoseconds">When the file had been written last as the reading began.</param>
internal sealed record ReadBackStepResult(string Root, IReadOnlyList<SealedMismatch> Mismatches, string CacheBypass, long ModifiedNanoseconds)
{
    /// <summary>Where the time went; null where it was read back while it was copied.</summary>
    public StageReport? Performance { get; init; }

    /// <summary>Who copied it, where that was storage, and how much of that was repaired.</summary>
    public TransferReport? Transfer { get; init; }
}
