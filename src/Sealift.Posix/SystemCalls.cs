namespace Sealift.Posix;

/// <summary>The table of all system calls that Sealift makes on data, names and children; docs/system-calls.md shows it to people, a test compares the two.</summary>
public static class SystemCalls
{
    private static readonly Errno[] Never = [];
    private static readonly Errno[] Interrupted = [Errno.EINTR];
    private static readonly IReadOnlyDictionary<Errno, string> None = new Dictionary<Errno, string>();

    // What a storage says that will not copy by itself. Others are errors of a copy that it has begun.
    private static readonly IReadOnlyDictionary<Errno, string> Declined = new Dictionary<Errno, string>
    {
        [Errno.EOPNOTSUPP] = "declined: a file system that cannot",
        [Errno.EXDEV] = "declined: two file systems",
        [Errno.EINVAL] = "declined: not these two files, or not this range",
        [Errno.ETXTBSY] = "declined: one of them is swap space",
        [Errno.ENOSYS] = "declined: a kernel that does not know it",
    };

#pragma warning disable CS1591 // each says itself what it is
    public static readonly SystemCall Open = new("open", Interrupted, None, false, "A signal may come while a slow file system opens a file; nothing has happened then.");
    public static readonly SystemCall Statx = new("statx", Interrupted, new Dictionary<Errno, string> { [Errno.ENOENT] = "nothing is there, where that was the question", [Errno.ENOTDIR] = "nothing is there, where that was the question" }, false, "Size and identity decide what is copied and whether a source has changed.");
    public static readonly SystemCall Pread = new("pread", Interrupted, None, true, "A short read is gone on from; 0 is the end of the file, and whoever knows the length takes an early end for an error.");
    public static readonly SystemCall Read = new("read", Interrupted, None, true, "The same for streams; 0 is the end of the stream.");
    public static readonly SystemCall Pwrite = new("pwrite", Interrupted, None, true, "A short write is gone on from; one of 0 bytes is an error, for it would be repeated for ever.");
    public static readonly SystemCall Fsync = new("fsync", Never, None, false, "Never repeated: a failed fsync may have dropped the dirty pages, and the second one then reports success over lost data.");
    public static readonly SystemCall Fdatasync = new("fdatasync", Never, None, false, "Never repeated, as fsync.");
    public static readonly SystemCall Close = new("close", Never, None, false, "Never repeated, for Linux has released the descriptor by then; on some file systems it is the only report of a lost write.");
    public static readonly SystemCall Ftruncate = new("ftruncate", Interrupted, None, false, "A disk whose length was not set is another disk.");
    public static readonly SystemCall SeekData = new("lseek(SEEK_DATA)", Never, new Dictionary<Errno, string> { [Errno.ENXIO] = "only a hole is left before the end: the length is measured again before that is believed" }, false, "What it calls a hole is not read, so every other error ends the copy.");
    public static readonly SystemCall SeekHole = new("lseek(SEEK_HOLE)", Never, None, false, "What it calls data is read, up to where it says.");
    public static readonly SystemCall PunchHole = new("fallocate(PUNCH_HOLE)", Interrupted, new Dictionary<Errno, string> { [Errno.EOPNOTSUPP] = "the same range is zeroed with ZERO_RANGE, then by writing zeros" }, false, "A zero request that was not carried out leaves old bytes in the copy.");
    public static readonly SystemCall ZeroRange = new("fallocate(ZERO_RANGE)", Interrupted, new Dictionary<Errno, string> { [Errno.EOPNOTSUPP] = "zeros are written to the same range" }, false, "As PUNCH_HOLE.");
    public static readonly SystemCall CloneRange = new("ioctl(FICLONERANGE)", Interrupted, Declined, false, "Declined, the bytes are copied in another way, which is recorded; done, it is a claim that the read-back proves.");
    public static readonly SystemCall CopyRange = new("copy_file_range", Interrupted, Declined, true, "As FICLONERANGE; a copy of 0 bytes is declined, too, for it would be repeated for ever.");
    public static readonly SystemCall DropCache = new("posix_fadvise(DONTNEED)", Never, None, false, "Called an advice, but it writes back dirty pages of the range and may consume the only report of a lost write; and a read-back served from the cache proves nothing.");
    public static readonly SystemCall WriteBack = new("sync_file_range", Never, None, false, "Never repeated, as fsync: it waits for the device, and may be told of a lost write which nobody is told of again.");
    public static readonly SystemCall Lock = new("flock(LOCK_EX)", Interrupted, new Dictionary<Errno, string> { [Errno.EAGAIN] = "somebody else holds it, which is said with a code" }, false, "Two processes on one journal or one target would undo each other's work.");
    public static readonly SystemCall Unlock = new("flock(LOCK_UN)", Interrupted, None, false, "A lock that stays would block the next run.");
    public static readonly SystemCall FindLock = new("fcntl(F_OFD_GETLK)", Interrupted, None, false, "A disk that a machine uses must not be written to; a question without an answer is no permission.");
    public static readonly SystemCall DeviceSize = new("ioctl(BLKGETSIZE64)", Interrupted, None, false, "The size of a block device is nowhere else.");
    public static readonly SystemCall PassScsi = new("ioctl(SG_IO)", Never, new Dictionary<Errno, string> { [Errno.ENOTTY] = "declined: no SCSI device", [Errno.EINVAL] = "declined: no SCSI device, or not in this form", [Errno.EPERM] = "declined: not without the right to it (CAP_SYS_RAWIO)" }, false, "Never repeated, for the command may have been carried out. What the device itself says is no error of the call.");
    public static readonly SystemCall Mkdir = new("mkdir", Interrupted, new Dictionary<Errno, string> { [Errno.EEXIST] = "it is looked at: a directory that is there already is what was asked for" }, false, "Followed by fsync of the parent.");
    public static readonly SystemCall Rename = new("renameat2", Never, new Dictionary<Errno, string> { [Errno.EINVAL] = "no RENAME_NOREPLACE here: the new name is looked at, then renamed to" }, false, "Not repeated, for it may have happened. Followed by fsync of both directories.");
    public static readonly SystemCall Unlink = new("unlink", Never, new Dictionary<Errno, string> { [Errno.ENOENT] = "it was not there, which is returned" }, false, "Not repeated, for it may have happened.");
    public static readonly SystemCall Rmdir = new("rmdir", Never, new Dictionary<Errno, string> { [Errno.ENOENT] = "it was not there, which is returned" }, false, "Not repeated, for it may have happened.");
    public static readonly SystemCall OpenDirectory = new("opendir", Interrupted, None, false, "A directory that cannot be listed is not an empty one.");
    public static readonly SystemCall ReadDirectory = new("readdir", Never, None, false, "An error in the middle is not the end of the list.");
    public static readonly SystemCall CloseDirectory = new("closedir", Never, None, false, "As close.");
    public static readonly SystemCall Chmod = new("chmod", Interrupted, None, false, "A key or a log that others can read is a leak; a start script that cannot be run is no start script.");
    public static readonly SystemCall Statvfs = new("statvfs", Interrupted, None, false, "Free space decides whether a migration may begin.");
    public static readonly SystemCall Statfs = new("statfs", Interrupted, None, false, "The kind of file system decides who copies a disk, and is named in the reason.");
    public static readonly SystemCall Access = new("access", Never, new Dictionary<Errno, string> { [Errno.EACCES] = "this is not the program: the next place in PATH is looked at", [Errno.ENOENT] = "the same, where it went away in between" }, false, "A program that cannot be looked at is not one that is not installed.");
    public static readonly SystemCall Pipe = new("pipe2", Never, None, false, "What a child says would be lost.");
    public static readonly SystemCall DuplicateDescriptor = new("fcntl(F_DUPFD_CLOEXEC)", Never, None, false, "A child would be given somebody else's descriptor, or none; a connection that does not end could not be ended.");
    public static readonly SystemCall Shutdown = new("shutdown", Never, new Dictionary<Errno, string> { [Errno.ENOTCONN] = "it is not connected any more, which is what was wanted" }, false, "A library that reads without end would be left alone with it.");
    public static readonly SystemCall MemoryFile = new("memfd_create", Never, new Dictionary<Errno, string> { [Errno.EINVAL] = "no MFD_NOEXEC_SEAL before Linux 6.3: asked for without it" }, false, "The only way in which a secret reaches a child.");
    public static readonly SystemCall Seal = new("fcntl(F_ADD_SEALS)", Never, None, false, "Whoever else had the descriptor could change the secret.");
    public static readonly SystemCall SignalAction = new("sigaction", Never, None, false, "Where SIGCHLD is ignored, the kernel throws away how a child ended; where SIGXFSZ is not, it ends us instead of failing a write.");
    public static readonly SystemCall Spawn = new("posix_spawn", Never, None, false, "Nothing was started, and nothing else is started in its place.");
    public static readonly SystemCall Execute = new("execve", Never, None, false, "Where another program cannot take our place, we are still there to say so.");
    public static readonly SystemCall Wait = new("waitid", Interrupted, None, false, "How a child ended decides whether its work counts.");
    public static readonly SystemCall Kill = new("kill", Never, new Dictionary<Errno, string> { [Errno.ESRCH] = "nobody is there any more, which is what was wanted" }, false, "A child that could not be killed would go on writing.");
    public static readonly SystemCall FindKey = new("keyctl(KEYCTL_SEARCH)", Never, new Dictionary<Errno, string> { [Errno.ENOKEY] = "there is no such key, which is said with a code" }, false, "A password that cannot be looked for is not one that is not there.");
    public static readonly SystemCall ReadKey = new("keyctl(KEYCTL_READ)", Never, None, false, "Half a password is none.");
#pragma warning restore CS1591

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SystemCall> All { get; } =
    [
        Open, Statx, Pread, Read, Pwrite, Fsync, Fdatasync, Close, Ftruncate, SeekData, SeekHole, PunchHole, ZeroRange, CloneRange, CopyRange, DropCache, WriteBack, Lock, Unlock, FindLock, DeviceSize, PassScsi,
        Mkdir, Rename, Unlink, Rmdir, OpenDirectory, ReadDirectory, CloseDirectory, Chmod, Statvfs, Statfs,
        Access, Pipe, DuplicateDescriptor, Shutdown, MemoryFile, Seal, SignalAction, Spawn, Execute, Wait, Kill, FindKey, ReadKey,
    ];
}
