namespace Sealift.Posix;

/// <summary>Directories with everything in them.</summary>
public static class PosixTree
{
    /// <summary>
    /// Removes a directory of which everything below was made by us or by tools that were pointed at it. Links are removed, never
    /// followed. What is gone already is as good as removed.
    /// </summary>
    /// <param name="directory">The directory, which must not be a link.</param>
    /// <exception cref="PosixException">Something could not be removed.</exception>
    public static void Remove(string directory)
    {
        RemoveContent(directory);
        _ = PosixPath.RemoveDirectory(directory); // false: gone already, which is what is wanted
    }

    /// <summary>Removes everything in a directory, and not the directory.</summary>
    /// <param name="directory">The directory, which must not be a link.</param>
    /// <exception cref="PosixException">Something could not be removed.</exception>
    public static void RemoveContent(string directory)
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(directory))
        {
            if (FileFacts.OfPathIfExists(entry) is not { } facts) continue; // gone meanwhile: what is wanted
            if (facts.Kind == FileKind.Directory) Remove(entry);
            else _ = PosixPath.RemoveFile(entry); // false: gone meanwhile
        }
    }
}
