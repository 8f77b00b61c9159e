using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>lseek(2)</summary>
    [LibraryImport("libc", EntryPoint = "lseek64", SetLastError = true)]
    internal static partial long Lseek(PosixHandle fd, long offset, int whence);
}
