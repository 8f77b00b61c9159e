using System.Runtime.InteropServices;

namespace Sealift.Posix;

/// <summary>A system call failed, or did less than it was asked to.</summary>
public sealed class PosixException : SealiftException
{
    internal PosixException(string call, string path, Errno errno, long offset = -1, long lengthBytes = -1)
        : base("SL1001", Describe(call, offset, lengthBytes), path, $"{errno} ({Marshal.GetPInvokeErrorMessage((int)errno)})", Advice(errno))
    {
        Call = call;
        Errno = errno;
        Offset = offset;
        LengthBytes = lengthBytes;
    }

    /// <summary>The system call, as in section 2 of the manual: <c>pwrite</c>.</summary>
    public string Call { get; }

    /// <summary>What the kernel answered.</summary>
    public Errno Errno { get; }

    /// <summary>The offset of the call in bytes; −1 where it has none.</summary>
    public long Offset { get; }

    /// <summary>The length of the call in bytes; −1 where it has none.</summary>
    public long LengthBytes { get; }

    private static string Describe(string call, long offset, long lengthBytes) => (offset, lengthBytes) switch
    {
        (< 0, < 0) => call,
        (>= 0, < 0) => $"{call} at offset {offset}",
        (< 0, >= 0) => $"{call} {lengthBytes} bytes",
        _ => $"{call} {lengthBytes} bytes at offset {offset}",
    };

    private static string Advice(Errno errno) => errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT => "Free space or raise the quota on that file system, then resume",
        Errno.EFBIG => "Raise the limit of file sizes (ulimit -f), or choose a file system that takes files this large, then resume",
        Errno.EIO => "Check the storage below it (kernel log, cables, array); nothing after this point is trusted. Resume once it is healthy",
        Errno.EROFS => "The file system is read-only: check why it was remounted (kernel log), then resume",
        Errno.EACCES or Errno.EPERM => "Run as a user who may do this, or change the permissions of that path",
        Errno.ENOENT => "Check the path; if it existed a moment ago, somebody removed it",
        Errno.EEXIST => "Choose another name, or pass --overwrite where that is offered",
        Errno.ENOMEM => "Free memory on this host, then resume",
        Errno.EMFILE => "Raise the limit of open files (ulimit -n), then resume",
        _ => "See errno(3) for its meaning; if it repeats, look at the kernel log of this host",
    };
}
