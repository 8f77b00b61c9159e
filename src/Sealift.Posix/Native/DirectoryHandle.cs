using Microsoft.Win32.SafeHandles;

namespace Sealift.Posix.Native;

/// <summary>An open directory stream (<c>DIR *</c>). <see cref="CloseNow"/> closes it and gives the result; the finalizer path exists only so that a forgotten one does not leak.</summary>
internal sealed class DirectoryHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public DirectoryHandle()
        : base(ownsHandle: true)
    {
    }

    /// <summary>Closes it and returns closedir(3)'s own result; the handle is invalid afterwards whatever it was.</summary>
    public int CloseNow()
    {
        var stream = handle;
        SetHandleAsInvalid();
        return Libc.Closedir(stream);
    }

    protected override bool ReleaseHandle() => Libc.Closedir(handle) == 0;
}
