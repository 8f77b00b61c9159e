using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>pread(2)</summary>
    [LibraryImport("libc", EntryPoint = "pread64", SetLastError = true)]
    internal static unsafe partial nint Pread(PosixHandle fd, byte* buffer, nuint count, long offset);
}
