using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>posix_fadvise(2); it returns the error instead of setting errno</summary>
    [LibraryImport("libc", EntryPoint = "posix_fadvise64")]
    internal static partial int PosixFadvise(PosixHandle fd, long offset, long length, int advice);
}
