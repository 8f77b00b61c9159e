namespace Sealift.Bench.Faults;

/// <summary>The system calls into which faults are injected, and the errors that each of them can return; section 2 of the manual.</summary>
public static class SystemCallErrors
{
    private static readonly string[] Naming = ["EIO", "EACCES", "ENOSPC", "EROFS", "ENOMEM", "EDQUOT"];

    /// <summary>The errors of each call, the most telling ones first. "EINTR" and "EAGAIN" once are nothing that a careful program fails at.</summary>
    public static IReadOnlyDictionary<string, string[]> Table { get; } = new Dictionary<string, string[]>
    {
        ["open"] = ["EIO", "EACCES", "EMFILE", "ENOSPC", "EROFS", "EINTR", "ENOMEM"],
        ["openat"] = ["EIO", "EACCES", "EMFILE", "ENOSPC", "EROFS", "EINTR", "ENOMEM"],
        ["read"] = ["EIO", "EINTR", "EAGAIN", "EBADF", "ECONNRESET"],
        ["pread64"] = ["EIO", "EINTR", "EAGAIN", "EBADF", "ENOMEM"],
        ["preadv"] = ["EIO", "EINTR", "EAGAIN", "EBADF"],
        ["write"] = ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN", "EROFS", "EPIPE"],
        ["pwrite64"] = ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN", "EROFS", "EFBIG"],
        ["pwritev"] = ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EAGAIN"],
        ["fallocate"] = ["EIO", "ENOSPC", "EOPNOTSUPP", "EINTR", "EDQUOT"],
        ["ftruncate"] = ["EIO", "ENOSPC", "EINTR", "EFBIG", "EROFS"],
        ["lseek"] = ["EIO", "ENXIO", "EINVAL", "EOVERFLOW"],
        ["fsync"] = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR"],
        ["fdatasync"] = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EINTR"],
        ["sync_file_range"] = ["EIO", "ENOSPC", "ENOMEM"],
        ["fadvise64"] = ["EIO", "EINVAL", "EBADF"],
        ["close"] = ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
        ["rename"] = Naming,
        ["renameat"] = Naming,
        ["renameat2"] = Naming,
        ["unlink"] = ["EIO", "EACCES", "EROFS", "EBUSY"],
        ["unlinkat"] = ["EIO", "EACCES", "EROFS", "EBUSY"],
        ["rmdir"] = ["EIO", "EACCES", "EROFS", "EBUSY"],
        ["mkdir"] = Naming,
        ["mkdirat"] = Naming,
        ["fchmod"] = ["EIO", "EPERM", "EROFS"],
        ["fchmodat"] = ["EIO", "EPERM", "EROFS"],
        ["fchown"] = ["EIO", "EPERM", "EROFS"],
        ["ioctl"] = ["EIO", "ENOTTY", "EINVAL", "EOPNOTSUPP", "ENOSPC"],
        ["statx"] = ["EIO", "EACCES", "ENOMEM"],
        ["newfstatat"] = ["EIO", "EACCES", "ENOMEM"],
        ["fstat"] = ["EIO", "ENOMEM"],
        ["statfs"] = ["EIO", "ENOSYS"],
        ["flock"] = ["EIO", "EINTR", "ENOLCK", "EAGAIN"],
        ["fcntl"] = ["EIO", "EAGAIN", "ENOLCK", "EINTR"],
        ["getdents64"] = ["EIO", "ENOMEM"],
        ["copy_file_range"] = ["EIO", "ENOSPC", "EDQUOT", "EINTR", "EXDEV", "EOPNOTSUPP"],
        ["sendfile"] = ["EIO", "EINTR", "EAGAIN", "ENOMEM"],
        ["connect"] = ["ECONNREFUSED", "EINTR", "ETIMEDOUT"],
        ["sendto"] = ["EPIPE", "ECONNRESET", "EINTR", "ENOBUFS"],
        ["sendmsg"] = ["EPIPE", "ECONNRESET", "EINTR", "ENOBUFS"],
        ["recvfrom"] = ["ECONNRESET", "EINTR", "ENOMEM"],
        ["recvmsg"] = ["ECONNRESET", "EINTR", "ENOMEM"],
    };

    /// <summary>
    /// Whether a fault is the report that bytes which had been accepted are lost: whoever goes on as if nothing had happened hands over
    /// lost data.
    /// </summary>
    public static bool ReportsLostWrites(Injection injection) =>
        injection is { Call: "fsync" or "fdatasync" or "sync_file_range" or "close", Error: "EIO" or "ENOSPC" or "EDQUOT" };
}
