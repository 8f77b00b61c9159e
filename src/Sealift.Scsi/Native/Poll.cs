using System.Runtime.InteropServices;

namespace Sealift.Scsi.Native;

internal static partial class Libc
{
    /// <summary>poll(2)</summary>
    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static unsafe partial int Poll(PollEntry* entries, nuint count, int milliseconds);
}

/// <summary><c>struct pollfd</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    public int Socket;
    public short Wanted;
    public short Found;
}
