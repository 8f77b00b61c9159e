using Sealift.Blkhash;
using Sealift.Disks;

namespace Sealift.Migrations.Steps;

/// <summary>Copies a disk into the work directory. S is the hash of what was read; every leaf goes to the map.</summary>
internal sealed class CopyStep(string disk) : Step(StepName.Copy, disk)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var image = context.Disk(Disk).Image;
        var path = context.DiskPath(Disk);
        var mapPath = context.SourceMapPath(Disk);
        context.Files.Claim(path, Artefacts.Disk);
        context.Files.Claim(mapPath, Artefacts.BlockMap);
        context.Source.VerifyUnchanged();

        CopyResult copy;
        await using (var source = await DiskImage.OpenReadAsync(image, context.Scratch, cancel))
        {
            await DiskImage.CreateAsync(path, context.Request.Format, source.LengthBytes, cancel);
            context.Files.Own(path, Artefacts.Disk);
            using var map = BlockMap.Create(mapPath, source.LengthBytes, context.Hash);
            context.Files.Own(mapPath, Artefacts.BlockMap);
            await using (var target = await DiskImage.OpenWriteAsync(path, context.Request.Format, context.Scratch, cancel))
            {
                copy = await DiskCopy.RunAsync(source, target, map, context.Copying with { TargetReadsZeroes = true }, context.Events.Progress(Planned), cancel);
                await target.CloseAsync(cancel);
            }

            map.Close();
            await source.VerifyUnchangedAsync(cancel);
        }

        context.Source.VerifyUnchanged();
        if (copy.MapDoubt is { } doubt) context.Events.Send(new Note(StepName.Copy, $"{Disk}: no hole of the source was believed and every byte was read: {doubt}"));
        var facts = Posix.FileFacts.OfPath(path);
        var result = new CopyStepResult(MigrationContext.Hex(copy.Root), image.VirtualLengthBytes, copy.DataBytes, copy.ZeroBytes, copy.HoleBytes, facts.ModifiedNanoseconds);
        return MigrationContext.Done(
            $"{MigrationContext.Size(copy.DataBytes)} of data, {MigrationContext.Size(copy.HoleBytes + copy.ZeroBytes)} of zeros, S = {result.Root}",
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
internal sealed record CopyStepResult(string Root, long LengthBytes, long DataBytes, long ZeroBytes, long HoleBytes, long ModifiedNanoseconds);
