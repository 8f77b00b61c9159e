using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Sealift.Posix.Native;

namespace Sealift.Posix;

/// <summary>Checked calls on names: directories, renames and removals, each followed by a sync of the directory where durability matters.</summary>
public static class PosixPath
{
    private const int AtFdcwd = -100;

    /// <summary>Creates a directory; mkdir(2). Its parent is synced.</summary>
    /// <exception cref="PosixException"><see cref="Errno.EEXIST"/> where it exists.</exception>
    public static void CreateDirectory(string path, int permissions = 0x1ED /* 0755 */)
    {
        for (var failures = 0; Libc.Mkdir(path, (uint)permissions) != 0; failures++) SystemCalls.Mkdir.RepeatOrThrow(failures, path);
        SyncDirectory(Parent(path));
    }

    /// <summary>Creates a directory and its parents where they are missing; what exists already must be a directory.</summary>
    public static void EnsureDirectory(string path, int permissions = 0x1ED /* 0755 */)
    {
        var full = System.IO.Path.GetFullPath(path);
        if (FileFacts.OfPathIfExists(full) is not null)
        {
            if (FileFacts.OfPath(full).Kind != FileKind.Directory) throw new PosixException("mkdir", full, Errno.ENOTDIR);
            return;
        }

        EnsureDirectory(Parent(full), permissions);
        try
        {
            CreateDirectory(full, permissions);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST && FileFacts.OfPath(full).Kind == FileKind.Directory)
        {
            // Somebody else made it between the look and the call: it is there, which is what was asked for.
        }
    }

    /// <summary>Renames within one file system and syncs the directory; renameat2(2).</summary>
    /// <param name="from">The present name.</param>
    /// <param name="to">The new name.</param>
    /// <param name="replace">Whether an existing file of the new name is replaced; otherwise <see cref="Errno.EEXIST"/>.</param>
    public static void Rename(string from, string to, bool replace)
    {
        const uint NoReplace = 1;
        if (Libc.Renameat2(AtFdcwd, from, AtFdcwd, to, replace ? 0 : NoReplace) != 0)
        {
            if (replace) throw PosixFile.Failed(SystemCalls.Rename.Name, $"{from} -> {to}");
            // File systems without RENAME_NOREPLACE say EINVAL: look, then rename. The look is a race only against strangers.
            _ = SystemCalls.Rename.AnswerOrThrow($"{from} -> {to}"); // its one answer is EINVAL
            if (FileFacts.OfPathIfExists(to) is not null) throw new PosixException(SystemCalls.Rename.Name, $"{from} -> {to}", Errno.EEXIST);
            if (Libc.Renameat2(AtFdcwd, from, AtFdcwd, to, 0) != 0) throw PosixFile.Failed(SystemCalls.Rename.Name, $"{from} -> {to}");
        }

        SyncDirectory(Parent(to));
        if (Parent(from) != Parent(to)) SyncDirectory(Parent(from));
    }

    /// <summary>Removes a file; unlink(2).</summary>
    /// <returns>False where it was not there.</returns>
    public static bool RemoveFile(string path)
    {
        if (Libc.Unlink(path) == 0) return true;
        _ = SystemCalls.Unlink.AnswerOrThrow(path); // its one answer is ENOENT
        return false;
    }

    /// <summary>Removes an empty directory; rmdir(2).</summary>
    /// <returns>False where it was not there.</returns>
    public static bool RemoveDirectory(string path)
    {
        if (Libc.Rmdir(path) == 0) return true;
        _ = SystemCalls.Rmdir.AnswerOrThrow(path); // its one answer is ENOENT
        return false;
    }

    /// <summary>The names in a directory, without <c>.</c> and <c>..</c>; readdir(3).</summary>
    /// <param name="path">The directory.</param>
    /// <returns>Names, not paths, in no order; bytes that are not UTF-8 come as U+FFFD, and such a name cannot be opened again.</returns>
    /// <exception cref="PosixException">It cannot be opened, or an entry cannot be read: what was read by then is not the list.</exception>
    public static unsafe IReadOnlyList<string> List(string path)
    {
        using var directory = Opened(path);
        var names = new List<string>();
        while (Libc.Readdir(directory) is var entry && entry is not null)
        {
            // struct dirent64 of glibc: d_ino and d_off of eight bytes, d_reclen of two, d_type of one, then the name.
            var name = Marshal.PtrToStringUTF8((nint)(entry + 19))!;
            if (name is not ("." or "..")) names.Add(name);
        }

        // Null is the end where errno is 0, as it was before the call, and an error otherwise.
        if (PosixFile.LastErrno() != 0) throw PosixFile.Failed(SystemCalls.ReadDirectory.Name, path);
        if (directory.CloseNow() != 0) throw PosixFile.Failed(SystemCalls.CloseDirectory.Name, path);
        return names;
    }

    /// <summary>Sets permission bits; chmod(2).</summary>
    public static void SetPermissions(string path, int permissions)
    {
        for (var failures = 0; Libc.Chmod(path, (uint)permissions) != 0; failures++) SystemCalls.Chmod.RepeatOrThrow(failures, path);
    }

    /// <summary>Brings names in a directory to stable storage; fsync(2) on the directory.</summary>
    public static void SyncDirectory(string path)
    {
        using var directory = PosixFile.Open(path, OpenMode.Read | OpenMode.Directory);
        directory.Sync();
    }

    /// <summary>
    /// Writes a small file so that after a crash there is the old content or the new, never a mixture: a new file beside it,
    /// synced, closed, renamed over it, and the directory synced.
    /// </summary>
    public static void WriteFileDurably(string path, ReadOnlySpan<byte> content, bool replace, int permissions = 0x1A4 /* 0644 */)
    {
        var temporary = $"{path}.{Environment.ProcessId}.new";
        _ = RemoveFile(temporary); // false: no earlier process of this id died while it wrote one
        using (var file = PosixFile.Open(temporary, OpenMode.ReadWrite | OpenMode.CreateNew, permissions))
        {
            file.WriteAt(content, 0);
            file.Sync();
        }

        try
        {
            Rename(temporary, path, replace);
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            _ = RemoveFile(temporary); // false: somebody removed it already; it may hold a key, which is not left lying about
            throw;
        }
    }

    /// <summary>Free space for this user on the file system that holds a path, in bytes; statvfs(3).</summary>
    public static unsafe long FreeBytes(string path)
    {
        // struct statvfs of glibc on 64-bit Linux: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, eight bytes each.
        var raw = stackalloc byte[128];
        for (var failures = 0; Libc.Statvfs(path, raw) != 0; failures++) SystemCalls.Statvfs.RepeatOrThrow(failures, path);
        var s = new ReadOnlySpan<byte>(raw, 128);
        // File systems over a network may claim more than 2^63 bytes: more than enough is enough.
        var free = (UInt128)BinaryPrimitives.ReadUInt64LittleEndian(s[8..]) * BinaryPrimitives.ReadUInt64LittleEndian(s[32..]);
        return free > long.MaxValue ? long.MaxValue : (long)free;
    }

    private static DirectoryHandle Opened(string path)
    {
        for (var failures = 0; ; failures++)
        {
            var directory = Libc.Opendir(path);
            if (!directory.IsInvalid) return directory; // an invalid one has nothing to close
            SystemCalls.OpenDirectory.RepeatOrThrow(failures, path);
        }
    }

    private static string Parent(string path) => System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) ?? "/";
}
