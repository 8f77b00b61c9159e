using Sealift.Posix;

namespace Sealift.Disks;

/// <summary>
/// The directory of an unfinished copy: <c>copy.json</c> (what it is of), <c>blockmap</c> (what is on the target for sure) and, for a
/// new file, <c>disk</c>. It is there as long as the copy is not finished, and one process at a time works in it.
/// </summary>
internal sealed class CopyWork : IDisposable
{
    /// <summary>What the directory of a copy to a file adds to the file's name.</summary>
    public const string Suffix = ".sealift-copy";

    private const int Private = 0x1C0; // 0700
    private readonly PosixFile heldLock;
    private bool isLetGo;

    private CopyWork(string directory, PosixFile heldLock)
    {
        Directory = directory;
        this.heldLock = heldLock;
    }

    public string Directory { get; }

    public string DiskPath => Path.Combine(Directory, "disk");

    public string MapPath => Path.Combine(Directory, "blockmap");

    public string RecordPath => Path.Combine(Directory, "copy.json");

    /// <summary>Whether there is nothing in it of a copy.</summary>
    public bool IsEmpty => new[] { DiskPath, MapPath, RecordPath }.All(path => FileFacts.OfPathIfExists(path) is null);

    private string LockPath => Path.Combine(Directory, "lock");

    /// <summary>Makes the directory, or takes over the one that an interrupted copy left.</summary>
    /// <exception cref="SealiftException">One is there and was not expected (SL4251), or in use (SL4252); none is there to resume (SL4256).</exception>
    /// <param name="target">Whose it is.</param>
    /// <param name="start">What is done with one that is there.</param>
    /// <param name="clears">Whether <see cref="CopyStart.Restart"/> throws away at once what is in it.</param>
    public static CopyWork Open(CopyTarget target, CopyStart start, bool clears = true)
    {
        var directory = target.WorkPath;
        if (start == CopyStart.Resume && FileFacts.OfPathIfExists(directory) is null) throw CopyErrors.NothingToResume(target.Name);
        if (target.IsInPlace) PosixPath.EnsureDirectory(Path.GetDirectoryName(directory)!, Private);
        try
        {
            PosixPath.CreateDirectory(directory, Private);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            if (start == CopyStart.New) throw CopyErrors.Unfinished(target.Name, directory);
        }

        // For writing, though nobody writes to it: NFS locks only what may be written; flock(2).
        var heldLock = PosixFile.Open(Path.Combine(directory, "lock"), OpenMode.ReadWrite | OpenMode.Create | OpenMode.NoFollow);
        try
        {
            if (!heldLock.TryLock()) throw CopyErrors.InUse(target.Name, directory);
            var work = new CopyWork(directory, heldLock);
            if (start == CopyStart.Restart && clears) work.Clear();
            return work;
        }
        catch
        {
            heldLock.Close();
            throw;
        }
    }

    /// <summary>Removes what copies make in here, and nothing else; the record last, because it says what the rest is.</summary>
    public void Clear()
    {
        _ = PosixPath.RemoveFile(DiskPath); // false: not made yet
        _ = PosixPath.RemoveFile(MapPath); // false: not made yet
        // What storage makes is made here, in our own directory, under names that begin with ours.
        foreach (var made in PosixPath.List(Directory).Where(name => name.StartsWith(MadeFile.Prefix, StringComparison.Ordinal)))
            _ = PosixPath.RemoveFile(Path.Combine(Directory, made)); // false: gone since it was listed
        // What a crash leaves of a record that was being replaced.
        foreach (var half in PosixPath.List(Directory).Where(name => name.StartsWith("copy.json.", StringComparison.Ordinal) && name.EndsWith(".new", StringComparison.Ordinal)))
            _ = PosixPath.RemoveFile(Path.Combine(Directory, half)); // false: gone since it was listed
        _ = PosixPath.RemoveFile(RecordPath); // false: not made yet
    }

    /// <summary>Removes the directory with all that copies make in it.</summary>
    public void Remove()
    {
        Clear();
        _ = PosixPath.RemoveFile(LockPath); // false: gone already, which is what is wanted
        try
        {
            _ = PosixPath.RemoveDirectory(Directory); // false: gone already, which is what is wanted
        }
        catch (PosixException e) when (e.Errno == Errno.ENOTEMPTY)
        {
            // By NFS and SMB a file that was removed while it is open has a name in its directory until it is closed.
            Dispose();
            _ = PosixPath.RemoveDirectory(Directory); // false: gone already, which is what is wanted
        }
    }

    public void Dispose()
    {
        if (isLetGo) return;
        isLetGo = true;
        // Nothing is written through this descriptor, and the kernel drops the lock with the process: no data and no verdict depend on
        // either call. But a lock that could not be dropped is dropped by closing, so that is tried whatever came before.
        try
        {
            heldLock.Unlock(); // a child that is just being started has a copy of the descriptor, which would hold the lock for a moment more
        }
        catch (PosixException)
        {
            // as said above
        }

        try
        {
            heldLock.Close();
        }
        catch (PosixException)
        {
            // as said above
        }
    }
}

/// <summary>What is to be done about an earlier copy that was not finished.</summary>
public enum CopyStart
{
    /// <summary>There must be none.</summary>
    New,

    /// <summary>Go on with it.</summary>
    Resume,

    /// <summary>Throw it away, where there is one, and begin anew.</summary>
    Restart,
}
