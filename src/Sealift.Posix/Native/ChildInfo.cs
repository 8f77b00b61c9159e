using System.Runtime.InteropServices;

namespace Sealift.Posix.Native;

/// <summary>What waitid(2) fills in of siginfo_t, on 64-bit Linux; sigaction(2), "The siginfo_t argument".</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
internal struct ChildInfo
{
    /// <summary>si_code: one of the following.</summary>
    [FieldOffset(8)]
    public int Code;

    /// <summary>si_pid.</summary>
    [FieldOffset(16)]
    public int ProcessId;

    /// <summary>si_status: the exit code or the signal, as the code says.</summary>
    [FieldOffset(24)]
    public int Status;

    public const int Exited = 1, Killed = 2, Dumped = 3;
}
