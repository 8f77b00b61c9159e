using Sealift.Guests;
using Sealift.Guests.Files;
using Sealift.Posix;

namespace Sealift.Migrations.Steps;

/// <summary>The lists of a guest's files before and after its conversion. They explain what was changed; what proves it are the ranges of the disks.</summary>
internal static class FileListing
{
    /// <summary>Makes an empty directory for lists, in place of what an earlier run left there.</summary>
    public static string Begin(string directory)
    {
        Drop(directory);
        PosixPath.CreateDirectory(directory, 0x1C0 /* 0700 */);
        return directory;
    }

    /// <summary>Removes lists.</summary>
    public static void Drop(string directory)
    {
        if (FileFacts.OfPathIfExists(directory) is not null) PosixTree.Remove(directory);
    }

    /// <summary>Says what became of the files, and makes the list that is handed over.</summary>
    public static FileChanges Compare(MigrationContext context, GuestReport before, GuestReport after, CancellationToken cancel)
    {
        context.Files.Claim(context.FileChangesPath, Artefacts.FileChanges);
        var changes = FileComparison.Run(before.FileLists, context.FilesBefore, after.FileLists, context.FilesAfter, context.FileChangesPath, cancel);
        context.Files.Own(context.FileChangesPath, Artefacts.FileChanges);
        Drop(context.FilesAfter);
        return changes;
    }
}
