using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>copy_file_range(2)</summary>
    [LibraryImport("libc", EntryPoint = "copy_file_range", SetLastError = true)]
    internal static unsafe partial nint CopyFileRange(PosixHandle source, long* sourceOffset, PosixHandle target, long* targetOffset, nuint lengthBytes, uint flags);
}
