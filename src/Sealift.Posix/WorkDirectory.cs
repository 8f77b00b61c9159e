namespace Sealift.Posix;

/// <summary>
/// A private directory below the system's temporary one, for sockets and the like, gone with everything in it when it is disposed.
/// What a killed process left of its own is removed by the next one of the same user that makes one.
/// </summary>
/// <remarks>A lock on the directory itself, which the kernel drops with the process, tells one in use from one that was left.</remarks>
public sealed class WorkDirectory : IDisposable
{
    private const string Prefix = "sealift-work-";

    // Each try is lost to a process that just then took the new directory for a left one: once is rare.
    private const int Tries = 100;

    private readonly PosixFile held;

    /// <summary>Makes one, mode 0700, and removes those that were left.</summary>
    /// <param name="longestPath">The most bytes that its path may have, as sockets below it demand; where the system's temporary directory is too deep for that, it is made in /tmp.</param>
    /// <exception cref="PosixException">It cannot be made or locked.</exception>
    public WorkDirectory(int longestPath = int.MaxValue)
        : this(System.IO.Path.GetTempPath(), longestPath)
    {
    }

    /// <summary>The same below a directory that need not be the system's temporary one.</summary>
    internal WorkDirectory(string temporary, int longestPath = int.MaxValue)
    {
        for (var attempt = 1; ; attempt++)
        {
            var name = Prefix + Guid.NewGuid().ToString("N")[..12];
            Path = System.IO.Path.Combine(temporary, name);
            if (System.Text.Encoding.UTF8.GetByteCount(Path) > longestPath) Path = System.IO.Path.Combine("/tmp", name);
            PosixPath.CreateDirectory(Path, 0x1C0 /* 0700 */);
            if (TryHold(Path) is { } file)
            {
                held = file;
                break;
            }

            if (attempt == Tries) throw new PosixException(SystemCalls.Lock.Name, Path, Errno.EAGAIN);
        }

        try
        {
            RemoveLeft();
        }
        catch (PosixException)
        {
            // Clearing up after others is a courtesy: the work that is to be done here does not depend on it, and the next run tries again.
        }
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            PosixTree.Remove(Path);
        }
        catch (PosixException)
        {
            // Nothing in it is of value and no verdict depends on it; without the lock it is one that was left, and the next one removes it.
        }

        held.LetGo();
    }

    /// <summary>Locks a directory that is still there; null where somebody else has it, or has removed it.</summary>
    private static PosixFile? TryHold(string path)
    {
        PosixFile file;
        try
        {
            file = PosixFile.Open(path, OpenMode.Read | OpenMode.Directory | OpenMode.NoFollow);
        }
        catch (PosixException e) when (e.Errno == Errno.ENOENT)
        {
            return null; // removed by whoever took it for a left one
        }

        var holds = false;
        try
        {
            // No name is used twice, for they are random: what is there by that name is what was opened, or nothing is.
            holds = file.TryLock() && FileFacts.OfPathIfExists(path) is not null;
            return holds ? file : null;
        }
        finally
        {
            if (!holds) file.Close();
        }
    }

    private void RemoveLeft()
    {
        var mine = held.Facts();
        var parent = System.IO.Path.GetDirectoryName(Path)!;
        foreach (var name in PosixPath.List(parent).Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            var path = System.IO.Path.Combine(parent, name);
            // In a directory that everybody may write to: another user's is not ours to open, however it is called. Our own is held, as any that is in use.
            if (FileFacts.OfPathIfExists(path) is not { Kind: FileKind.Directory } facts || facts.Owner != mine.Owner) continue;
            if (TryHold(path) is not { } left) continue;
            try
            {
                PosixTree.Remove(path);
            }
            finally
            {
                left.LetGo();
            }
        }
    }
}
