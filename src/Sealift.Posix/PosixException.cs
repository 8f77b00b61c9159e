using System.Runtime.InteropServices;

namespace Sealift.Posix;

/// <summary>A system call failed, or did less than it was asked to.</summary>
public sealed class PosixException : SealiftException
{
    internal PosixException(string call, string path, Errno errno, long offset = -1, long lengthBytes = -1)
        : base("SL1001", Describe(call, offset, lengthBytes), path, $"{errno} ({Marshal.GetPInvokeErrorMessage((int)errno)})", ErrnoAdvice.For(errno))
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
}
