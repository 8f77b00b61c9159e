using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>chmod(2)</summary>
    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Chmod(string path, uint mode);
}
