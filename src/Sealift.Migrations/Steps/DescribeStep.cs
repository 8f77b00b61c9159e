using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>Reads the machine's description and measures every source file. From here on the journal's copy of it counts.</summary>
internal sealed class DescribeStep() : Step(StepName.Describe, string.Empty)
{
    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        if (!context.Files.Remove(context.Unpacked)) throw MigrationErrors.FileReplaced(context.Unpacked);
        context.Files.OwnDirectory(context.Unpacked, Artefacts.ScratchDirectory, 0x1C0 /* 0700 */);
        var source = await MachineSource.OpenAsync(context.Request.Sources, SourceOptionsOf(context.Store, context.Request, context.Unpacked) with { Progress = context.Events.Progress(Planned) }, cancel);
        // What was unpacked must outlive a power cut, for the copy reads it again after a resume.
        foreach (var path in source.CreatedFiles)
        {
            using var file = PosixFile.Open(path, OpenMode.Read);
            file.Sync();
        }

        using (var directory = PosixFile.Open(context.Unpacked, OpenMode.Directory)) directory.Sync();
        // They are a source from here on, so they are measured like one.
        source = source with { Files = [.. source.Files, .. source.CreatedFiles.Select(SourceFileFact.Of)] };
        context.Journal.SetMachine(context.Id, source.Machine.Name);
        foreach (var note in source.Notes.Concat(source.Machine.Concerns)) context.Events.Send(new Note(StepName.Describe, note));
        var disks = source.Machine.Disks;
        return MigrationContext.Done(
            $"{source.Machine.Name}: {Measures.Count(disks.Count, "disk")}, {MigrationContext.Size(disks.Sum(d => d.Image.VirtualLengthBytes))}, {source.Kind}",
            source,
            JournalJson.Default.SourceMachine);
    }

    public static SourceOptions SourceOptionsOf(MigrationStore store, MigrationRequest request, string workDirectory) => new()
    {
        WorkDirectory = workDirectory,
        AllowBackingDirectory = request.AllowBackingDirectory,
        Format = request.SourceFormat,
        Overrides = request.Overrides,
        Servers = store.Servers,
    };
}
