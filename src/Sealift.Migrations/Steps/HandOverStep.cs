using System.Text;
using Sealift.Migrations.Seals;
using Sealift.Posix;
using Sealift.Providers;

namespace Sealift.Migrations.Steps;

/// <summary>Gives the proven files their final names. Only the gate leads here. Each name is journaled with the identity of the file that will bear it.</summary>
internal sealed class HandOverStep() : Step(StepName.HandOver, string.Empty)
{
    public override bool IsCancellable => false;

    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        // Missing evidence of a passed gate throws: there is no other way in.
        var decision = context.Result(StepName.Gate, string.Empty, JournalJson.Default.GateDecision);
        if (decision.Verdict is not (Verdict.Sealed or Verdict.Degraded)) throw MigrationErrors.GateClosed(string.Join(" ", decision.Reasons));

        var machine = context.Source.Machine;
        // What they wrote is on storage only when they have ended well.
        if (context.Far is not null) await context.Far.StopAsync();
        // Hours may lie between the gate and this, where a crash does.
        foreach (var disk in machine.Disks) await GateStep.VerifyProvenAsync(context, disk.Key, cancel);
        var names = new TargetNames(context.Request, machine);
        var target = NewMachine.There(context) with { Kvm = context.Request.Target.Libvirt is { IsFar: true } far ? await DefinedDomain.HasKvmAsync(far, cancel) : await context.Store.KvmUsable(cancel) };
        var domain = Encoding.UTF8.GetBytes(DomainXml.Build(target));

        var moves = HandOverMoves.Of(context);
        // Seen before the first of them is touched; each is looked at again when its turn comes.
        foreach (var to in names.All)
            if (!context.Request.Overwrite && FileFacts.OfPathIfExists(to) is not null && !context.Files.IsOurs(to)) throw MigrationErrors.TargetExists(to);
        // The UEFI variables of the machine that is replaced are not those of the new one.
        if (machine.Firmware == Firmware.Uefi && context.Far is null) HandOverMoves.SetAside(context, names.Nvram);

        Write(HandOverMoves.DomainPaper(context), names.Domain, domain, 0x1A4 /* 0644 */);
        if (names.StartScript is { } script) Write(HandOverMoves.ScriptPaper(context), script, Encoding.UTF8.GetBytes(StartScript.Build(target)), 0x1ED /* 0755 */);
        if (context.Far is not null) await context.Far.HandOverAsync(cancel);
        foreach (var move in moves) HandOverMoves.Make(context, move);
        // What is there is measured, not what this run would have written: an earlier run may have moved its own.
        var files = new List<SealedFile> { FileDigest.Of("domain XML", names.Domain, cancel) };
        if (names.StartScript is not null) files.Add(FileDigest.Of("start script", names.StartScript, cancel));
        if (HandOverMoves.HasFileChanges(context)) files.Add(FileDigest.Of(SealedFileChanges.ListRole, names.FileChanges, cancel));
        var maps = machine.Disks.Select(d => new HandedOverMap(d.Key, FileDigest.Of("block map", names.BlockMap(d.Key), cancel))).ToList();
        // The last of all: it names files that are there, and that were not touched since.
        var unplaced = await DefinedDomain.MakeAsync(context, target, cancel);
        foreach (var concern in unplaced) context.Events.Send(new Note(StepName.HandOver, concern));
        return MigrationContext.Done(
            $"{Measures.Count(moves.Count, "file")} in {context.Request.TargetDirectory}{(context.Request.Target.Libvirt is { } libvirt ? $", domain {machine.FileName} in {libvirt.Uri}" : string.Empty)}",
            new HandOverStepResult(files, maps, [.. target.Concerns, .. unplaced]),
            JournalJson.Default.HandOverStepResult);

        void Write(string path, string final, byte[] content, int permissions)
        {
            if (context.Files.IsOurs(final)) return;
            PosixPath.WriteFileDurably(path, content, replace: true, permissions);
            PosixPath.SetPermissions(path, permissions);
            context.Files.Own(path, Artefacts.Paper);
        }
    }
}

/// <summary>What was handed over.</summary>
/// <param name="Files">Domain, start script, and the list of changed files where there is one.</param>
/// <param name="Maps">The block map of each disk.</param>
/// <param name="Concerns">What the new machine has otherwise than the source.</param>
internal sealed record HandOverStepResult(IReadOnlyList<SealedFile> Files, IReadOnlyList<HandedOverMap> Maps, IReadOnlyList<string> Concerns);

/// <summary>The block map of a disk.</summary>
internal sealed record HandedOverMap(string Key, SealedFile File);
