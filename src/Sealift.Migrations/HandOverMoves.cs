using Sealift.Posix;

namespace Sealift.Migrations;

/// <summary>A file on its way from the work directory to its final name.</summary>
internal sealed record HandOverMove(string From, string To, string Kind);

/// <summary>The renames of a hand-over, each of which can be repeated after a crash and taken back after a failure.</summary>
internal static class HandOverMoves
{
    public static string Papers(MigrationContext context) => Path.Combine(context.WorkDirectory, "papers");

    public static string DomainPaper(MigrationContext context) => Path.Combine(Papers(context), "domain.xml");

    public static string ScriptPaper(MigrationContext context) => Path.Combine(Papers(context), "start.sh");

    /// <summary>Whether there is a list of what the conversion did to the guest's files.</summary>
    public static bool HasFileChanges(MigrationContext context) => context.Find(StepName.CheckTarget, string.Empty, JournalJson.Default.GuestReport) is { FileChanges: not null };

    /// <summary>Where files of others wait that the machine replaces.</summary>
    private static string Replaced(MigrationContext context) => Path.Combine(context.WorkDirectory, "replaced");

    /// <summary>Disks and their maps first, so that a domain never names a disk that is not there.</summary>
    public static IReadOnlyList<HandOverMove> Of(MigrationContext context)
    {
        var names = new TargetNames(context.Request, context.Source.Machine);
        return
        [
            .. context.Source.Machine.Disks.SelectMany(d => new[]
            {
                new HandOverMove(context.DiskPath(d.Key), names.Disk(d.Key), Artefacts.Disk),
                new HandOverMove(context.FinalMapPath(d.Key), names.BlockMap(d.Key), Artefacts.BlockMap),
            }),
            new HandOverMove(DomainPaper(context), names.Domain, Artefacts.Domain),
            .. names.StartScript is { } script ? new[] { new HandOverMove(ScriptPaper(context), script, Artefacts.StartScript) } : [],
            .. HasFileChanges(context) ? new[] { new HandOverMove(context.FileChangesPath, names.FileChanges, Artefacts.FileChanges) } : [],
        ];
    }

    /// <summary>Renames, unless an earlier run did.</summary>
    public static void Make(MigrationContext context, HandOverMove move)
    {
        if (context.Files.IsOurs(move.To)) return;
        context.Files.Verify(move.From);
        SetAside(context, move.To);
        // The identity is journaled under the new name first: whichever side of the rename a crash falls on, the file is known.
        context.Journal.Own(context.Id, move.To, move.Kind, FileFacts.OfPath(move.From, followLinks: false));
        PosixPath.Rename(move.From, move.To, replace: false);
        context.Journal.Disown(context.Id, move.From);
    }

    /// <summary>
    /// With <c>--overwrite</c>: moves a file that is in the way into the work directory. It is removed only once the new machine is
    /// sealed, and put back where the hand-over does not come to its end.
    /// </summary>
    /// <exception cref="SealiftException">SL7101: it is there and may not be replaced, or is no file.</exception>
    public static void SetAside(MigrationContext context, string path)
    {
        if (FileFacts.OfPathIfExists(path) is not { } facts || context.Files.IsOurs(path)) return;
        if (!context.Request.Overwrite || facts.Kind is not (FileKind.Regular or FileKind.SymbolicLink)) throw MigrationErrors.TargetExists(path);
        context.Files.OwnDirectory(Replaced(context), Artefacts.ReplacedDirectory, 0x1C0 /* 0700 */);
        var aside = Path.Combine(Replaced(context), Path.GetFileName(path));
        context.Journal.Own(context.Id, aside, Artefacts.Replaced, facts);
        PosixPath.Rename(path, aside, replace: false);
    }

    /// <summary>Takes back what a hand-over did that did not come to its end, so that nothing is handed over by halves.</summary>
    public static void TakeBack(MigrationContext context)
    {
        foreach (var move in Of(context).Reverse())
        {
            if (!context.Files.IsOurs(move.To)) continue;
            context.Journal.Own(context.Id, move.From, move.Kind, FileFacts.OfPath(move.To, followLinks: false));
            PosixPath.Rename(move.To, move.From, replace: false);
            context.Journal.Disown(context.Id, move.To);
        }

        var names = new TargetNames(context.Request, context.Source.Machine);
        foreach (var paper in new[] { names.Seal, names.Page })
            if (context.Files.IsOurs(paper) && !context.Files.Remove(paper)) throw MigrationErrors.FileReplaced(paper);
        PutBack(context);
    }

    /// <summary>Gives the files that were set aside their names again.</summary>
    private static void PutBack(MigrationContext context)
    {
        foreach (var aside in context.Journal.Artefacts(context.Id).Where(a => a.Kind == Artefacts.Replaced))
        {
            // Not there: a crash came between the record and the rename, and the file never left its place.
            if (context.Files.IsOurs(aside.Path)) PosixPath.Rename(aside.Path, Path.Combine(context.Request.TargetDirectory, Path.GetFileName(aside.Path)), replace: false);
            context.Journal.Disown(context.Id, aside.Path);
        }
    }
}
