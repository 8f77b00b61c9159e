using Microsoft.Win32.SafeHandles;

namespace Sealift.Posix.Native;

/// <summary>
/// A file descriptor. <see cref="PosixFile.Close"/> closes it and checks the result; the finalizer path exists only so that a
/// forgotten handle does not leak, and no data may depend on it.
/// </summary>
internal sealed class PosixHandle : SafeHandleMinusOneIsInvalid
{
    public PosixHandle(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    /// <summary>Closes the descriptor and returns close(2)'s own result; the handle is invalid afterwards whatever it was.</summary>
    public int CloseNow()
    {
        var fd = (int)handle;
        SetHandleAsInvalid();
        return Libc.Close(fd);
    }

    /// <summary>Gives the descriptor away: another handle owns it from now on.</summary>
    public nint Release()
    {
        var fd = handle;
        SetHandleAsInvalid();
        return fd;
    }

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
