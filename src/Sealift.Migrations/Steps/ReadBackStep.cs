using Sealift.Disks;
using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Reads a copied disk back past the page cache: T. What differs is copied once more and recorded; the second difference fails the disk.
/// Of a machine that ran, what the passes have read back already may be left out.
/// </summary>
internal sealed class ReadBackStep(string disk) : Step(StepName.ReadBack, disk)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var copy = context.Result(StepName.Copy, Disk, JournalJson.Default.CopyStepResult);
        var path = context.DiskPath(Disk);
        context.Files.Verify(path);
        await TargetPlaces.VerifyAsync(context, Disk, cancel);
        using var map = context.OpenMap(context.SourceMapPath(Disk), copy.Root);

        var mismatches = new List<SealedMismatch>();
        // Taken before the first byte is read: a write during the reading, or right after it, is not covered by the proof.
        var modified = copy.ModifiedNanoseconds;
        TargetState? state = null;
        var begunAt = DateTimeOffset.UtcNow;
        // What was found while it was copied counts only if nobody has written to the file since its copy closed it.
        context.ReadBackWhileCopied.Remove(Disk, out var whileCopied);
        if (whileCopied is not null && TargetPlaces.ModifiedNanoseconds(path) != modified)
        {
            context.Events.Send(new Note(StepName.ReadBack, $"{Disk}: {path} was written to after it was copied; all of it is read back again"));
            whileCopied = null;
        }

        var (last, scope) = Scope(context);
        using var proven = scope == ReadBackScope.Changed ? CopyTargets.Proofs(context, Disk, map, last!.Target, StepName.ReadBack) : null;
        if (proven is not null) WarmPass.ForgetProofs(proven, map);
        var stages = new StageMeter(context.Copying.Workers);
        // What the storage copied for the first pass over a machine that ran was compared there, block by block.
        var offload = context.Request.Warm is null && copy.Transfer is { IsOffload: true } report ? Offload.Finished(report, CopyTargets.EndsOf(context, Disk, copy.LengthBytes), context.Request.Transfer.MayFallBack) : null;
        // Which blocks differ, however many, is told to whoever reads: what is to be made good is read once more.
        if (offload is not null && whileCopied is { IsEqual: false }) whileCopied = null;
        var proof = await TargetProof.RunAsync(
            c =>
            {
                context.Source.VerifyUnchanged();
                return context.OpenSourceAsync(Disk, c);
            },
            c => context.CopiedDisk(Disk).OpenWriteAsync(copy.LengthBytes, context.Scratch, c),
            async c =>
            {
                if (context.Far is not null) await context.Far.RenewAsync(Disk, c);
                // What was read back before was read back of the file as it was then.
                state = proven is not null && proven.UnknownBlocks < proven.BlockCount ? last!.Target! : TargetState.Of(path);
                modified = context.Far is null ? state.ModifiedNanoseconds : await context.Far.ModifiedAsync(Disk, c);
                return await context.CopiedDisk(Disk).OpenUncachedAsync(copy.LengthBytes, context.Scratch, c);
            },
            map,
            whileCopied,
            proven,
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
        proven?.Close();
        var since = found.ProvenBytes > 0 ? last!.ProvenSince!.Value : begunAt;
        var parts = scope is null ? null : SealedReadBack.Of(scope.Value, map.LengthBytes, found, since);
        return MigrationContext.Done(
            $"T = S{(parts is { EarlierBytes: > 0 } ? $", {MigrationContext.Size(parts.EndBytes)} now and {MigrationContext.Size(parts.EarlierBytes)} since {Measures.Instant(parts.Since!.Value)}" : string.Empty)}{(whileCopied is null ? string.Empty : ", while it was copied")}{(mismatches.Count > 0 ? $", after {Measures.Count(mismatches.Count, "range")} copied again" : string.Empty)} ({found.CacheBypass})",
            new ReadBackStepResult(root, mismatches, found.CacheBypass, modified) { Performance = whileCopied is null ? stages.Report() : null, Transfer = offload?.Report, Parts = parts, ProvenSince = since, Target = proven is null ? null : state },
            JournalJson.Default.ReadBackStepResult);
    }

    /// <summary>What the last pass left, and how much is read back now; null where the source did not run: then all of it is.</summary>
    private (PassDisk? Last, ReadBackScope? Scope) Scope(MigrationContext context)
    {
        if (context.Request.Warm is null) return (null, null);
        var last = context.Journal.Passes(context.Id)[^1].Disks.Single(d => d.Key == Disk);
        return (last, context.Result(StepName.Precopy, string.Empty, JournalJson.Default.PrecopyStepResult).ReadBack);
    }
}

/// <summary>What a read-back established.</summary>
/// <param name="Root">T, or F's read-back.</param>
/// <param name="Mismatches">What the first read-back found different.</param>
/// <param name="CacheBypass">How the page cache was bypassed.</param>
/// <param name="ModifiedNanoseconds">When the file had been written last as the reading began.</param>
internal sealed record ReadBackStepResult(string Root, IReadOnlyList<SealedMismatch> Mismatches, string CacheBypass, long ModifiedNanoseconds)
{
    /// <summary>What was read back when; null where the source did not run, and all of it was.</summary>
    public SealedReadBack? Parts { get; init; }

    /// <summary>The time that nothing of it was read back before.</summary>
    public DateTimeOffset? ProvenSince { get; init; }

    /// <summary>The file that it is about, where what was read back of it counts also after the conversion was committed; otherwise null.</summary>
    public TargetState? Target { get; init; }

    /// <summary>Where the time went; null where it was read back while it was copied.</summary>
    public StageReport? Performance { get; init; }

    /// <summary>Who copied it, where that was storage, and how much of that was repaired.</summary>
    public TransferReport? Transfer { get; init; }
}
