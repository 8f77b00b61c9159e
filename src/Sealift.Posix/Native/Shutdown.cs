using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>shutdown(2)</summary>
    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    internal static partial int Shutdown(PosixHandle fd, int how);
}
