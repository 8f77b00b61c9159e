using Sealift.Posix;

namespace Sealift.Migrations.Support;

/// <summary>Errors of support bundles; SL7560 to SL7579.</summary>
internal static class SupportErrors
{
    public static SealiftException Exists(string path) =>
        new("SL7560", "write the support bundle", path, "it exists", "Name another file with --output, or pass --overwrite");

    public static SealiftException NotAFile(string path, FileKind kind) =>
        new("SL7560", "write the support bundle", path, $"it exists, and it is a {kind}, which is never replaced", "Name another file with --output");

    public static SealiftException NothingKnown(string id, string journal) =>
        new("SL7561", "find anything about a migration", id, $"the journal cannot be read ({journal.TrimEnd('.')}), and no directory, or several, in migrations/ of the state directory begin so", "Name the directory of the migration in whole");

    public static SealiftException NoDirectory(string state) =>
        new("SL7562", "find anything about a migration", state, "there is no such state directory", "Name the one that the migration was made with: --state DIR");

    public static SealiftException Unwritten(string what, string said, Exception inner) =>
        new("SL7563", "write the support bundle", what, said, "What was written is not whole: see that whoever reads it stays, and try again", inner);
}
