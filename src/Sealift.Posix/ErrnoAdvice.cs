namespace Sealift.Posix;

/// <summary>What a person can do about an error number; the last sentence of every <see cref="PosixException"/>.</summary>
internal static class ErrnoAdvice
{
    /// <summary>One imperative sentence, without a full stop.</summary>
    public static string For(Errno errno) => errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT => "Free space or raise the quota on that file system, then resume",
        Errno.EFBIG => "Raise the limit of file sizes (ulimit -f), or choose a file system that takes files this large, then resume",
        Errno.EIO or Errno.EUCLEAN => "Check the storage below it (kernel log, cables, array); nothing after this point is trusted. Resume once it is healthy",
        Errno.EROFS => "The file system is read-only: check why it was remounted (kernel log), then resume",
        Errno.EACCES or Errno.EPERM => "Run as a user who may do this, or change the permissions of that path",
        Errno.ENOENT => "Check the path; if it existed a moment ago, somebody removed it",
        Errno.EEXIST => "Choose another name, or pass --overwrite where that is offered",
        Errno.ENOTDIR or Errno.EISDIR or Errno.ELOOP or Errno.ENAMETOOLONG => "Check the path: a part of it is not what it is used as, a link that is not followed, or too long",
        Errno.EBUSY or Errno.ETXTBSY => "It is in use: unmount it, or stop what uses it, then try again",
        Errno.ENOMEM or Errno.ENOBUFS => "Free memory on this host, then resume",
        Errno.EMFILE or Errno.ENFILE => "Raise the limit of open files (ulimit -n), then resume",
        Errno.EXDEV => "Both paths must lie on one file system: choose a directory on the same one",
        Errno.EINTR or Errno.EAGAIN => "Something kept interrupting it: resume, and look at the load and the kernel log of this host if it repeats",
        Errno.ENOLCK => "The file system gives no locks: choose a local one for that path, or mount it with locking, then resume",
        Errno.ETIMEDOUT or Errno.ECONNRESET or Errno.ECONNREFUSED or Errno.EPIPE or Errno.EHOSTUNREACH or Errno.ENETUNREACH or Errno.ESTALE =>
            "Check the server and the network between, then resume",
        Errno.ENOSYS or Errno.EOPNOTSUPP or Errno.EINVAL or Errno.ENOTTY => "The file system or the device does not support this: choose another one for that path",
        _ => "See errno(3) for its meaning; if it repeats, look at the kernel log of this host",
    };
}
