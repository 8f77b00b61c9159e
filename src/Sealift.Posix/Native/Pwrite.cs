using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>pwrite(2)</summary>
    [LibraryImport("libc", EntryPoint = "pwrite64", SetLastError = true)]
    internal static unsafe partial nint Pwrite(PosixHandle fd, byte* buffer, nuint count, long offset);
}
