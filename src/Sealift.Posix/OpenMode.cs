namespace Sealift.Posix;

/// <summary>How <see cref="PosixFile.Open"/> opens a file; open(2). Close-on-exec is always set.</summary>
[Flags]
public enum OpenMode
{
    /// <summary>Read only.</summary>
    Read = 0,

    /// <summary>Read and write.</summary>
    ReadWrite = 1,

    /// <summary>Create it; fails with <see cref="Errno.EEXIST"/> where it exists (O_CREAT | O_EXCL).</summary>
    CreateNew = 2,

    /// <summary>Create it where it does not exist (O_CREAT).</summary>
    Create = 4,

    /// <summary>Bypass the page cache (O_DIRECT): buffers, offsets and lengths aligned to 4096 bytes.</summary>
    Direct = 8,

    /// <summary>Fail with <see cref="Errno.ELOOP"/> where the last component is a symbolic link (O_NOFOLLOW).</summary>
    NoFollow = 16,

    /// <summary>Open a directory (O_DIRECTORY).</summary>
    Directory = 32,

    /// <summary>Fail with <see cref="Errno.EBUSY"/> where a block device is mounted or otherwise in use (O_EXCL without O_CREAT).</summary>
    Unused = 64,

    /// <summary>Do not wait where the name turns out to be a pipe that nobody writes to (O_NONBLOCK). On regular files it changes nothing.</summary>
    NonBlocking = 128,
}
