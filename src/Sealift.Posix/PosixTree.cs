namespace Sealift.Posix;

/// <summary>Directories with everything in them.</summary>
public static class PosixTree
{
    /// <summary>
    /// Removes a directory of which everything below was made by us or by tools that were pointed at it. Links are removed, never
    /// followed. What is gone already is as good as removed.
    /// </summary>
    /// <param name="directory">The directory.</param>
    /// <exception cref="PosixException">It is none (<see cref="Errno.ENOTDIR"/>), as a link to one is none; or something could not be removed.</exception>
    public static void Remove(string directory)
    {
        RemoveContent(directory);
        _ = PosixPath.RemoveDirectory(directory); // false: gone already, which is what is wanted
    }

    /// <summary>Removes everything in a directory, and not the directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <exception cref="PosixException">It is none (<see cref="Errno.ENOTDIR"/>), as a link to one is none; or something could not be removed.</exception>
    public static void RemoveContent(string directory)
    {
        if (FileFacts.OfPathIfExists(directory) is { Kind: not FileKind.Directory }) throw new PosixException("readdir", directory, Errno.ENOTDIR);
        foreach (var entry in Entries(directory))
        {
            if (FileFacts.OfPathIfExists(entry) is not { } facts) continue; // gone meanwhile: what is wanted
            if (facts.Kind == FileKind.Directory) Remove(entry);
            else _ = PosixPath.RemoveFile(entry); // false: gone meanwhile
        }
    }

    private static string[] Entries(string directory)
    {
        try
        {
            return Directory.GetFileSystemEntries(directory);
        }
        catch (DirectoryNotFoundException)
        {
            return []; // gone already, which is what is wanted
        }
        catch (UnauthorizedAccessException)
        {
            throw new PosixException("readdir", directory, Errno.EACCES);
        }
    }
}
