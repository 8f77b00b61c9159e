using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>ioctl(2)</summary>
    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    internal static unsafe partial int Ioctl(PosixHandle fd, nuint request, void* argument);
}
