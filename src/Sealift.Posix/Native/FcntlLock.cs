using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>fcntl(2), for commands that take a record lock</summary>
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static unsafe partial int FcntlLock(PosixHandle fd, int command, RecordLock* argument);

    /// <summary>struct flock with 64-bit offsets</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct RecordLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int ProcessId;
    }
}
