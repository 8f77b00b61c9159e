using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

internal static partial class Libc
{
    /// <summary>struct file_clone_range; ioctl_ficlonerange(2).</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct CloneRange
    {
        internal long SourceDescriptor;
        internal ulong SourceOffset;
        internal ulong LengthBytes;
        internal ulong Offset;
    }
}
