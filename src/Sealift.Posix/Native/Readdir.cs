using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>readdir(3); null with errno 0, which the marshaller sets before each call, is the end</summary>
    [LibraryImport("libc", EntryPoint = "readdir64", SetLastError = true)]
    internal static unsafe partial byte* Readdir(DirectoryHandle directory);
}
