using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>posix_spawn(3): it returns the error number itself</summary>
    [LibraryImport("libc", EntryPoint = "posix_spawn")]
    internal static unsafe partial int PosixSpawn(int* processId, byte* path, void* actions, void* attributes, byte** arguments, byte** environment);
}
