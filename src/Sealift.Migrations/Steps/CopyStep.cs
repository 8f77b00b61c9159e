using Sealift.Blkhash;
using Sealift.Disks;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>
/// Copies a disk into the work directory, or goes on with a copy that was interrupted. S is the hash of what was read; every leaf goes
/// to the map. Where the target can be read while it is written, its flushed parts are read back meanwhile.
/// </summary>
internal sealed class CopyStep(string disk) : Step(StepName.Copy, disk)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var image = context.Disk(Disk).Image;
        var path = context.DiskPath(Disk);
        context.Source.VerifyUnchanged();
        await TargetPlaces.VerifyAsync(context, Disk, cancel);
        var (isInPlace, disk) = (TargetPlaces.IsInPlace(context, Disk), context.CopiedDisk(Disk));
        context.ReadBackWhileCopied.Remove(Disk);

        var stages = new StageMeter(context.Copying.Workers);
        FileFacts? closed = null;
        CopyResult copy;
        ReadBackResult? found;
        CopyStepResult result;
        await using (var source = await DiskImage.OpenReadAsync(image, context.Scratch, cancel))
        {
            var made = new MadeFiles(context, Disk);
            await made.TakeBackAsync(cancel);
            var interrupted = CopyTargets.Interrupted(context, Disk, source.LengthBytes, StepName.Copy);
            if (interrupted is null) await TargetPlaces.BeginAsync(context, Disk, source.LengthBytes, cancel);
            using var map = interrupted ?? await CopyTargets.BeginAsync(context, Disk, source.LengthBytes, cancel);
            var offload = await Offload.ChooseAsync(isInPlace ? TransferPlan.Default with { Name = TransferPlan.Stream } : context.Request.Transfer, CopyTargets.EndsOf(context, Disk, source.LengthBytes), cancel);
            if (offload.MakesFile && interrupted is null) await offload.MakeAsync(made, context.Events.Progress(Planned), cancel);
            else if (offload.MakesFile && !made.IsTarget) offload.GoOnWithout();
            var options = context.Copying with
            {
                Resume = interrupted is not null,
                // Only a file that was just made reads as zeros where nothing was written; what an interrupted copy wrote last is not known.
                TargetReadsZeroes = interrupted is null && !isInPlace,
                CompareKnown = !context.Source.ShowsChanges,
                Offload = offload,
                Stages = stages,
            };
            await using var target = await disk.OpenWriteAsync(source.LengthBytes, context.Scratch, cancel);
            // A volume of another host is read back by a server that has not written it.
            await using var proving = context.Far is null ? await disk.OpenUncachedWhileWrittenAsync(source.LengthBytes, cancel) : null;
            (copy, found) = await DiskCopy.RunBesideReadBackAsync(source, target, proving, map, null, options, () => closed = FileFacts.OfPath(path), context.Events.Progress(Planned), null, cancel);
            result = CopyStepResult.Of(copy.Root, map, closed!);
            map.Close();
            await source.VerifyUnchangedAsync(cancel);
        }

        context.Source.VerifyUnchanged();
        if (copy.MapDoubt is { } doubt) context.Events.Send(new Note(StepName.Copy, $"{Disk}: no hole of the source was believed and every byte was read: {doubt}"));
        if (found is not null) context.ReadBackWhileCopied[Disk] = found;
        if (copy.Transfer is { How: { } how }) context.Events.Send(new Note(StepName.Copy, $"{Disk}: the storage copied by {how}"));
        if (copy.Transfer is { Declined: { } declined } transfer) context.Events.Send(new Note(StepName.Copy, $"{Disk}: the storage declined at offset {transfer.DeclinedAt}, and the rest was copied by stream: {declined}"));
        result = result with { Performance = stages.Report(), Transfer = copy.Transfer };
        var resumed = copy.ResumedBytes > 0 ? $", {MigrationContext.Size(copy.ResumedBytes)} copied before the interruption" : string.Empty;
        return MigrationContext.Done(
            $"{MigrationContext.Size(result.DataBytes)} of data, {MigrationContext.Size(result.HoleBytes + result.ZeroBytes)} of zeros{resumed}{(copy.Transfer is { IsOffload: true } by ? $", copied by the storage ({by})" : string.Empty)}, S = {result.Root}",
            result,
            JournalJson.Default.CopyStepResult);
    }
}

/// <summary>What a copy established.</summary>
/// <param name="Root">S.</param>
/// <param name="LengthBytes">Length of the disk in bytes.</param>
/// <param name="DataBytes">Bytes in blocks that are not all zeros.</param>
/// <param name="ZeroBytes">Bytes read in blocks that are all zeros.</param>
/// <param name="HoleBytes">Bytes that the source's allocation map calls holes.</param>
/// <param name="ModifiedNanoseconds">When the copied file was written last.</param>
internal sealed record CopyStepResult(string Root, long LengthBytes, long DataBytes, long ZeroBytes, long HoleBytes, long ModifiedNanoseconds)
{
    /// <summary>Of the whole disk, whichever run or pass copied what.</summary>
    /// <param name="root">S.</param>
    /// <param name="map">S's leaves.</param>
    /// <param name="closed">The copied file, or what stands for it, as its last writer left it.</param>
    public static CopyStepResult Of(byte[] root, BlockMap map, FileFacts closed)
    {
        var amounts = map.Runs().GroupBy(r => r.State).ToDictionary(g => g.Key, g => g.Sum(map.BytesOf));
        return new CopyStepResult(MigrationContext.Hex(root), map.LengthBytes, amounts.GetValueOrDefault(BlockState.Data), amounts.GetValueOrDefault(BlockState.Zero), amounts.GetValueOrDefault(BlockState.Hole), TargetPlaces.ModifiedNanoseconds(closed));
    }

    /// <summary>Where the time went, reading back included where that was done meanwhile.</summary>
    public StageReport? Performance { get; init; }

    /// <summary>Who copied it in the run that came to the end; of a running machine, in the pass that began it.</summary>
    public TransferReport? Transfer { get; init; }
}
