using Sealift.Migrations.Seals;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>Signs the report and puts it beside the machine. It is the last name that appears.</summary>
internal sealed class SealStep() : Step(StepName.Seal, string.Empty)
{
    public override bool IsCancellable => false;

    public override async Task<StepResult> RunAsync(MigrationContext context, CancellationToken cancel)
    {
        var machine = context.Source.Machine;
        var names = new TargetNames(context.Request, machine);
        // A seal of ours under its final name was complete before it got there.
        if (!context.Files.IsOurs(names.Seal))
        {
            // The seal speaks of these files, as they are now.
            foreach (var move in HandOverMoves.Of(context)) context.Files.Verify(move.To);
            await DefinedDomain.VerifyAsync(context, cancel);
            foreach (var disk in machine.Disks) await GateStep.VerifyProvenAsync(context, disk.Key, cancel);
            if (context.Files.IsOurs(names.Page) && !context.Files.Remove(names.Page)) throw MigrationErrors.FileReplaced(names.Page);
            var decision = context.Result(StepName.Gate, string.Empty, JournalJson.Default.GateDecision);
            using var key = SealKey.OpenOrCreate(context.Store.StateDirectory);
            var written = SealWriter.Write(HandOverMoves.Papers(context), machine.FileName, SealAssembly.Of(context, decision.Verdict, decision.Reasons, []), key, replace: true);
            context.Files.Own(written.PagePath, Artefacts.Paper);
            context.Files.Own(written.SealPath, Artefacts.Paper);
            HandOverMoves.Make(context, new HandOverMove(written.PagePath, names.Page, Artefacts.Page));
            HandOverMoves.Make(context, new HandOverMove(written.SealPath, names.Seal, Artefacts.Seal));
        }

        // A copy for the archive: the target may be moved or deleted, the state directory keeps what was proven.
        foreach (var path in new[] { names.Page, names.Seal })
            PosixPath.WriteFileDurably(Path.Combine(context.StateDirectory, Path.GetFileName(path)), File.ReadAllBytes(path), replace: true);
        return MigrationContext.Done(names.Seal, new SealStepResult(names.Seal, names.Page), JournalJson.Default.SealStepResult);
    }
}

/// <summary>Where the seal is.</summary>
internal sealed record SealStepResult(string SealPath, string PagePath);
