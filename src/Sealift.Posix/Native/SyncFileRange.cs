using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>sync_file_range(2)</summary>
    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    internal static partial int SyncFileRange(PosixHandle fd, long offset, long length, uint flags);
}
