using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>closedir(3)</summary>
    [LibraryImport("libc", EntryPoint = "closedir", SetLastError = true)]
    internal static partial int Closedir(nint directory);
}
