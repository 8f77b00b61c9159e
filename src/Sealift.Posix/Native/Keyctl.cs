using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>keyctl(2), for which the C library has no function of its own: syscall(2)</summary>
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Keyctl(nint number, nint operation, nint second, nint third, nint fourth, nint fifth);
}
